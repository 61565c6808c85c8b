/** What an initial seeder showed to one peer in vain: that is for others. A rule. */
import { after, type Instant, type PieceIndex } from '../base/ids.ts';
import type { Pending, Viewer } from './viewer.ts';

/** What was shown, and not asked for in this time although nothing else is on its way there, was shown in vain … */
const UNASKED_MS = 4_000;
/** … as was what was asked for and not sent in this time, in which everyone could have been sent so many pieces. */
const UNSENT_MS = 10_000;
const UNSENT_ROUNDS = 2;

export interface ViewFacts {
  readonly sizeOf: (piece: PieceIndex) => number;
  /** A piece for each viewer, and what was sent to all of them so far. */
  readonly roundBytes: number;
  readonly sentBytes: number;
  /** We do not let it ask. */
  readonly isHeldBack: boolean;
}

export interface OverdueViews {
  readonly unsent: readonly PieceIndex[];
  readonly unasked: readonly PieceIndex[];
  /** It has asked for something that it does not have yet. */
  readonly wants: boolean;
}

/** Notes whether the viewer waits for us. */
export function overdueAt(viewer: Viewer, facts: ViewFacts, now: Instant): OverdueViews {
  const unsent: PieceIndex[] = [];
  let wants = false;
  for (const [piece, pending] of viewer.pending) {
    if (pending.askedAt === undefined) continue;
    wants = true;
    // Until it says that it has the piece: on a busy line the last bytes arrive seconds after they were sent.
    if (!isStuck(pending, facts, now)) viewer.waitedAt = now;
    else if (pending.sentBytes < facts.sizeOf(piece)) unsent.push(piece);
  }
  return { unsent, unasked: facts.isHeldBack ? [] : unaskedBy(viewer, now), wants };
}

function unaskedBy({ pending, waitedAt }: Viewer, now: Instant): PieceIndex[] {
  const unasked: PieceIndex[] = [];
  for (const [piece, { shownAt, askedAt }] of pending) {
    // Who asks for one after the other has not forgotten the next.
    const idleSince = shownAt > waitedAt ? shownAt : waitedAt;
    if (askedAt === undefined && now >= after(idleSince, UNASKED_MS)) unasked.push(piece);
  }
  return unasked;
}

/** It has asked long ago, and does not take it; a crowd may wait for its turn for longer than UNSENT_MS. */
function isStuck({ askedAt, sentBefore }: Pending, { roundBytes, sentBytes }: ViewFacts, now: Instant): boolean {
  return now >= after(askedAt!, UNSENT_MS) && sentBytes - sentBefore >= UNSENT_ROUNDS * roundBytes;
}
