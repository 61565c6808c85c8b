import { describe, expect, it } from 'vitest';
import { toHex } from '../common/base/bytes.ts';
import { chooseByName, readWhat } from './what.ts';

const hex = (length: number): string => '0aB9'.repeat(length / 4);

describe('WHAT', () => {
  it('is anything when nothing is said', () => {
    expect(readWhat(undefined)).toEqual({ kind: 'anything' });
  });

  it('is a v2 hash at 64 digits and a wire hash at 40, in either case', () => {
    const v2 = readWhat(hex(64));
    expect(v2.kind === 'v2-hash' && toHex(v2.infoHash)).toBe(hex(64).toLowerCase());
    const wire = readWhat(hex(40));
    expect(wire.kind === 'wire-hash' && toHex(wire.wireHash)).toBe(hex(40).toLowerCase());
  });

  it.each([hex(60), hex(44), `${hex(36)}zzzz`, 'ubuntu.iso', 'a b', ''])('is a name otherwise: %j', (text) => {
    expect(readWhat(text)).toEqual({ kind: 'name', name: text });
  });

  it('is a link or a file by its form', () => {
    expect(readWhat('MAGNET:?xt=x')).toEqual({ kind: 'magnet', link: 'MAGNET:?xt=x' });
    expect(readWhat('./dir/x.torrent')).toEqual({ kind: 'torrent-file', path: './dir/x.torrent' });
  });
});

describe('a name', () => {
  const entries = [{ name: 'data.bin' }, { name: 'data.bin.old' }, { name: 'Other' }];

  it('means the entry of exactly that name, before those that contain it', () => {
    expect(chooseByName(entries, 'data.bin')).toEqual([{ name: 'data.bin' }]);
  });

  it('means the only entry that contains it, whatever the case', () => {
    expect(chooseByName(entries, 'oth')).toEqual([{ name: 'Other' }]);
    expect(chooseByName(entries, 'DATA')).toHaveLength(2);
    expect(chooseByName(entries, 'nothing')).toEqual([]);
  });

  it('is not needed', () => {
    expect(chooseByName(entries, undefined)).toHaveLength(3);
  });
});
