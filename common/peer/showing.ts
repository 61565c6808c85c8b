/**
 * Initial seeding: what a seeder that is alone with all pieces shows to whom, so that it sends each piece once before it
 * sends any twice (the aim of BEP 16). A rule: no I/O, no timers.
 *
 * To consider when changing anything here:
 *
 *  - Leechers that see everything ask for the same pieces. So each is shown a few that nobody else has or was shown, and
 *    more when those were sent: it can ask for nothing else, and passes on what it has while the next one comes.
 *  - What counts is that it was sent, not, as in BEP 16, that it was seen elsewhere: the pipe stays full. Who passes
 *    nothing on is served after the others (`unspread`).
 *  - A single leecher has nobody to pass anything on to, and sees everything at once: the first to come, and one that
 *    has been left alone. What it asks for counts as shown to it alone. What was shown cannot be taken back.
 *  - A piece whose keeper left is shown again to another; so is one that was not asked for, or not sent, for some
 *    time. Who is shown pieces and wants none of them wants others, a part of the files perhaps: it is shown all.
 *  - What one keeps to itself who passes nothing on is shown to others as well, and he is shown nothing more.
 *  - Stock clients see haves, one after the other, as of a leecher.
 *  - It is over when each piece was sent to, or seen at, someone who is there, or when someone else turns out to have
 *    what we have not shown. It begins anew for the next crowd, when everyone has left.
 *  - Each step is cheap: what is shown goes by a cursor over the free pieces; statements about all pieces at once cost
 *    a walk over them, so torrents of more than MAX_SHOWN_PIECES pieces do without this.
 */
import type { Bitfield } from '../base/bitfield.ts';
import { after, type Instant, NEVER, type PieceIndex } from '../base/ids.ts';
import { MIB } from '../base/limits.ts';
import { FreePieces } from './free-pieces.ts';
import { overdueAt } from './overdue-views.ts';
import { newViewer, type Viewer } from './viewer.ts';

export interface ShowingOptions {
  readonly pieceCount: number;
  readonly sizeOf: (piece: PieceIndex) => number;
  /** The peer is to hear that we have the piece. Called during the other calls only. */
  readonly show: (id: number, piece: PieceIndex) => void;
  /** It wants something, and we do not let it ask: what it was shown waits because of us. */
  readonly isHeldBack: (id: number) => boolean;
}

/** What is shown to one and not yet sent: so many pieces, so many bytes, or what it took lately in so much time. */
const WINDOW_PIECES = 2;
const WINDOW_BYTES = 1 * MIB;
const WINDOW_S = 0.5;
/** Who has got so many pieces of us that were seen nowhere else passes nothing on. */
const MOST_HOARDED = 4;
/** Nobody is shown a larger part of little content before he takes it: there may be more to come who want some. */
const LEAST_SHARES = 32;
/** A restricted peer that has been the only one for so long sees everything. */
const ALONE_MS = 300;
/** So long pieces that nobody has may be left with nobody to be sent them. */
const LOCKED_MS = 2_000;
/** Between two looks at what is late. */
const LOOK_MS = 250;
/** Pieces that appear although we have shown them to nobody: the first may be a coincidence. */
const STRANGE_PIECES = 2;

export class Showing {
  readonly #options: ShowingOptions;
  readonly #leastWindowBytes: number;
  /** BOUNDED: by the connections. */
  readonly #viewers = new Map<number, Viewer>();
  /** How many viewers have each piece. BOUNDED: by the pieces. */
  readonly #holders: Uint16Array;
  /** Who is to pass a piece on that nobody has. BOUNDED: by the pieces. */
  readonly #keepers = new Map<PieceIndex, Viewer>();
  /** Pieces that nobody has or is to get. */
  #free: FreePieces;
  /** Pieces that were entrusted to someone and not sent yet. BOUNDED: by the pieces. */
  readonly #unsent = new Set<PieceIndex>();
  /** Those that pass nothing on. BOUNDED: by the connections. */
  readonly #takers = new Set<Viewer>();
  /** Those that are to see all, and do not yet. BOUNDED: by the connections. */
  readonly #revealing = new Set<Viewer>();
  #isOn = true;
  /** To all viewers. */
  #sentBytes = 0;
  /** Someone else has everything too. */
  #hasCompany = false;
  #strangePieces = 0;
  #aloneSince: Instant | undefined;
  #lookAt: Instant = NEVER;
  #lockedSince: Instant = NEVER;

  constructor(options: ShowingOptions) {
    this.#options = options;
    const { pieceCount, sizeOf } = options;
    const contentBytes = pieceCount * sizeOf(0 as PieceIndex);
    this.#leastWindowBytes = Math.min(WINDOW_BYTES, contentBytes / LEAST_SHARES);
    this.#holders = new Uint16Array(pieceCount);
    this.#free = new FreePieces(pieceCount);
  }

  /** Whether pieces are being held back. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Pieces that nobody has or is to get. */
  get freeCount(): number {
    return this.#free.count;
  }

  /** A connection opens; `twin` is another one of the same peer. */
  open(id: number, twin: number | undefined, now: Instant): void {
    const seesAll = !this.#isOn || this.#viewers.size === 0 || this.#viewers.get(twin ?? -1)?.seesAll === true;
    this.#viewers.set(id, newViewer(id, seesAll, this.#options.pieceCount));
    if (seesAll) return;
    if (this.#lookAt === NEVER) this.#lockedSince = now;
    this.#lookAt = Math.min(this.#lookAt, after(now, LOOK_MS)) as Instant;
  }

  knows(id: number): boolean {
    return this.#viewers.has(id);
  }

  /** What it may ask for; undefined when that is all there is. */
  viewOf(id: number): Bitfield | undefined {
    const viewer = this.#viewers.get(id);
    return viewer === undefined || viewer.seesAll ? undefined : viewer.shown;
  }

  /** What a leecher has became known, or changed in bulk. */
  met(id: number, pieces: Bitfield, now: Instant): void {
    const viewer = this.#viewers.get(id);
    if (viewer === undefined) return;
    // One that comes with everything is no leecher that we have made complete.
    if (pieces.isFull && !viewer.isMet) this.setCompany(true);
    viewer.isMet = true;
    for (const piece of pieces) this.#gain(viewer, piece);
    for (const piece of viewer.counted) if (!pieces.has(piece)) this.#lose(viewer, piece);
    this.#fill(viewer, now);
    this.#judge();
  }

  /** It has one more piece. */
  has(id: number, piece: PieceIndex, now: Instant): void {
    const viewer = this.#viewers.get(id);
    if (viewer === undefined) return;
    const isStrange = this.#free.has(piece) && viewer.isMet && !viewer.seesAll && !viewer.shown.has(piece);
    this.#gain(viewer, piece);
    if (isStrange && ++this.#strangePieces >= STRANGE_PIECES) this.#end();
    this.#fill(viewer, now);
    this.#judge();
  }

  /** It asks for a block. */
  asked(id: number, piece: PieceIndex, now: Instant): void {
    const viewer = this.#viewers.get(id);
    if (viewer === undefined || !this.#isOn) return;
    if (viewer.seesAll && !viewer.isTaker && this.#free.has(piece)) this.#entrust(viewer, piece, now);
    const pending = viewer.pending.get(piece);
    if (pending === undefined || pending.askedAt !== undefined) return;
    viewer.pending.set(piece, { ...pending, askedAt: now, sentBefore: this.#sentBytes });
  }

  /** Bytes of a piece were sent to it. */
  sent(id: number, piece: PieceIndex, bytes: number, now: Instant): void {
    const viewer = this.#viewers.get(id);
    if (viewer === undefined) return;
    viewer.sentLately.add(bytes, now);
    this.#sentBytes += bytes;
    const pending = viewer.pending.get(piece);
    const sizeBytes = this.#options.sizeOf(piece);
    if (pending === undefined || pending.sentBytes >= sizeBytes) return;
    pending.sentBytes += bytes;
    if (pending.sentBytes < sizeBytes) return;
    viewer.unsentBytes -= sizeBytes;
    this.#deliver(viewer, piece);
    this.#fill(viewer, now);
    this.#judge();
  }

  left(id: number, now: Instant): void {
    const viewer = this.#viewers.get(id);
    if (viewer === undefined) return;
    this.#viewers.delete(id);
    this.#revealing.delete(viewer);
    this.#takers.delete(viewer);
    for (const piece of viewer.counted) this.#lose(viewer, piece);
    for (const piece of viewer.pending.keys()) this.#relieve(viewer, piece);
    if (this.#viewers.size === 0) this.#beginAnew();
    else this.#fillAll(now);
  }

  /** Whether someone else is known to have everything: then this is of no use. */
  setCompany(hasCompany: boolean): void {
    this.#hasCompany = hasCompany;
    if (hasCompany) this.#end();
  }

  /** Pieces that it got of us and that were seen nowhere else: who has least of them passes on best. */
  unspread(id: number): number {
    const viewer = this.#viewers.get(id);
    return viewer?.isTaker === true ? Number.POSITIVE_INFINITY : (viewer?.hoard.size ?? 0);
  }

  /** Looks at what is late. */
  tick(now: Instant): void {
    if (now < this.#lookAt) return;
    this.#lookAt = NEVER;
    const [only] = this.#viewers.size === 1 ? this.#viewers.values() : [];
    if (only === undefined || only.seesAll) this.#aloneSince = undefined;
    else {
      this.#aloneSince ??= now;
      if (now >= after(this.#aloneSince, ALONE_MS)) this.#revealing.add(only);
    }
    if (!this.#isOn) return;
    for (const viewer of this.#viewers.values()) {
      this.#takeBack(viewer, now);
      if (!viewer.seesAll) this.#lookAt = after(now, LOOK_MS);
    }
    this.#fillAll(now);
    this.#judge();
    this.#unlock(now);
  }

  /** Pieces are left, and nobody can be shown them: all have been shown them in vain, or count as takers. */
  #unlock(now: Instant): void {
    if (this.#free.count === 0 || this.#unsent.size > 0) this.#lockedSince = now;
    else if (now >= after(this.#lockedSince, 2 * LOCKED_MS)) this.#end();
    else if (now >= after(this.#lockedSince, LOCKED_MS)) for (const taker of this.#takers) this.#forgive(taker);
  }

  get nextDue(): Instant {
    return this.#lookAt;
  }

  /** Shows at most so many pieces to those that are to see all; true when there is more to show. */
  reveal(most: number): boolean {
    let left = most;
    for (const viewer of this.#revealing) {
      const { pieceCount } = this.#options;
      for (; viewer.revealFrom < pieceCount && left > 0; viewer.revealFrom++) {
        const piece = viewer.revealFrom as PieceIndex;
        if (viewer.counted.has(piece) || !viewer.shown.add(piece)) continue;
        this.#options.show(viewer.id, piece);
        left--;
      }
      if (viewer.revealFrom < pieceCount) return true;
      this.#revealing.delete(viewer);
      viewer.seesAll = true;
    }
    return false;
  }

  /* ---- pieces ---- */

  #gain(viewer: Viewer, piece: PieceIndex): void {
    if (!viewer.counted.add(piece)) return;
    for (const taker of this.#takers) if (taker !== viewer) this.#reconsider(taker, viewer, piece);
    if (viewer.isTaker) return this.#takeAway(viewer, piece);
    this.#holders[piece]!++;
    this.#free.remove(piece);
    this.#unsent.delete(piece);
    const keeper = this.#keepers.get(piece);
    if (keeper !== undefined && keeper !== viewer) keeper.hoard.delete(piece);
    this.#dismiss(viewer, piece);
    if (keeper === viewer) return;
    // Whoever kept it may have it already; in any case it is out.
    this.#keepers.delete(piece);
  }

  #lose(viewer: Viewer, piece: PieceIndex): void {
    if (!viewer.counted.remove(piece)) return;
    if (!viewer.isTaker && --this.#holders[piece]! === 0) this.#release(viewer, piece);
  }

  /** It passes nothing on: what it keeps is shown to others, and it is shown nothing more for now. */
  #giveUp(viewer: Viewer): void {
    viewer.isTaker = true;
    this.#takers.add(viewer);
    const hoard = [...viewer.hoard];
    for (const piece of viewer.counted) if (--this.#holders[piece]! === 0) this.#release(viewer, piece);
    for (const piece of [...viewer.pending.keys(), ...hoard]) this.#release(viewer, piece);
    for (const piece of hoard) viewer.hoard.add(piece);
  }

  /** Another has a piece of a taker's hoard. If we did not show it there, the taker has passed it on after all. */
  #reconsider(taker: Viewer, other: Viewer, piece: PieceIndex): void {
    if (taker.hoard.delete(piece) && !other.seesAll && !other.shown.has(piece)) this.#forgive(taker);
  }

  #forgive(taker: Viewer): void {
    taker.isTaker = false;
    taker.hoard.clear();
    this.#takers.delete(taker);
    for (const its of taker.counted) {
      this.#holders[its]!++;
      this.#free.remove(its);
      this.#unsent.delete(its);
    }
  }

  /** The piece is shown to this one, or was asked for by it: nobody else need be sent it. */
  #entrust(viewer: Viewer, piece: PieceIndex, now: Instant): void {
    this.#free.remove(piece);
    this.#keepers.set(piece, viewer);
    this.#unsent.add(piece);
    viewer.pending.set(piece, { shownAt: now, askedAt: undefined, sentBefore: 0, sentBytes: 0 });
    viewer.unsentBytes += this.#options.sizeOf(piece);
  }

  /** All of it was sent to this one, perhaps after it had been given up. */
  #deliver(viewer: Viewer, piece: PieceIndex): void {
    if (this.#holders[piece]! > 0 || viewer.isTaker) return;
    this.#free.remove(piece);
    this.#unsent.delete(piece);
    this.#keepers.set(piece, viewer);
    viewer.hoard.add(piece);
    if (viewer.hoard.size >= MOST_HOARDED && this.#viewers.size > 2) this.#giveUp(viewer);
  }

  /** It is not waited for any more at this one. */
  #dismiss(viewer: Viewer, piece: PieceIndex): void {
    const pending = viewer.pending.get(piece);
    if (pending === undefined) return;
    viewer.pending.delete(piece);
    const sizeBytes = this.#options.sizeOf(piece);
    if (pending.sentBytes < sizeBytes) viewer.unsentBytes -= sizeBytes;
  }

  /** A taker has it: that helps nobody. */
  #takeAway(taker: Viewer, piece: PieceIndex): void {
    this.#dismiss(taker, piece);
    if (this.#keepers.get(piece) === taker) this.#release(taker, piece);
  }

  /** Another is to get it. */
  #relieve(viewer: Viewer, piece: PieceIndex): void {
    this.#dismiss(viewer, piece);
    this.#release(viewer, piece);
  }

  /** The piece is free again if nobody else keeps or has it. */
  #release(viewer: Viewer, piece: PieceIndex): void {
    viewer.hoard.delete(piece);
    if (this.#keepers.get(piece) === viewer) this.#keepers.delete(piece);
    if (this.#holders[piece]! > 0 || this.#keepers.has(piece)) return;
    this.#unsent.delete(piece);
    this.#free.add(piece);
  }

  /* ---- viewers ---- */

  #fillAll(now: Instant): void {
    for (const viewer of this.#viewers.values()) this.#fill(viewer, now);
  }

  #fill(viewer: Viewer, now: Instant): void {
    if (!this.#isOn || viewer.isTaker || viewer.seesAll || !viewer.isMet || this.#revealing.has(viewer)) return;
    const windowBytes = Math.max(this.#leastWindowBytes, viewer.sentLately.sum(now) * WINDOW_S);
    while (this.#free.count > 0 && (this.#unsentOf(viewer) < WINDOW_PIECES || viewer.unsentBytes < windowBytes)) {
      const piece = this.#free.nextBut(viewer.shown);
      if (piece === undefined) return;
      this.#entrust(viewer, piece, now);
      viewer.shown.add(piece);
      this.#options.show(viewer.id, piece);
    }
  }

  #unsentOf({ pending }: Viewer): number {
    return [...pending].filter(([piece, { sentBytes }]) => sentBytes < this.#options.sizeOf(piece)).length;
  }

  /** What it does not ask for, or is not sent, is for others. */
  #takeBack(viewer: Viewer, now: Instant): void {
    const { sizeOf, isHeldBack } = this.#options;
    const roundBytes = this.#viewers.size * sizeOf(0 as PieceIndex);
    const facts = { sizeOf, roundBytes, sentBytes: this.#sentBytes, isHeldBack: isHeldBack(viewer.id) };
    const { unsent, unasked, wants } = overdueAt(viewer, facts, now);
    for (const piece of unsent) this.#release(viewer, piece);
    for (const piece of unasked) this.#relieve(viewer, piece);
    if (unasked.length > 0 && !wants && !viewer.seesAll) this.#revealing.add(viewer);
  }

  /* ---- the end, and the next beginning ---- */

  /** Over when all is with others, or on its way to them. */
  #judge(): void {
    if (this.#free.count === 0 && this.#unsent.size === 0) this.#end();
  }

  #end(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    for (const viewer of this.#viewers.values()) if (!viewer.seesAll) this.#revealing.add(viewer);
  }

  #beginAnew(): void {
    this.#isOn = !this.#hasCompany;
    this.#strangePieces = 0;
    this.#aloneSince = undefined;
    this.#lookAt = NEVER;
    this.#keepers.clear();
    this.#unsent.clear();
    this.#holders.fill(0);
    this.#free = new FreePieces(this.#options.pieceCount);
  }
}
