import type { Instant, WireHash } from '../common/base/ids.ts';
import type { WordMemory } from '../common/base/memory-ports.ts';
import type { Random } from '../common/base/ports.ts';
import { expiryTickOf, tickOf } from './expiry-wheel.ts';
import { HalfSipHash } from './half-sip-hash.ts';
import { Members } from './members.ts';
import type { Role } from './role.ts';
import { Sampler } from './sampler.ts';
import { NONE } from './slot-table.ts';
import { SWARM, SwarmRows } from './swarm-rows.ts';

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

export type AnnounceOutcome = Answered | Refused;
interface Answered {
  readonly ok: true;
  readonly peerBytes: number;
  readonly seeders: number;
  readonly leechers: number;
}
interface Refused {
  readonly ok: false;
  readonly reason: RefusalReason;
}

const REFUSED: Readonly<Record<RefusalReason, Refused>> = {
  source_full: { ok: false, reason: 'source_full' },
  swarm_full: { ok: false, reason: 'swarm_full' },
  registry_full: { ok: false, reason: 'registry_full' },
};

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

/** What is asked of a registry, whether one thread has it or several share it. */
export type RegistryView = Pick<
  Registry,
  'peers' | 'swarms' | 'expiredPeers' | 'nextDue' | 'sweep' | 'announce' | 'beat' | 'remove' | 'roleOf' | 'state'
>;

/**
 * Who is in which swarm. A peer is its address and port: peer ids and keys are claims, and some clients change them.
 *
 * - A peer is gone when its own ttl has passed since it was last heard. `sweep` drops such peers bit by bit; until it
 *   comes by they are still counted, but no longer handed out, found or beaten for.
 * - The asker is answered before it is put in, so nobody is told of itself.
 * - What is full refuses newcomers; those who are in stay in. Swarms are different, since anybody can name new ones:
 *   the empty one that was left longest ago gives way, and if none is empty, one not heard of for about longest.
 *
 * All of it lies in arrays of words, by number: a peer of IPv4 takes about 20 bytes, and nothing is allocated, copied or
 * looked through as a whole, however many there are. In between two calls nothing of it is anywhere else, so several
 * threads may each have a registry over the same words; see `guarded-registry.ts`.
 *
 * BOUNDED: by `limits`; the rest (sources, tables) has no more members than there are peers.
 */
export class Registry {
  readonly #limits: RegistryLimits;
  readonly #barren: (infoHash: WireHash) => void;
  readonly #swarms: SwarmRows;
  readonly #membersV4: Members;
  readonly #membersV6: Members;
  readonly #sampler: Sampler;
  readonly #expireV4 = (row: number): void => this.#expireSwept(this.#membersV4, row);
  readonly #expireV6 = (row: number): void => this.#expireSwept(this.#membersV6, row);
  /** The answer that is being made; read at once by who asked. */
  readonly #answer = { ok: true as const, peerBytes: 0, seeders: 0, leechers: 0 };
  readonly #expiredPeers: Int32Array;

  constructor(options: {
    readonly memory: WordMemory;
    readonly random: Random;
    readonly limits: RegistryLimits;
    readonly now: Instant;
    /** Called when the last seeder and partial seed of a swarm, in one family, is gone. */
    readonly barren: (infoHash: WireHash) => void;
  }) {
    const { memory, random, limits, now } = options;
    this.#limits = limits;
    this.#barren = options.barren;
    const hash = new HalfSipHash({ key: keyIn(memory, random), roundsPerWord: 1, roundsAtEnd: 3 });
    const swarms = new SwarmRows({ memory, hash, maxSwarms: limits.swarms + 1 });
    this.#swarms = swarms;
    const bounds = { maxRows: rowsFor(limits), maxPeers: limits.peers, maxPeersPerSwarm: limits.peersPerSwarm };
    this.#membersV4 = new Members({ memory, hash, swarms, addressWords: 1, ...bounds, now });
    this.#membersV6 = new Members({ memory, hash, swarms, addressWords: 4, ...bounds, now });
    this.#expiredPeers = memory.words(1);
    this.#sampler = new Sampler({
      swarms,
      seed: 1 + random.below(2 ** 32 - 1),
    });
  }

  get peers(): number {
    return this.#membersV4.count + this.#membersV6.count;
  }
  get swarms(): number {
    return this.#swarms.count;
  }
  /** Peers that were dropped because their time was over, since the start. */
  get expiredPeers(): number {
    return this.#expiredPeers[0]! >>> 0;
  }
  /** When a sweep may find something. */
  get nextDue(): Instant {
    return Math.min(this.#membersV4.nextDue, this.#membersV6.nextDue) as Instant;
  }

  /** Drops peers whose time is over, looking at no more than `budget` of them. */
  sweep(now: Instant, budget: number): void {
    const left = this.#membersV4.sweep(now, budget, this.#expireV4);
    this.#membersV6.sweep(now, left, this.#expireV6);
  }

  /**
   * Takes an announce and writes the peers for its answer into `into`. The counts are those after it, like those of
   * a scrape. `stopped` removes at once and asks for nothing.
   */
  announce(one: Announcement, now: Instant, into: Uint8Array): AnnounceOutcome {
    const members = this.#membersOf(one.address);
    let swarm = this.#swarms.find(one.infoHash, members.addressWords);
    const row = this.#living(members, swarm, one, now);
    // Its last peer may have been buried just now.
    if (swarm !== NONE && row === NONE) swarm = this.#swarms.find(one.infoHash, members.addressWords);
    if (one.event === 'stopped') {
      if (row !== NONE) this.#drop(members, row);
      // No swarm closes while it is counted below: an empty one was settled with its last peer.
      return this.#answered(row === NONE ? swarm : this.#swarms.find(one.infoHash, members.addressWords), 0);
    }
    const reason = row === NONE ? this.#refusal(members, swarm) : undefined;
    if (reason !== undefined) return REFUSED[reason];
    if (swarm === NONE) swarm = this.#open(one.infoHash, members.addressWords);
    const asker = one.asker ?? one.role;
    const peerBytes = this.#sampler.sample(members, swarm, row, asker, one.wanted, tickOf(now), into);
    const isIn = row === NONE ? this.#insert(members, swarm, one, now) : this.#refresh(members, swarm, row, one, now);
    this.#settle(swarm);
    return isIn ? this.#answered(swarm, peerBytes) : REFUSED.registry_full;
  }

  /** Refreshes a peer that is there by what it last announced; false when it is not there. */
  beat(infoHash: Uint8Array, address: Uint8Array, port: number, now: Instant): boolean {
    const members = this.#membersOf(address);
    const row = this.#find(members, infoHash, address, port, now);
    if (row === NONE) return false;
    const ttlS = members.ttlOf(row);
    members.refresh(row, ttlS, expiryTickOf(now, ttlS), members.completedOf(row));
    this.#swarms.touch(members.swarmOf(row));
    return true;
  }

  /** Forgets a peer; false when it is not there. */
  remove(infoHash: Uint8Array, address: Uint8Array, port: number, now: Instant): boolean {
    const members = this.#membersOf(address);
    const row = this.#find(members, infoHash, address, port, now);
    if (row !== NONE) this.#drop(members, row);
    return row !== NONE;
  }

  /** What a peer is in a swarm; undefined when it is not there. */
  roleOf(infoHash: Uint8Array, address: Uint8Array, port: number, now: Instant): Role | undefined {
    const members = this.#membersOf(address);
    const row = this.#find(members, infoHash, address, port, now);
    return row === NONE ? undefined : members.roleOf(row);
  }

  /** Counts of a swarm in the family of 4-byte or of 16-byte addresses, as of the last sweep. */
  state(infoHash: Uint8Array, addressBytes: number): SwarmState {
    const swarm = this.#swarms.find(infoHash, addressBytes / 4);
    if (swarm === NONE) return NOBODY;
    const seeders = this.#swarms.get(swarm, SWARM.seeders);
    const givers = this.#swarms.get(swarm, SWARM.givers);
    const leechers = this.#swarms.get(swarm, SWARM.size) - givers;
    return { seeders, partialSeeds: givers - seeders, leechers, completed: this.#swarms.get(swarm, SWARM.completed) };
  }

  #membersOf(address: Uint8Array): Members {
    return address.length === 4 ? this.#membersV4 : this.#membersV6;
  }

  #find(members: Members, infoHash: Uint8Array, address: Uint8Array, port: number, now: Instant): number {
    return this.#living(members, this.#swarms.find(infoHash, members.addressWords), { address, port }, now);
  }

  /** A peer whose time is over is as good as none, though the sweep has not come by yet. */
  #living(members: Members, swarm: number, peer: Pick<Announcement, 'address' | 'port'>, now: Instant): number {
    members.regard(swarm, peer.address, peer.port);
    const row = swarm === NONE ? NONE : members.find();
    if (row === NONE || members.expiryTickOf(row) > tickOf(now)) return row;
    this.#expire(members, row);
    this.#settle(swarm);
    return NONE;
  }

  #refusal(members: Members, swarm: number): RefusalReason | undefined {
    const limits = this.#limits;
    if (members.countOfSource >= limits.peersPerSource) return 'source_full';
    if (swarm !== NONE && this.#swarms.get(swarm, SWARM.size) >= limits.peersPerSwarm) return 'swarm_full';
    return this.peers >= limits.peers ? 'registry_full' : undefined;
  }

  #open(infoHash: Uint8Array, addressWords: number): number {
    if (this.#swarms.count >= this.#limits.swarms) this.#evict();
    return this.#swarms.open(infoHash, addressWords);
  }

  #evict(): void {
    const victim = this.#swarms.leastWanted();
    if (victim === NONE) return;
    // Its count goes with it, so that the last peer takes it away.
    this.#swarms.set(victim, SWARM.completed, 0);
    const members = this.#swarms.get(victim, SWARM.family) === 1 ? this.#membersV4 : this.#membersV6;
    let size = this.#swarms.get(victim, SWARM.size);
    if (size === 0) this.#swarms.close(victim);
    for (; size > 0; size--) this.#drop(members, members.rowAt(victim, size - 1));
  }

  /** False when there is no room. */
  #insert(members: Members, swarm: number, one: Announcement, now: Instant): boolean {
    const completes = one.event === 'completed' && one.role === 'seeder';
    if (members.add(swarm, one.role, one.ttlS, expiryTickOf(now, one.ttlS), completes) === NONE) return false;
    if (this.#swarms.get(swarm, SWARM.size) === 1) this.#swarms.inhabit(swarm);
    else this.#swarms.touch(swarm);
    if (completes) this.#countCompleted(swarm);
    return true;
  }

  /** Puts down the peer that was just answered as it is now. */
  #refresh(members: Members, swarm: number, row: number, one: Announcement, now: Instant): true {
    const expiryTick = expiryTickOf(now, one.ttlS);
    const before = members.completedOf(row);
    // Once per peer, and only from one that has everything.
    const completes = one.event === 'completed' && one.role === 'seeder' && !before;
    if (members.roleOf(row) === one.role) members.refresh(row, one.ttlS, expiryTick, before || completes);
    else {
      members.remove(row);
      members.add(swarm, one.role, one.ttlS, expiryTick, before || completes);
    }
    this.#swarms.touch(swarm);
    if (completes) this.#countCompleted(swarm);
    return true;
  }

  #countCompleted(swarm: number): void {
    this.#swarms.set(swarm, SWARM.completed, this.#swarms.get(swarm, SWARM.completed) + 1);
  }

  /** Without settling: whoever met the dead peer may still be at work on its swarm. */
  #expire(members: Members, row: number): void {
    this.#expiredPeers[0]!++;
    this.#forget(members, row);
  }

  #expireSwept(members: Members, row: number): void {
    const swarm = members.swarmOf(row);
    this.#expire(members, row);
    this.#settle(swarm);
  }

  #drop(members: Members, row: number): void {
    const swarm = members.swarmOf(row);
    this.#forget(members, row);
    this.#settle(swarm);
  }

  #forget(members: Members, row: number): void {
    const swarm = members.swarmOf(row);
    members.remove(row);
    if (this.#swarms.get(swarm, SWARM.size) === 0) this.#swarms.desert(swarm);
  }

  /** To be called when a step on a swarm is complete: an empty swarm that has nothing to remember is closed. */
  #settle(swarm: number): void {
    const swarms = this.#swarms;
    const fertile = swarms.get(swarm, SWARM.givers) > 0 ? 1 : 0;
    const infoHash = swarms.get(swarm, SWARM.fertile) > fertile ? swarms.infoHashOf(swarm) : undefined;
    swarms.set(swarm, SWARM.fertile, fertile);
    if (swarms.get(swarm, SWARM.size) === 0 && swarms.get(swarm, SWARM.completed) === 0) swarms.close(swarm);
    if (infoHash !== undefined) this.#barren(infoHash);
  }

  #answered(swarm: number, peerBytes: number): AnnounceOutcome {
    const answer = this.#answer;
    answer.peerBytes = peerBytes;
    answer.seeders = swarm === NONE ? 0 : this.#swarms.get(swarm, SWARM.seeders);
    answer.leechers = swarm === NONE ? 0 : this.#swarms.get(swarm, SWARM.size) - answer.seeders;
    return answer;
  }
}

/** The key by which things are found, which all who share the memory must have. */
function keyIn(memory: WordMemory, random: Random): Uint8Array {
  const words = memory.words(2);
  const key = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  if (memory.isNew) key.set(random.bytes(key.length));
  return key;
}

/** Rows come in blocks of a power of two, at least four, of which most are more than half full. */
const rowsFor = (limits: RegistryLimits): number => 2 * limits.peers + 8 * limits.swarms + 4_096;
