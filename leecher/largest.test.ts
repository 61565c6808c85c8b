/** The largest content there can be: 2^21 chunks, of zeros, so that it takes no room. */
import { expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { toHex } from '../common/base/bytes.ts';
import { instant, pieceIndex } from '../common/base/ids.ts';
import { BLOCK_BYTES, MAX_PIECES } from '../common/base/limits.ts';
import type { PieceStore } from '../common/base/ports.ts';
import type { PartStore, PiecePlaces } from '../common/base/target-ports.ts';
import { parseInfo } from '../common/content/info.ts';
import { leavesOf, rootOfLayer } from '../common/content/merkle.ts';
import { makeInfo } from '../common/content/metainfo.ts';
import { PieceChecks } from '../common/content/piece-checks.ts';
import type { Content } from '../common/fixtures/content.ts';
import { VirtualClock } from '../common/sim/clock.ts';
import { CALM } from '../common/sim/link.ts';
import { SimNetwork } from '../common/sim/network.ts';
import { SeededRandom } from '../common/sim/random.ts';
import { simulatedShare } from '../seeder/fixtures/simulated-share.ts';
import { MemoryFiles } from './fixtures/memory-files.ts';
import { simulatedLeech } from './fixtures/simulated-leech.ts';

const LENGTH_BYTES = MAX_PIECES * BLOCK_BYTES;

function zeros(): Content {
  const zero = new Uint8Array(BLOCK_BYTES);
  const leaf = leavesOf(zero);
  const layer = new Uint8Array(MAX_PIECES * leaf.length);
  layer.set(leaf);
  for (let filled = leaf.length; filled < layer.length; filled *= 2) layer.copyWithin(filled, 0, filled);
  const root = rootOfLayer(layer, 0, Math.log2(MAX_PIECES));
  const parsed = parseInfo(makeInfo({ name: 'content.bin', lengthBytes: LENGTH_BYTES, pieceBytes: BLOCK_BYTES, root }));
  if (!parsed.ok) throw new Error(parsed.reason);
  const layers = new Map([[toHex(root), layer]]);
  const checks = new PieceChecks(parsed.value, layers);
  return { bytes: zero, info: parsed.value, layers, checks, pieceOf: () => zero };
}

const zeroStore: PieceStore = {
  read: (_piece, _begin, into) => {
    into.fill(0);
    return Promise.resolve();
  },
  write: () => Promise.resolve(),
  sync: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

/** A part file of zeros in which a few pieces are wrong. */
class ZeroFiles extends MemoryFiles {
  readonly wrong: Bitfield;
  readonly finished: string[] = [];

  constructor(wrong: readonly number[]) {
    super();
    this.wrong = new Bitfield(MAX_PIECES);
    for (const piece of wrong) this.wrong.add(pieceIndex(piece));
    // With holes, and no room for what they stand for.
    this.freeRoomBytes = wrong.length * BLOCK_BYTES;
  }

  override kindOf(path: string): Promise<'none' | 'file'> {
    return Promise.resolve(path.endsWith('.part') ? 'file' : 'none');
  }

  override sizeOf(): Promise<{ readonly fits: boolean; readonly storedBytes: number }> {
    return Promise.resolve({ fits: true, storedBytes: 0 });
  }

  override openPart(): Promise<PartStore> {
    return Promise.resolve({
      ...zeroStore,
      write: (piece) => {
        expect(this.wrong.remove(piece)).toBe(true);
        return Promise.resolve();
      },
      finish: (path) => {
        this.finished.push(path);
        return Promise.resolve();
      },
    });
  }

  override check(_path: string, places: PiecePlaces): Promise<Bitfield> {
    const right = Bitfield.full(places.pieceCount);
    for (const piece of this.wrong) right.remove(piece);
    return Promise.resolve(right);
  }
}

it('starts, learns the hashes, plans, resumes and finishes content of 2^21 chunks, with little said', async () => {
  const clock = new VirtualClock({ startAt: instant(0) });
  const network = new SimNetwork({ clock, random: new SeededRandom({ seed: 8 }), traits: CALM });
  const content = zeros();
  const held = Bitfield.full(MAX_PIECES);
  const full = await simulatedShare(network.addHost('10.0.0.2'), content, { pieces: [], held, store: zeroStore });
  const disks = [new ZeroFiles([0, 1_000, MAX_PIECES - 1]), new ZeroFiles([5, 2 ** 20])];
  const one = await simulatedLeech(network.addHost('10.0.0.8'), content, {
    disk: disks[0]!,
    endpoints: [full.endpoint],
  });
  const other = await simulatedLeech(network.addHost('10.0.0.9'), content, {
    disk: disks[1]!,
    endpoints: [full.endpoint, one.endpoint],
  });
  const begin = clock.now();
  const results = await clock.run(Promise.all([one.outcome, other.outcome]), 60_000);
  for (const result of results) expect(result.sizeBytes).toBe(LENGTH_BYTES);
  for (const disk of disks) {
    expect(disk.wrong.count).toBe(0);
    expect(disk.finished).toEqual(['/here/content.bin']);
  }
  expect(clock.now() - begin).toBeLessThan(10_000);
}, 60_000);
