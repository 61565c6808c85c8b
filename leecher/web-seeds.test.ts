import { describe, expect, it } from 'vitest';
import { equalBytes } from '../common/base/bytes.ts';
import { instant, type Endpoint } from '../common/base/ids.ts';
import { BLOCK_BYTES, MAX_WEB_GET_BYTES, MAX_WEB_GETS } from '../common/base/limits.ts';
import { contentOfSize } from '../common/fixtures/content.ts';
import { VirtualClock } from '../common/sim/clock.ts';
import { CALM } from '../common/sim/link.ts';
import { SimNetwork } from '../common/sim/network.ts';
import { SeededRandom } from '../common/sim/random.ts';
import { SimWeb, type Served } from '../common/sim/web.ts';
import { simulatedShare } from '../seeder/fixtures/simulated-share.ts';
import { simulatedLeech, type SimulatedLeech } from './fixtures/simulated-leech.ts';
import type { WebSource } from './web-url.ts';

/** 200 pieces of one block, and a bit. */
const CONTENT = contentOfSize(200 * BLOCK_BYTES + 100, BLOCK_BYTES);
const HOUR_MS = 3_600_000;
const SERVER: Endpoint = { host: '203.0.113.5', port: 80 };
const TARGET = '/files/content.bin';
const SOURCE: WebSource = { url: `http://me:secret@${SERVER.host}/files/`, nearest: 'private', isTyped: false };
const SHOWN = `http://${SERVER.host}/files/`;

class World {
  readonly clock = new VirtualClock({ startAt: instant(0) });
  readonly network = new SimNetwork({ clock: this.clock, random: new SeededRandom({ seed: 8 }), traits: CALM });
  readonly web = new SimWeb({ clock: this.clock, partMs: 1 });

  serve(change: Partial<Served> = {}): void {
    this.web.serve(SERVER, TARGET, { bytes: CONTENT.bytes, ...change });
  }

  async share(id: number): Promise<Endpoint> {
    return (await simulatedShare(this.network.addHost(`10.0.0.${id}`), CONTENT)).endpoint;
  }

  leech(options: Parameters<typeof simulatedLeech>[2] = {}): Promise<SimulatedLeech> {
    return simulatedLeech(this.network.addHost('10.0.0.9'), CONTENT, {
      webSources: [SOURCE],
      webClient: this.web,
      known: { info: CONTENT.info, layers: CONTENT.layers },
      ...options,
    });
  }

  /** To the end, and to the end of all that was begun for it. */
  async finish(leecher: SimulatedLeech): Promise<void> {
    await this.clock.run(leecher.outcome, HOUR_MS);
    expect(equalBytes(leecher.files.files.get('/here/content.bin')!, CONTENT.bytes)).toBe(true);
    await this.clock.run(leecher.leech.stop(), HOUR_MS);
    expect(this.web.open).toBe(0);
  }
}

const webEntry = ({ leech }: SimulatedLeech) => leech.download.report().find(({ endpoint }) => endpoint === SHOWN);

describe('a web seed', () => {
  it('gives all there is when there is nobody else, in few long GETs that end with the file', async () => {
    const world = new World();
    world.serve();
    const leecher = await world.leech();
    await world.finish(leecher);
    expect(webEntry(leecher)).toMatchObject({ chunks: 201, bytes: CONTENT.bytes.length, client: 'web seed' });
    expect(leecher.leech.downloadedBytes).toBe(CONTENT.bytes.length);
    const [probe, ...asked] = world.web.asked;
    expect([probe!.firstByte, probe!.lastByte]).toEqual([0, 0]);
    expect(asked.length).toBeLessThan(20);
    expect(world.web.mostOpen).toBeLessThanOrEqual(MAX_WEB_GETS);
    expect(Math.max(...asked.map(({ lastByte }) => lastByte))).toBe(CONTENT.bytes.length - 1);
    for (const { firstByte, lastByte } of asked) expect(lastByte - firstByte).toBeLessThan(MAX_WEB_GET_BYTES);
    expect(probe!.authorization).toBe(`Basic ${btoa('me:secret')}`);
  });

  it('counts as a source beside peers, and the report names them all', async () => {
    const world = new World();
    world.serve();
    const endpoints = [await world.share(1), await world.share(2)];
    const leecher = await world.leech({ minSeeders: 3, endpoints });
    await world.finish(leecher);
    const report = leecher.leech.download.report();
    expect(report).toHaveLength(3);
    for (const { bytes } of report) expect(bytes).toBeGreaterThan(0);
    expect(webEntry(leecher)).toBeDefined();
  });

  it('that cannot be reached counts for nothing', async () => {
    const world = new World();
    const leecher = await world.leech({ minSeeders: 3, endpoints: [await world.share(1), await world.share(2)] });
    await expect(world.clock.run(leecher.outcome, HOUR_MS)).rejects.toMatchObject({ code: 'TOO_FEW_SEEDERS' });
  });

  it('is dropped at the first corrupt chunk, and the download completes without it', async () => {
    const world = new World();
    world.serve({ bytes: CONTENT.bytes.map((byte) => byte ^ 1) });
    const leecher = await world.leech({ minSeeders: 2, endpoints: [await world.share(1)] });
    await world.finish(leecher);
    const entry = webEntry(leecher)!;
    expect([entry.bytes, entry.isBanned]).toEqual([0, true]);
    expect(entry.failed.corrupt).toBeGreaterThanOrEqual(1);
    const asked = world.web.asked.length;
    await world.clock.runFor(HOUR_MS);
    expect(world.web.asked).toHaveLength(asked);
  });

  it('that lies alone ends the download: there is no valid source', async () => {
    const world = new World();
    world.serve({ bytes: CONTENT.bytes.map((byte) => byte ^ 1) });
    const leecher = await world.leech();
    await expect(world.clock.run(leecher.outcome, HOUR_MS)).rejects.toMatchObject({
      code: expect.any(String) as string,
    });
  });

  it('that knows no ranges is read from the start, once for what follows in the file', async () => {
    const world = new World();
    world.serve({ ignoresRanges: true });
    const leecher = await world.leech();
    await world.finish(leecher);
    expect(webEntry(leecher)!.chunks).toBe(201);
    expect(world.web.mostOpen).toBe(1);
    expect(world.web.asked.length).toBeLessThan(10);
  });

  it.each([
    ['another length', { bytes: CONTENT.bytes.subarray(1) }],
    ['a redirect to this machine', { status: 302, headers: { location: 'http://127.0.0.1/files/content.bin' } }],
    ['no word of which bytes it sends', { status: 206 }],
  ])('with %s is not used', async (_what, change) => {
    const world = new World();
    world.serve(change);
    const leecher = await world.leech({ endpoints: [await world.share(1)] });
    await world.finish(leecher);
    expect(webEntry(leecher)).toBeUndefined();
    expect(world.web.asked).toHaveLength(1);
    const said = JSON.stringify(leecher.log.lines);
    expect(said).toContain('a web seed is not used');
    expect(said).not.toContain('secret');
  });

  it('that is not there yet is asked again, and not often', async () => {
    const world = new World();
    world.web.serve(SERVER, '/other', { bytes: CONTENT.bytes });
    const leecher = await world.leech({ waitMs: HOUR_MS, timeoutMs: HOUR_MS });
    await world.clock.runFor(200_000);
    expect(world.web.asked.length).toBeLessThanOrEqual(4);
    world.serve();
    await world.finish(leecher);
  });

  it('that asks for a pause has it', async () => {
    const world = new World();
    world.serve({ status: 503, headers: { 'retry-after': '120' } });
    const leecher = await world.leech({ waitMs: HOUR_MS, timeoutMs: HOUR_MS });
    await world.clock.runFor(119_000);
    expect(world.web.asked).toHaveLength(1);
    world.serve();
    await world.finish(leecher);
  });

  it.each([
    ['is cut in the middle', { cutAfter: 40_000 }],
    ['falls silent', { silentAfter: 40_000 }],
  ])('that %s loses only what was on its way', async (_what, change) => {
    const world = new World();
    world.serve(change);
    const leecher = await world.leech({ timeoutMs: HOUR_MS });
    await world.clock.runFor(90_000);
    expect(leecher.leech.download.verifiedBytes).toBeGreaterThan(0);
    world.serve();
    await world.finish(leecher);
    expect(webEntry(leecher)!.chunks).toBe(201);
  });

  it('leaves nothing behind when the download is stopped', async () => {
    const world = new World();
    world.serve({ silentAfter: 40_000 });
    const leecher = await world.leech();
    await world.clock.runFor(500);
    await world.clock.run(leecher.leech.stop(), HOUR_MS);
    await world.clock.runFor(10_000);
    expect([world.web.open, world.clock.pending]).toEqual([0, 0]);
  });
});
