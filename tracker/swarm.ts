import { readU16, readU32, writeU16, writeU32 } from '../common/base/bytes.ts';
import type { WireHash } from '../common/base/ids.ts';
import type { Mortal } from './expiry-wheel.ts';
import type { Recent } from './recency.ts';

/** `seeder`: nothing left. `partial`: something left, but wants no more (BEP 21). `leecher`: wants more. */
export type Role = 'seeder' | 'partial' | 'leecher';

/**
 * An address and a port, and nothing less: 48 bits as a number for IPv4, nine characters of 16 bits for IPv6. What an
 * answer says of a peer is written from its key, so a row holds no bytes of its own.
 */
export type PeerKey = number | string;

/** One peer of one swarm: what announced from this address and port. */
export interface Row extends Mortal {
  readonly swarm: Swarm;
  readonly key: PeerKey;
  role: Role;
  ttlS: number;
  /** Whether it has raised the swarm's `completed`. */
  completed: boolean;
  /** Index in the pool of its kind. */
  place: number;
}

export function peerKey(address: Uint8Array, port: number): PeerKey {
  return address.length === 4 ? readU32(address, 0) * 2 ** 16 + port : packed(address, 8) + String.fromCharCode(port);
}

/** Writes address and port as they stand in an answer; gives how many bytes, 6 or 18. */
function writePeer(key: PeerKey, into: Uint8Array, at: number): number {
  if (typeof key === 'number') {
    writeU32(into, at, Math.floor(key / 2 ** 16));
    writeU16(into, at + 4, key % 2 ** 16);
    return 6;
  }
  for (let i = 0; i < key.length; i++) writeU16(into, at + 2 * i, key.charCodeAt(i));
  return 18;
}

/**
 * Who is counted as one source. A household or a server is given a whole IPv6 /64, so counting single IPv6 addresses
 * would limit nobody.
 */
export const sourceOf = (key: PeerKey): PeerKey =>
  typeof key === 'number' ? Math.floor(key / 2 ** 16) : key.slice(0, 4);

/** The same hash is another swarm in each family: an answer holds peers of the asker's family only (BEP 7, 15). */
export const swarmKey = (infoHash: Uint8Array, addressBytes: number): string =>
  packed(infoHash, 10) + (addressBytes === 4 ? '4' : '6');

/** The first `pairs` byte pairs as characters: the cheapest key that a Map takes. */
function packed(bytes: Uint8Array, pairs: number): string {
  let text = '';
  for (let i = 0; i < pairs; i++) text += String.fromCharCode(readU16(bytes, 2 * i));
  return text;
}

/** Fair numbers for choosing peers, that need not be secret: xorshift32 from a seed that is not 0. */
export interface Chance {
  state: number;
}

function draw(chance: Chance, bound: number): number {
  let x = chance.state;
  x ^= x << 13;
  x ^= x >>> 17;
  x ^= x << 5;
  chance.state = x;
  return (x >>> 0) % bound;
}

/**
 * The peers of one info hash in one address family, in two pools: those that only give and those that also take.
 *
 * BOUNDED: by the registry's limits on peers.
 */
export class Swarm implements Recent<Swarm> {
  readonly key: string;
  readonly infoHash: WireHash;
  readonly #rows = new Map<PeerKey, Row>();
  readonly #givers: Row[] = [];
  readonly #takers: Row[] = [];
  #seeders = 0;
  completed = 0;
  /** Whether it had a giver when the registry last looked. */
  fertile = false;
  older: Swarm | undefined = undefined;
  newer: Swarm | undefined = undefined;

  constructor(key: string, infoHash: WireHash) {
    this.key = key;
    this.infoHash = infoHash;
  }

  get size(): number {
    return this.#rows.size;
  }
  get seeders(): number {
    return this.#seeders;
  }
  get partialSeeds(): number {
    return this.#givers.length - this.#seeders;
  }
  get leechers(): number {
    return this.#takers.length;
  }

  rows(): Iterable<Row> {
    return this.#rows.values();
  }

  find(key: PeerKey): Row | undefined {
    return this.#rows.get(key);
  }

  /** Adds a row that is new, or that was taken out of its pool by `detach`. */
  attach(row: Row): void {
    this.#rows.set(row.key, row);
    const pool = this.#poolOf(row);
    row.place = pool.length;
    pool.push(row);
    if (row.role === 'seeder') this.#seeders++;
  }

  /** Takes a row out of its pool, so that it is neither sampled nor counted; it is still found. */
  detach(row: Row): void {
    const pool = this.#poolOf(row);
    const last = pool.pop()!;
    if (last !== row) put(pool, row.place, last);
    if (row.role === 'seeder') this.#seeders--;
  }

  /** Forgets a row. */
  remove(row: Row): void {
    this.detach(row);
    this.#rows.delete(row.key);
  }

  /**
   * Writes up to `wanted` peers for an asker, givers before takers, chosen by chance; gives the number of bytes.
   * A seeder or partial seed wants nothing that a giver has. Rows that expired before `nowTick` are handed to
   * `expired`, which must remove them.
   */
  sample(
    asker: Role,
    wanted: number,
    into: Uint8Array,
    chance: Chance,
    nowTick: number,
    expired: (row: Row) => void,
  ): number {
    const sample: Sample = { into, sizeBytes: 0, left: wanted, chance, nowTick, expired };
    if (asker === 'leecher') samplePool(this.#givers, sample);
    samplePool(this.#takers, sample);
    return sample.sizeBytes;
  }

  #poolOf(row: Row): Row[] {
    return row.role === 'leecher' ? this.#takers : this.#givers;
  }
}

interface Sample {
  readonly into: Uint8Array;
  sizeBytes: number;
  left: number;
  readonly chance: Chance;
  readonly nowTick: number;
  readonly expired: (row: Row) => void;
}

/**
 * The first steps of a Fisher-Yates shuffle of the pool itself: its order means nothing, so nothing is copied and the
 * work grows with the answer, not with the swarm.
 */
function samplePool(pool: Row[], sample: Sample): void {
  for (let i = 0; i < pool.length && sample.left > 0;) {
    const row = pool[i + draw(sample.chance, pool.length - i)]!;
    if (row.expiryTick <= sample.nowTick) {
      sample.expired(row);
      continue;
    }
    const other = pool[i]!;
    put(pool, row.place, other);
    put(pool, i, row);
    sample.sizeBytes += writePeer(row.key, sample.into, sample.sizeBytes);
    sample.left--;
    i++;
  }
}

function put(pool: Row[], place: number, row: Row): void {
  pool[place] = row;
  row.place = place;
}
