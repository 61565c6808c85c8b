import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes, fromHex, toHex } from '../base/bytes.ts';
import { pieceIndex } from '../base/ids.ts';
import { KIB, LEAST_PART_BYTES, MAX_KNOWN_PARTS, MAX_LENT_BYTES, MAX_PARTS, MAX_RELAYED_PIECES, MIB } from '../base/limits.ts'; // prettier-ignore
import { treeHeightOf } from '../content/geometry.ts';
import { foldNodes } from '../content/merkle.ts';
import { generate } from '../fixtures/generate.ts';
import { contentOf } from '../fixtures/trees.ts';
import { vectors } from '../fixtures/vectors.ts';
import { partBytesOf, partHashesOf, Relay, type PartHashes } from './relay.ts';

const PIECE_BYTES = 512 * KIB;
const PARTS: PartHashes = { height: 2, hashes: new Uint8Array(8 * 32) };
const layerOf = (name: string, pieceBytes: number): readonly string[] =>
  vectors.files[name]!.piece_layers![pieceBytes] as readonly string[];

describe('the parts of a piece', () => {
  it('have the hashes that another client has for them', () => {
    const nodes = layerOf('s524288.bin', 32_768).map((hex) => fromHex(hex)!);
    const pairs = Array.from({ length: 8 }, (_, i) => concatBytes([nodes[2 * i]!, nodes[2 * i + 1]!]));
    const expected = pairs.map((pair) => createHash('sha256').update(pair).digest('hex')).join('');
    const { height, hashes } = partHashesOf(contentOf('s524288.bin'))!;
    expect([height, toHex(hashes)]).toEqual([2, expected]);
  });

  it.each([0, 1, 2])('fold to the hash of piece %i in a torrent of another client', (piece) => {
    const bytes = contentOf('s1572869.bin').subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES);
    const { height, hashes } = partHashesOf(bytes)!;
    expect(toHex(foldNodes(hashes, height, 5))).toBe(layerOf('s1572869.bin', PIECE_BYTES)[piece]);
  });

  it.each([
    [16 * KIB, undefined],
    [64 * KIB, undefined],
    [128 * KIB, 2],
    [512 * KIB, 8],
    [4 * MIB, 64],
    [8 * MIB, 64],
  ])('of %i bytes are as many as may be, none too short', (pieceBytes, count) => {
    const parts = partHashesOf(generate(pieceBytes, 1));
    expect(parts && parts.hashes.length / 32).toBe(count);
    expect(partBytesOf(pieceBytes)).toBe(Math.max(LEAST_PART_BYTES, pieceBytes / MAX_PARTS));
    if (parts !== undefined) expect(parts.height).toBe(treeHeightOf(partBytesOf(pieceBytes)));
  });
});

describe('a piece that is passed on', () => {
  const open = (relay: Relay, piece: number, buffer = generate(PIECE_BYTES, piece)): Uint8Array => {
    expect(relay.open(pieceIndex(piece), PARTS, buffer)).toBe(true);
    return buffer;
  };

  it('is there as far as it is verified, until it is settled or closed', () => {
    const relay = new Relay();
    const buffer = open(relay, 3);
    expect([relay.has(3), relay.readyBytes(3), relay.has(4), relay.readyBytes(4)]).toEqual([true, 0, false, 0]);
    relay.advance(pieceIndex(3), 1_000);
    const loan = relay.lend(3, 0, 100)!;
    expect([loan.begin, equalBytes(loan.bytes, buffer.subarray(0, 1_000))]).toEqual([0, true]);
    expect([relay.settle(pieceIndex(3)), relay.settle(pieceIndex(3)), relay.settle(pieceIndex(4))]).toEqual([
      true,
      false,
      false,
    ]);
    expect(relay.has(3)).toBe(false);
    expect(relay.lend(4, 0, 100)).toBeUndefined();
  });

  it('gives its buffer back once: at once, or when the last loan is back', () => {
    const relay = new Relay();
    let freed = 0;
    const free = (): void => void freed++;
    open(relay, 1);
    expect([relay.close(pieceIndex(1), free), freed]).toEqual([true, 1]);
    expect([relay.close(pieceIndex(1), free), freed]).toEqual([false, 2]);
    open(relay, 1);
    const [one, two] = [relay.lend(1, 0, 1)!, relay.lend(1, 0, 1)!];
    relay.settle(pieceIndex(1));
    expect([relay.close(pieceIndex(1), free), freed]).toEqual([false, 2]);
    one.release();
    one.release();
    expect(freed).toBe(2);
    two.release();
    two.release();
    expect(freed).toBe(3);
  });

  it('that comes anew has nothing to do with what is still lent of it', () => {
    const relay = new Relay();
    const freed: string[] = [];
    open(relay, 1);
    const old = relay.lend(1, 0, 1)!;
    relay.close(pieceIndex(1), () => freed.push('old'));
    open(relay, 1);
    const fresh = relay.lend(1, 0, 1)!;
    relay.close(pieceIndex(1), () => freed.push('new'));
    fresh.release();
    old.release();
    expect(freed).toEqual(['new', 'old']);
  });

  it('is one of few, and not there twice', () => {
    const relay = new Relay();
    const buffer = new Uint8Array(1);
    for (let i = 0; i < MAX_RELAYED_PIECES; i++) open(relay, i, buffer);
    expect(relay.open(pieceIndex(99), PARTS, buffer)).toBe(false);
    relay.close(pieceIndex(0), () => undefined);
    expect([relay.open(pieceIndex(1), PARTS, buffer), relay.open(pieceIndex(99), PARTS, buffer)]).toEqual([
      false,
      true,
    ]);
  });

  it('[fault 42] to peers that do not read takes no more buffers than its bound; the others get copies', () => {
    const relay = new Relay();
    const most = MAX_LENT_BYTES / PIECE_BYTES;
    const buffer = generate(PIECE_BYTES, 7);
    let freed = 0;
    const loans = Array.from({ length: most + 5 }, (_, i) => {
      open(relay, i, buffer);
      relay.advance(pieceIndex(i), 1_000);
      const loan = relay.lend(i, 100, 200)!;
      relay.close(pieceIndex(i), () => freed++);
      return loan;
    });
    expect(freed).toBe(5);
    const copy = loans.at(-1)!;
    expect([copy.begin, copy.bytes.buffer === buffer.buffer]).toEqual([100, false]);
    expect(equalBytes(copy.bytes, buffer.subarray(100, 300))).toBe(true);
    copy.release();
    loans[0]!.release();
    open(relay, 90, buffer);
    expect(relay.lend(90, 100, 200)!.begin).toBe(0);
    // What is lent already costs nothing more.
    expect(relay.lend(90, 100, 200)!.begin).toBe(0);
    open(relay, 91, buffer);
    expect(relay.lend(91, 100, 200)!.begin).toBe(100);
  });
});

it('the hashes of the latest pieces are kept', () => {
  const relay = new Relay();
  for (let i = 0; i < MAX_KNOWN_PARTS; i++) relay.know(pieceIndex(i), PARTS);
  relay.know(pieceIndex(0), PARTS);
  relay.know(pieceIndex(MAX_KNOWN_PARTS), PARTS);
  expect([0, 1, 2, MAX_KNOWN_PARTS].map((piece) => relay.partsOf(pieceIndex(piece)))).toEqual([
    PARTS,
    undefined,
    PARTS,
    PARTS,
  ]);
  relay.open(pieceIndex(5_000), PARTS, new Uint8Array(1));
  expect(relay.partsOf(pieceIndex(5_000))).toBe(PARTS);
});
