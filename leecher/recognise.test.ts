import { describe, expect, it } from 'vitest';
import { fromHex } from '../common/base/bytes.ts';
import type { InfoHashV2, WireHash } from '../common/base/ids.ts';
import { parseTorrent } from '../common/content/metainfo.ts';
import type { Info } from '../common/content/info.ts';
import { torrentFixture } from '../common/fixtures/vectors.ts';
import { fileNameOf, recognise, usable } from './recognise.ts';

const infoOf = (name: string): Info => {
  const parsed = parseTorrent(torrentFixture(name));
  return parsed.ok ? parsed.value.info : expect.fail(parsed.reason);
};
const v2 = infoOf('s1572869.v2.torrent');
const hybrid = infoOf('s1572869.hybrid.torrent');
const other = infoOf('s3145728.v2.torrent');

describe('an info dictionary from a peer', () => {
  it('is taken when it hashes to what is wanted, by the whole v2 hash or by its first 20 bytes', () => {
    expect(recognise(v2.infoBytes, { infoHashV2: v2.infoHashV2! })?.name).toBe('s1572869.bin');
    const wireHash = v2.infoHashV2!.slice(0, 20) as unknown as WireHash;
    expect(recognise(v2.infoBytes, { wireHash })?.name).toBe('s1572869.bin');
  });

  it('is nothing when it is something else', () => {
    expect(recognise(other.infoBytes, { infoHashV2: v2.infoHashV2! })).toBeUndefined();
    expect(recognise(new Uint8Array(100), { wireHash: new Uint8Array(20) as WireHash })).toBeUndefined();
  });

  it('of a hybrid is taken by its v2 hash, and a v1 hash is explained', () => {
    expect(recognise(hybrid.infoBytes, { infoHashV2: hybrid.infoHashV2! })?.kind).toBe('hybrid');
    const v1 = hybrid.infoHashV1! as unknown as WireHash;
    expect(() => recognise(hybrid.infoBytes, { wireHash: v1 })).toThrow('v1 info hash');
  });

  it('that is what is wanted and is invalid ends the download', async () => {
    const bytes = fromHex('64653a6565')!;
    const { sha256 } = await import('../common/content/merkle.ts');
    expect(() => recognise(bytes, { infoHashV2: sha256(bytes) as unknown as InfoHashV2 })).toThrow('is invalid');
  });
});

describe('content of a kind that is not downloaded', () => {
  it('is refused with a word on why', () => {
    expect(() => usable(infoOf('s1572869.v1.torrent'))).toThrow('v1 info hash');
    expect(() => usable(infoOf('multi.v2.torrent'))).toThrow('directory');
  });

  it('is not a single file, whatever the torrent calls itself', () => {
    expect(fileNameOf(usable(v2))).toBe('s1572869.bin');
  });
});
