import { describe, expect, it } from 'vitest';
import { instant, wireHashOf } from '../common/base/ids.ts';
import { BLOCK_BYTES } from '../common/base/limits.ts';
import { StoreError } from '../common/base/ports.ts';
import { contentOfSize } from '../common/fixtures/content.ts';
import { VirtualClock } from '../common/sim/clock.ts';
import { CALM } from '../common/sim/link.ts';
import { SimNetwork } from '../common/sim/network.ts';
import { SeededRandom } from '../common/sim/random.ts';
import { simulatedLeech } from '../leecher/fixtures/simulated-leech.ts';
import { simulatedShare } from './fixtures/simulated-share.ts';

/** 20 pieces of two blocks, the last one short. */
const CONTENT = contentOfSize(39 * BLOCK_BYTES + 1, 2 * BLOCK_BYTES);
const PIECES = 20;
const MINUTE_MS = 60_000;

function newWorld(): { readonly clock: VirtualClock; readonly network: SimNetwork } {
  const clock = new VirtualClock({ startAt: instant(0) });
  return { clock, network: new SimNetwork({ clock, random: new SeededRandom({ seed: 5 }), traits: CALM }) };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('share', () => {
  it('serves its content to a leecher that finds it, and counts what it gave', async () => {
    const { clock, network } = newWorld();
    const seeder = await simulatedShare(network.addHost('10.0.0.1'), CONTENT);
    const leecher = await simulatedLeech(network.addHost('10.0.0.9'), CONTENT, { peers: [seeder.endpoint] });
    await clock.run(leecher.outcome, MINUTE_MS);
    expect(seeder.share.uploadedBytes).toBe(CONTENT.bytes.length);
    expect(seeder.presence.facts.progress().uploadedBytes).toBe(CONTENT.bytes.length);
    expect(seeder.share.peerCount).toBe(1);
    await clock.run(Promise.all([leecher.leech.stop(), seeder.share.stop()]), MINUTE_MS);
    await clock.runFor(5_000);
    expect(clock.pending).toBe(0);
  });

  it('of an assigned range serves that range and no more', async () => {
    const { clock, network } = newWorld();
    const low = await simulatedShare(network.addHost('10.0.0.1'), CONTENT, { pieces: range(0, 8) });
    const high = await simulatedShare(network.addHost('10.0.0.2'), CONTENT, { pieces: range(8, PIECES) });
    const leecher = await simulatedLeech(network.addHost('10.0.0.9'), CONTENT, {
      peers: [low.endpoint, high.endpoint],
      minSeeders: 2,
    });
    await clock.run(leecher.outcome, MINUTE_MS);
    expect(low.share.uploadedBytes).toBe(8 * 2 * BLOCK_BYTES);
    expect(high.share.uploadedBytes).toBe(CONTENT.bytes.length - 8 * 2 * BLOCK_BYTES);
    expect(leecher.events.of('retry')).toEqual([]);
  });

  it('says what is announced: where it listens, for what, and how much it lacks', async () => {
    const { network } = newWorld();
    const whole = await simulatedShare(network.addHost('10.0.0.1'), CONTENT);
    const { facts } = whole.presence;
    expect([facts.port, facts.wireHash]).toEqual([7000, wireHashOf(CONTENT.info.infoHashV2!)]);
    const nothing = { uploadedBytes: 0, downloadedBytes: 0 };
    expect(facts.progress()).toEqual({ ...nothing, leftBytes: 0, partialSeed: false });
    const part = await simulatedShare(network.addHost('10.0.0.2'), CONTENT, { pieces: [0, 19] });
    const leftBytes = CONTENT.bytes.length - CONTENT.pieceOf(0).length - CONTENT.pieceOf(19).length;
    expect(part.presence.facts.progress()).toEqual({ ...nothing, leftBytes, partialSeed: true });
  });

  it('dials the peers that its trackers name', async () => {
    const { clock, network } = newWorld();
    const leecher = await simulatedLeech(network.addHost('10.0.0.9'), CONTENT);
    const seeder = await simulatedShare(network.addHost('10.0.0.1'), CONTENT, { peers: [leecher.endpoint] });
    void seeder.share.start();
    await clock.run(leecher.outcome, MINUTE_MS);
    expect(seeder.share.uploadedBytes).toBe(CONTENT.bytes.length);
  });

  it('[fault 46] withdraws everything when the file turns out not to be what it was', async () => {
    const { clock, network } = newWorld();
    const seeder = await simulatedShare(network.addHost('10.0.0.1'), CONTENT);
    seeder.store.failReads('changed');
    const leecher = await simulatedLeech(network.addHost('10.0.0.9'), CONTENT, { peers: [seeder.endpoint] });
    expect(await clock.run(errorOf(seeder.share.failed), MINUTE_MS)).toMatchObject({ failure: 'changed' });
    expect(await clock.run(errorOf(leecher.outcome), 3 * MINUTE_MS)).toMatchObject({ code: 'TIMED_OUT' });
    expect([seeder.share.uploadedBytes, seeder.store.done.readBytes]).toEqual([0, 0]);
    expect(leecher.events.of('missing')[0]).toContain('missing 0-19');
  });

  it('[fault 46] asks now and then whether the file is what it was, though nobody reads', async () => {
    const { clock, network } = newWorld();
    let checks = 0;
    const error = new StoreError('changed', 'it was edited');
    const seeder = await simulatedShare(network.addHost('10.0.0.1'), CONTENT, {
      check: () => (++checks < 4 ? Promise.resolve() : Promise.reject(error)),
    });
    void seeder.share.start();
    await clock.runFor(19_999);
    expect(checks).toBe(3);
    expect(await clock.run(errorOf(seeder.share.failed), 10)).toBe(error);
    await clock.runFor(MINUTE_MS);
    expect(checks).toBe(4);
  });

  it('asks no more once it is stopped, even with an answer on its way', async () => {
    const { clock, network } = newWorld();
    let answer = (): void => undefined;
    const seeder = await simulatedShare(network.addHost('10.0.0.1'), CONTENT, {
      check: () => new Promise((resolve) => (answer = resolve)),
    });
    void seeder.share.start();
    await clock.runFor(5_000);
    await clock.run(seeder.share.stop(), 1_000);
    answer();
    await clock.runFor(1);
    expect(clock.pending).toBe(0);
  });

  it('says goodbye to trackers and peers, and lets go of port and file whatever the trackers do', async () => {
    const { clock, network } = newWorld();
    const host = network.addHost('10.0.0.1');
    const seeder = await simulatedShare(host, CONTENT);
    const leecher = await simulatedLeech(network.addHost('10.0.0.9'), CONTENT, {
      peers: [seeder.endpoint],
      minSeeders: 2,
    });
    await clock.runFor(1_000);
    expect(seeder.share.peerCount).toBe(1);
    seeder.presence.stop = () => Promise.reject(new Error('no tracker answers'));
    expect(await clock.run(errorOf(seeder.share.stop()), MINUTE_MS)).toEqual(new Error('no tracker answers'));
    await expect(clock.run(errorOf(seeder.store.sync()), 10)).resolves.toMatchObject({ failure: 'failed' });
    await clock.runFor(100);
    expect(leecher.events.of('source')).toEqual([expect.stringContaining('joined'), expect.stringContaining('left')]);
    await simulatedShare(host, CONTENT);
  });
});
