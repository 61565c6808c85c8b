import { describe, expect, it } from 'vitest';
import { instant, pieceIndex } from '../base/ids.ts';
import { BLOCK_BYTES } from '../base/limits.ts';
import { VirtualClock } from './clock.ts';
import { SimStore } from './store.ts';

const PIECE = pieceIndex(0);
const SIZE = 2 * BLOCK_BYTES;

function makeStore(): { readonly clock: VirtualClock; readonly store: SimStore } {
  const clock = new VirtualClock({ startAt: instant(1_000) });
  return { clock, store: new SimStore({ clock, pieceSize: () => SIZE, readMs: 10, writeMs: 20 }) };
}

describe('SimStore', () => {
  it('takes its time, and what is read too early is garbage', async () => {
    const { clock, store } = makeStore();
    store.put(PIECE, new Uint8Array(SIZE).fill(7));
    const into = new Uint8Array(10);
    const read = store.read(PIECE, 0, into);
    await clock.runFor(9);
    expect(new Set(into)).toEqual(new Set([0xdb]));
    await clock.run(read, 1);
    expect(new Set(into)).toEqual(new Set([7]));
  });

  it('stores what the bytes are at the end: who reuses them early is found out', async () => {
    const { clock, store } = makeStore();
    const bytes = new Uint8Array(SIZE).fill(1);
    const write = store.write(PIECE, bytes);
    bytes.fill(2);
    await clock.run(write, 1_000);
    expect(new Set(store.held(PIECE))).toEqual(new Set([2]));
  });

  it('lies about the pieces it was told to, in every block of them, and holds the truth', async () => {
    const { clock, store } = makeStore();
    store.put(PIECE, new Uint8Array(SIZE).fill(7));
    store.lieAbout(PIECE);
    const into = new Uint8Array(SIZE);
    await clock.run(store.read(PIECE, 0, into), 1_000);
    expect(into.filter((byte) => byte !== 7)).toHaveLength(2);
    expect([into[0], into[BLOCK_BYTES]]).toEqual([6, 6]);
    expect(new Set(store.held(PIECE))).toEqual(new Set([7]));
  });

  it('is full after so many bytes, and fails when told to, until it is told not to', async () => {
    const { clock, store } = makeStore();
    const outcome = (work: Promise<void>): Promise<unknown> =>
      clock.run(
        work.then(
          () => 'done',
          (error: unknown) => error,
        ),
        1_000,
      );
    store.limitRoom(SIZE + 1);
    expect(await outcome(store.write(PIECE, new Uint8Array(SIZE)))).toBe('done');
    expect(await outcome(store.write(pieceIndex(1), new Uint8Array(SIZE)))).toMatchObject({ failure: 'full' });
    store.limitRoom(Number.POSITIVE_INFINITY);
    store.failWrites('failed');
    expect(await outcome(store.write(PIECE, new Uint8Array(SIZE)))).toMatchObject({ failure: 'failed' });
    expect(await outcome(store.sync())).toMatchObject({ failure: 'failed' });
    store.failReads('changed');
    expect(await outcome(store.read(PIECE, 0, new Uint8Array(1)))).toMatchObject({ failure: 'changed' });
    store.failReads(undefined);
    store.failWrites(undefined);
    expect(await outcome(store.read(PIECE, 0, new Uint8Array(1)))).toBe('done');
    expect(store.heldPieces).toEqual([PIECE]);
  });
});
