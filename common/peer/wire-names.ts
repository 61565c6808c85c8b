/**
 * What a torrent is called on the wire: a v1 torrent by its v1 hash, a v2 torrent by the first 20 bytes of its v2 hash,
 * a hybrid by both, which makes it two swarms of one set of data (BEP 52).
 */
import { equalBytes } from '../base/bytes.ts';
import { wireHashOf, type InfoHashV1, type InfoHashV2, type WireHash } from '../base/ids.ts';

export interface WireNames {
  readonly v2?: WireHash;
  readonly v1?: WireHash;
  /** Of which nobody has said yet what it is. */
  readonly either?: WireHash;
}

/** How a handshake names the torrent. */
export interface WireName {
  readonly wireHash: WireHash;
  /** "I can upgrade this hybrid connection to v2": only of a hybrid, and only with its v1 hash (BEP 52). */
  readonly upgrade: boolean;
}

/** From info hashes, or from a hash of 20 bytes alone. */
export function wireNamesOf(known: {
  readonly infoHashV2?: InfoHashV2 | undefined;
  readonly infoHashV1?: InfoHashV1 | undefined;
  readonly wireHash?: WireHash | undefined;
}): WireNames {
  const { infoHashV2, infoHashV1, wireHash } = known;
  return {
    ...(infoHashV2 === undefined ? {} : { v2: wireHashOf(infoHashV2) }),
    ...(infoHashV1 === undefined ? {} : { v1: wireHashOf(infoHashV1) }),
    ...(wireHash === undefined ? {} : { either: wireHash }),
  };
}

/** Each of them is a swarm; the first is the one that is preferred. */
export const wireHashesOf = ({ v2, v1, either }: WireNames): readonly WireHash[] =>
  [v2, v1, either].filter((hash) => hash !== undefined);

export const isNamed = (names: WireNames, wireHash: Uint8Array): boolean =>
  wireHashesOf(names).some((known) => equalBytes(known, wireHash));

/** Both names are known: connections may be v2. */
export const isHybrid = ({ v2, v1 }: WireNames): boolean => v2 !== undefined && v1 !== undefined;

/**
 * What a dialler says. Of a hybrid it is the v1 hash with the offer to upgrade, which suits every peer that knows both.
 * One that has hung up on that, so many times, may know the v2 hash alone, as a leecher does at first, or be libtorrent
 * with a v1 hash alone, which cannot bear the offer: these get their turns.
 */
export function dialledName(names: WireNames, refusals: number): WireName {
  const { v2, v1, either } = names;
  if (v1 === undefined || v2 === undefined) return { wireHash: (v1 ?? v2 ?? either)!, upgrade: false };
  return refusals % 2 === 1 ? { wireHash: v2, upgrade: false } : { wireHash: v1, upgrade: refusals === 0 };
}

/** What an acceptor says to one of the names, `asked`: an offer to upgrade is taken where there is something to. */
export function answeredName(names: WireNames, asked: WireName): WireName {
  const { v2, v1 } = names;
  const isUpgraded = asked.upgrade && v1 !== undefined && v2 !== undefined && equalBytes(asked.wireHash, v1);
  return { wireHash: isUpgraded ? v2 : asked.wireHash, upgrade: false };
}

/** Whether a connection that both sides gave this name may carry hash messages. */
export const isV2Name = ({ v2 }: WireNames, wireHash: Uint8Array | undefined): boolean =>
  v2 !== undefined && wireHash !== undefined && equalBytes(v2, wireHash);
