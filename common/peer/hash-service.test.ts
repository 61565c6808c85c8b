import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex } from '../base/bytes.ts';
import type { Digest, WireHash } from '../base/ids.ts';
import { MAX_OUTSTANDING_HASH_REQUESTS, MAX_PEER_OFFENCES } from '../base/limits.ts';
import { Geometry } from '../content/geometry.ts';
import { layerOfFile } from '../fixtures/trees.ts';
import { vectors } from '../fixtures/vectors.ts';
import { messagesOf } from '../fixtures/sessions.ts';
import { decodeHashRequest, type HashRequest } from '../wire/hash-request.ts';
import { HashLedger } from './hash-ledger.ts';
import { HashService } from './hash-service.ts';
import { Ledger } from './ledger.ts';
import { Torrent } from './torrent.ts';
import { Voice } from './voice.ts';

const FILE = 's10577202.bin';
const ROOT = fromHex(vectors.files[FILE]!.pieces_root!)! as Digest;
const FINE: HashRequest = { root: ROOT, baseLayer: 5, index: 0, length: 4, proofLayers: 4 };

function torrentOf(options: { knowsHashes: boolean }): Torrent {
  const torrent = new Torrent({ v2: new Uint8Array(20) as WireHash });
  const geometry = new Geometry({
    pieceBytes: 524_288,
    files: [{ path: [FILE], lengthBytes: 10_577_202, root: ROOT }],
    layout: 'aligned',
  });
  torrent.learn({ info: new Uint8Array(1), geometry, isPrivate: false }, torrent.offered);
  if (options.knowsHashes) torrent.learnLayers(new Map([[vectors.files[FILE]!.pieces_root!, layerOfFile(FILE, 5)]]));
  return torrent;
}

function service(options: { knowsHashes?: boolean; answers?: boolean; mayServe?: boolean } = {}) {
  const costs: number[] = [];
  const { knowsHashes = true, answers = true, mayServe = true } = options;
  const sent: Uint8Array[] = [];
  const answered: HashRequest[] = [];
  let closed = false;
  let offences = 0;
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const hashes = new HashService({
    say: new Voice({ ledger: new Ledger(), hashLedger: new HashLedger(), send: (bytes) => sent.push(bytes) }),
    torrent: () => torrentOf({ knowsHashes }),
    answer: async (request) => {
      answered.push(request);
      await gate;
      return answers ? new Uint8Array(32 * request.length) : undefined;
    },
    mayServe: (cost) => {
      costs.push(cost);
      return mayServe;
    },
    offend: () => ++offences <= MAX_PEER_OFFENCES,
    isClosed: () => closed,
  });
  return {
    hashes,
    release,
    answered,
    costs,
    close: () => (closed = true),
    offences: () => offences,
    said: () =>
      messagesOf(concatBytes(sent.splice(0))).map(({ name, payload }) => ({
        name,
        request: decodeHashRequest(payload, 0),
        hashes: (payload.length - 48) / 32,
      })),
  };
}

describe('a hash request', () => {
  it('is answered by hashes, with the request repeated', async () => {
    const { hashes, release, said } = service();
    release();
    await hashes.serve(FINE);
    expect(said()).toEqual([{ name: 'hashes', request: FINE, hashes: 4 }]);
  });

  it.each([
    ['of a root that no file has', { root: new Uint8Array(32) as Digest }],
    ['whose index is no multiple of its length', { index: 1 }],
    ['whose length is no power of two', { length: 3 }],
    ['of no length', { length: 0 }],
    ['for too many hashes', { length: 16_384, baseLayer: 0 }],
    ['above the root', { baseLayer: 10 }],
    ['far above the root', { baseLayer: 0xffffffff }],
    ['past the end of the layer', { index: 32 }],
    ['far past the end of the layer', { index: 0xfffffffc }],
    ['with too many proof layers', { proofLayers: 5 }],
    ['with far too many proof layers', { proofLayers: 0xffffffff }],
  ])('[fault 37] %s is rejected as an offence, and never looked up', async (_, part) => {
    const { hashes, said, answered, offences } = service();
    await hashes.serve({ ...FINE, ...part });
    expect(said()).toMatchObject([{ name: 'hashReject', request: { ...FINE, ...part } }]);
    expect(offences()).toBe(1);
    expect(answered).toEqual([]);
  });

  it('[fault 37] that is one absurdity too many gets no answer any more', async () => {
    const { hashes, said } = service();
    for (let i = 0; i <= MAX_PEER_OFFENCES; i++) await hashes.serve({ ...FINE, index: 1 });
    expect(said()).toHaveLength(MAX_PEER_OFFENCES);
  });

  it('before the hashes are known is rejected without blame', async () => {
    const { hashes, release, said, offences } = service({ knowsHashes: false, answers: false });
    release();
    await hashes.serve({ ...FINE, root: new Uint8Array(32) });
    await hashes.serve(FINE);
    expect(said().map(({ name }) => name)).toEqual(['hashReject', 'hashReject']);
    expect(offences()).toBe(0);
  });

  it('whose hashes cannot be had is rejected without blame', async () => {
    const { hashes, release, said, offences } = service({ answers: false });
    release();
    await hashes.serve({ ...FINE, baseLayer: 0, proofLayers: 9 });
    expect(said().map(({ name }) => name)).toEqual(['hashReject']);
    expect(offences()).toBe(0);
  });

  it('that is answered after the end is not answered', async () => {
    const { hashes, release, said, close } = service();
    const served = hashes.serve(FINE);
    close();
    release();
    await served;
    expect(said()).toEqual([]);
  });
});

describe('[fault 38] a flood of hash requests', () => {
  it('beyond the rate is rejected without work', async () => {
    const { hashes, said, answered } = service({ mayServe: false });
    for (let i = 0; i < 100; i++) await hashes.serve(FINE);
    expect(said().filter(({ name }) => name === 'hashReject')).toHaveLength(100);
    expect(answered).toEqual([]);
  });

  it('pays more for leaves, which are read and hashed again', async () => {
    const { hashes, release, costs } = service();
    release();
    await hashes.serve(FINE);
    await hashes.serve({ ...FINE, baseLayer: 0, length: 32, proofLayers: 9 });
    await hashes.serve({ ...FINE, baseLayer: 0, length: 512, proofLayers: 9 });
    await hashes.serve({ ...FINE, baseLayer: 0, index: 992, length: 32, proofLayers: 9 });
    expect(costs).toEqual([1, 4, 64, 1]);
  });

  it('keeps a few answers under way, rejects the rest at once, and answers each exactly once', async () => {
    const { hashes, release, said, answered } = service();
    const served = Array.from({ length: 100 }, () => hashes.serve(FINE));
    await Promise.resolve();
    expect(answered).toHaveLength(MAX_OUTSTANDING_HASH_REQUESTS);
    expect(said().map(({ name }) => name)).toEqual(
      Array.from({ length: 100 - MAX_OUTSTANDING_HASH_REQUESTS }, () => 'hashReject'),
    );
    release();
    await Promise.all(served);
    expect(said().map(({ name }) => name)).toEqual(
      Array.from({ length: MAX_OUTSTANDING_HASH_REQUESTS }, () => 'hashes'),
    );
    await hashes.serve(FINE);
    expect(said()).toHaveLength(1);
  });
});
