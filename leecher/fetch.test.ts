import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pieceIndex } from '../common/base/ids.ts';
import { BLOCK_BYTES, KIB } from '../common/base/limits.ts';
import { generate } from '../common/fixtures/generate.ts';
import { Fetch, type FetchBlock } from './fetch.ts';

/** A fetch into a buffer that is larger than the piece, so that an overrun is seen. */
function fetchOf(sizeBytes: number): { readonly fetch: Fetch; readonly buffer: Uint8Array } {
  const buffer = new Uint8Array(sizeBytes + 3 * BLOCK_BYTES).fill(0xee);
  return { fetch: new Fetch({ piece: pieceIndex(5), sizeBytes, takeBuffer: () => buffer }), buffer };
}

function askAll(fetch: Fetch, mostBytes: () => number): FetchBlock[] {
  const blocks: FetchBlock[] = [];
  for (let block = fetch.ask(mostBytes()); block !== undefined; block = fetch.ask(mostBytes())) blocks.push(block);
  return blocks;
}

const anySize = fc.oneof(
  fc.integer({ min: 1, max: 20 * BLOCK_BYTES }),
  fc.constantFrom(1, BLOCK_BYTES, BLOCK_BYTES + 1),
);
const anyBlockBytes = fc.constantFrom(BLOCK_BYTES, 2 * BLOCK_BYTES, 128 * KIB, 512 * KIB);

describe('fetch', () => {
  it('[fault 52] asks for blocks that cover the piece exactly once', () => {
    fc.assert(
      fc.property(anySize, fc.infiniteStream(anyBlockBytes), (sizeBytes, lengths) => {
        const { fetch } = fetchOf(sizeBytes);
        let end = 0;
        for (const { begin, length } of askAll(fetch, () => lengths.next().value as number)) {
          expect(begin).toBe(end);
          expect(begin % BLOCK_BYTES).toBe(0);
          end = begin + length;
        }
        expect(end).toBe(sizeBytes);
        expect(fetch.isAsked).toBe(true);
      }),
    );
  });

  it('is whole when all blocks are, whatever the order and the cuts, and holds the bytes', () => {
    fc.assert(
      fc.property(anySize, anyBlockBytes, fc.infiniteStream(fc.nat()), (sizeBytes, blockBytes, chance) => {
        const { fetch, buffer } = fetchOf(sizeBytes);
        const content = generate(sizeBytes, 3);
        const blocks = askAll(fetch, () => blockBytes);
        while (blocks.length > 0) {
          const [block] = blocks.splice((chance.next().value as number) % blocks.length, 1);
          const { begin, length } = block!;
          const cut = (chance.next().value as number) % (length + 1);
          fetch.take(begin, 0, content.subarray(begin, begin + cut));
          fetch.take(begin, cut, content.subarray(begin + cut, begin + length));
          expect(fetch.close(begin, length)).toBe(blocks.length === 0);
        }
        expect(Buffer.compare(fetch.bytes, content)).toBe(0);
        expect(buffer.subarray(sizeBytes).every((byte) => byte === 0xee)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('[fault 34] foreign bytes neither overrun the buffer nor make it whole', () => {
    fc.assert(
      fc.property(
        anySize,
        fc.array(fc.tuple(fc.integer({ min: -1, max: 22 * BLOCK_BYTES }), fc.nat(600 * KIB), fc.nat(600 * KIB))),
        (sizeBytes, attacks) => {
          const { fetch, buffer } = fetchOf(sizeBytes);
          const asked = fetch.ask(BLOCK_BYTES)!;
          for (const [begin, offset, length] of attacks) {
            if (begin === asked.begin && offset + length <= asked.length) continue;
            fetch.take(begin, offset, new Uint8Array(length));
            if (begin !== asked.begin || length !== asked.length) expect(fetch.close(begin, length)).toBe(false);
          }
          expect(buffer.every((byte) => byte === 0xee)).toBe(true);
          expect(fetch.openBlocks).toEqual([asked]);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('a block counts once', () => {
    const { fetch } = fetchOf(2 * BLOCK_BYTES);
    askAll(fetch, () => BLOCK_BYTES);
    expect(fetch.close(0, BLOCK_BYTES)).toBe(false);
    expect(fetch.close(0, BLOCK_BYTES)).toBe(false);
    fetch.take(0, 0, new Uint8Array(8));
    expect(fetch.bytes[0]).toBe(0xee);
    expect(fetch.close(BLOCK_BYTES, BLOCK_BYTES)).toBe(true);
  });

  it('knows how much is here without a gap', () => {
    fc.assert(
      fc.property(anySize, anyBlockBytes, fc.infiniteStream(fc.nat()), (sizeBytes, blockBytes, chance) => {
        const { fetch } = fetchOf(sizeBytes);
        expect(fetch.leadBytes).toBe(0);
        const here = new Set<number>();
        const open: FetchBlock[] = [];
        for (let step = 0; step < 200 && !(fetch.isAsked && open.length === 0); step++) {
          const block = (chance.next().value as number) % 2 === 0 ? fetch.ask(blockBytes) : undefined;
          if (block !== undefined) open.push(block);
          const [come] = open.splice((chance.next().value as number) % (open.length + 1), 1);
          if (come !== undefined) {
            fetch.close(come.begin, come.length);
            here.add(come.begin);
          }
          let lead = 0;
          while (here.has(lead)) lead = Math.min(sizeBytes, lead + blockBytes);
          expect(fetch.leadBytes).toBe(lead);
        }
      }),
    );
  });

  it('knows the blocks that are still to come, for the peer to be told', () => {
    const { fetch } = fetchOf(3 * BLOCK_BYTES + 7);
    askAll(fetch, () => 2 * BLOCK_BYTES);
    fetch.close(0, 2 * BLOCK_BYTES);
    expect(fetch.openBlocks).toEqual([{ begin: 2 * BLOCK_BYTES, length: BLOCK_BYTES + 7 }]);
    expect(fetchOf(1).fetch.openBlocks).toEqual([]);
  });
});
