import { describe, expect, it } from 'vitest';
import { instant } from '../base/ids.ts';
import { MIB } from '../base/limits.ts';
import { VirtualClock } from '../sim/clock.ts';
import { UploadDesk, type UploadTicket } from './upload-desk.ts';

const PIECE_BYTES = MIB / 2;

/** Parties whose streams take everything at once, and who want so many pieces each; what they do when it is their turn. */
function crowd(desk: UploadDesk, count: number, pieces: number) {
  const seen = { depth: 0, deepest: 0, sent: 0 };
  const tickets = new Map<number, UploadTicket>();
  const pumps = Array.from({ length: count }, (_, id) => {
    let piece = 0;
    const pump = (): void => {
      seen.deepest = Math.max(seen.deepest, ++seen.depth);
      const ticket = tickets.get(id)!;
      while (piece < pieces && ticket.mayGo({ piece, pieceBytes: PIECE_BYTES })) {
        ticket.sent(piece, PIECE_BYTES);
        ticket.taken(piece, PIECE_BYTES);
        ticket.arrived(piece++);
        seen.sent++;
      }
      if (piece === pieces) ticket.rest();
      seen.depth--;
    };
    tickets.set(id, desk.join(id, { merit: () => 0, go: pump }));
    return pump;
  });
  return { seen, pumps };
}

describe('the desk', () => {
  it('serves a thousand that can all be served at once without getting deeper and deeper', async () => {
    const clock = new VirtualClock({ startAt: instant(0) });
    const { seen, pumps } = crowd(new UploadDesk({ clock }), 1_000, 4);
    for (const pump of pumps) pump();
    await clock.runFor(10_000);
    expect(seen.sent).toBe(4_000);
    expect(seen.deepest).toBeLessThan(4);
  });

  it('calls whoever waits when what is on its way must have arrived, though nobody says so', async () => {
    const clock = new VirtualClock({ startAt: instant(0) });
    const desk = new UploadDesk({ clock });
    const called: number[] = [];
    const tickets = [0, 1, 2, 3].map((id) => desk.join(id, { merit: () => -id, go: () => called.push(id) }));
    for (const [id, ticket] of tickets.entries()) {
      if (ticket.mayGo({ piece: id, pieceBytes: PIECE_BYTES })) called.push(id);
    }
    expect(called).toEqual([0, 1]);
    for (const id of [0, 1]) {
      tickets[id]!.sent(id, PIECE_BYTES);
      tickets[id]!.taken(id, PIECE_BYTES);
    }
    await clock.runFor(10_000);
    expect(called).toEqual([0, 1, 2, 3]);
  });

  it('is not moved by what it did not send', () => {
    const clock = new VirtualClock({ startAt: instant(0) });
    const desk = new UploadDesk({ clock });
    let asked = 0;
    const [one, two] = [0, 1].map((id) => desk.join(id, { merit: () => ++asked, go: () => undefined }));
    one!.mayGo({ piece: 1, pieceBytes: PIECE_BYTES });
    two!.mayGo({ piece: 2, pieceBytes: PIECE_BYTES });
    const before = asked;
    for (let piece = 10; piece < 20; piece++) one!.arrived(piece);
    expect(asked).toBe(before);
  });
});
