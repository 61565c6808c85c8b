import { beforeEach, describe, expect, it } from 'vitest';
import { instant } from '../base/ids.ts';
import { KIB, MIB } from '../base/limits.ts';
import type { DialResult, Listener, TcpPort, UdpPort } from '../base/ports.ts';
import { VirtualClock } from './clock.ts';
import { Recorder } from './contracts/recorder.ts';
import { expectSame, pattern } from './contracts/tcp-world.ts';
import type { SimHost } from './host.ts';
import type { LinkTraits } from './link.ts';
import { CALM } from './link.ts';
import { SimNetwork } from './network.ts';
import { SeededRandom } from './random.ts';

const LIMIT_MS = 3_600_000;
const PORT = 7_000;

let clock: VirtualClock;
let network: SimNetwork;
let server: SimHost;
let client: SimHost;

function makeNetwork(seed: number, traits: Partial<LinkTraits>): void {
  clock = new VirtualClock({ startAt: instant(1_000) });
  network = new SimNetwork({ clock, random: new SeededRandom({ seed }), traits: { ...CALM, ...traits } });
  server = network.addHost('10.0.0.1', '2001:db8::1');
  client = network.addHost('10.0.0.2', '2001:db8::2');
}

const run = <T>(promise: Promise<T>): Promise<T> => clock.run(promise, LIMIT_MS);

const listen = (): Promise<Listener> => run(server.listeners.listen({ host: '0.0.0.0', port: PORT }));

const dial = (timeoutMs = 5_000): Promise<DialResult> =>
  run(client.dialer.dial({ host: '10.0.0.1', port: PORT }, timeoutMs));

async function pair(): Promise<readonly [Recorder, Recorder]> {
  const listener = await listen();
  const accepted = new Promise<TcpPort>((resolve) => listener.onConnection(resolve));
  const dialled = await dial();
  if (!dialled.ok) throw new Error(dialled.failure);
  return [new Recorder(dialled.stream), new Recorder(await run(accepted))];
}

beforeEach(() => makeNetwork(1, {}));

describe('datagrams', () => {
  async function sockets(): Promise<{ readonly from: UdpPort; readonly to: UdpPort; readonly arrived: number[] }> {
    const from = await run(client.udp.bind({ host: '0.0.0.0', port: 0 }));
    const to = await run(server.udp.bind({ host: '0.0.0.0', port: PORT }));
    const arrived: number[] = [];
    to.onDatagram((bytes) => arrived.push(bytes[0]!));
    return { from, to, arrived };
  }

  async function send(count: number): Promise<number[]> {
    const { from, arrived } = await sockets();
    for (let i = 0; i < count; i++) {
      from.send(Uint8Array.of(i), { host: '10.0.0.1', port: PORT });
      await clock.runFor(1);
    }
    await clock.runFor(1_000);
    return arrived;
  }

  it('are lost at the asked rate [fault 12]', async () => {
    makeNetwork(3, { datagramLoss: 0.2 });
    const arrived = await send(200);
    expect(arrived.length).toBeGreaterThan(130);
    expect(arrived.length).toBeLessThan(190);
    expect(network.datagrams.lost).toBe(200 - arrived.length);
  });

  it('are doubled, and overtake each other by jitter [fault 12]', async () => {
    makeNetwork(3, { datagramDoubling: 0.5, jitterMs: 20 });
    const arrived = await send(100);
    expect(arrived.length).toBe(100 + network.datagrams.doubled);
    expect(network.datagrams.doubled).toBeGreaterThan(30);
    expect(arrived).not.toEqual(arrived.toSorted((a, b) => a - b));
  });

  it('take the latency', async () => {
    makeNetwork(3, { latencyMs: 40 });
    const { from, to, arrived } = await sockets();
    from.send(Uint8Array.of(1), { host: '10.0.0.1', port: PORT });
    await clock.runFor(39);
    expect(arrived).toEqual([]);
    await clock.runFor(1);
    expect(arrived).toEqual([1]);
    await run(to.close());
  });

  it('are lost on a cut link, also when the cut comes while they are on their way', async () => {
    const { from, arrived } = await sockets();
    from.send(Uint8Array.of(1), { host: '10.0.0.1', port: PORT });
    network.cut([client], [server]);
    await clock.runFor(10);
    network.heal([client], [server]);
    from.send(Uint8Array.of(2), { host: '10.0.0.1', port: PORT });
    await clock.runFor(10);
    expect(arrived).toEqual([2]);
  });

  it('keep the two families apart', async () => {
    const { from, arrived } = await sockets();
    from.send(Uint8Array.of(1), { host: '2001:db8::1', port: PORT });
    await clock.runFor(10);
    expect(arrived).toEqual([]);
  });
});

describe('streams', () => {
  it('are cut at every place: over many segments some are a byte long', async () => {
    const [a, b] = await pair();
    const sizes: number[] = [];
    const start = b.onBytes.bind(b);
    b.onBytes = (view) => {
      sizes.push(view.length);
      start(view);
    };
    const bytes = pattern(4 * MIB);
    a.stream.write([bytes]);
    expectSame(await run(b.received(bytes.length)), bytes);
    expect(Math.min(...sizes)).toBeLessThanOrEqual(32);
    expect(new Set(sizes).size).toBeGreaterThan(sizes.length / 2);
  });

  it('spoil a view that was kept, and send what the writer changed too early', async () => {
    const [a, b] = await pair();
    let kept: Uint8Array | undefined;
    b.onBytes = (view) => (kept = view);
    const bytes = new Uint8Array(10).fill(1);
    a.stream.write([bytes]);
    bytes.fill(2);
    let seen: number | undefined;
    b.onBytes = (view) => {
      seen = view[0];
      kept = view;
    };
    await clock.runFor(10);
    expect(seen).toBe(2);
    expect(new Set(kept)).toEqual(new Set([0xdb]));
  });

  it.each([
    ['link', (rate: number): void => network.change(server, client, { bytesPerSecond: rate })],
    ['uplink of the sender', (rate: number): void => void (client.up.bytesPerSecond = rate)],
    ['downlink of the receiver', (rate: number): void => void (server.down.bytesPerSecond = rate)],
  ])('take the time that the rate of the %s allows', async (_, limit) => {
    const [a, b] = await pair();
    limit(1_000_000);
    const from = clock.now();
    a.stream.write([pattern(2_000_000)]);
    await run(b.received(2_000_000));
    expect(clock.now() - from).toBeGreaterThan(1_990);
    expect(clock.now() - from).toBeLessThan(2_100);
  });

  it('share a line fairly', async () => {
    const [a, b] = await pair();
    const listener = await run(server.listeners.listen({ host: '10.0.0.1', port: 0 }));
    const accepted = new Promise<TcpPort>((resolve) => listener.onConnection(resolve));
    const dialled = await run(client.dialer.dial(listener.local, 5_000));
    if (!dialled.ok) throw new Error(dialled.failure);
    const other = new Recorder(await run(accepted));
    client.up.bytesPerSecond = 1_000_000;
    a.stream.write([pattern(4_000_000)]);
    dialled.stream.write([pattern(4_000_000)]);
    await clock.runFor(2_000);
    expect(b.receivedBytes).toBeGreaterThan(600_000);
    expect(other.receivedBytes).toBeGreaterThan(600_000);
    expect(b.receivedBytes + other.receivedBytes).toBeLessThanOrEqual(2_000_000);
  });

  it('can trickle at a byte a second, and be set free [fault 42]', async () => {
    const [a, b] = await pair();
    network.change(server, client, { bytesPerSecond: 1 });
    a.stream.write([pattern(100_000)]);
    await clock.runFor(20_000);
    expect(b.receivedBytes).toBeGreaterThan(15);
    expect(b.receivedBytes).toBeLessThan(25);
    network.change(server, client, { bytesPerSecond: Number.POSITIVE_INFINITY });
    await clock.runFor(2_000);
    expect(b.receivedBytes).toBe(100_000);
  });

  it('keep no more on the way than the window', async () => {
    makeNetwork(1, { windowBytes: 40 * KIB, latencyMs: 100 });
    const [a, b] = await pair();
    b.stream.pause();
    a.stream.write([pattern(100 * KIB)]);
    await clock.runFor(10_000);
    expect(a.stream.queuedBytes).toBe(60 * KIB);
    b.stream.resume();
    await run(b.received(100 * KIB));
  });

  it('hang while the link is cut, and lose nothing when it heals', async () => {
    const [a, b] = await pair();
    const bytes = pattern(3 * MIB);
    a.stream.write([bytes]);
    network.cut([client], [server]);
    await clock.runFor(60_000);
    expect(b.receivedBytes).toBe(0);
    network.heal([client], [server]);
    expectSame(await run(b.received(bytes.length)), bytes);
  });

  it('are given up after a quarter of an hour of silence', async () => {
    const [a] = await pair();
    network.cut([client], [server]);
    a.stream.write([Uint8Array.of(1)]);
    await clock.runFor(800_000);
    expect(a.cause).toBeUndefined();
    await clock.runFor(200_000);
    expect(a.cause).toBe('reset');
  });

  it('can be reset in the middle, for both ends [fault 45]', async () => {
    const [a, b] = await pair();
    network.change(server, client, { bytesPerSecond: 1_000_000 });
    let flushed = 0;
    a.stream.write([pattern(MIB)], () => flushed++);
    await clock.runFor(500);
    server.resetStreamsWith(client);
    await clock.runFor(10);
    expect([a.cause, b.cause, flushed]).toEqual(['reset', 'reset', 1]);
    expect(b.receivedBytes).toBeGreaterThan(0);
    expect(b.receivedBytes).toBeLessThan(MIB);
    expect([server.streamCount, client.streamCount]).toEqual([0, 0]);
  });

  it('are reset by chance at the asked rate', async () => {
    let receivedBytes = 0;
    for (let seed = 0; seed < 20; seed++) {
      makeNetwork(seed, { segmentReset: 0.1 });
      const [a, b] = await pair();
      a.stream.write([pattern(16 * MIB)]);
      expect(await run(b.closed())).toBe('reset');
      expect(a.cause).toBe('reset');
      receivedBytes += b.receivedBytes;
    }
    // Ten segments of about 28 KiB each time.
    expect(receivedBytes).toBeGreaterThan(20 * 100 * KIB);
    expect(receivedBytes).toBeLessThan(20 * 600 * KIB);
  });
});

describe('dials', () => {
  it('are refused where nobody listens, after a round trip', async () => {
    makeNetwork(1, { latencyMs: 30 });
    expect(await dial()).toEqual({ ok: false, failure: 'refused' });
    expect(clock.now()).toBe(1_060);
  });

  it('time out over a cut link, and to a machine without power', async () => {
    await listen();
    network.cut([client], [server]);
    expect(await dial()).toEqual({ ok: false, failure: 'timeout' });
    expect(clock.now()).toBe(6_000);
    network.heal([client], [server]);
    server.vanish();
    expect(await dial()).toEqual({ ok: false, failure: 'timeout' });
  });

  it('find an address that nobody has unreachable', async () => {
    const answer = await run(client.dialer.dial({ host: '10.9.9.9', port: PORT }, 5_000));
    expect(answer).toEqual({ ok: false, failure: 'unreachable' });
  });

  it('get through when the link heals in time', async () => {
    await listen();
    network.cut([client], [server]);
    const dialled = client.dialer.dial({ host: '10.0.0.1', port: PORT }, 5_000);
    await clock.runFor(2_000);
    network.heal([client], [server]);
    expect((await run(dialled)).ok).toBe(true);
  });

  it('that timed out leave nothing behind', async () => {
    makeNetwork(1, { latencyMs: 3_000 });
    const listener = await listen();
    const accepted: Recorder[] = [];
    listener.onConnection((stream) => accepted.push(new Recorder(stream)));
    expect(await dial()).toEqual({ ok: false, failure: 'timeout' });
    await clock.runFor(60_000);
    expect(accepted.map(({ cause }) => cause)).toEqual(['reset']);
    expect([server.streamCount, client.streamCount]).toEqual([0, 0]);
  });

  it('fail by chance at the asked rate, either way', async () => {
    makeNetwork(5, { dialFailure: 0.5 });
    await listen();
    const outcomes = new Map<string, number>();
    for (let i = 0; i < 60; i++) {
      const answer = await dial(100);
      const outcome = answer.ok ? 'ok' : answer.failure;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect([...outcomes.keys()].toSorted()).toEqual(['ok', 'refused', 'timeout']);
    expect(outcomes.get('ok')).toBeGreaterThan(15);
    expect(outcomes.get('ok')).toBeLessThan(45);
  });

  it('go from the address that was asked for', async () => {
    const many = network.addHost('10.0.0.8', '10.0.0.9');
    const listener = await listen();
    const accepted = new Promise<TcpPort>((resolve) => listener.onConnection(resolve));
    await run(many.dialerFrom('10.0.0.9').dial({ host: '10.0.0.1', port: PORT }, 5_000));
    expect((await run(accepted)).remote.host).toBe('10.0.0.9');
  });
});

describe('hosts', () => {
  it('that are killed hear nothing more, and their peers hear the end', async () => {
    const [a, b] = await pair();
    const told: string[] = [];
    server.clock.at(instant(5_000), () => told.push('woken'));
    server.kill();
    expect(await run(a.closed())).toBe('ended');
    await clock.runFor(10_000);
    expect(b.calls).toEqual([]);
    expect(told).toEqual([]);
    expect(await dial()).toEqual({ ok: false, failure: 'refused' });
  });

  it('that are killed while they dial get no answer', async () => {
    makeNetwork(1, { latencyMs: 100 });
    await listen();
    let answered = false;
    void client.dialer.dial({ host: '10.0.0.1', port: PORT }, 5_000).then(() => (answered = true));
    await clock.runFor(150);
    expect(client.streamCount).toBe(1);
    client.kill();
    await clock.runFor(60_000);
    expect(answered).toBe(false);
    expect([server.streamCount, client.streamCount]).toEqual([0, 0]);
  });

  it('that vanish tell nobody, and can come back as new', async () => {
    const [a, b] = await pair();
    server.vanish();
    a.stream.write([Uint8Array.of(1)]);
    await clock.runFor(60_000);
    expect([a.cause, b.cause]).toEqual([undefined, undefined]);
    server.boot();
    // The kernel that came up knows nothing of the old connection.
    expect(await run(a.closed())).toBe('reset');
    await listen();
    expect((await dial()).ok).toBe(true);
  });

  it('that are unplugged hang, and go on', async () => {
    const [a, b] = await pair();
    client.unplug();
    a.stream.write([Uint8Array.of(1)]);
    await clock.runFor(30_000);
    expect(b.receivedBytes).toBe(0);
    client.plug();
    await run(b.received(1));
  });

  it('talk to themselves by the loopback addresses', async () => {
    const listener = await run(server.listeners.listen({ host: '127.0.0.1', port: 0 }));
    expect((await run(server.dialer.dial(listener.local, 1_000))).ok).toBe(true);
    expect((await run(client.dialer.dial(listener.local, 1_000))).ok).toBe(false);
  });
});

describe('the same seed', () => {
  async function history(seed: number): Promise<string> {
    makeNetwork(seed, { jitterMs: 10, bytesPerSecond: 5_000_000, segmentReset: 0.001, datagramLoss: 0.1 });
    const [a, b] = await pair();
    const told: string[] = [];
    const keep = b.onBytes.bind(b);
    b.onBytes = (view) => {
      told.push(`${clock.now()} ${view.length}`);
      keep(view);
    };
    for (let i = 0; i < 20; i++) a.stream.write([pattern(100_000)]);
    a.stream.end();
    await run(b.closed());
    return told.join('\n');
  }

  it('gives the same run, to the byte and the moment, and another seed another', async () => {
    const first = await history(42);
    expect(await history(42)).toBe(first);
    expect(await history(43)).not.toBe(first);
  });
});
