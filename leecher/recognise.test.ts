import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../common/base/bytes.ts';
import type { InfoHashV1, InfoHashV2, WireHash } from '../common/base/ids.ts';
import { parseTorrent } from '../common/content/metainfo.ts';
import type { Info } from '../common/content/info.ts';
import { sha256 } from '../common/content/merkle.ts';
import { torrentFixture } from '../common/fixtures/vectors.ts';
import { contentNameOf, recognise } from './recognise.ts';

const infoOf = (name: string): Info => {
  const parsed = parseTorrent(torrentFixture(name));
  return parsed.ok ? parsed.value.info : expect.fail(parsed.reason);
};
const v2 = infoOf('s1572869.v2.torrent');
const hybrid = infoOf('s1572869.hybrid.torrent');
const v1 = infoOf('s1572869.v1.torrent');
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

  it('of a hybrid is taken by either hash, and by both when both fit', () => {
    const { infoBytes, infoHashV1, infoHashV2 } = hybrid;
    expect(recognise(infoBytes, { infoHashV2: infoHashV2! })?.kind).toBe('hybrid');
    expect(recognise(infoBytes, { infoHashV1: infoHashV1! })?.kind).toBe('hybrid');
    expect(recognise(infoBytes, { infoHashV1: infoHashV1!, infoHashV2: infoHashV2! })?.kind).toBe('hybrid');
    expect(recognise(infoBytes, { wireHash: infoHashV1! as unknown as WireHash })?.kind).toBe('hybrid');
  });

  it('is nothing when one of the two hashes that were given is of something else', () => {
    const { infoBytes, infoHashV1, infoHashV2 } = hybrid;
    expect(recognise(infoBytes, { infoHashV1: v1.infoHashV1!, infoHashV2: infoHashV2! })).toBeUndefined();
    expect(recognise(infoBytes, { infoHashV1: infoHashV1!, infoHashV2: v2.infoHashV2! })).toBeUndefined();
  });

  it('of v1 is taken by its v1 hash, named as one or not', () => {
    expect(recognise(v1.infoBytes, { infoHashV1: v1.infoHashV1! })?.kind).toBe('v1');
    expect(recognise(v1.infoBytes, { wireHash: v1.infoHashV1! as unknown as WireHash })?.kind).toBe('v1');
  });

  it('without the part that its hash is of ends the download', () => {
    const infoHashV2 = sha256(v1.infoBytes) as unknown as InfoHashV2;
    expect(() => recognise(v1.infoBytes, { infoHashV2 })).toThrow('has no v2 part');
    const infoHashV1 = new Uint8Array(hash('sha1', v2.infoBytes, 'buffer')) as InfoHashV1;
    expect(() => recognise(v2.infoBytes, { infoHashV1 })).toThrow('has no v1 part');
  });

  it('that is what is wanted and is invalid ends the download', () => {
    const bytes = fromHex('64653a6565')!;
    expect(() => recognise(bytes, { infoHashV2: sha256(bytes) as unknown as InfoHashV2 })).toThrow('is invalid');
  });
});

describe('the name of the content', () => {
  it('is that of the directory or, of a single file, the one in its tree', () => {
    expect(contentNameOf(v2)).toBe('s1572869.bin');
    expect(contentNameOf(infoOf('multi.v1.torrent'))).toBe('multi');
    expect(contentNameOf(infoOf('onefile-dir.v2.torrent'))).toBe('only.bin');
    expect(contentNameOf(infoOf('onefile-dir.hybrid.torrent'))).toBe('onefile-dir');
  });
});
