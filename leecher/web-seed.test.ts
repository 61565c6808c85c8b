import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes } from '../common/base/bytes.ts';
import { instant, pieceIndex } from '../common/base/ids.ts';
import { MAX_WEB_BLOCKS } from '../common/base/limits.ts';
import { Geometry, type ContentFile } from '../common/content/geometry.ts';
import { generate } from '../common/fixtures/generate.ts';
import { FakeFetcher } from '../common/fixtures/nodes.ts';
import { VirtualClock } from '../common/sim/clock.ts';
import type { Peer } from '../common/peer/peer.ts';
import type { WebFailure } from './web-answer.ts';
import type { WebGet, WebGetOptions } from './web-get.ts';
import { WebSeed } from './web-seed.ts';

/** v1: pieces hold several files, and padding between them. */
const FILES = [
  { path: ['a'], lengthBytes: 30_000 },
  { path: ['.pad'], lengthBytes: 20_000, isPad: true },
  { path: ['b'], lengthBytes: 150_000 },
];
const GEOMETRY = new Geometry({ pieceBytes: 100_000, layout: 'packed', files: FILES });
const BYTES = FILES.map(({ lengthBytes, isPad }, i) =>
  isPad === true ? new Uint8Array(lengthBytes) : generate(lengthBytes, i + 1),
);
const CONTENT = concatBytes(BYTES);

type How = Pick<WebGetOptions, 'onBody' | 'onBytes' | 'onEnd'>;

/** A GET that the test answers. */
interface Asked {
  readonly file: ContentFile;
  readonly firstByte: number;
  readonly lastByte: number;
  readonly how: How;
  isCancelled: boolean;
}

/** Keeps the bytes of each piece as they come. */
class BytesFetcher extends FakeFetcher {
  readonly content = new Uint8Array(CONTENT.length);

  override onBlockBytes(_peer?: Peer, piece = 0, begin = 0, offset = 0, view: Uint8Array = new Uint8Array()): void {
    this.content.set(view, piece * 100_000 + begin + offset);
  }
}

class Bench {
  readonly clock = new VirtualClock({ startAt: instant(0) });
  readonly fetcher = new BytesFetcher();
  readonly asked: Asked[] = [];
  readonly failures: (WebFailure | undefined)[] = [];
  downloaded = 0;
  readonly seed = new WebSeed({
    id: -1,
    endpoint: { host: '203.0.113.5', port: 80 },
    url: 'http://x/',
    geometry: GEOMETRY,
    clock: this.clock,
    fetcher: this.fetcher,
    get: (file, range, how) => {
      const asked: Asked = { file, ...range, how, isCancelled: false };
      return {
        start: () => this.asked.push(asked),
        cancel: () => (asked.isCancelled = true),
      } as unknown as WebGet;
    },
    onBytes: (count) => (this.downloaded += count),
    onProved: () => undefined,
    onClosed: (_reason, failure) => this.failures.push(failure),
  });

  async ask(...blocks: readonly (readonly [number, number, number])[]): Promise<void> {
    for (const [piece, begin, length] of blocks) this.seed.request(pieceIndex(piece), begin, length);
    await this.clock.runFor(0);
  }

  /** Answers a GET with what it asked for, or with the whole file, in parts of odd lengths. */
  answer(asked: Asked, kind: 'ranged' | 'whole' = 'ranged', most = Infinity): void {
    const [from, to] = kind === 'whole' ? [0, asked.file.lengthBytes] : [asked.firstByte, asked.lastByte + 1];
    asked.how.onBody({ kind, at: from, from: { host: '203.0.113.5', port: 80 } });
    const bytes = BYTES[asked.file.index]!.subarray(from, Math.min(to, from + most));
    for (let at = 0; at < bytes.length && !asked.isCancelled; at += 7_777)
      asked.how.onBytes(bytes.subarray(at, at + 7_777));
  }

  rangesAsked(): string[] {
    return this.asked.map(({ file, firstByte, lastByte }) => `${file.path[0]} ${firstByte}-${lastByte}`);
  }
}

describe('a web seed as a peer', () => {
  it('has everything and chokes nobody', () => {
    const { seed } = new Bench();
    expect([seed.pieces.isFull, seed.isChokingUs, seed.metadataBytes, seed.roomForRequests]).toEqual([
      true,
      false,
      undefined,
      MAX_WEB_BLOCKS,
    ]);
  });

  it('gives pieces that hold several files, without asking for the padding between them', async () => {
    const bench = new Bench();
    await bench.ask([0, 0, 100_000], [1, 0, 100_000]);
    expect(bench.rangesAsked()).toEqual(['a 0-29999']);
    bench.answer(bench.asked[0]!);
    await bench.clock.runFor(0);
    expect(bench.rangesAsked().slice(1)).toEqual(['b 0-149999']);
    bench.answer(bench.asked[1]!);
    expect(bench.fetcher.takeTold()).toEqual(['block 0 0 100000', 'block 1 0 100000']);
    expect(equalBytes(bench.fetcher.content, CONTENT)).toBe(true);
    expect([bench.downloaded, bench.seed.roomForRequests]).toEqual([CONTENT.length, MAX_WEB_BLOCKS]);
  });

  it('takes what is wanted next from a body that goes on', async () => {
    const bench = new Bench();
    await bench.ask([1, 0, 10_000], [1, 30_000, 10_000]);
    bench.answer(bench.asked[0]!, 'whole');
    expect(bench.fetcher.takeTold()).toEqual(['block 1 0 10000', 'block 1 30000 10000']);
    expect([bench.asked.length, bench.asked[0]!.isCancelled]).toEqual([1, true]);
    expect(equalBytes(bench.fetcher.content.subarray(130_000, 140_000), CONTENT.subarray(130_000, 140_000))).toBe(true);
  });

  it('asks for the next range when the last is half here, and not before', async () => {
    const bench = new Bench();
    await bench.ask([1, 0, 50_000]);
    await bench.ask([1, 50_000, 20_000]);
    expect(bench.asked).toHaveLength(1);
    bench.answer(bench.asked[0]!, 'ranged', 30_000);
    await bench.clock.runFor(0);
    expect(bench.rangesAsked()).toEqual(['b 50000-99999', 'b 100000-119999']);
  });

  it('gives up a GET when nobody waits for any of it', async () => {
    const bench = new Bench();
    await bench.ask([1, 0, 10_000], [1, 10_000, 10_000]);
    bench.seed.cancel(pieceIndex(1), 0);
    expect(bench.asked[0]!.isCancelled).toBe(false);
    bench.answer(bench.asked[0]!, 'ranged', 5_000);
    bench.seed.cancel(pieceIndex(1), 10_000);
    bench.seed.cancel(pieceIndex(1), 10_000);
    expect([bench.asked[0]!.isCancelled, bench.seed.roomForRequests]).toEqual([true, MAX_WEB_BLOCKS]);
    expect(bench.fetcher.takeTold()).toEqual([]);
  });

  it('is gone when a GET fails, with all that was under way', async () => {
    const bench = new Bench();
    await bench.ask([0, 0, 10_000], [1, 0, 10_000]);
    bench.answer(bench.asked[0]!, 'ranged', 100);
    bench.asked[0]!.how.onEnd({ kind: 'failed', text: 'x' });
    expect(bench.fetcher.takeTold()).toEqual(['gone reset']);
    expect([bench.failures, bench.seed.roomForRequests]).toEqual([[{ kind: 'failed', text: 'x' }], 0]);
    bench.seed.close('stopped');
    expect(bench.fetcher.takeTold()).toEqual([]);
  });

  it('is gone when a body ends in good order before all of it came', async () => {
    const bench = new Bench();
    await bench.ask([0, 0, 10_000]);
    bench.answer(bench.asked[0]!, 'ranged', 100);
    bench.asked[0]!.how.onEnd(undefined);
    expect(bench.failures).toMatchObject([{ kind: 'failed' }]);
  });

  it('takes no more than it asked for, and no harm from the end of a range', async () => {
    const bench = new Bench();
    await bench.ask([0, 0, 10_000]);
    bench.answer(bench.asked[0]!);
    bench.asked[0]!.how.onBytes(new Uint8Array(5_000).fill(9));
    bench.asked[0]!.how.onEnd(undefined);
    expect([bench.fetcher.takeTold(), bench.failures, bench.downloaded]).toEqual([['block 0 0 10000'], [], 10_000]);
    expect(equalBytes(bench.fetcher.content.subarray(0, 10_000), CONTENT.subarray(0, 10_000))).toBe(true);
  });
});
