import { describe, expect, it } from 'vitest';
import { equalBytes } from '../base/bytes.ts';
import { instant, type PieceIndex } from '../base/ids.ts';
import { IDLE_UPLOAD_BUFFER_BYTES, MAX_LARGE_REQUEST_BYTES, MAX_UPLOAD_BUFFER_BYTES, MIB } from '../base/limits.ts';
import { Geometry } from '../content/geometry.ts';
import { filledStore, pieceBytesOf } from '../fixtures/stores.ts';
import { VirtualClock } from '../sim/clock.ts';
import { PieceReads, type Lease } from './piece-reads.ts';
import { Relay } from './relay.ts';

const BLOCK = 16_384;
const geometryOf = (pieceBytes: number, lengthBytes: number): Geometry =>
  new Geometry({ pieceBytes, files: [{ path: ['file'], lengthBytes }], layout: 'aligned' });
/** Pieces of 64 KiB; the last one is of 20,000 bytes. */
const SMALL = geometryOf(65_536, 3 * 65_536 + 20_000);

function setUp(geometry: Geometry = SMALL) {
  const clock = new VirtualClock({ startAt: instant(0) });
  const store = filledStore(geometry, clock);
  const relay = new Relay();
  const reads = new PieceReads({ store, geometry, relay });
  const lease = async (piece: number, begin: number, length = BLOCK): Promise<Lease> =>
    (await reads.lease(piece as PieceIndex, begin, length, true))!;
  const take = (piece: number, begin: number, length = BLOCK): Promise<Lease> =>
    clock.run(lease(piece, begin, length), 60_000);
  return { clock, store, relay, reads, lease, take, geometry };
}

describe('a lease', () => {
  it('holds the bytes of the piece, all of a small one', async () => {
    const { take } = setUp();
    const { begin, end, bytes } = await take(1, BLOCK);
    expect([begin, end, bytes.length]).toEqual([0, 65_536, 65_536]);
    expect(equalBytes(bytes, pieceBytesOf(SMALL, 1))).toBe(true);
  });

  it('at the end of a file ends with its bytes, and covers requests up to the end of the piece', async () => {
    const { take } = setUp();
    const { bytes, end } = await take(3, BLOCK);
    expect(equalBytes(bytes, pieceBytesOf(SMALL, 3))).toBe(true);
    expect(end).toBe(65_536);
  });

  it('of a large piece holds the part that is asked for', async () => {
    const geometry = geometryOf(2 * MIB, 3 * MIB);
    const { take } = setUp(geometry);
    const { begin, end, bytes } = await take(0, MIB);
    expect([begin, end]).toEqual([MIB, MIB + MAX_LARGE_REQUEST_BYTES]);
    expect(equalBytes(bytes, pieceBytesOf(geometry, 0).subarray(begin, end))).toBe(true);
    const last = await take(1, MIB - BLOCK);
    expect(last.end).toBe(2 * MIB);
    expect(equalBytes(last.bytes, pieceBytesOf(geometry, 1).subarray(MAX_LARGE_REQUEST_BYTES))).toBe(true);
  });

  it('across two parts is read for itself', async () => {
    const geometry = geometryOf(2 * MIB, 3 * MIB);
    const { take } = setUp(geometry);
    const begin = MAX_LARGE_REQUEST_BYTES - 100;
    const lease = await take(0, begin);
    expect([lease.begin, lease.end]).toEqual([begin, begin + BLOCK]);
    expect(equalBytes(lease.bytes, pieceBytesOf(geometry, 0).subarray(begin, begin + BLOCK))).toBe(true);
    lease.release();
  });
});

describe('a lease at once', () => {
  const now = (reads: PieceReads, piece: number, begin = 0): Lease | undefined =>
    reads.leaseNow(piece as PieceIndex, begin, BLOCK);

  it('is of what is held, or of what the store gives at once, and of nothing else', async () => {
    const { store, reads, take, lease, clock } = setUp();
    expect(now(reads, 1)).toBeUndefined();
    const slow = lease(1, 0);
    expect(now(reads, 1)).toBeUndefined();
    await clock.run(slow, 1_000);
    expect(now(reads, 1, BLOCK)).toMatchObject({ begin: 0, end: 65_536 });
    store.isQuick = true;
    const quick = now(reads, 3)!;
    expect([quick.end, equalBytes(quick.bytes, pieceBytesOf(SMALL, 3))]).toEqual([65_536, true]);
    (await take(3, 0)).release();
    expect(store.done.reads).toBe(2);
  });

  it('that fails says so, and costs no memory', () => {
    const large = geometryOf(MAX_LARGE_REQUEST_BYTES, 8 * MIB);
    const { store, reads } = setUp(large);
    store.isQuick = true;
    store.failReads('failed');
    for (let round = 0; round < 100; round++) expect(() => now(reads, round % 16)).toThrow('cannot be read');
    store.failReads(undefined);
    for (let piece = 0; piece < 16; piece++) expect(now(reads, piece)).toBeDefined();
  });
});

describe('the disk', () => {
  it('is read once for all who ask for a piece, at the same time and later', async () => {
    const { clock, store, lease, take } = setUp();
    const leases = await clock.run(Promise.all([lease(1, 0), lease(1, BLOCK), lease(1, 3 * BLOCK)]), 1_000);
    for (const each of leases) each.release();
    (await take(1, 0)).release();
    expect(store.done.reads).toBe(1);
  });

  it('that fails fails all who wait for the piece, and is asked again next time', async () => {
    const { clock, store, lease, take } = setUp();
    store.failReads('failed');
    const both = Promise.allSettled([lease(1, 0), lease(1, BLOCK)]);
    expect((await clock.run(both, 1_000)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    store.failReads(undefined);
    const again = await take(1, 0);
    expect(equalBytes(again.bytes, pieceBytesOf(SMALL, 1))).toBe(true);
    expect(store.done.reads).toBe(2);
  });
});

describe('memory', () => {
  // Each has some room for the head of a message besides.
  const parts = MAX_UPLOAD_BUFFER_BYTES / MAX_LARGE_REQUEST_BYTES - 1;
  const large = geometryOf(MAX_LARGE_REQUEST_BYTES, (parts + 8) * MAX_LARGE_REQUEST_BYTES);

  async function allHeld() {
    const set = setUp(large);
    const held: Lease[] = [];
    for (let piece = 0; piece < parts; piece++) held.push(await set.take(piece, 0));
    return { ...set, held };
  }

  it('is bounded: when all of it is held there is no more, until a lease is released', async () => {
    const { clock, store, reads, take, held } = await allHeld();
    const late = parts as PieceIndex;
    expect(await clock.run(reads.lease(late, 0, BLOCK, false), 1_000)).toBeUndefined();
    expect(store.done.reads).toBe(parts);
    held[3]!.release();
    held[3]!.release();
    held[3] = await take(3, 0);
    expect(await clock.run(reads.lease(late, 0, BLOCK, false), 1_000)).toBeUndefined();
    held[3].release();
    const given = await take(parts, 0);
    expect(equalBytes(given.bytes, pieceBytesOf(large, parts))).toBe(true);
    expect(equalBytes(held[4]!.bytes, pieceBytesOf(large, 4))).toBe(true);
    expect(await clock.run(reads.lease((parts + 1) as PieceIndex, 0, BLOCK, false), 1_000)).toBeUndefined();
  });

  it('[fault 42] held by slow peers does not keep others from what they ask for', async () => {
    const { clock, reads } = await allHeld();
    const given = (await clock.run(reads.lease(parts as PieceIndex, 2 * BLOCK, BLOCK, true), 1_000))!;
    expect([given.begin, given.end]).toEqual([2 * BLOCK, 3 * BLOCK]);
    expect(equalBytes(given.bytes, pieceBytesOf(large, parts).subarray(2 * BLOCK, 3 * BLOCK))).toBe(true);
    given.release();
  });

  it('that is held for one is open to all who ask for the same', async () => {
    const { clock, reads, store } = await allHeld();
    expect(await clock.run(reads.lease(0 as PieceIndex, BLOCK, BLOCK, false), 1_000)).toBeDefined();
    expect(store.done.reads).toBe(parts);
  });

  it('that nobody uses is used again, the longest unused first, before there is more of it', async () => {
    const { store, take } = setUp(large);
    const kept = IDLE_UPLOAD_BUFFER_BYTES / MAX_LARGE_REQUEST_BYTES;
    for (let piece = 0; piece < kept; piece++) (await take(piece, 0)).release();
    (await take(0, 0)).release();
    const { bytes: next } = await take(kept, 0);
    expect(store.done.reads).toBe(kept + 1);
    (await take(0, 0)).release();
    expect(store.done.reads).toBe(kept + 1);
    const { bytes: again } = await take(1, 0);
    expect(store.done.reads).toBe(kept + 2);
    expect(again.buffer).not.toBe(next.buffer);
  });

  it('of what was sent whole is used again first, of what was sent in part last', async () => {
    const { take, store } = setUp();
    const part = await take(0, 0);
    part.release();
    const whole = await take(1, 0, 65_536);
    whole.release();
    const next = await take(2, 0, 65_536);
    expect(next.bytes.buffer).toBe(whole.bytes.buffer);
    expect((await take(0, BLOCK)).bytes).toBe(part.bytes);
    expect(store.done.reads).toBe(3);
  });

  it('of what was sent whole stays with who asks for it again', async () => {
    const { take } = setUp();
    (await take(1, 0, 65_536)).release();
    const again = await take(1, 0, 65_536);
    expect((await take(2, 0)).bytes.buffer).not.toBe(again.bytes.buffer);
    expect(equalBytes(again.bytes, pieceBytesOf(SMALL, 1))).toBe(true);
  });

  it('of a read that failed is not lost', async () => {
    const { clock, store, lease, take } = setUp(large);
    store.failReads('failed');
    for (let round = 0; round < 3; round++) {
      const all = Array.from({ length: parts + 4 }, (_, piece) => lease(piece, 0));
      await clock.run(Promise.allSettled(all), 60_000);
    }
    store.failReads(undefined);
    const held: Lease[] = [];
    for (let piece = 0; piece < parts; piece++) held.push(await take(piece, 0));
    expect(held).toHaveLength(parts);
  });
});

describe('a piece that is still on its way', () => {
  const PIECE = 1 as PieceIndex;
  const PARTS = { height: 1, hashes: new Uint8Array(64) };

  it('is read from where it is gathered, as far as it is verified, and from the store once it is there', async () => {
    const { relay, reads, store, take } = setUp();
    const buffer = pieceBytesOf(SMALL, 1).slice();
    relay.open(PIECE, PARTS, buffer);
    const isReady = (begin: number): boolean => reads.isReady({ piece: 1, begin, length: BLOCK });
    expect([isReady(0), reads.readyBytes(PIECE)]).toEqual([false, 0]);
    relay.advance(PIECE, 2 * BLOCK);
    expect([isReady(0), isReady(BLOCK), isReady(BLOCK + 1), reads.readyBytes(PIECE)]).toEqual([
      true,
      true,
      false,
      2 * BLOCK,
    ]);
    const lease = reads.leaseNow(PIECE, BLOCK, BLOCK)!;
    expect([lease.begin, lease.end, lease.message]).toEqual([0, 2 * BLOCK, undefined]);
    expect(equalBytes(lease.bytes, buffer.subarray(0, 2 * BLOCK))).toBe(true);
    let isFree = false;
    relay.settle(PIECE);
    relay.close(PIECE, () => (isFree = true));
    expect([isReady(3 * BLOCK), reads.readyBytes(PIECE), isFree]).toEqual([true, 65_536, false]);
    lease.release();
    expect([isFree, store.done.reads]).toEqual([true, 0]);
    await take(1, 0);
    expect(store.done.reads).toBe(1);
  });

  it('does not change how others are read', () => {
    const { relay, reads } = setUp();
    relay.open(PIECE, PARTS, new Uint8Array(65_536));
    expect(reads.isReady({ piece: 3, begin: BLOCK, length: BLOCK })).toBe(true);
    expect([reads.readyBytes(0 as PieceIndex), reads.readyBytes(3 as PieceIndex)]).toEqual([65_536, 20_000]);
  });
});
