/**
 * Branded types for the things that must not be mixed.
 *
 * A brand costs nothing at run time; it makes "seconds passed as milliseconds" or
 * "a v1 hash used as a v2 hash" a type error.
 */

declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A point on the monotonic clock, in milliseconds; comparable only within one process. */
export type Instant = Brand<number, 'Instant'>;

/** Index of a piece in the piece space of one torrent, 0 … pieceCount - 1. */
export type PieceIndex = Brand<number, 'PieceIndex'>;

/** SHA-256 over the exact bytes of a v2 info dictionary: 32 bytes (BEP 52). */
export type InfoHashV2 = Brand<Uint8Array, 'InfoHashV2'>;

/** SHA-1 over the exact bytes of a v1 or hybrid info dictionary: 20 bytes (BEP 3). */
export type InfoHashV1 = Brand<Uint8Array, 'InfoHashV1'>;

/** What names a swarm on the wire: the v1 hash, or the first 20 bytes of the v2 hash. 20 bytes. */
export type WireHash = Brand<Uint8Array, 'WireHash'>;

/** 20 bytes that name a running peer. */
export type PeerId = Brand<Uint8Array, 'PeerId'>;

/** A SHA-256 digest: a merkle node, a piece root, a leaf. 32 bytes. */
export type Digest = Brand<Uint8Array, 'Digest'>;

/** An IP endpoint. `host` is canonical IP text without brackets or zone; IPv4-mapped IPv6 is written as IPv4. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export const instant = (ms: number): Instant => ms as Instant;
export const pieceIndex = (index: number): PieceIndex => index as PieceIndex;

/** The moment `delayMs` after `from`. */
export const after = (from: Instant, delayMs: number): Instant => (from + delayMs) as Instant;

/** A moment that never comes: the deadline of something that has none. */
export const NEVER = Number.POSITIVE_INFINITY as Instant;

/** `host:port`, with brackets around IPv6: a map key and what people read. */
export const endpointText = (endpoint: Endpoint): string =>
  endpoint.host.includes(':') ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`;

/** The swarm name of a v2 torrent: its info hash cut to 20 bytes (BEP 52). */
export const wireHashOf = (infoHash: InfoHashV2 | InfoHashV1): WireHash => infoHash.slice(0, 20) as unknown as WireHash;
