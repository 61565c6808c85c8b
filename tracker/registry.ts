import type { Instant, WireHash } from '../common/base/ids.ts';
import type { Random } from '../common/base/ports.ts';
import { ExpiryWheel, expiryTickOf, tickOf } from './expiry-wheel.ts';
import { RecencyList } from './recency.ts';
import type { Chance, PeerKey, Role, Row } from './swarm.ts';
import { peerKey, sourceOf, Swarm, swarmKey } from './swarm.ts';

/** One announce, as the registry needs it. Bytes are views; what is kept is copied. */
export interface Announcement {
  /** 20 bytes. */
  readonly infoHash: Uint8Array;
  /** 4 or 16 bytes: where the datagram came from. */
  readonly address: Uint8Array;
  /** 1 … 65535. */
  readonly port: number;
  readonly role: Role;
  /** As what it is given peers; by its role when absent. */
  readonly asker?: Role;
  readonly event: 'alive' | 'completed' | 'stopped';
  /** 1 … 3600. */
  readonly ttlS: number;
  /** Peers wanted, 0 … as many as the caller has room for. */
  readonly wanted: number;
}

export type RefusalReason = 'source_full' | 'swarm_full' | 'registry_full';

export type AnnounceOutcome =
  | { readonly ok: true; readonly peerBytes: number; readonly seeders: number; readonly leechers: number }
  | { readonly ok: false; readonly reason: RefusalReason };

export interface SwarmState {
  readonly seeders: number;
  readonly partialSeeds: number;
  readonly leechers: number;
  readonly completed: number;
}

export interface RegistryLimits {
  readonly swarms: number;
  readonly peers: number;
  readonly peersPerSwarm: number;
  /** Of one IPv4 address or one IPv6 /64. */
  readonly peersPerSource: number;
}

const NOBODY: SwarmState = { seeders: 0, partialSeeds: 0, leechers: 0, completed: 0 };

/**
 * Who is in which swarm. A peer is its address and port: peer ids and keys are claims, and some clients change them.
 *
 * - A peer is gone when its own ttl has passed since it was last heard. `sweep` drops such peers bit by bit; until it
 *   comes by they are still counted, but no longer handed out, found or beaten for.
 * - The asker is answered before it is put in, so nobody is told of itself.
 * - What is full refuses newcomers; those who are in stay in. Swarms are different, since anybody can name new ones:
 *   the empty one that was left longest ago gives way, and if none is empty, the one not heard of for longest.
 *
 * BOUNDED: by `limits`; the rest (sources, wheel) has no more members than there are peers.
 */
export class Registry {
  readonly #random: Random;
  readonly #limits: RegistryLimits;
  readonly #barren: (infoHash: WireHash) => void;
  readonly #swarms = new Map<string, Swarm>();
  readonly #inhabited = new RecencyList<Swarm>();
  /** Swarms without peers, kept for their `completed` count while there is room. */
  readonly #deserted = new RecencyList<Swarm>();
  readonly #wheel: ExpiryWheel<Row>;
  readonly #perSource = new Map<PeerKey, number>();
  readonly #chance: Chance = { state: 0 };
  #peers = 0;
  #expiredPeers = 0;

  constructor(options: {
    readonly random: Random;
    readonly limits: RegistryLimits;
    readonly now: Instant;
    /** Called when the last seeder and partial seed of a swarm, in one family, is gone. */
    readonly barren: (infoHash: WireHash) => void;
  }) {
    this.#random = options.random;
    this.#limits = options.limits;
    this.#barren = options.barren;
    this.#wheel = new ExpiryWheel({ now: options.now });
  }

  get peers(): number {
    return this.#peers;
  }
  get swarms(): number {
    return this.#swarms.size;
  }
  /** Peers that were dropped because their time was over, since the start. */
  get expiredPeers(): number {
    return this.#expiredPeers;
  }
  /** When a sweep may find something. */
  get nextDue(): Instant {
    return this.#wheel.nextDue;
  }

  /** Drops peers whose time is over, looking at no more than `budget` of them. */
  sweep(now: Instant, budget: number): void {
    this.#wheel.sweep(now, budget, this.#expireSwept);
  }

  /**
   * Takes an announce and writes the peers for its answer into `into`. The counts are those after it, like those of
   * a scrape. `stopped` removes at once and asks for nothing.
   */
  announce(one: Announcement, now: Instant, into: Uint8Array): AnnounceOutcome {
    const key = swarmKey(one.infoHash, one.address.length);
    const row = this.#living(this.#swarms.get(key), peerKey(one.address, one.port), now);
    const known = this.#swarms.get(key);
    if (one.event === 'stopped') {
      if (row !== undefined) this.#drop(row);
      return outcome(known, 0);
    }
    const reason = row === undefined ? this.#refusal(known, one) : undefined;
    if (reason !== undefined) return { ok: false, reason };
    const swarm = known ?? this.#open(key, one.infoHash);
    if (row !== undefined) swarm.detach(row);
    this.#chance.state = 1 + this.#random.below(2 ** 32 - 1);
    const peerBytes = swarm.sample(
      one.asker ?? one.role,
      one.wanted,
      into,
      this.#chance,
      tickOf(now),
      this.#expireSampled,
    );
    if (row === undefined) this.#insert(swarm, one, now);
    else this.#refresh(row, one, now);
    this.#settle(swarm);
    return outcome(swarm, peerBytes);
  }

  /** Refreshes a peer that is there by what it last announced; false when it is not there. */
  beat(infoHash: Uint8Array, address: Uint8Array, port: number, now: Instant): boolean {
    const row = this.#find(infoHash, address, port, now);
    if (row === undefined) return false;
    row.expiryTick = expiryTickOf(now, row.ttlS);
    this.#inhabited.touch(row.swarm);
    return true;
  }

  /** Forgets a peer; false when it is not there. */
  remove(infoHash: Uint8Array, address: Uint8Array, port: number, now: Instant): boolean {
    const row = this.#find(infoHash, address, port, now);
    if (row !== undefined) this.#drop(row);
    return row !== undefined;
  }

  /** What a peer is in a swarm; undefined when it is not there. */
  roleOf(infoHash: Uint8Array, address: Uint8Array, port: number, now: Instant): Role | undefined {
    return this.#find(infoHash, address, port, now)?.role;
  }

  /** Counts of a swarm in the family of 4-byte or of 16-byte addresses, as of the last sweep; to be read at once. */
  state(infoHash: Uint8Array, addressBytes: number): SwarmState {
    return this.#swarms.get(swarmKey(infoHash, addressBytes)) ?? NOBODY;
  }

  #find(infoHash: Uint8Array, address: Uint8Array, port: number, now: Instant): Row | undefined {
    return this.#living(this.#swarms.get(swarmKey(infoHash, address.length)), peerKey(address, port), now);
  }

  /** A row whose time is over is as good as none, though the sweep has not come by yet. */
  #living(swarm: Swarm | undefined, key: PeerKey, now: Instant): Row | undefined {
    const row = swarm?.find(key);
    if (row === undefined || row.expiryTick > tickOf(now)) return row;
    this.#expireSampled(row);
    this.#settle(row.swarm);
    return undefined;
  }

  #refusal(swarm: Swarm | undefined, one: Announcement): RefusalReason | undefined {
    const source = sourceOf(peerKey(one.address, one.port));
    if ((this.#perSource.get(source) ?? 0) >= this.#limits.peersPerSource) return 'source_full';
    if (swarm !== undefined && swarm.size >= this.#limits.peersPerSwarm) return 'swarm_full';
    return this.#peers >= this.#limits.peers ? 'registry_full' : undefined;
  }

  #open(key: string, infoHash: Uint8Array): Swarm {
    if (this.#swarms.size >= this.#limits.swarms) this.#evict();
    const swarm = new Swarm(key, infoHash.slice() as WireHash);
    this.#swarms.set(key, swarm);
    this.#deserted.add(swarm);
    return swarm;
  }

  #evict(): void {
    const victim = this.#deserted.oldest ?? this.#inhabited.oldest;
    if (victim === undefined) return;
    // Its count goes with it, so that the last row takes it away.
    victim.completed = 0;
    if (victim.size === 0) this.#close(victim);
    else for (const row of victim.rows()) this.#drop(row);
  }

  #close(swarm: Swarm): void {
    this.#deserted.remove(swarm);
    this.#swarms.delete(swarm.key);
  }

  #insert(swarm: Swarm, one: Announcement, now: Instant): void {
    const key = peerKey(one.address, one.port);
    const row: Row = {
      swarm,
      key,
      role: one.role,
      ttlS: one.ttlS,
      completed: false,
      expiryTick: expiryTickOf(now, one.ttlS),
      place: 0,
      slotTick: 0,
      slotPlace: 0,
    };
    if (swarm.size === 0) {
      this.#deserted.remove(swarm);
      this.#inhabited.add(swarm);
    } else this.#inhabited.touch(swarm);
    swarm.attach(row);
    this.#wheel.add(row);
    this.#perSource.set(sourceOf(key), (this.#perSource.get(sourceOf(key)) ?? 0) + 1);
    this.#peers++;
    countCompleted(row, one);
  }

  /** Puts a detached row back as it is now. */
  #refresh(row: Row, one: Announcement, now: Instant): void {
    row.role = one.role;
    row.ttlS = one.ttlS;
    row.expiryTick = expiryTickOf(now, one.ttlS);
    row.swarm.attach(row);
    this.#wheel.shorten(row);
    this.#inhabited.touch(row.swarm);
    countCompleted(row, one);
  }

  readonly #expireSwept = (row: Row): void => {
    this.#expiredPeers++;
    this.#forget(row);
    this.#settle(row.swarm);
  };

  /** Without settling: the announce that met the row is still at work on its swarm. */
  readonly #expireSampled = (row: Row): void => {
    this.#wheel.remove(row);
    this.#expiredPeers++;
    this.#forget(row);
  };

  #drop(row: Row): void {
    this.#wheel.remove(row);
    this.#forget(row);
    this.#settle(row.swarm);
  }

  #forget(row: Row): void {
    row.swarm.remove(row);
    if (row.swarm.size === 0) {
      this.#inhabited.remove(row.swarm);
      this.#deserted.add(row.swarm);
    }
    const source = sourceOf(row.key);
    const rest = this.#perSource.get(source)! - 1;
    if (rest === 0) this.#perSource.delete(source);
    else this.#perSource.set(source, rest);
    this.#peers--;
  }

  /** To be called when a step on a swarm is complete: an empty swarm that has nothing to remember is closed. */
  #settle(swarm: Swarm): void {
    const fertile = swarm.seeders + swarm.partialSeeds > 0;
    const becameBarren = swarm.fertile && !fertile;
    swarm.fertile = fertile;
    if (swarm.size === 0 && swarm.completed === 0) this.#close(swarm);
    if (becameBarren) this.#barren(swarm.infoHash);
  }
}

/** Once per peer, and only from one that has everything. */
function countCompleted(row: Row, one: Announcement): void {
  if (one.event !== 'completed' || one.role !== 'seeder' || row.completed) return;
  row.completed = true;
  row.swarm.completed++;
}

const outcome = (swarm: Swarm | undefined, peerBytes: number): AnnounceOutcome => ({
  ok: true,
  peerBytes,
  seeders: swarm?.seeders ?? 0,
  leechers: (swarm?.leechers ?? 0) + (swarm?.partialSeeds ?? 0),
});
