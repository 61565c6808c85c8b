import { describe, expect, it } from 'vitest';
import { Bitfield } from '../base/bitfield.ts';
import { toHex } from '../base/bytes.ts';
import { after, instant, type PieceIndex } from '../base/ids.ts';
import { HashLedger } from './hash-ledger.ts';
import { Ledger } from './ledger.ts';
import { Voice } from './voice.ts';

const NOW = instant(1000);

function voice(fast: boolean) {
  const said: string[] = [];
  const ledger = new Ledger();
  const say = new Voice({ ledger, hashLedger: new HashLedger(), send: (bytes) => said.push(toHex(bytes)) });
  say.fast = fast;
  return { say, said, ledger };
}

describe('what we offer is said in the shortest form', () => {
  const some = new Bitfield(4);
  some.add(0 as PieceIndex);
  it.each([
    ['all, with fast', true, Bitfield.full(4), ['000000010e']],
    ['nothing, with fast', true, new Bitfield(4), ['000000010f']],
    ['some, with fast', true, some, ['000000020580']],
    ['nothing, before the content is known', true, new Bitfield(0), ['000000010f']],
    ['all, without fast', false, Bitfield.full(4), ['0000000205f0']],
    ['nothing, without fast', false, new Bitfield(4), []],
  ])('%s', (_, fast, offered, expected) => {
    const { say, said } = voice(fast);
    say.pieces(offered);
    expect(said).toEqual(expected);
  });
});

describe('a change of state', () => {
  it('is said once', () => {
    const { say, said } = voice(true);
    say.choke(NOW);
    say.interest(false);
    expect(said).toEqual([]);
    say.unchoke();
    say.unchoke();
    say.choke(NOW);
    say.choke(after(NOW, 5));
    say.interest(true);
    say.interest(true);
    say.interest(false);
    expect(said).toEqual(['0000000101', '0000000100', '0000000102', '0000000103']);
    expect(say.chokedAt).toBe(NOW);
  });

  it('has a time only if an unchoke was taken back', () => {
    expect(voice(true).say.chokedAt).toBeLessThan(-1e12);
  });
});

describe('a request of ours', () => {
  const ref = { piece: 2, begin: 16384, length: 16384 };
  const numbers = '000000020000400000004000';

  it('is sent once, and so is its cancel', () => {
    const { say, said } = voice(true);
    say.cancel(ref);
    say.request(ref);
    say.request({ ...ref });
    say.cancel(ref);
    say.cancel(ref);
    expect(said).toEqual([`0000000d06${numbers}`, `0000000d08${numbers}`]);
  });

  it('for hashes is sent once', () => {
    const { say, said } = voice(true);
    const request = { root: new Uint8Array(32), baseLayer: 5, index: 0, length: 2, proofLayers: 1 };
    say.requestHashes(request);
    say.requestHashes(request);
    expect(said).toHaveLength(1);
  });
});

it('a reject is said with the fast extension only', () => {
  const ref = { piece: 2, begin: 16384, length: 16384 };
  for (const fast of [true, false]) {
    const { say, said } = voice(fast);
    say.reject(ref);
    expect(said).toEqual(fast ? ['0000000d10000000020000400000004000'] : []);
  }
});
