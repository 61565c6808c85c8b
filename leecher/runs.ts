import { Bitfield } from '../common/base/bitfield.ts';
import type { PieceIndex } from '../common/base/ids.ts';
import { countIn, endOfFirst, firstCommon, firstOnlyIn, lastCommon, lastOnlyIn, startOfLast } from './overlap.ts';

/** A stretch `from … to` (half open) of the piece space; `count` of its pieces are still untouched. */
export interface Run {
  from: number;
  to: number;
  count: number;
}

/** Who can have a run. `pieces` may grow, never shrink. */
export interface Runner {
  readonly pieces: Bitfield;
  readonly run: Run;
}

export const emptyRun = (): Run => ({ from: 0, to: 0, count: 0 });

/**
 * The contiguous runs of pieces that nobody has been asked for yet, one run for each source.
 *
 * Runs do not overlap, and their owner holds every untouched piece in them. An untouched piece in no run is common:
 * its owner left, or nobody held it when the runs were made. Once a piece is taken it never comes back here.
 *
 * BOUNDED: one bit a piece, one run a source.
 */
export class Runs {
  #untouched: Bitfield;
  readonly #runners = new Set<Runner>();
  #owned = 0;
  #released = 0;

  /** Takes over `untouched`: the pieces to be fetched. */
  constructor(untouched: Bitfield) {
    this.#untouched = untouched;
  }

  /** Pieces nobody has been asked for. */
  get untouched(): number {
    return this.#untouched.count;
  }

  /** Changes whenever pieces become common: whoever found nothing to adopt need not look again before. */
  get releases(): number {
    return this.#released;
  }

  add(runner: Runner): void {
    this.#runners.add(runner);
  }

  /** What is left of its run becomes common. */
  remove(runner: Runner): void {
    if (!this.#runners.delete(runner) || runner.run.count === 0) return;
    this.#owned -= runner.run.count;
    this.#released++;
    set(runner.run, 0, 0, 0);
  }

  /** There are no runs any more. The result, which is the caller's, is what was untouched. */
  giveUp(): Bitfield {
    const untouched = this.#untouched;
    for (const { run } of this.#runners) set(run, 0, 0, 0);
    this.#runners.clear();
    this.#owned = 0;
    this.#untouched = new Bitfield(untouched.size);
    return untouched;
  }

  /**
   * Gives each runner an equal share of the untouched pieces, in one piece of the range. From left to right, the next
   * share goes to whoever holds what comes next; among several, to the one whose holding ends first, since the others
   * can be used further on; on a tie, in the order given. So sources that hold a part each get their own part.
   */
  divide(runners: readonly Runner[]): void {
    const untouched = this.#untouched;
    let waiting = runners.map((runner) => ({ runner, first: -1, end: 0 }));
    let at = 0;
    let left = untouched.count;
    for (;;) {
      for (const one of waiting) this.#refresh(one, at);
      waiting = waiting.filter((one) => one.first >= 0);
      let chosen = waiting[0];
      if (chosen === undefined) return;
      for (const one of waiting) {
        if (one.first < chosen.first || (one.first === chosen.first && one.end < chosen.end)) chosen = one;
      }
      left -= countIn(untouched, at, chosen.first);
      const share = Math.ceil(left / waiting.length);
      at = endOfFirst(untouched, chosen.first, chosen.end, share);
      left -= this.#give(chosen.runner, chosen.first, at);
      waiting.splice(waiting.indexOf(chosen), 1);
    }
  }

  /** The next piece of the runner's own run, which is its to fetch from now on. */
  take(runner: Runner): PieceIndex | undefined {
    const { run } = runner;
    if (run.count === 0) return undefined;
    const piece = this.#untouched.next(run.from) as PieceIndex;
    this.#untouched.remove(piece);
    this.#owned--;
    set(run, piece + 1, run.count === 1 ? piece + 1 : run.to, run.count - 1);
    return piece;
  }

  /** A runner without a run gets the next stretch of common pieces that it holds, if there is one. */
  adopt(runner: Runner): boolean {
    if (this.#owned === this.#untouched.count) return false;
    // From the end of its last run on, so that it stays in one neighbourhood.
    const near = runner.run.to;
    const size = this.#untouched.size;
    let first = this.#commonPiece(runner, near, size);
    if (first < 0) first = this.#commonPiece(runner, 0, near);
    if (first < 0) return false;
    let end = size;
    for (const { run } of this.#runners) if (run.count > 0 && run.from >= first && run.from < end) end = run.from;
    const lacking = firstOnlyIn(this.#untouched, runner.pieces, first, end);
    this.#give(runner, first, lacking < 0 ? end : lacking);
    return true;
  }

  /** Whether the runner holds an untouched piece of the other's run. */
  overlap(runner: Runner, other: Runner): boolean {
    const { run } = other;
    return run.count > 0 && lastCommon(this.#untouched, runner.pieces, run.from, run.to) >= 0;
  }

  /**
   * A runner without a run takes at most `wanted` pieces from the end of the victim's run: the last ones it holds
   * without a gap. What the victim had beyond them becomes common. False when it holds none of them.
   */
  steal(thief: Runner, victim: Runner, wanted: number): boolean {
    const untouched = this.#untouched;
    const { from, to, count } = victim.run;
    const end = count === 0 ? 0 : lastCommon(untouched, thief.pieces, from, to) + 1;
    if (end === 0) return false;
    const gap = lastOnlyIn(untouched, thief.pieces, from, end);
    const start = startOfLast(untouched, gap < 0 ? from : gap + 1, end, wanted);
    const beyond = countIn(untouched, end, to);
    const taken = countIn(untouched, start, end);
    const rest = count - taken - beyond;
    this.#owned -= taken + beyond;
    if (beyond > 0) this.#released++;
    set(victim.run, from, rest === 0 ? from : start, rest);
    this.#give(thief, start, end);
    return true;
  }

  /** The piece came without having been taken. */
  forget(piece: PieceIndex): void {
    if (!this.#untouched.remove(piece)) return;
    const owner = this.#ownerOf(piece);
    if (owner === undefined) return;
    this.#owned--;
    const { run } = owner;
    set(run, run.from, run.count === 1 ? run.from : run.to, run.count - 1);
  }

  #give(runner: Runner, from: number, to: number): number {
    const count = countIn(this.#untouched, from, to);
    set(runner.run, from, to, count);
    this.#owned += count;
    return count;
  }

  #commonPiece(runner: Runner, from: number, to: number): number {
    let at = firstCommon(this.#untouched, runner.pieces, from, to);
    while (at >= 0) {
      const owner = this.#ownerOf(at);
      if (owner === undefined) return at;
      at = firstCommon(this.#untouched, runner.pieces, owner.run.to, to);
    }
    return -1;
  }

  #ownerOf(piece: number): Runner | undefined {
    for (const runner of this.#runners) {
      const { run } = runner;
      if (run.count > 0 && piece >= run.from && piece < run.to) return runner;
    }
    return undefined;
  }

  /** Keeps what was found before while it is still ahead: each runner's pieces are walked over once. */
  #refresh(one: { readonly runner: Runner; first: number; end: number }, at: number): void {
    const size = this.#untouched.size;
    if (one.first < at) one.first = firstCommon(this.#untouched, one.runner.pieces, at, size);
    if (one.first < one.end) return;
    const lacking = firstOnlyIn(this.#untouched, one.runner.pieces, one.first, size);
    one.end = lacking < 0 ? size : lacking;
  }
}

function set(run: Run, from: number, to: number, count: number): void {
  run.from = from;
  run.to = to;
  run.count = count;
}
