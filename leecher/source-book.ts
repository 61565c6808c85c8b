/** What each source did for a download, over all its connections: the report at the end. */
import type { Instant } from '../common/base/ids.ts';
import { MAX_KNOWN_ENDPOINTS } from '../common/base/limits.ts';
import { peerName, type CloseReason, type Peer } from '../common/peer/peer.ts';

export type SourceFailure = 'corrupt' | 'rejected' | 'stalled' | 'gone' | 'choked';

export interface SourceEntry {
  /** Of a web seed, its URL. */
  readonly endpoint: string;
  client: string;
  /** Verified and written. */
  chunks: number;
  bytes: number;
  /** All block bytes that came, wasted ones too. */
  receivedBytes: number;
  readonly failed: Record<SourceFailure, number>;
  connectedMs: number;
  isBanned: boolean;
  leftBecause: CloseReason | undefined;
}

export class SourceBook {
  /** By name. BOUNDED: by MAX_KNOWN_ENDPOINTS. */
  readonly #entries = new Map<string, SourceEntry>();
  /** When each connected source came. BOUNDED: by the connections. */
  readonly #since = new Map<number, Instant>();
  /** Of those: with each block that comes one is looked for. BOUNDED: by the connections. */
  readonly #connected = new Map<number, SourceEntry>();

  arrived(peer: Peer, now: Instant): void {
    this.#since.set(peer.id, now);
    const entry = this.entryOf(peer);
    this.#connected.set(peer.id, entry);
    entry.client = peer.client;
    entry.leftBecause = undefined;
  }

  left(peer: Peer, reason: CloseReason, now: Instant): void {
    const since = this.#since.get(peer.id);
    const entry = this.entryOf(peer);
    this.#since.delete(peer.id);
    this.#connected.delete(peer.id);
    if (since !== undefined) entry.connectedMs += now - since;
    entry.leftBecause = reason;
    if (reason === 'banned') entry.isBanned = true;
  }

  entryOf(peer: Peer): SourceEntry {
    return this.#connected.get(peer.id) ?? this.#entryNamed(peer);
  }

  #entryNamed(peer: Peer): SourceEntry {
    const endpoint = peerName(peer);
    let entry = this.#entries.get(endpoint);
    if (entry === undefined) {
      entry = emptyEntry(endpoint, peer.client);
      if (this.#entries.size < MAX_KNOWN_ENDPOINTS) this.#entries.set(endpoint, entry);
    }
    return entry;
  }

  /** There were sources, and all of them lied. */
  get areAllBanned(): boolean {
    const sources = [...this.#entries.values()].filter(wasSource);
    return sources.length > 0 && sources.every((entry) => entry.isBanned);
  }

  /** Everyone who gave bytes or failed, most bytes first; times up to `now`. */
  report(connected: readonly Peer[], now: Instant): SourceEntry[] {
    for (const peer of connected) {
      const since = this.#since.get(peer.id);
      if (since === undefined) continue;
      this.entryOf(peer).connectedMs += now - since;
      this.#since.set(peer.id, now);
    }
    const told = [...this.#entries.values()].filter(wasSource);
    return told.sort((a, b) => b.bytes - a.bytes || (a.endpoint < b.endpoint ? -1 : 1));
  }
}

function emptyEntry(endpoint: string, client: string): SourceEntry {
  return {
    endpoint,
    client,
    chunks: 0,
    bytes: 0,
    receivedBytes: 0,
    failed: { corrupt: 0, rejected: 0, stalled: 0, gone: 0, choked: 0 },
    connectedMs: 0,
    isBanned: false,
    leftBecause: undefined,
  };
}

/** It gave something, or was to. */
const wasSource = (entry: SourceEntry): boolean => entry.receivedBytes > 0 || failures(entry) > 0;

/** Chunks that this source was to give and did not. */
export const failures = (entry: SourceEntry): number =>
  Object.values(entry.failed).reduce((sum, count) => sum + count, 0);
