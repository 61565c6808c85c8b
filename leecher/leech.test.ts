import { describe, expect, it } from 'vitest';
import { equalBytes } from '../common/base/bytes.ts';
import { instant } from '../common/base/ids.ts';
import { BLOCK_BYTES, KIB } from '../common/base/limits.ts';
import { StoreError } from '../common/base/ports.ts';
import { contentOfSize } from '../common/fixtures/content.ts';
import { VirtualClock } from '../common/sim/clock.ts';
import type { SimHost } from '../common/sim/host.ts';
import { CALM } from '../common/sim/link.ts';
import { SimNetwork } from '../common/sim/network.ts';
import { SeededRandom } from '../common/sim/random.ts';
import { simulatedShare, type SimulatedShare } from '../seeder/fixtures/simulated-share.ts';
import { simulatedLeech, type SimulatedLeech } from './fixtures/simulated-leech.ts';

/** 40 pieces of one block. */
const CONTENT = contentOfSize(40 * BLOCK_BYTES, BLOCK_BYTES);
const MINUTE_MS = 60_000;

class World {
  readonly clock = new VirtualClock({ startAt: instant(0) });
  readonly network = new SimNetwork({ clock: this.clock, random: new SeededRandom({ seed: 8 }), traits: CALM });

  readonly #hosts = new Map<number, SimHost>();

  #host(id: number): SimHost {
    const host = this.network.addHost(`10.0.0.${id}`);
    this.#hosts.set(id, host);
    return host;
  }

  /** They cannot reach each other, though others tell them of each other. */
  separate(one: number, other: number): void {
    this.network.cut([this.#hosts.get(one)!], [this.#hosts.get(other)!]);
  }

  share(id: number, options: Parameters<typeof simulatedShare>[2] = {}): Promise<SimulatedShare> {
    return simulatedShare(this.#host(id), CONTENT, options);
  }

  async shares(...ids: readonly number[]): Promise<SimulatedShare[]> {
    return Promise.all(ids.map((id) => this.share(id)));
  }

  leech(id: number, options: Parameters<typeof simulatedLeech>[2] = {}): Promise<SimulatedLeech> {
    return simulatedLeech(this.#host(id), CONTENT, options);
  }
}

function expectFinished({ files }: SimulatedLeech): void {
  expect(equalBytes(files.files.get('/here/content.bin')!, CONTENT.bytes)).toBe(true);
}

describe('leech', () => {
  it('downloads from three sources, and tells its trackers when it is complete', async () => {
    const world = new World();
    const shares = await world.shares(1, 2, 3);
    const leecher = await world.leech(9, { minSeeders: 3, endpoints: shares.map(({ endpoint }) => endpoint) });
    expect(leecher.presence.facts.progress()).toMatchObject({ leftBytes: undefined, partialSeed: false });
    const result = await world.clock.run(leecher.outcome, MINUTE_MS);
    expect(result).toEqual({ path: '/here/content.bin', sizeBytes: CONTENT.bytes.length, wasThere: false });
    expectFinished(leecher);
    for (const { share } of shares) expect(share.uploadedBytes).toBeGreaterThan(0);
    expect(leecher.leech.downloadedBytes).toBeGreaterThanOrEqual(CONTENT.bytes.length);
    expect(leecher.presence.calls.filter((call) => call !== 'announceNow')).toEqual(['start', 'completed']);
    expect(leecher.presence.facts.progress()).toMatchObject({ leftBytes: 0 });
    await world.clock.run(leecher.leech.stop(), MINUTE_MS);
    expect(leecher.presence.calls.at(-1)).toBe('stop');
    expect([leecher.files.locked.size, leecher.files.openStores]).toEqual([0, 0]);
    await world.clock.run(Promise.all(shares.map(({ share }) => share.stop())), MINUTE_MS);
    await world.clock.runFor(5_000);
    expect(world.clock.pending).toBe(0);
  });

  it('is not complete a second time: what was there already is not announced as completed (BEP 3)', async () => {
    const world = new World();
    const [seeder] = await world.shares(1);
    const first = await world.leech(9, { endpoints: [seeder!.endpoint] });
    await world.clock.run(first.outcome, MINUTE_MS);
    await world.clock.run(first.leech.stop(), MINUTE_MS);
    const again = await world.leech(8, { endpoints: [seeder!.endpoint], disk: first.files });
    expect(await world.clock.run(again.outcome, MINUTE_MS)).toMatchObject({ wasThere: true });
    expect(again.presence.calls).toEqual(['start']);
  });

  it('asks its trackers for more while there are too few', async () => {
    const world = new World();
    const [one, two] = await world.shares(1, 2);
    const leecher = await world.leech(9, { minSeeders: 2, endpoints: [one!.endpoint] });
    await world.clock.runFor(5_000);
    expect(leecher.presence.calls).toContain('announceNow');
    leecher.presence.facts.onPeers([one!.endpoint, two!.endpoint]);
    await world.clock.run(leecher.outcome, MINUTE_MS);
    expectFinished(leecher);
  });

  it('serves what it has verified: two leechers finish with the parts of one another', async () => {
    const world = new World();
    const low = await world.share(1, { pieces: Array.from({ length: 20 }, (_, i) => i) });
    const high = await world.share(2, { pieces: Array.from({ length: 20 }, (_, i) => 20 + i) });
    const a = await world.leech(8, { endpoints: [low.endpoint] });
    const b = await world.leech(9, { endpoints: [high.endpoint, a.endpoint] });
    world.separate(8, 2);
    world.separate(9, 1);
    await world.clock.run(Promise.all([a.outcome, b.outcome]), MINUTE_MS);
    expectFinished(a);
    expectFinished(b);
    expect(a.leech.uploadedBytes + b.leech.uploadedBytes).toBeGreaterThanOrEqual(CONTENT.bytes.length);
  });

  it('describes the content to another leecher once it has learned it', async () => {
    const world = new World();
    const a = await world.leech(8);
    const b = await world.leech(9, { endpoints: [a.endpoint] });
    await world.clock.runFor(2_000);
    expect([a.leech.download.peerCount, b.leech.download.peerCount]).toEqual([1, 1]);
    const [seeder] = await world.shares(1);
    a.presence.facts.onPeers([seeder!.endpoint]);
    await world.clock.run(Promise.all([a.outcome, b.outcome]), MINUTE_MS);
    expectFinished(a);
    expectFinished(b);
  });

  it('what cannot be read back is not served any more; the download goes on', async () => {
    const world = new World();
    const seeder = await world.share(1);
    const a = await world.leech(8, { endpoints: [seeder.endpoint] });
    const open = a.files.openPart.bind(a.files);
    a.files.openPart = async (...parameters) => {
      const store = await open(...parameters);
      store.read = () => Promise.reject(new StoreError('failed', 'EIO'));
      return store;
    };
    const b = await world.leech(9, { endpoints: [a.endpoint], timeoutMs: 20_000 });
    world.separate(9, 1);
    await world.clock.run(a.outcome, MINUTE_MS);
    expectFinished(a);
    await world.clock.run(
      b.outcome.catch(() => undefined),
      2 * MINUTE_MS,
    );
    expect(a.log.of('warn')).toContainEqual(expect.stringContaining('cannot read back'));
    expect(a.leech.uploadedBytes).toBe(0);
  });

  it('stopped in the middle it leaves nothing running, and the next one goes on', async () => {
    const world = new World();
    const host = world.network.addHost('10.0.0.1');
    host.up.bytesPerSecond = 256 * KIB;
    const seeder = await simulatedShare(host, CONTENT);
    const first = await world.leech(9, { endpoints: [seeder.endpoint] });
    await world.clock.runUntilTrue(() => first.events.of('chunk').length >= 10, MINUTE_MS);
    first.leech.download.stop('INTERRUPTED', 'stopped by SIGINT');
    await world.clock.run(first.leech.stop(), MINUTE_MS);
    await expect(first.outcome).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect([first.files.locked.size, first.files.openStores]).toEqual([0, 0]);
    expect(first.presence.calls).not.toContain('completed');
    const again = await world.leech(8, { endpoints: [seeder.endpoint], disk: first.files });
    await world.clock.run(again.outcome, MINUTE_MS);
    expectFinished(again);
    expect(again.leech.download.resumedBytes).toBeGreaterThanOrEqual(10 * BLOCK_BYTES);
    expect(again.presence.calls).toContain('completed');
    await world.clock.run(Promise.all([again.leech.stop(), seeder.share.stop()]), MINUTE_MS);
    await world.clock.runFor(5_000);
    expect(world.clock.pending).toBe(0);
  });
});
