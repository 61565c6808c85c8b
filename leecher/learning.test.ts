import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { equalBytes, toHex } from '../common/base/bytes.ts';
import { ShoalError } from '../common/base/errors.ts';
import { instant, NEVER, pieceIndex, type Digest } from '../common/base/ids.ts';
import { BLOCK_BYTES, METADATA_REQUEST_TIMEOUT_MS } from '../common/base/limits.ts';
import { HashTree } from '../common/content/hash-tree.ts';
import { parseInfo, type Info } from '../common/content/info.ts';
import { parseTorrent } from '../common/content/metainfo.ts';
import type { PieceLayers } from '../common/content/piece-roots.ts';
import { contentOfSize, type Content } from '../common/fixtures/content.ts';
import { FakePeer } from '../common/fixtures/fake-peer.ts';
import { torrentFixture } from '../common/fixtures/vectors.ts';
import { VirtualClock } from '../common/sim/clock.ts';
import { Learning, type LearningOptions } from './learning.ts';

/** 40 pieces, so that there is a layer to learn. */
const CONTENT = contentOfSize(40 * BLOCK_BYTES, BLOCK_BYTES);

class Bench {
  readonly clock = new VirtualClock({ startAt: instant(1_000) });
  infos: Info[] = [];
  layers: PieceLayers[] = [];
  liars: number[] = [];
  late: string[] = [];
  steps = 0;
  readonly learning: Learning;

  constructor(options: Partial<LearningOptions> = {}) {
    this.learning = new Learning({
      clock: this.clock,
      recognise: (bytes) => (equalBytes(bytes, CONTENT.info.infoBytes) ? CONTENT.info : undefined),
      onInfo: (info) => this.infos.push(info),
      layersPatienceMs: 3_000,
      onProof: ({ layers }) => this.layers.push(layers),
      onLayer: (key) => this.late.push(key),
      onForged: ({ path }) => this.late.push(`forged ${path.join('/')}`),
      onLiar: (peer) => this.liars.push(peer.id),
      onStep: () => this.steps++,
      ...options,
    });
  }

  join(id: number, offers = true): FakePeer {
    const peer = new FakePeer(id);
    if (offers) peer.metadataBytes = CONTENT.info.infoBytes.length;
    this.learning.peerReady(peer);
    return peer;
  }

  /** Answers what the peer was asked. */
  answerMetadata(peer: FakePeer, info = CONTENT.info.infoBytes): void {
    for (const block of peer.metadataAsked.splice(0)) {
      const begin = block * BLOCK_BYTES;
      this.learning.metadata(peer, block, info.length, info.subarray(begin, begin + BLOCK_BYTES));
    }
  }

  answerHashes(peer: FakePeer, content: Content = CONTENT): void {
    const { geometry } = content.info;
    for (const request of peer.hashesAsked.splice(0)) {
      const { treeHeight } = geometry.files[0]!;
      const layer = content.layers.get(toHex(request.root)) ?? [...content.layers.values()][0]!;
      const tree = new HashTree(layer, geometry.pieceLayerHeight, treeHeight);
      this.learning.hashes(peer, request, tree.answer(request)!.hashes);
    }
  }
}

describe('learning', () => {
  it('learns the info dictionary, then the piece layers, each told once', () => {
    const bench = new Bench();
    bench.learning.start();
    const peer = bench.join(1);
    bench.answerMetadata(peer);
    expect([bench.infos, bench.layers]).toEqual([[CONTENT.info], []]);
    bench.answerHashes(peer);
    expect(bench.layers).toEqual([CONTENT.layers]);
    expect(bench.steps).toBe(2);
    bench.answerMetadata(bench.join(2));
    expect([bench.infos.length, bench.layers.length]).toEqual([1, 1]);
  });

  it('a .torrent file brings all: nobody is asked', () => {
    const bench = new Bench({ known: { info: CONTENT.info, layers: CONTENT.layers } });
    bench.learning.start();
    expect([bench.infos, bench.layers]).toEqual([[CONTENT.info], [CONTENT.layers]]);
    const peer = bench.join(1);
    expect([peer.metadataAsked, peer.hashesAsked]).toEqual([[], []]);
  });

  it('a .torrent file without piece layers leaves those to be learned', () => {
    const bench = new Bench({ known: { info: CONTENT.info, layers: new Map() } });
    bench.learning.start();
    const peer = bench.join(1, false);
    expect(peer.metadataAsked).toEqual([]);
    bench.answerHashes(peer);
    expect(bench.layers).toEqual([CONTENT.layers]);
  });

  it('[fault 52] content not larger than a piece needs no hashes', () => {
    for (const sizeBytes of [1, BLOCK_BYTES - 1, BLOCK_BYTES]) {
      const { info } = contentOfSize(sizeBytes, BLOCK_BYTES);
      const bench = new Bench({ known: { info, layers: new Map() } });
      bench.learning.start();
      expect(bench.layers).toEqual([new Map()]);
    }
  });

  it('learns an info dictionary of several blocks that another implementation made', () => {
    const parsed = parseTorrent(torrentFixture('many.v2.torrent'));
    if (!parsed.ok) throw new Error(parsed.reason);
    const { infoBytes, infoHashV2 } = parsed.value.info;
    const bench = new Bench({
      recognise: (bytes) => {
        const info = parseInfo(bytes);
        return info.ok && equalBytes(info.value.infoHashV2!, infoHashV2!) ? info.value : undefined;
      },
    });
    const peer = new FakePeer(1);
    peer.metadataBytes = infoBytes.length;
    bench.learning.peerReady(peer);
    expect(peer.metadataAsked.length).toBeGreaterThan(1);
    bench.answerMetadata(peer, infoBytes);
    expect(bench.infos[0]?.geometry.files).toHaveLength(300);
  });

  it('a peer that offers the info dictionary only later is asked then', () => {
    const bench = new Bench();
    const peer = bench.join(1, false);
    bench.learning.metadataOffered(peer);
    expect(peer.metadataAsked).toEqual([]);
    peer.metadataBytes = CONTENT.info.infoBytes.length;
    bench.learning.metadataOffered(peer);
    bench.answerMetadata(peer);
    expect(bench.infos).toHaveLength(1);
  });

  it('[fault 26] who gives another dictionary is a liar, and the next peer is asked', () => {
    const bench = new Bench();
    const [liar, honest] = [bench.join(1), bench.join(2)];
    bench.answerMetadata(liar, new Uint8Array(CONTENT.info.infoBytes.length));
    expect(bench.liars).toEqual([1]);
    bench.answerMetadata(honest);
    expect(bench.infos).toHaveLength(1);
  });

  it('[fault 39] who gives hashes that prove nothing is a liar, and the next peer is asked', () => {
    const bench = new Bench({ known: { info: CONTENT.info, layers: new Map() } });
    bench.learning.start();
    const [liar, honest] = [bench.join(1), bench.join(2)];
    bench.answerHashes(liar, contentOfSize(40 * BLOCK_BYTES, BLOCK_BYTES, 2));
    expect(bench.liars).toEqual([1]);
    expect(bench.steps).toBe(1);
    bench.answerHashes(honest);
    expect(bench.layers).toHaveLength(1);
  });

  it('a peer that goes is replaced, in both parts', () => {
    const bench = new Bench();
    const peers = [1, 2, 3].map((id) => bench.join(id));
    bench.learning.peerGone(peers[0]!);
    bench.answerMetadata(peers[1]!);
    expect(peers[1]!.hashesAsked).toHaveLength(1);
    bench.learning.peerGone(peers[1]!);
    bench.answerHashes(peers[2]!);
    expect(bench.layers).toHaveLength(1);
  });

  it('a silent or unwilling peer is passed over in time', async () => {
    const bench = new Bench();
    const [silent, unwilling, honest] = [bench.join(1), bench.join(2), bench.join(3)];
    await bench.clock.runFor(METADATA_REQUEST_TIMEOUT_MS);
    expect(bench.learning.nextDue).toBe(bench.clock.now());
    bench.learning.tick(bench.clock.now());
    expect(silent.metadataAsked).toEqual([0]);
    bench.learning.metadataRejected(unwilling);
    bench.answerMetadata(honest);
    for (let round = 0; round < 3; round++) {
      bench.learning.tick(bench.learning.nextDue);
      for (const peer of [silent, unwilling]) {
        for (const request of peer.hashesAsked.splice(0)) bench.learning.hashesRejected(peer, request);
      }
    }
    bench.answerHashes(honest);
    expect(bench.layers).toHaveLength(1);
  });

  it('an invalid dictionary of the right hash is no peer’s fault: it is thrown', () => {
    const bench = new Bench({
      recognise: () => {
        throw new ShoalError('METADATA_INVALID', 'it has no name');
      },
    });
    const peer = bench.join(1);
    expect(() => bench.answerMetadata(peer)).toThrow('it has no name');
    expect(bench.liars).toEqual([]);
  });

  it('repeated or unasked answers are no step forward', () => {
    const bench = new Bench();
    const [asked, other] = [bench.join(1), bench.join(2)];
    bench.learning.metadata(other, 0, 5, new Uint8Array(5));
    expect(bench.steps).toBe(0);
    bench.answerMetadata(asked);
    const before = bench.steps;
    bench.learning.metadata(asked, 0, 5, new Uint8Array(5));
    const [request] = asked.hashesAsked;
    bench.learning.hashes(other, request!, new Uint8Array(32));
    expect(bench.steps).toBe(before);
    expect(bench.liars).toEqual([]);
  });
});

describe('learning of a hybrid without piece layers', () => {
  const parsed = parseTorrent(torrentFixture('s1572869.hybrid.torrent'));
  if (!parsed.ok) throw new Error(parsed.reason);
  const { info, pieceLayers } = parsed.value;
  const [key, layer] = [...pieceLayers!][0]!;
  const SOON = 3_000;

  class HybridBench extends Bench {
    constructor() {
      super({ known: { info, layers: new Map() } });
      this.learning.start();
    }

    /** Has pieces; by the v1 hash it cannot be asked for hashes. */
    meet(id: number, options: { isV2?: boolean; pieces?: number } = {}): FakePeer {
      const peer = new FakePeer(id, new Bitfield(info.geometry.pieceCount));
      for (let i = 0; i < (options.pieces ?? 1); i++) peer.pieces!.add(pieceIndex(i));
      peer.takesHashRequests = options.isV2 ?? false;
      this.learning.peerReady(peer);
      return peer;
    }

    /** As the driver does: wakes at what is due, until then. */
    async runFor(durationMs: number): Promise<void> {
      const end = this.clock.now() + durationMs;
      while (this.learning.nextDue <= end) {
        await this.clock.runUntil(instant(Math.max(this.learning.nextDue, this.clock.now())));
        this.learning.tick(this.clock.now());
      }
      await this.clock.runUntil(instant(end));
    }

    answer(peer: FakePeer): void {
      for (const request of peer.hashesAsked.splice(0)) {
        const tree = new HashTree(layer, info.geometry.pieceLayerHeight, info.geometry.files[0]!.treeHeight);
        this.learning.hashes(peer, request, tree.answer(request)!.hashes);
      }
    }
  }

  it('begins without them when there has been nobody to ask for a while', async () => {
    const bench = new HybridBench();
    bench.meet(1);
    await bench.runFor(SOON - 1);
    expect([bench.layers, bench.learning.proof]).toEqual([[], undefined]);
    await bench.runFor(1);
    expect(bench.layers).toEqual([new Map()]);
    expect([bench.learning.proof!.isWhole, bench.learning.lacksLayers]).toEqual([false, true]);
  });

  it('waits as long as nobody has anything', async () => {
    const bench = new HybridBench();
    const peer = bench.meet(1, { pieces: 0 });
    await bench.runFor(20_000);
    expect(bench.layers).toEqual([]);
    peer.pieces!.add(pieceIndex(2));
    await bench.runFor(1_000);
    expect(bench.layers).toEqual([new Map()]);
  });

  it('asks whoever can be asked, and begins when all of them have refused', async () => {
    const bench = new HybridBench();
    bench.meet(1);
    await bench.runFor(SOON - 1_000);
    const v2 = bench.meet(2, { isV2: true });
    await bench.runFor(1_500);
    expect([v2.hashesAsked.length, bench.layers]).toEqual([1, []]);
    bench.learning.hashesRejected(v2, v2.hashesAsked[0]!);
    await bench.runFor(SOON - 1);
    expect(bench.layers).toEqual([]);
    await bench.runFor(1);
    expect(bench.layers).toHaveLength(1);
  });

  it('begins without a silent peer later than without any', async () => {
    const bench = new HybridBench();
    bench.meet(1, { isV2: true });
    await bench.runFor(SOON * 3 - 1);
    expect(bench.layers).toEqual([]);
    await bench.runFor(1);
    expect(bench.layers).toHaveLength(1);
  });

  it('with hashes in time it begins with all of them', async () => {
    const bench = new HybridBench();
    bench.meet(1);
    await bench.runFor(SOON - 1);
    bench.answer(bench.meet(2, { isV2: true }));
    expect(bench.layers).toEqual([pieceLayers]);
    expect([bench.learning.proof!.isWhole, bench.learning.nextDue]).toEqual([true, NEVER]);
  });

  it('hashes that come after it began go to the proof, and are told', async () => {
    const bench = new HybridBench();
    bench.meet(1);
    await bench.runFor(SOON);
    bench.answer(bench.meet(2, { isV2: true }));
    expect([bench.layers.length, bench.late, bench.learning.proof!.isWhole]).toEqual([1, [key], true]);
    expect([bench.learning.lacksLayers, bench.learning.nextDue]).toEqual([false, NEVER]);
  });

  it('once the pieces themselves gave the layer nobody is asked for it any more', async () => {
    const bench = new HybridBench();
    bench.meet(1);
    await bench.runFor(SOON);
    const proof = bench.learning.proof!;
    const asked = bench.meet(2, { isV2: true });
    proof.restart();
    proof.settle(new Bitfield(info.geometry.pieceCount));
    for (let i = 0; i < info.geometry.pieceCount; i++) {
      proof.of(pieceIndex(i)).takesRoot!(layer.slice(i * 32, (i + 1) * 32) as Digest);
    }
    expect([bench.late, bench.learning.nextDue]).toEqual([[key], NEVER]);
    bench.answer(asked);
    expect([bench.meet(3, { isV2: true }).hashesAsked, bench.late, bench.liars]).toEqual([[], [key], []]);
  });

  it('pure v2 never begins without them', async () => {
    const bench = new Bench({ known: { info: CONTENT.info, layers: new Map() } });
    bench.learning.start();
    const peer = bench.join(1, false);
    for (let i = 0; i < 30; i++) {
      for (const request of peer.hashesAsked.splice(0)) bench.learning.hashesRejected(peer, request);
      await bench.clock.runFor(1_000);
      bench.learning.tick(bench.clock.now());
    }
    expect([bench.layers, bench.learning.lacksLayers]).toEqual([[], true]);
  });
});
