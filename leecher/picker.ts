import type { Bitfield } from '../common/base/bitfield.ts';
import type { Instant, PieceIndex } from '../common/base/ids.ts';
import type { Random } from '../common/base/ports.ts';
import type { Flights } from './flights.ts';
import { Runs } from './runs.ts';
import type { Source } from './source.ts';
import { SwarmPicker } from './swarm-picker.ts';

/** What a source should fetch now. */
export interface Pick {
  readonly piece: PieceIndex;
  /** It waits there and is taken away. */
  readonly from?: Source;
}

/**
 * The picking strategy: of the pieces that are free, which one does this source fetch now? What is to be considered
 * stands at the top of `plan.ts`. Here is what holds among seeds; once the sources are a swarm, `SwarmPicker` decides.
 *
 * A free piece is either untouched, in `Runs`, or returned: it was under way before.
 */
export class Picker {
  /** The plan's. */
  readonly #sources: ReadonlyMap<number, Source>;
  readonly #flights: Flights;
  readonly #runs: Runs;
  /** Oldest first. BOUNDED: by the needed pieces; in practice by what was under way and failed. */
  readonly #returned = new Set<PieceIndex>();
  #swarm: SwarmPicker | undefined;

  constructor(options: {
    /** Copied. */
    readonly needed: Bitfield;
    readonly sources: ReadonlyMap<number, Source>;
    readonly flights: Flights;
  }) {
    this.#sources = options.sources;
    this.#flights = options.flights;
    this.#runs = new Runs(options.needed.copy());
  }

  get isSwarm(): boolean {
    return this.#swarm !== undefined;
  }

  /** From now on the rarest piece first: some sources do not hold all yet, and more than one wants what they hold. */
  becomeSwarm(random: Random): void {
    if (this.#swarm !== undefined) return;
    const free = this.#runs.giveUp();
    for (const piece of this.#returned) free.add(piece);
    this.#returned.clear();
    this.#swarm = new SwarmPicker({ free, sources: this.#sources, flights: this.#flights, random });
  }

  add(source: Source): void {
    if (this.#swarm === undefined) this.#runs.add(source);
    else this.#swarm.add(source);
  }

  remove(source: Source): void {
    if (this.#swarm === undefined) this.#runs.remove(source);
    else this.#swarm.remove(source);
  }

  /** It holds one more piece. */
  gained(source: Source, piece: PieceIndex): void {
    this.#swarm?.gained(source, piece);
  }

  /** Any of its pieces came or went. */
  changed(source: Source): void {
    this.#swarm?.changed(source);
  }

  /** Whether one more piece should come in, whatever its source; always so among seeds. */
  hasRoom(now: Instant): boolean {
    return this.#swarm?.hasRoom(now) ?? true;
  }

  received(bytes: number): void {
    this.#swarm?.received(bytes);
  }

  /** The first split; among equals the order given decides. */
  divide(sources: readonly Source[]): void {
    if (this.#swarm === undefined) this.#runs.divide(sources);
  }

  /** A piece that was under way is free again. */
  giveBack(piece: PieceIndex): void {
    if (this.#swarm !== undefined) return this.#swarm.giveBack(piece);
    this.#returned.add(piece);
    for (const source of this.#sources.values()) if (source.mayTake(piece)) source.isDry = false;
  }

  /** The piece is done, whether it was under way or not. */
  forget(piece: PieceIndex): void {
    this.#swarm?.forget(piece);
    this.#runs.forget(piece);
    this.#returned.delete(piece);
  }

  /** The piece is no longer free, or never was when the source joins another or takes it from there. */
  pick(source: Source, now: Instant): Pick | undefined {
    if (this.#swarm !== undefined) return this.#swarm.pick(source, now);
    const piece = this.#pickAmongSeeds(source, now);
    return piece === undefined ? undefined : { piece };
  }

  #pickAmongSeeds(source: Source, now: Instant): PieceIndex | undefined {
    const isIdle = source.flights.size === 0;
    if (source.isOnProbation) {
      if (!isIdle || now < source.restUntil) return undefined;
      return this.#pickFromRun(source, now) ?? this.#pickReturned(source);
    }
    const free = this.#pickFree(source, now);
    if (free !== undefined || !isIdle) return free;
    // Only an idle source never holds back, so only then there was nothing; or nothing yet that may be taken away.
    source.isDry = !this.#isSomeoneStarting(now);
    return this.#flights.slowest(source, this.#sources.values(), this.#paces(now), now);
  }

  #isSomeoneStarting(now: Instant): boolean {
    for (const source of this.#sources.values()) if (source.isStarting(now)) return true;
    return false;
  }

  #pickFree(source: Source, now: Instant): PieceIndex | undefined {
    if (source.isDry) return undefined;
    return this.#pickReturned(source) ?? this.#pickFromRun(source, now);
  }

  #pickReturned(source: Source): PieceIndex | undefined {
    for (const piece of this.#returned) {
      if (!source.mayTake(piece)) continue;
      this.#returned.delete(piece);
      return piece;
    }
    return undefined;
  }

  #pickFromRun(source: Source, now: Instant): PieceIndex | undefined {
    if (this.#runs.untouched === 0) return undefined;
    if (source.run.count === 0 && !this.#adopt(source) && !this.#takeOver(source, now)) return undefined;
    return this.#runs.take(source);
  }

  #adopt(source: Source): boolean {
    if (source.releasesSeen === this.#runs.releases) return false;
    if (this.#runs.adopt(source)) return true;
    source.releasesSeen = this.#runs.releases;
    return false;
  }

  /** The tail of the run that would end last, of those that have something for it. */
  #takeOver(thief: Source, now: Instant): boolean {
    const paceOf = this.#paces(now);
    let victim: Source | undefined;
    let longest = 0;
    for (const other of this.#sources.values()) {
      if (other === thief || other.run.count === leastOf(other, now)) continue;
      const takes = (other.run.count + other.flights.size) / paceOf(other);
      if (takes <= longest || !this.#runs.overlap(thief, other)) continue;
      victim = other;
      longest = takes;
    }
    if (victim === undefined) return false;
    const share = tailShare(thief, paceOf(thief), victim, paceOf(victim));
    const wanted = Math.min(share, victim.run.count - leastOf(victim, now));
    return wanted > 0 && this.#runs.steal(thief, victim, wanted);
  }

  /** Bytes per second, at least 1. Sources of which nothing is known count as average. */
  #paces(now: Instant): (source: Source) => number {
    let total = 0;
    let known = 0;
    for (const { rate } of this.#sources.values()) {
      if (!rate.isKnown) continue;
      total += rate.perSecond(now, 0);
      known++;
    }
    const average = known === 0 ? 1 : total / known;
    return (source) => Math.max(1, source.rate.perSecond(now, average));
  }
}

/** How much of its run is left to a source in any case: something to begin with, for one that has only just come. */
const leastOf = (source: Source, now: Instant): number =>
  source.isStarting(now) && source.flights.size === 0 ? Math.min(1, source.run.count) : 0;

/**
 * How many pieces the thief takes so that both end at the same time. One that has nothing to do takes at least one;
 * one on probation no more.
 */
function tailShare(thief: Source, thiefPace: number, victim: Source, victimPace: number): number {
  if (thief.isOnProbation) return 1;
  const atVictim = victim.run.count + victim.flights.size;
  const share = (thiefPace * atVictim - victimPace * thief.flights.size) / (thiefPace + victimPace);
  return Math.max(Math.floor(share), thief.flights.size === 0 ? 1 : 0);
}
