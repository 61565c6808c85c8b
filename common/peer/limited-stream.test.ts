import { describe, expect, it } from 'vitest';
import { instant } from '../base/ids.ts';
import { END_TIMEOUT_MS, KIB, MIB, SEND_BUFFER_HIGH_BYTES } from '../base/limits.ts';
import type { TcpPort } from '../base/ports.ts';
import { VirtualClock } from '../sim/clock.ts';
import { Recorder } from '../sim/contracts/recorder.ts';
import { describeTcpContract } from '../sim/contracts/tcp.ts';
import { CALM } from '../sim/link.ts';
import { SimNetwork } from '../sim/network.ts';
import { SeededRandom } from '../sim/random.ts';
import { Bandwidth, type RateLimits } from './bandwidth.ts';

const DAY_MS = 86_400_000;
const OFF: RateLimits = { upBytesPerSecond: undefined, downBytesPerSecond: undefined };

class World {
  readonly clock = new VirtualClock({ startAt: instant(0) });
  readonly network = new SimNetwork({ clock: this.clock, random: new SeededRandom({ seed: 12 }), traits: CALM });
  readonly bandwidth: Bandwidth;

  constructor(limits: RateLimits, lan?: RateLimits) {
    this.bandwidth = new Bandwidth({ clock: this.clock, limits, lan });
  }

  /** A limited stream and its other end, which is not limited. */
  async pair(): Promise<readonly [Recorder, Recorder]> {
    const [here, there] = [this.network.addHost('198.51.100.1'), this.network.addHost('198.51.100.2')];
    const listener = await this.clock.run(there.listeners.listen({ host: '198.51.100.2', port: 0 }), 1_000);
    const accepted = new Promise<TcpPort>((resolve) => listener.onConnection(resolve));
    const dialled = await this.clock.run(this.bandwidth.dialer(here.dialer).dial(listener.local, 1_000), 1_000);
    if (!dialled.ok) throw new Error(dialled.failure);
    return [new Recorder(dialled.stream), new Recorder(await this.clock.run(accepted, 1_000))];
  }
}

const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, (_, i) => (i * 7) & 0xff);

describeTcpContract('a limited stream', () => {
  const clock = new VirtualClock({ startAt: instant(1_000) });
  const network = new SimNetwork({ clock, random: new SeededRandom({ seed: 12 }), traits: CALM });
  const [server, client] = [network.addHost('10.0.0.1'), network.addHost('10.0.0.2')];
  const limits = { upBytesPerSecond: 50 * MIB, downBytesPerSecond: 50 * MIB };
  const [one, two] = [0, 1].map(() => new Bandwidth({ clock, limits, lan: undefined })) as [Bandwidth, Bandwidth];
  return {
    listeners: { listen: async (local) => one.listener(await server.listeners.listen(local)) },
    dialer: two.dialer(client.dialer),
    clock,
    host: '10.0.0.1',
    run: (promise) => clock.run(promise, DAY_MS),
  };
});

describe('a limited stream', () => {
  it.each([
    ['writes', { ...OFF, upBytesPerSecond: 1 * MIB }],
    ['reads', { ...OFF, downBytesPerSecond: 1 * MIB }],
  ])('%s at its rate, all of it in order', async (what, limits) => {
    const world = new World(limits);
    const [here, there] = await world.pair();
    const [from, to] = what === 'writes' ? [here, there] : [there, here];
    const sent = bytes(8 * MIB);
    let isFlushed = false;
    from.stream.write([sent.subarray(0, 5), sent.subarray(5)], () => (isFlushed = true));
    await world.clock.runFor(5_000);
    expect(Math.abs(to.receivedBytes / (5 * MIB) - 1)).toBeLessThan(0.05);
    await world.clock.runFor(10_000);
    expect([isFlushed, to.receivedBytes]).toEqual([true, sent.length]);
    expect(Buffer.compare(to.bytes, sent)).toBe(0);
  });

  it('says that it is full when its share of the line is taken for a while, and drains', async () => {
    const world = new World({ ...OFF, upBytesPerSecond: 64 * KIB });
    const [here] = await world.pair();
    here.stream.write([bytes(10 * KIB)]);
    expect(here.stream.queuedBytes).toBeLessThan(10 * KIB + 1);
    here.stream.write([bytes(100 * KIB)]);
    expect(here.stream.queuedBytes).toBe(SEND_BUFFER_HIGH_BYTES);
    expect(here.drains).toBe(0);
    await world.clock.runFor(3_000);
    expect([here.stream.queuedBytes, here.drains]).toEqual([0, 1]);
  });

  it('that is ended sends what is queued, for as long as any stream may', async () => {
    const world = new World({ ...OFF, upBytesPerSecond: 64 * KIB });
    const [here, there] = await world.pair();
    here.stream.write([bytes(64 * KIB)]);
    here.stream.end();
    expect(await world.clock.run(there.closed(), 5_000)).toBe('ended');
    expect(await world.clock.run(here.closed(), 5_000)).toBe('local');
    expect(there.receivedBytes).toBe(64 * KIB);
  });

  it('that is ended with more than that is cut off, and gives back what it was given', async () => {
    const world = new World({ ...OFF, upBytesPerSecond: 1 * KIB });
    const [here, there] = await world.pair();
    let flushes = 0;
    for (let i = 0; i < 3; i++) here.stream.write([bytes(64 * KIB)], () => flushes++);
    here.stream.end();
    await world.clock.run(there.closed(), END_TIMEOUT_MS + 1_000);
    await world.clock.run(here.closed(), END_TIMEOUT_MS + 1_000);
    expect([flushes, here.calls.at(-1)]).toEqual([3, 'closed']);
    await world.clock.runFor(10_000);
    expect(world.clock.pending).toBe(0);
  });

  it('that was paused stays so when its share comes', async () => {
    const world = new World({ ...OFF, downBytesPerSecond: 64 * KIB });
    const [here, there] = await world.pair();
    there.stream.write([bytes(1 * MIB)]);
    await world.clock.runFor(1_000);
    here.stream.pause();
    const { receivedBytes } = here;
    await world.clock.runFor(20_000);
    expect(here.receivedBytes).toBe(receivedBytes);
    here.stream.resume();
    await world.clock.runFor(20_000);
    expect(here.receivedBytes).toBe(1 * MIB);
  });
});
