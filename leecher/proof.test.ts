import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { Bitfield } from '../common/base/bitfield.ts';
import { equalBytes, toHex } from '../common/base/bytes.ts';
import { pieceIndex, type Digest, type PieceIndex } from '../common/base/ids.ts';
import { BLOCK_BYTES } from '../common/base/limits.ts';
import { treeHeightOf } from '../common/content/geometry.ts';
import { writeInfo } from '../common/content/info-writer.ts';
import type { Metainfo } from '../common/content/metainfo.ts';
import { leavesOf, rootOfLayer } from '../common/content/merkle.ts';
import { generate } from '../common/fixtures/generate.ts';
import { metainfoFixture, pieceBytes } from '../common/fixtures/torrent-content.ts';
import { sha1Of } from '../common/sim/piece-hash.ts';
import { Proof } from './proof.ts';

/** Several files, some of them larger than a piece, as libtorrent describes them. */
const MULTI = metainfoFixture('multi.hybrid');
/** One file of three pieces. */
const SINGLE = metainfoFixture('s1572869.hybrid');
const FORGED = new Uint8Array(32).fill(9) as Digest;

class Bench {
  readonly metainfo: Pick<Metainfo, 'info' | 'pieceLayers'>;
  readonly proof: Proof;
  readonly layers: string[] = [];
  readonly forged: string[] = [];
  readonly right: Bitfield;

  constructor(metainfo: Pick<Metainfo, 'info' | 'pieceLayers'>, known = new Map<string, Uint8Array>()) {
    this.metainfo = metainfo;
    this.right = new Bitfield(this.pieceCount);
    this.proof = new Proof({
      info: metainfo.info,
      layers: known,
      onLayer: (key, layer) => {
        expect(equalBytes(layer, this.truth.get(key)!)).toBe(true);
        this.layers.push(key);
      },
      onForged: ({ path }) => this.forged.push(path.join('/')),
    });
  }

  get truth(): ReadonlyMap<string, Uint8Array> {
    return this.metainfo.pieceLayers!;
  }

  get pieceCount(): number {
    return this.metainfo.info.geometry.pieceCount;
  }

  get pieces(): PieceIndex[] {
    return Array.from({ length: this.pieceCount }, (_, index) => pieceIndex(index));
  }

  rootOf(piece: PieceIndex): Digest {
    const { geometry } = this.metainfo.info;
    const file = geometry.fileOfPiece(piece);
    const at = (piece - file.firstPiece) * 32;
    return (this.truth.get(toHex(file.root!))?.slice(at, at + 32) ?? file.root!) as Digest;
  }

  /** Bytes came with the right SHA-1 and this root. */
  take(piece: PieceIndex, root = this.rootOf(piece)): boolean {
    const check = this.proof.of(piece);
    const isRight = check.root === undefined ? check.takesRoot!(root) : equalBytes(check.root, root);
    if (isRight) this.right.add(piece);
    return isRight;
  }

  /** A new part file: a download begins. */
  begin(): this {
    this.proof.restart();
    this.proof.settle(this.right);
    return this;
  }

  get isDemanded(): boolean {
    try {
      this.proof.demand(this.pieces);
      return true;
    } catch {
      return false;
    }
  }
}

const firstOf = ({ metainfo }: Bench, file: number): PieceIndex =>
  pieceIndex(metainfo.info.geometry.files[file]!.firstPiece);

/** The position of a file that has a layer. */
const largeIn = (metainfo: Metainfo): number =>
  metainfo.info.geometry.files.findIndex(({ lengthBytes }) => lengthBytes > metainfo.info.geometry.pieceBytes);

describe('proof', () => {
  it('[fault 23] with all layers each piece has both checks, and nothing is left for the end', () => {
    const bench = new Bench(MULTI, new Map(MULTI.pieceLayers));
    expect([bench.proof.isWhole, bench.isDemanded]).toEqual([true, true]);
    expect(bench.pieces.every((piece) => bench.proof.of(piece).root !== undefined)).toBe(true);
  });

  it('of v1 the SHA-1 is all there is, of v2 there must be the layers', () => {
    const v1 = new Bench(metainfoFixture('multi.v1'));
    expect([v1.proof.isWhole, v1.isDemanded, v1.proof.of(pieceIndex(0)).leafSlots]).toEqual([true, true, undefined]);
    expect(() => new Bench(metainfoFixture('multi.v2'))).toThrow('no piece layer');
  });

  it.each([
    ['one file', SINGLE],
    ['several files', MULTI],
    ['300 files', metainfoFixture('many.hybrid')],
  ])('%s: in any order, the roots of all pieces become the layers', (_name, metainfo) => {
    const order = fc.shuffledSubarray(new Bench(metainfo).pieces, { minLength: metainfo.info.geometry.pieceCount });
    fc.assert(
      fc.property(order, (pieces) => {
        const bench = new Bench(metainfo).begin();
        for (const piece of pieces) {
          expect(bench.isDemanded).toBe(bench.layers.length === bench.truth.size);
          expect(bench.take(piece)).toBe(true);
        }
        expect([bench.proof.isWhole, bench.isDemanded, bench.forged]).toEqual([true, true, []]);
        expect(bench.layers.sort()).toEqual([...bench.truth.keys()].sort());
        expect([...bench.proof.layers.keys()].sort()).toEqual([...bench.truth.keys()].sort());
      }),
      { numRuns: 5 },
    );
  });

  it('checks the SHA-1 with the padding of a hybrid while the root is not known', () => {
    const bench = new Bench(MULTI).begin();
    for (const piece of bench.pieces) {
      const { sha1, zeroBytes } = bench.proof.of(piece);
      expect(equalBytes(sha1Of(pieceBytes(MULTI, MULTI.info.geometry, piece), zeroBytes!), sha1!)).toBe(true);
    }
  });

  it('a file not larger than a piece is checked by both at once: its root is in the info dictionary', () => {
    const bench = new Bench(MULTI).begin();
    const { files, pieceBytes: most } = MULTI.info.geometry;
    for (const file of files.filter(({ lengthBytes }) => lengthBytes > 0 && lengthBytes <= most)) {
      expect(bench.proof.of(pieceIndex(file.firstPiece)).root).toBeDefined();
      expect(bench.take(pieceIndex(file.firstPiece), FORGED)).toBe(false);
    }
  });

  it('of two pieces with the same SHA-1 and other bytes only the first is taken, whichever it is', () => {
    const bench = new Bench(SINGLE).begin();
    expect(bench.take(pieceIndex(1), FORGED)).toBe(true);
    expect(bench.take(pieceIndex(1))).toBe(false);
    expect(bench.take(pieceIndex(0))).toBe(true);
    expect(bench.take(pieceIndex(0), FORGED)).toBe(false);
    expect(bench.take(pieceIndex(0))).toBe(true);
  });

  it('roots that do not fold to the root of their file: it is told once, and nothing is proven', () => {
    const bench = new Bench(SINGLE).begin();
    for (const piece of bench.pieces) bench.take(piece, piece === 1 ? FORGED : undefined);
    expect(bench.forged).toEqual(['s1572869.bin']);
    expect([bench.proof.isWhole, bench.isDemanded, bench.layers]).toEqual([false, false, []]);
  });

  it('a layer that comes later checks what is there, and all that comes', () => {
    const [key, layer] = [...SINGLE.pieceLayers!][0]!;
    const honest = new Bench(SINGLE).begin();
    honest.take(pieceIndex(0));
    honest.proof.learn(key, layer);
    expect([honest.forged, honest.layers, honest.proof.isWhole]).toEqual([[], [key], true]);
    expect([honest.take(pieceIndex(1)), honest.take(pieceIndex(2), FORGED)]).toEqual([true, false]);
    honest.proof.learn(key, layer);
    expect(honest.layers).toEqual([key]);

    const forged = new Bench(SINGLE).begin();
    forged.take(pieceIndex(0), FORGED);
    forged.proof.learn(key, layer);
    expect(forged.forged).toEqual(['s1572869.bin']);
  });

  it('a check that was under way when the layer came is held against the layer', () => {
    const [key, layer] = [...SINGLE.pieceLayers!][0]!;
    const bench = new Bench(SINGLE).begin();
    const check = bench.proof.of(pieceIndex(0));
    bench.proof.learn(key, layer);
    expect(check.takesRoot!(FORGED)).toBe(false);
    expect(check.takesRoot!(bench.rootOf(pieceIndex(0)))).toBe(true);
  });

  describe('what is found on a disk', () => {
    const large = largeIn(MULTI);

    it('counts when whole files fold, and when single pieces may still be right', () => {
      const bench = new Bench(MULTI);
      bench.proof.restart();
      for (const piece of bench.pieces) if (piece !== firstOf(bench, large)) bench.take(piece);
      const found = bench.right.count;
      bench.proof.settle(bench.right);
      expect([bench.right.count, bench.forged]).toEqual([found, []]);
      expect(bench.layers).toHaveLength(bench.truth.size - 1);
      expect(bench.take(firstOf(bench, large))).toBe(true);
      expect([bench.proof.isWhole, bench.isDemanded]).toEqual([true, true]);
    });

    it('a file that does not fold counts for nothing; the others do, and it can be fetched again', () => {
      const bench = new Bench(MULTI);
      const { firstPiece, pieceCount } = MULTI.info.geometry.files[large]!;
      bench.proof.restart();
      for (const piece of bench.pieces) bench.take(piece, piece === firstPiece ? FORGED : undefined);
      bench.proof.settle(bench.right);
      const own = bench.pieces.slice(firstPiece, firstPiece + pieceCount);
      expect(bench.pieces.filter((piece) => !bench.right.has(piece))).toEqual(own);
      expect(bench.forged).toEqual([]);
      for (const piece of own) expect(bench.take(piece)).toBe(true);
      expect([bench.proof.isWhole, bench.isDemanded]).toEqual([true, true]);
    });

    it('single pieces that a layer speaks against do not count', () => {
      const [key, layer] = [...SINGLE.pieceLayers!][0]!;
      const bench = new Bench(SINGLE);
      bench.proof.restart();
      bench.take(pieceIndex(0), FORGED);
      bench.take(pieceIndex(1));
      bench.proof.learn(key, layer);
      bench.proof.settle(bench.right);
      expect([[...bench.right], bench.forged]).toEqual([[1], []]);
    });

    it('what was found in one place says nothing of another', () => {
      const bench = new Bench(SINGLE);
      bench.proof.restart();
      bench.take(pieceIndex(0), FORGED);
      bench.proof.settle(bench.right);
      bench.proof.restart();
      bench.proof.settle(new Bitfield(bench.pieceCount));
      for (const piece of bench.pieces) expect(bench.take(piece)).toBe(true);
      expect([bench.proof.isWhole, bench.forged]).toEqual([true, []]);
    });
  });

  it('equal files share a root: the layer of one is that of the other, and speaks against what is wrong in it', () => {
    const twins = twoEqualFiles();
    const bench = new Bench(twins).begin();
    for (const piece of [0, 1, 2]) bench.take(pieceIndex(piece));
    expect([bench.layers.length, bench.proof.isWhole, bench.forged]).toEqual([1, true, []]);
    expect([bench.take(pieceIndex(4), FORGED), bench.take(pieceIndex(4))]).toEqual([false, true]);

    const forged = new Bench(twins).begin();
    forged.take(pieceIndex(4), FORGED);
    for (const piece of [0, 1, 2]) forged.take(pieceIndex(piece));
    expect(forged.forged).toEqual(['two.bin']);
  });
});

function twoEqualFiles(): Pick<Metainfo, 'info' | 'pieceLayers'> {
  const bytes = generate(3 * BLOCK_BYTES, 7);
  const layer = leavesOf(bytes);
  const root = rootOfLayer(layer, 0, treeHeightOf(bytes.length));
  const files = ['one.bin', 'two.bin'].map((name) => ({ path: [name], lengthBytes: bytes.length, root }));
  const written = writeInfo({
    ...{ format: 'hybrid', name: 'twins', isDirectory: true, pieceBytes: BLOCK_BYTES, files },
    sha1s: new Uint8Array(6 * 20),
  });
  if (!written.ok) throw new Error(written.reason);
  return { info: written.value, pieceLayers: new Map([[toHex(root), layer]]) };
}
