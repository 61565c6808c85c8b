import { describe, expect, it } from 'vitest';
import { equalBytes } from '../common/base/bytes.ts';
import { instant } from '../common/base/ids.ts';
import { BLOCK_BYTES, DRAIN_TIMEOUT_MS, KIB } from '../common/base/limits.ts';
import { StoreError } from '../common/base/ports.ts';
import { contentOfSize } from '../common/fixtures/content.ts';
import { VirtualClock } from '../common/sim/clock.ts';
import { CALM } from '../common/sim/link.ts';
import type { SimHost } from '../common/sim/host.ts';
import { SimNetwork } from '../common/sim/network.ts';
import { SeededRandom } from '../common/sim/random.ts';
import { simulatedShare } from '../seeder/fixtures/simulated-share.ts';
import { simulatedLeech, type SimulatedLeech } from './fixtures/simulated-leech.ts';

/** 40 pieces of one block. */
const CONTENT = contentOfSize(40 * BLOCK_BYTES, BLOCK_BYTES);
const { layers } = CONTENT;
const KNOWN = { info: CONTENT.info, layers };
const SIZE = CONTENT.bytes.length;
const MINUTE_MS = 60_000;

class World {
  readonly clock = new VirtualClock({ startAt: instant(0) });
  readonly network = new SimNetwork({ clock: this.clock, random: new SeededRandom({ seed: 8 }), traits: CALM });

  leech(host: SimHost | string, options: Parameters<typeof simulatedLeech>[2] = {}): Promise<SimulatedLeech> {
    return simulatedLeech(typeof host === 'string' ? this.network.addHost(host) : host, CONTENT, options);
  }

  /** A leecher that has finished; its seeder has left. */
  async finished(host: SimHost | string = '10.0.0.9'): Promise<SimulatedLeech> {
    const seeder = await simulatedShare(this.network.addHost('10.0.0.1'), CONTENT);
    const leecher = await this.leech(host, { endpoints: [seeder.endpoint] });
    await this.clock.run(leecher.outcome, MINUTE_MS);
    await this.clock.run(seeder.share.stop(), MINUTE_MS);
    return leecher;
  }

  /** All that is left to do is done. */
  async close(...leechers: readonly SimulatedLeech[]): Promise<void> {
    for (const { leech, files } of leechers) {
      await this.clock.run(leech.stop(), MINUTE_MS);
      expect([files.locked.size, files.openStores]).toEqual([0, 0]);
    }
    await this.clock.runFor(5_000);
    expect(this.clock.pending).toBe(0);
  }
}

const expectFinished = ({ files }: SimulatedLeech): void =>
  expect(equalBytes(files.files.get('/here/content.bin')!, CONTENT.bytes)).toBe(true);

describe('a leecher that serves on', () => {
  it('feeds others when the seeder has left, and counts as one to them', async () => {
    const world = new World();
    const first = await world.finished();
    const seeding = first.leech.seed({ ratio: 1 });
    expect(first.presence.facts.progress()).toMatchObject({ leftBytes: 0 });
    const second = await world.leech('10.0.0.8', { endpoints: [first.endpoint] });
    await world.clock.run(second.outcome, MINUTE_MS);
    expectFinished(second);
    expect(await world.clock.run(seeding, MINUTE_MS)).toBe('ratio');
    expect(first.leech.uploadedBytes).toBe(SIZE);
    await world.close(first, second);
  });

  it('dials leechers that trackers name', async () => {
    const world = new World();
    const first = await world.finished();
    void first.leech.seed({});
    await world.clock.runFor(100);
    const second = await world.leech('10.0.0.8');
    first.presence.facts.onPeers([second.endpoint]);
    await world.clock.run(second.outcome, MINUTE_MS);
    expectFinished(second);
    await world.close(first, second);
  });

  it('parts with those who want nothing either', async () => {
    const world = new World();
    const first = await world.finished();
    void first.leech.seed({});
    const second = await world.leech('10.0.0.8', { endpoints: [first.endpoint] });
    await world.clock.run(second.outcome, MINUTE_MS);
    void second.leech.seed({});
    await world.clock.runFor(1_000);
    expect([first.leech.download.peerCount, second.leech.download.peerCount]).toEqual([0, 0]);
    await world.close(first, second);
  });

  it('ends when its time is over, however little was sent', async () => {
    const world = new World();
    const first = await world.finished();
    const from = world.clock.now();
    expect(await world.clock.run(first.leech.seed({ ratio: 2, timeMs: 90_000 }), 10 * MINUTE_MS)).toBe('time');
    expect(world.clock.now() - from).toBe(90_000);
    await world.close(first);
  });

  it('serves what was there already when it started', async () => {
    const world = new World();
    const first = await world.finished();
    await world.clock.run(first.leech.stop(), MINUTE_MS);
    const again = await world.leech('10.0.0.7', { disk: first.files, known: KNOWN });
    expect(await world.clock.run(again.outcome, MINUTE_MS)).toMatchObject({ wasThere: true });
    void again.leech.seed({});
    const second = await world.leech('10.0.0.8', { endpoints: [again.endpoint] });
    await world.clock.run(second.outcome, MINUTE_MS);
    expectFinished(second);
    await world.close(again, second);
  });

  it('stops serving when the file is no longer what it was, asked for or not', async () => {
    const world = new World();
    const first = await world.finished();
    const seeding = first.leech.seed({});
    await world.clock.runFor(7_000);
    first.files.fail('look', new StoreError('changed', 'it is another file'));
    await expect(world.clock.run(seeding, MINUTE_MS)).rejects.toMatchObject({ failure: 'changed' });
    const second = await world.leech('10.0.0.8', { endpoints: [first.endpoint] });
    await world.clock.runFor(10_000);
    expect(second.leech.downloadedBytes).toBe(0);
    await world.close(first, second);
  });

  it('that is stopped while it opens the file leaves nothing open', async () => {
    const world = new World();
    const first = await world.finished();
    let goOn: () => void = () => undefined;
    first.files.before.openFinished = () => new Promise((resolve) => (goOn = resolve));
    const seeding = first.leech.seed({});
    const stopped = first.leech.stop();
    await world.clock.run(stopped, MINUTE_MS);
    goOn();
    await expect(seeding).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await world.close(first);
  });
});

describe('a leecher that ends when it is done', () => {
  it('first sends what was asked of it', async () => {
    const world = new World();
    const host = world.network.addHost('10.0.0.9');
    const first = await world.finished(host);
    host.up.bytesPerSecond = 256 * KIB;
    const second = await world.leech('10.0.0.8', { endpoints: [first.endpoint] });
    await world.clock.runUntilTrue(() => second.leech.downloadedBytes > 0, MINUTE_MS);
    const before = first.leech.uploadedBytes;
    await world.clock.run(first.leech.finishSending(), DRAIN_TIMEOUT_MS + 100);
    expect(first.leech.uploadedBytes).toBeGreaterThan(before);
    await world.clock.run(first.leech.stop(), MINUTE_MS);
    await world.clock.runFor(1_000);
    // Nothing of what was sent was lost on the way out.
    expect(second.leech.downloadedBytes).toBe(first.leech.uploadedBytes);
    await world.close(first, second);
  });

  it('at once when nobody asked for anything', async () => {
    const world = new World();
    const first = await world.finished();
    const from = world.clock.now();
    await world.clock.run(first.leech.finishSending(), 1);
    expect(world.clock.now()).toBe(from);
    await world.close(first);
  });

  it('does not wait for a peer that reads nothing', async () => {
    const world = new World();
    const host = world.network.addHost('10.0.0.9');
    const first = await world.finished(host);
    host.up.bytesPerSecond = 1;
    const second = await world.leech('10.0.0.8', { endpoints: [first.endpoint] });
    await world.clock.runUntilTrue(() => first.leech.uploadedBytes > 0, MINUTE_MS);
    const from = world.clock.now();
    await world.clock.run(first.leech.finishSending(), MINUTE_MS);
    expect(world.clock.now() - from).toBeLessThanOrEqual(DRAIN_TIMEOUT_MS + 100);
    await world.close(first, second);
  });
});
