import { describe, expect, it } from 'vitest';
import { fromHex } from '../base/bytes.ts';
import type { InfoHashV1, InfoHashV2, WireHash } from '../base/ids.ts';
import { vectors } from '../fixtures/vectors.ts';
import { answeredName, dialledName, isNamed, isV2Name, wireHashesOf, wireNamesOf } from './wire-names.ts';

const { btih, btmh, v2_wire_hash: wire } = vectors.torrents['s1572869.hybrid.torrent']!;
const infoHashV1 = fromHex(btih!) as InfoHashV1;
const infoHashV2 = fromHex(btmh!.slice(4)) as InfoHashV2;
const V1 = fromHex(btih!) as WireHash;
const V2 = fromHex(wire!) as WireHash;
const OTHER = new Uint8Array(20) as WireHash;

const HYBRID = wireNamesOf({ infoHashV2, infoHashV1 });
const ONLY_V2 = wireNamesOf({ infoHashV2 });
const ONLY_V1 = wireNamesOf({ infoHashV1 });
const UNKNOWN = wireNamesOf({ wireHash: V1 });

describe('a hybrid', () => {
  it('has two names, that of v2 first, and goes by either', () => {
    expect(wireHashesOf(HYBRID)).toEqual([V2, V1]);
    expect([V2, V1, OTHER].map((hash) => isNamed(HYBRID, hash))).toEqual([true, true, false]);
  });

  it('is dialled by the v1 hash with the offer to upgrade, and by each hash alone in turn where that was refused', () => {
    expect(dialledName(HYBRID, 0)).toEqual({ wireHash: V1, upgrade: true });
    for (const odd of [1, 3]) expect(dialledName(HYBRID, odd)).toEqual({ wireHash: V2, upgrade: false });
    for (const even of [2, 4]) expect(dialledName(HYBRID, even)).toEqual({ wireHash: V1, upgrade: false });
  });

  it('answers the v1 hash by the v2 hash where upgrading was offered, and else whatever it was called', () => {
    expect(answeredName(HYBRID, { wireHash: V1, upgrade: true })).toEqual({ wireHash: V2, upgrade: false });
    expect(answeredName(HYBRID, { wireHash: V1, upgrade: false })).toEqual({ wireHash: V1, upgrade: false });
    expect(answeredName(HYBRID, { wireHash: V2, upgrade: true })).toEqual({ wireHash: V2, upgrade: false });
  });

  it('carries hash messages where both sides called it by the v2 hash', () => {
    expect([V2, V1, undefined].map((hash) => isV2Name(HYBRID, hash))).toEqual([true, false, false]);
  });
});

describe('a torrent of one kind', () => {
  it('is dialled by its hash and never offers to upgrade', () => {
    for (const refusals of [0, 1, 2]) {
      expect(dialledName(ONLY_V2, refusals)).toEqual({ wireHash: V2, upgrade: false });
      expect(dialledName(ONLY_V1, refusals)).toEqual({ wireHash: V1, upgrade: false });
      expect(dialledName(UNKNOWN, refusals)).toEqual({ wireHash: V1, upgrade: false });
    }
  });

  it('[fault 40] pays no heed to an offer to upgrade', () => {
    expect(answeredName(ONLY_V1, { wireHash: V1, upgrade: true })).toEqual({ wireHash: V1, upgrade: false });
    expect(answeredName(ONLY_V2, { wireHash: V2, upgrade: true })).toEqual({ wireHash: V2, upgrade: false });
    expect(answeredName(UNKNOWN, { wireHash: V1, upgrade: true })).toEqual({ wireHash: V1, upgrade: false });
  });

  it('carries hash messages only if it is known to be v2', () => {
    expect(isV2Name(ONLY_V2, V2)).toBe(true);
    expect(isV2Name(ONLY_V1, V1)).toBe(false);
    expect(isV2Name(UNKNOWN, V1)).toBe(false);
  });
});
