import { afterEach, describe, expect, it } from 'vitest';
import { pieceIndex } from '../../base/ids.ts';
import { KIB } from '../../base/limits.ts';
import type { PieceStore } from '../../base/ports.ts';
import { StoreError } from '../../base/ports.ts';

export interface StoreWorld {
  readonly store: PieceStore;
  /** Lets the world go on until the promise settles. */
  readonly run: <T>(promise: Promise<T>) => Promise<T>;
}

/** The one file that is stored: three pieces of 32 KiB and one of 5,000 bytes. */
export const STORED = { pieceBytes: 32 * KIB, pieceCount: 4, lengthBytes: 3 * 32 * KIB + 5_000 };

const sizeOf = (piece: number): number => (piece === 3 ? 5_000 : STORED.pieceBytes);

function piecePattern(piece: number): Uint8Array {
  return Uint8Array.from({ length: sizeOf(piece) }, (_, i) => Math.imul(i + piece * 99_991, 0x9e3779b1) >>> 24);
}

/** What `PieceStore` promises, for one that can be written. `makeWorld` gives an empty store of the shape of STORED. */
export function describeStoreContract(name: string, makeWorld: () => Promise<StoreWorld>): void {
  describe(`${name} is a store of pieces`, () => {
    let world: StoreWorld | undefined;

    const open = async (): Promise<StoreWorld> => (world = await makeWorld());

    const openFull = async (): Promise<StoreWorld> => {
      const { store, run } = await open();
      for (let piece = 0; piece < STORED.pieceCount; piece++) {
        await run(store.write(pieceIndex(piece), piecePattern(piece)));
      }
      return { store, run };
    };

    afterEach(async () => {
      await world?.run(world.store.close());
      world = undefined;
    });

    it('gives back what was written, whatever the order', async () => {
      const { store, run } = await open();
      for (const piece of [3, 0, 2, 1]) await run(store.write(pieceIndex(piece), piecePattern(piece)));
      for (const piece of [0, 1, 2, 3]) {
        const into = new Uint8Array(sizeOf(piece));
        await run(store.read(pieceIndex(piece), 0, into));
        expect(into).toEqual(piecePattern(piece));
      }
    });

    it.each([
      [0, 0, 16_384],
      [1, 16_384, 16_384],
      [2, 32_767, 1],
      [2, 7, 12_345],
      [3, 4_999, 1],
      [3, 0, 0],
    ])('reads of piece %d from %d on %d bytes', async (piece, begin, count) => {
      const { store, run } = await openFull();
      const into = new Uint8Array(count);
      await run(store.read(pieceIndex(piece), begin, into));
      expect(into).toEqual(piecePattern(piece).subarray(begin, begin + count));
    });

    it('fills exactly the view it is given, also in shared memory, and writes from one', async () => {
      const { store, run } = await open();
      const memory = new Uint8Array(new SharedArrayBuffer(3 * STORED.pieceBytes)).fill(0xee);
      const view = memory.subarray(100, 100 + STORED.pieceBytes);
      view.set(piecePattern(1));
      await run(store.write(pieceIndex(1), view));
      memory.fill(0xee);
      await run(store.read(pieceIndex(1), 0, view));
      expect(view).toEqual(piecePattern(1));
      expect(new Set(memory.subarray(0, 100))).toEqual(new Set([0xee]));
      expect(new Set(memory.subarray(100 + STORED.pieceBytes))).toEqual(new Set([0xee]));
    });

    it('lets the writer use its buffer again once the write is answered', async () => {
      const { store, run } = await open();
      const buffer = new Uint8Array(STORED.pieceBytes);
      for (const piece of [0, 1, 2]) {
        buffer.set(piecePattern(piece));
        await run(store.write(pieceIndex(piece), buffer));
        buffer.fill(0xee);
      }
      for (const piece of [0, 1, 2]) {
        await run(store.read(pieceIndex(piece), 0, buffer));
        expect(buffer).toEqual(piecePattern(piece));
      }
    });

    it('takes many reads and writes at once', async () => {
      const { store, run } = await open();
      await run(Promise.all([0, 1, 2, 3].map((piece) => store.write(pieceIndex(piece), piecePattern(piece)))));
      const reads = Array.from({ length: 40 }, (_, i) => ({ piece: i % 4, into: new Uint8Array(1_000) }));
      await run(Promise.all(reads.map(({ piece, into }) => store.read(pieceIndex(piece), 500, into))));
      for (const { piece, into } of reads) expect(into).toEqual(piecePattern(piece).subarray(500, 1_500));
    });

    it('replaces a piece that is written again', async () => {
      const { store, run } = await openFull();
      const other = piecePattern(0).map((byte) => byte ^ 0xff);
      await run(store.write(pieceIndex(0), other));
      const into = new Uint8Array(STORED.pieceBytes);
      await run(store.read(pieceIndex(0), 0, into));
      expect(into).toEqual(other);
      await run(store.read(pieceIndex(1), 0, into));
      expect(into).toEqual(piecePattern(1));
    });

    it('answers a read past the end with a StoreError, never half filled', async () => {
      const { store, run } = await openFull();
      const refusal = await run(store.read(pieceIndex(3), 4_990, new Uint8Array(100)).catch((error: unknown) => error));
      expect(refusal).toBeInstanceOf(StoreError);
      expect(refusal).toMatchObject({ failure: 'changed' });
    });

    it('syncs, as often as asked, and can be read after', async () => {
      const { store, run } = await openFull();
      await run(Promise.all([store.sync(), store.sync()]));
      const into = new Uint8Array(5_000);
      await run(store.read(pieceIndex(3), 0, into));
      expect(into).toEqual(piecePattern(3));
    });

    it('answers with a StoreError after close, which may be called again', async () => {
      const { store, run } = await openFull();
      await run(store.close());
      await run(store.close());
      const refusals = await run(
        Promise.all([
          store.read(pieceIndex(0), 0, new Uint8Array(10)).catch((error: unknown) => error),
          store.write(pieceIndex(0), piecePattern(0)).catch((error: unknown) => error),
        ]),
      );
      for (const refusal of refusals) expect(refusal).toBeInstanceOf(StoreError);
    });
  });
}
