import { describe, expect, it } from 'vitest';
import { equalBytes, toHex } from '../common/base/bytes.ts';
import { instant, NEVER, type Digest, type Instant } from '../common/base/ids.ts';
import {
  BLOCK_BYTES,
  HASH_REQUEST_TIMEOUT_MS,
  HASHES_PER_REQUEST,
  LONG_LAYER_PIECES,
  MAX_HASHES_PER_REQUEST,
} from '../common/base/limits.ts';
import { Geometry } from '../common/content/geometry.ts';
import { HashTree } from '../common/content/hash-tree.ts';
import { parseTorrent } from '../common/content/metainfo.ts';
import type { PieceLayers } from '../common/content/piece-roots.ts';
import { torrentFixture } from '../common/fixtures/vectors.ts';
import type { HashRequest } from '../common/wire/hash-request.ts';
import { LayerFetch, type HashesTaken } from './layer-fetch.ts';

interface Wanted {
  readonly geometry: Geometry;
  readonly layers: PieceLayers;
}

function wantedOf(torrent: string): Wanted {
  const parsed = parseTorrent(torrentFixture(torrent));
  if (!parsed.ok) throw new Error(parsed.reason);
  return { geometry: parsed.value.info.geometry, layers: parsed.value.pieceLayers! };
}

const PIECES_513 = wantedOf('s8404992-16k.v2.torrent');
const PIECES_646 = wantedOf('s10577202-16k.v2.torrent');

interface Asked {
  readonly peer: number;
  readonly request: HashRequest;
}

/** A fetch with the requests it made and has no answer to, and peers that know all hashes. */
class Bench {
  asked: Asked[] = [];
  readonly whole: string[] = [];
  now: Instant = instant(1_000);
  readonly fetch: LayerFetch;
  readonly #wanted: Wanted;

  constructor(wanted: Wanted, known: PieceLayers = new Map()) {
    this.#wanted = wanted;
    this.fetch = new LayerFetch({
      geometry: wanted.geometry,
      known,
      ask: (peer, request) => this.asked.push({ peer, request }),
      onLayer: (key) => this.whole.push(key),
    });
  }

  addPeers(...peers: readonly number[]): void {
    for (const peer of peers) this.fetch.addPeer(peer, this.now);
  }

  /** The right answer to a request. */
  hashesFor(request: HashRequest): Uint8Array {
    const { geometry, layers } = this.#wanted;
    const file = geometry.files.find(({ root }) => root !== undefined && equalBytes(root, request.root))!;
    const tree = new HashTree(layers.get(toHex(request.root))!, geometry.pieceLayerHeight, file.treeHeight);
    return tree.answer(request)!.hashes;
  }

  answer({ peer, request }: Asked, change: (hashes: Uint8Array) => Uint8Array = (hashes) => hashes): HashesTaken {
    this.asked = this.asked.filter((one) => one.request !== request || one.peer !== peer);
    return this.fetch.take(peer, request, change(this.hashesFor(request)), this.now);
  }

  reject({ peer, request }: Asked): void {
    this.asked = this.asked.filter((one) => one.request !== request || one.peer !== peer);
    this.fetch.rejected(peer, request, this.now);
  }

  /** Answers all that is asked, and what is asked because of that. */
  answerAll(): void {
    for (let next = this.asked[0]; next !== undefined; next = this.asked[0]) expect(this.answer(next)).toBe('right');
  }

  tick(): void {
    this.now = this.fetch.nextDue;
    this.fetch.tick(this.now);
  }

  expectComplete(): void {
    expect(this.fetch.isComplete).toBe(true);
    expect(this.fetch.nextDue).toBe(NEVER);
    expect([...this.fetch.layers.keys()].sort()).toEqual([...this.#wanted.layers.keys()].sort());
    for (const [root, layer] of this.#wanted.layers) expect(equalBytes(this.fetch.layers.get(root)!, layer)).toBe(true);
  }
}

const peersOf = (asked: readonly Asked[]): number[] => asked.map(({ peer }) => peer);

describe('layer fetch', () => {
  it.each([
    ['513 pieces', PIECES_513],
    ['646 pieces', PIECES_646],
    ['files of many sizes', wantedOf('multi-32k.v2.torrent')],
    ['a hybrid', wantedOf('s3145728.hybrid.torrent')],
  ])('learns the layers that another implementation made: %s', (_, wanted) => {
    const bench = new Bench(wanted);
    bench.addPeers(1);
    bench.answerAll();
    bench.expectComplete();
  });

  it('learns them from three peers in whatever order they answer', () => {
    for (const first of [0, 1, 2]) {
      const bench = new Bench(PIECES_646);
      bench.addPeers(1, 2, 3);
      bench.answer(bench.asked[first % bench.asked.length]!);
      while (bench.asked.length > 0) bench.answer(bench.asked.at(-1)!);
      bench.expectComplete();
    }
  });

  it('has nothing to learn of files that are not larger than a piece', () => {
    for (const torrent of ['s1.v2.torrent', 's524288.v2.torrent', 's16384.v2.torrent']) {
      const bench = new Bench(wantedOf(torrent));
      expect([bench.fetch.isComplete, bench.fetch.layers.size, bench.fetch.nextDue]).toEqual([true, 0, NEVER]);
    }
  });

  it('asks for nothing that is known already', () => {
    const bench = new Bench(PIECES_646, PIECES_646.layers);
    bench.addPeers(1);
    expect(bench.asked).toEqual([]);
    bench.expectComplete();
  });

  it('equal files share a layer: it is asked for once', () => {
    const [file] = PIECES_513.geometry.files;
    const { root, lengthBytes } = file!;
    const files = ['a', 'b'].map((name) => ({ path: [name], lengthBytes, root: root! }));
    const geometry = new Geometry({ pieceBytes: BLOCK_BYTES, files, layout: 'aligned' });
    const bench = new Bench({ geometry, layers: PIECES_513.layers });
    bench.addPeers(1);
    expect(bench.asked).toHaveLength(2);
    bench.answerAll();
    bench.expectComplete();
  });

  it('keeps at most two requests at a peer, spread evenly', () => {
    const lengthBytes = 6 * 512 * BLOCK_BYTES;
    const file = { path: ['large'], lengthBytes, root: new Uint8Array(32).fill(7) as Digest };
    const geometry = new Geometry({ pieceBytes: BLOCK_BYTES, files: [file], layout: 'aligned' });
    const bench = new Bench({ geometry, layers: new Map() });
    bench.addPeers(1);
    expect(peersOf(bench.asked)).toEqual([1, 1]);
    bench.addPeers(2, 3);
    expect(peersOf(bench.asked)).toEqual([1, 1, 2, 2, 3, 3]);
    expect(new Set(bench.asked.map(({ request }) => request.index)).size).toBe(6);
  });

  it('[fault 39] an answer that does not prove itself is false, and another peer is asked', () => {
    const lies: ((hashes: Uint8Array) => Uint8Array)[] = [
      (hashes) => hashes.map((byte, i) => (i === 0 ? byte ^ 1 : byte)),
      (hashes) => hashes.map((byte, i) => (i === hashes.length - 1 ? byte ^ 1 : byte)),
      (hashes) => hashes.map((byte, i) => (i < 32 ? 0 : byte)),
      (hashes) => new Uint8Array(hashes.length),
      (hashes) => hashes.subarray(32),
      (hashes) => new Uint8Array(hashes.length + 32),
      () => new Uint8Array(0),
    ];
    for (const lie of lies) {
      const bench = new Bench(PIECES_513);
      bench.addPeers(1);
      const asked = bench.asked[0]!;
      bench.addPeers(2);
      expect(bench.answer(asked, lie)).toBe('false');
      const again = bench.asked.filter(({ request }) => request.index === asked.request.index);
      expect(peersOf(again)).toEqual([2]);
      bench.answerAll();
      bench.expectComplete();
    }
  });

  it('[fault 39] hashes that were not asked for are not looked at', () => {
    const bench = new Bench(PIECES_513);
    bench.addPeers(1, 2);
    const [one] = bench.asked;
    const stranger = one!.peer === 1 ? 2 : 1;
    expect(bench.fetch.take(stranger, one!.request, bench.hashesFor(one!.request), bench.now)).toBe('unasked');
    const index = 4096;
    expect(bench.fetch.take(1, { ...one!.request, index }, new Uint8Array(32), bench.now)).toBe('unasked');
    const root = new Uint8Array(32).fill(1);
    expect(bench.fetch.take(1, { ...one!.request, root }, new Uint8Array(32), bench.now)).toBe('unasked');
    expect(bench.answer(one!)).toBe('right');
    expect(bench.fetch.take(one!.peer, one!.request, bench.hashesFor(one!.request), bench.now)).toBe('unasked');
  });

  it('[fault 39] a false answer from the only peer leaves its part to be asked again later', () => {
    const bench = new Bench(PIECES_513);
    bench.addPeers(1);
    expect(bench.answer(bench.asked[0]!, (hashes) => hashes.subarray(1))).toBe('false');
    bench.asked = [];
    expect(bench.fetch.nextDue).toBeLessThan(NEVER);
    bench.tick();
    bench.tick();
    expect(bench.asked.length).toBeGreaterThan(0);
  });

  it('goes to another peer after a reject', () => {
    const bench = new Bench(PIECES_513);
    bench.addPeers(1, 2);
    const rejected = bench.asked.find(({ peer }) => peer === 1)!;
    bench.reject(rejected);
    const again = bench.asked.filter(({ request }) => request === rejected.request);
    expect(peersOf(again)).toEqual([2]);
    bench.answerAll();
    bench.expectComplete();
  });

  it('waits when all have rejected, and then asks again', () => {
    const bench = new Bench(PIECES_513);
    bench.addPeers(1, 2);
    for (let next = bench.asked[0]; next !== undefined; next = bench.asked[0]) bench.reject(next);
    expect(bench.fetch.nextDue).toBe(bench.now + HASH_REQUEST_TIMEOUT_MS);
    bench.fetch.tick(instant(bench.fetch.nextDue - 1));
    expect(bench.asked).toEqual([]);
    bench.tick();
    expect(bench.asked).toHaveLength(2);
    bench.answerAll();
    bench.expectComplete();
  });

  it('a peer that comes while all others have rejected is asked at once', () => {
    const bench = new Bench(PIECES_513);
    bench.addPeers(1);
    for (let next = bench.asked[0]; next !== undefined; next = bench.asked[0]) bench.reject(next);
    bench.addPeers(2);
    expect(peersOf(bench.asked)).toEqual([2, 2]);
    bench.answerAll();
    bench.expectComplete();
  });

  it('when the last that has not rejected goes, the others are asked again after a while', () => {
    const bench = new Bench(PIECES_513);
    bench.addPeers(1);
    for (let next = bench.asked[0]; next !== undefined; next = bench.asked[0]) bench.reject(next);
    bench.addPeers(2);
    bench.asked = [];
    bench.fetch.removePeer(2, bench.now);
    expect(bench.asked).toEqual([]);
    bench.tick();
    bench.answerAll();
    bench.expectComplete();
  });

  it('what a peer that goes was asked is asked of another at once', () => {
    const bench = new Bench(PIECES_513);
    bench.addPeers(1, 2);
    expect(peersOf(bench.asked)).toEqual([1, 1]);
    bench.asked = [];
    bench.fetch.removePeer(1, bench.now);
    expect(peersOf(bench.asked)).toEqual([2, 2]);
    bench.answerAll();
    bench.expectComplete();
  });

  it('a silent peer is passed over after the timeout', () => {
    const bench = new Bench(PIECES_513);
    bench.addPeers(1, 2);
    expect(peersOf(bench.asked)).toEqual([1, 1]);
    bench.asked = [];
    bench.fetch.tick(instant(bench.fetch.nextDue - 1));
    expect(bench.asked).toEqual([]);
    bench.tick();
    expect(peersOf(bench.asked)).toEqual([2, 2]);
    bench.answerAll();
    bench.expectComplete();
  });

  it('a few silent peers in a row do not use up the time there is', () => {
    const bench = new Bench(PIECES_513);
    const startedAt = bench.now;
    bench.addPeers(1, 2, 3, 4, 5, 6);
    while (bench.asked.at(-1)!.peer !== 6) {
      bench.asked = [];
      bench.tick();
    }
    expect(bench.now - startedAt).toBeLessThanOrEqual(2 * HASH_REQUEST_TIMEOUT_MS);
    bench.answerAll();
    bench.expectComplete();
  });

  it('who comes while a silent peer is asked is asked soon', () => {
    const bench = new Bench(PIECES_513);
    bench.addPeers(1);
    bench.asked = [];
    bench.now = instant(bench.now + 1_000);
    bench.addPeers(2);
    const cameAt = bench.now;
    bench.tick();
    expect(bench.now - cameAt).toBeLessThan(HASH_REQUEST_TIMEOUT_MS / 2);
    expect(peersOf(bench.asked)).toEqual([2, 2]);
    bench.answerAll();
    bench.expectComplete();
  });

  it('a late answer of a peer that was passed over is as good as any', () => {
    const bench = new Bench(PIECES_513);
    bench.addPeers(1, 2);
    const [first, second] = bench.asked;
    bench.tick();
    expect(bench.answer(first!)).toBe('right');
    expect(bench.answer(second!)).toBe('right');
    bench.expectComplete();
  });

  it('a single silent peer is asked for as long as it stays', () => {
    const bench = new Bench(PIECES_513);
    bench.addPeers(1);
    for (let round = 0; round < 5; round++) {
      bench.asked = [];
      bench.tick();
      expect(peersOf(bench.asked)).toEqual([1, 1]);
    }
  });

  it('tells of each layer once, when the last of its hashes has come', () => {
    const bench = new Bench(PIECES_513);
    bench.addPeers(1);
    const [first, second] = bench.asked;
    bench.answer(first!);
    expect([bench.whole, bench.fetch.layers.size]).toEqual([[], 0]);
    bench.answer(second!);
    expect(bench.whole).toEqual([...PIECES_513.layers.keys()]);
    bench.expectComplete();
  });

  it('a layer that is known from elsewhere is asked of nobody any more', () => {
    const bench = new Bench(PIECES_513);
    expect(bench.fetch.isAsking).toBe(false);
    bench.addPeers(1);
    expect(bench.fetch.isAsking).toBe(true);
    const [first] = bench.asked;
    const [key] = [...PIECES_513.layers.keys()];
    bench.fetch.settled(key!, bench.now);
    expect([bench.fetch.isComplete, bench.fetch.isAsking, bench.fetch.nextDue]).toEqual([true, false, NEVER]);
    expect(bench.answer(first!)).toBe('unasked');
    bench.addPeers(2);
    expect([peersOf(bench.asked), bench.whole]).toEqual([[1], []]);
  });

  describe('a very long layer', () => {
    const pieceCount = LONG_LAYER_PIECES + 1;
    const layer = new Uint8Array(pieceCount * 32).map((_, index) => 1 + (index % 251));
    const treeHeight = Math.ceil(Math.log2(pieceCount));
    const tree = new HashTree(layer, 0, treeHeight);
    const files = [{ path: ['f'], lengthBytes: pieceCount * BLOCK_BYTES, root: tree.root }];
    const wanted: Wanted = {
      geometry: new Geometry({ pieceBytes: BLOCK_BYTES, layout: 'aligned', files }),
      layers: new Map([[toHex(tree.root), layer]]),
    };

    it('is asked for in a few long requests', () => {
      const bench = new Bench(wanted);
      bench.addPeers(1);
      expect(bench.asked.map(({ request }) => request.length)).toEqual([
        MAX_HASHES_PER_REQUEST,
        MAX_HASHES_PER_REQUEST,
      ]);
      let answers = 0;
      for (; bench.asked.length > 0; answers++) expect(bench.answer(bench.asked[0]!)).toBe('right');
      expect(answers).toBe(Math.ceil(pieceCount / MAX_HASHES_PER_REQUEST));
      bench.expectComplete();
    });

    it('is asked for in short ones of peers that refuse the long ones, or do not answer them', () => {
      for (const refuse of [(bench: Bench, asked: Asked) => bench.reject(asked), (bench: Bench) => bench.tick()]) {
        const bench = new Bench(wanted);
        bench.addPeers(1, 2);
        let turns = 0;
        for (let next = bench.asked[0]; next !== undefined && turns < 1_000; next = bench.asked[0], turns++) {
          // One that was asked of another meanwhile comes late.
          if (next.request.length <= HASHES_PER_REQUEST) expect(bench.answer(next)).not.toBe('false');
          else {
            refuse(bench, next);
            bench.asked = bench.asked.filter((one) => one !== next);
          }
        }
        bench.expectComplete();
      }
    });
  });
});
