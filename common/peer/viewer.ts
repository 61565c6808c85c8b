import { Bitfield } from '../base/bitfield.ts';
import { type Instant, instant, type PieceIndex } from '../base/ids.ts';
import { RecentBytes } from './recent-bytes.ts';

/** A piece that was shown to one peer, and that it does not have yet. */
export interface Pending {
  readonly shownAt: Instant;
  readonly askedAt: Instant | undefined;
  /** What had been sent to all when it was asked for. */
  readonly sentBefore: number;
  sentBytes: number;
}

/** One to whom an initial seeder shows pieces. */
export interface Viewer {
  readonly id: number;
  seesAll: boolean;
  /** What it may ask for, as long as it does not see all. */
  readonly shown: Bitfield;
  /** What it has, as far as it counts in `#holders`. */
  readonly counted: Bitfield;
  /** Its pieces are known: it is a leecher. */
  isMet: boolean;
  /** BOUNDED: by the window, and by what it asks for. */
  readonly pending: Map<PieceIndex, Pending>;
  unsentBytes: number;
  /** When it last was seen to wait for something it had asked for. */
  waitedAt: Instant;
  /** Pieces that it got of us, and that nobody else has. BOUNDED: by the pieces. */
  readonly hoard: Set<PieceIndex>;
  /** It hoards: what it has is as good as nowhere. */
  isTaker: boolean;
  /** In the last second. */
  readonly sentLately: RecentBytes;
  /** Once it is to see all: from here on it has yet to be told. */
  revealFrom: number;
}

export function newViewer(id: number, seesAll: boolean, pieceCount: number): Viewer {
  return {
    id,
    seesAll,
    shown: new Bitfield(seesAll ? 0 : pieceCount),
    counted: new Bitfield(pieceCount),
    isMet: false,
    pending: new Map(),
    unsentBytes: 0,
    waitedAt: instant(0),
    hoard: new Set(),
    isTaker: false,
    sentLately: new RecentBytes({ windowMs: 1_000 }),
    revealFrom: 0,
  };
}
