import { describe, expect, it } from 'vitest';
import { fromHex } from '../base/bytes.ts';
import { Bitfield } from '../base/bitfield.ts';
import { instant, type Digest, type PieceIndex, type WireHash } from '../base/ids.ts';
import { Geometry, treeHeightOf } from '../content/geometry.ts';
import { contentOf, layerOfFile } from '../fixtures/trees.ts';
import { vectors, type HashMessageVector } from '../fixtures/vectors.ts';
import { VirtualClock } from '../sim/clock.ts';
import { SimHasher } from '../sim/hasher.ts';
import { SimStore } from '../sim/store.ts';
import { decodeHashRequest } from '../wire/hash-request.ts';
import { encodeHashes } from '../wire/peer-messages.ts';
import { HashAnswers } from './hash-answers.ts';
import { Torrent } from './torrent.ts';

/** A complete seeder of one file of the vectors. */
function seeder(name: string, pieceBytes: number) {
  const clock = new VirtualClock({ startAt: instant(0) });
  const content = contentOf(name);
  const rootHex = vectors.files[name]!.pieces_root!;
  const geometry = new Geometry({
    pieceBytes,
    files: [{ path: [name], lengthBytes: content.length, root: fromHex(rootHex)! as Digest }],
    layout: 'aligned',
  });
  const store = new SimStore({ clock, pieceSize: (piece) => geometry.pieceSize(piece), readMs: 1, writeMs: 1 });
  for (let piece = 0; piece < geometry.pieceCount; piece++) {
    store.put(piece as PieceIndex, content.slice(piece * pieceBytes, (piece + 1) * pieceBytes));
  }
  const torrent = new Torrent({ v2: new Uint8Array(20) as WireHash });
  torrent.learn({ info: new Uint8Array(1), geometry, isPrivate: false }, Bitfield.full(geometry.pieceCount));
  const layers = content.length > pieceBytes ? [[rootHex, layerOfFile(name, treeHeightOf(pieceBytes))] as const] : [];
  torrent.learnLayers(new Map(layers));
  const answers = new HashAnswers({ torrent, store, hasher: new SimHasher({ clock, delayMs: 1 }), clock });
  return { clock, store, torrent, answers };
}

const cases = vectors.hash_messages.map((vector) => [vector.note, vector] as const);

describe('an answer to a hash request', () => {
  it.each(cases)('is that of another implementation: %s', async (_, vector: HashMessageVector) => {
    const { clock, answers, store } = seeder(vector.file, vector.piece_length);
    const request = decodeHashRequest(fromHex(vector.request_hex)!, 5);
    const hashes = (await clock.run(answers.answer(request), 60_000))!;
    const message = encodeHashes(request, hashes);
    if (vector.answer_hex !== undefined) expect(message).toEqual(fromHex(vector.answer_hex));
    expect(message).toHaveLength(vector.answer_length);
    expect(hashes.length / 32).toBe(vector.hash_count_in_answer);
    // What lies in the tree is answered from memory.
    expect(store.done.reads > 0).toBe(vector.base_layer < treeHeightOf(vector.piece_length));
  });
});

describe('leaves', () => {
  const NAME = 's10577202.bin';
  const root = fromHex(vectors.files[NAME]!.pieces_root!)!;
  const leaves = (piece: number, length = 32) => ({ root, baseLayer: 0, index: piece * 32, length, proofLayers: 9 });

  it('of a piece that is not offered are not given', async () => {
    const { clock, answers, torrent } = seeder(NAME, 524_288);
    torrent.offered.remove(3 as PieceIndex);
    expect(await clock.run(answers.answer(leaves(3)), 60_000)).toBeUndefined();
    expect(await clock.run(answers.answer(leaves(4)), 60_000)).toBeDefined();
  });

  it('[fault 46] of a piece that is not what it was are not given', async () => {
    const { clock, answers, store } = seeder(NAME, 524_288);
    store.lieAbout(3 as PieceIndex);
    expect(await clock.run(answers.answer(leaves(3)), 60_000)).toBeUndefined();
  });

  it('[fault 38] are hashed one request after the other, and a bounded number of them', async () => {
    const { clock, answers, store } = seeder(NAME, 524_288);
    const all = [0, 1, 2, 3].map((piece) => answers.answer(leaves(piece)));
    await clock.runFor(1);
    expect(store.done.reads).toBe(1);
    const given = await clock.run(Promise.all(all), 60_000);
    expect(new Set(given.map((hashes) => Buffer.from(hashes!).toString('hex'))).size).toBe(4);
    expect(await clock.run(answers.answer(leaves(0, 1024)), 60_000)).toBeUndefined();
  });

  it('[fault 46] whose disk fails reject with its error, and do not stop the next', async () => {
    const { clock, answers, store } = seeder(NAME, 524_288);
    store.failReads('failed');
    const [failing, next] = [answers.answer(leaves(0)), answers.answer(leaves(1))];
    const outcomes = await clock.run(Promise.allSettled([failing, next]), 60_000);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    store.failReads(undefined);
    expect(await clock.run(answers.answer(leaves(0)), 60_000)).toBeDefined();
  });
});

it('[fault 37] a request that makes no sense, or of an unknown root, gets no answer', async () => {
  const { clock, answers } = seeder('s10577202.bin', 524_288);
  const root = fromHex(vectors.files['s10577202.bin']!.pieces_root!)!;
  const fine = { root, baseLayer: 5, index: 0, length: 4, proofLayers: 4 };
  expect(await clock.run(answers.answer(fine), 1_000)).toBeDefined();
  for (const part of [{ root: new Uint8Array(32) }, { length: 3 }, { index: 0xffffffff }, { proofLayers: 99 }]) {
    expect(await clock.run(answers.answer({ ...fine, ...part }), 1_000)).toBeUndefined();
  }
});
