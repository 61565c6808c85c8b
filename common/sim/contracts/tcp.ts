import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KIB, MIB, SEND_BUFFER_LOW_BYTES } from '../../base/limits.ts';
import type { TcpPort } from '../../base/ports.ts';
import { Recorder } from './recorder.ts';
import { describeTcpClosing } from './tcp-closing.ts';
import type { TcpWorld } from './tcp-world.ts';
import { expectSame, pattern, TcpBench } from './tcp-world.ts';

/** More than kernels keep for a reader that does not read. */
const MORE_THAN_BUFFERS_BYTES = 24 * MIB;

/** What `ListenerBinder`, `Dialer` and `TcpPort` promise. */
export function describeTcpContract(name: string, makeWorld: () => TcpWorld): void {
  describeConnecting(name, makeWorld);
  describeBytes(name, makeWorld);
  describeTcpClosing(name, makeWorld);
}

function useBench(makeWorld: () => TcpWorld): () => TcpBench {
  let bench: TcpBench;
  beforeEach(() => {
    bench = new TcpBench(makeWorld());
  });
  afterEach(() => bench.close());
  return () => bench;
}

function describeConnecting(name: string, makeWorld: () => TcpWorld): void {
  describe(`${name} connects`, () => {
    const bench = useBench(makeWorld);

    it('listens on a free port for port 0', async () => {
      const [a, b] = [await bench().listen(), await bench().listen()];
      expect(a.local.host).toBe(bench().world.host);
      expect(a.local.port).toBeGreaterThan(0);
      expect(b.local.port).not.toBe(a.local.port);
    });

    it('says no to a port that is taken, as NETWORK', async () => {
      const { world } = bench();
      const taken = await bench().listen();
      const refusal = await world.run(world.listeners.listen(taken.local).catch((error: unknown) => error));
      expect(refusal).toMatchObject({ code: 'NETWORK' });
      expect(String(refusal)).toContain(String(taken.local.port));
    });

    it.each([
      ['an address that is not here', { host: '203.0.113.77', port: 0 }],
      ['a port that is none', { host: '127.0.0.1', port: 70_000 }],
    ])('says no to %s, as NETWORK', async (_, local) => {
      const { world } = bench();
      const refusal = await world.run(world.listeners.listen(local).catch((error: unknown) => error));
      expect(refusal).toMatchObject({ code: 'NETWORK' });
    });

    it('gives both ends the same two endpoints', async () => {
      const listener = await bench().listen();
      const [client, server] = await bench().connect(listener);
      expect(client.remote).toEqual(listener.local);
      expect(server.local).toEqual(listener.local);
      expect(server.remote).toEqual(client.local);
    });

    it('answers a dial to a port without a listener with refused', async () => {
      const listener = await bench().listen();
      await bench().world.run(listener.close());
      expect(await bench().dial(listener.local)).toEqual({ ok: false, failure: 'refused' });
    });

    it.each([
      ['a host that is no address', { host: 'no address', port: 80 }],
      ['a port that is none', { host: '127.0.0.1', port: 70_000 }],
    ])('answers a dial to %s with a failure, and does not reject', async (_, to) => {
      expect(await bench().dial(to)).toMatchObject({ ok: false });
    });

    it('keeps a hundred connections apart [fault 43]', async () => {
      const listener = await bench().listen();
      const servers: Recorder[] = [];
      listener.onConnection((stream) => servers.push(new Recorder(stream)));
      const dials = await bench().world.run(
        Promise.all(Array.from({ length: 100 }, () => bench().world.dialer.dial(listener.local, 10_000))),
      );
      const clients = dials.map((dial) => {
        if (!dial.ok) throw new Error(dial.failure);
        return new Recorder(dial.stream);
      });
      for (const [i, { stream }] of clients.entries()) stream.write([Uint8Array.of(i)]);
      for (const [i, client] of clients.entries()) {
        const server = servers.find(({ stream }) => stream.remote.port === client.stream.local.port)!;
        expect(await bench().world.run(server.received(1))).toEqual(Uint8Array.of(i));
        client.stream.destroy();
      }
    });

    it('refuses dials after the listener closed, and keeps what it had accepted', async () => {
      const listener = await bench().listen();
      const [client, server] = (await bench().connect(listener)).map((stream) => new Recorder(stream));
      await bench().world.run(listener.close());
      await bench().world.run(listener.close());
      expect(await bench().dial(listener.local)).toEqual({ ok: false, failure: 'refused' });
      client!.stream.write([Uint8Array.of(1, 2)]);
      await bench().world.run(server!.received(2));
    });

    it('gives the port back when the listener closes', async () => {
      const listener = await bench().listen();
      await bench().world.run(listener.close());
      expect((await bench().listen(listener.local.port)).local).toEqual(listener.local);
    });
  });
}

function describeBytes(name: string, makeWorld: () => TcpWorld): void {
  describe(`${name} carries bytes`, () => {
    const bench = useBench(makeWorld);

    it('brings all bytes in order, both ways at once', async () => {
      const [a, b] = await bench().pair();
      const [there, back] = [pattern(3 * MIB + 1, 1), pattern(MIB + 77, 2)];
      for (let at = 0; at < there.length; at += 100_000) a.stream.write([there.subarray(at, at + 100_000)]);
      for (let at = 0; at < back.length; at += 1_001) b.stream.write([back.subarray(at, at + 1_001)]);
      expectSame(await bench().world.run(b.received(there.length)), there);
      expectSame(await bench().world.run(a.received(back.length)), back);
    });

    it('writes many parts as one, empty ones and views of shared memory among them', async () => {
      const [a, b] = await bench().pair();
      const shared = new Uint8Array(new SharedArrayBuffer(40_000));
      shared.set(pattern(40_000));
      const parts = [Uint8Array.of(9), new Uint8Array(0), shared.subarray(5, 20_005), shared.subarray(100, 101)];
      a.stream.write(parts);
      const wanted = Uint8Array.of(9, ...pattern(40_000).subarray(5, 20_005), pattern(101)[100]!);
      expectSame(await bench().world.run(b.received(wanted.length)), wanted);
    });

    it('delivers nothing before the start, and then what had come', async () => {
      const [a, b] = await bench().connect();
      a.write([Uint8Array.of(1, 2, 3)]);
      b.write([Uint8Array.of(4, 5)]);
      await bench().fence();
      const [fromB, fromA] = [new Recorder(a), new Recorder(b)];
      expect([fromB.calls, fromA.calls]).toEqual([[], []]);
      expect(await bench().world.run(fromB.received(2))).toEqual(Uint8Array.of(4, 5));
      expect(await bench().world.run(fromA.received(3))).toEqual(Uint8Array.of(1, 2, 3));
    });

    it('is started once', async () => {
      const [a] = await bench().pair();
      expect(() => new Recorder(a.stream)).toThrow('twice');
    });

    it('tells of each write once when it is flushed, in order, never within the call', async () => {
      const [a, b] = await bench().pair();
      const flushed: number[] = [];
      const sizes = [1, 0, 70_000, 5, 400_000, 3];
      for (const [i, size] of sizes.entries()) {
        a.stream.write([pattern(size), pattern(size)], () => flushed.push(i));
        expect(flushed).toEqual([]);
      }
      await bench().world.run(b.received(2 * sizes.reduce((sum, size) => sum + size, 0)));
      await bench().fence();
      expect(flushed).toEqual([0, 1, 2, 3, 4, 5]);
      expect(a.stream.queuedBytes).toBe(0);
    });

    it('flushes a write without parts too', async () => {
      const [a] = await bench().pair();
      await bench().world.run(new Promise<void>((resolve) => a.stream.write([], resolve)));
    });

    it('queues what a reader that pauses does not take, and says when the queue has drained', async () => {
      const [a, b] = await bench().pair();
      b.stream.pause();
      const part = pattern(MIB);
      const drainedAt: number[] = [];
      let flushed = 0;
      for (let sent = 0; sent < MORE_THAN_BUFFERS_BYTES; sent += MIB) a.stream.write([part], () => flushed++);
      await bench().fence();
      const queuedBytes = a.stream.queuedBytes;
      expect(queuedBytes).toBeGreaterThan(SEND_BUFFER_LOW_BYTES);
      expect(queuedBytes).toBeLessThanOrEqual(MORE_THAN_BUFFERS_BYTES);
      expect(flushed).toBeLessThan(MORE_THAN_BUFFERS_BYTES / MIB);
      expect(a.drains).toBe(0);
      a.onDrain = () => drainedAt.push(a.stream.queuedBytes);
      b.stream.resume();
      const bytes = await bench().world.run(b.received(MORE_THAN_BUFFERS_BYTES));
      for (let at = 0; at < bytes.length; at += MIB) expectSame(bytes.subarray(at, at + MIB), part);
      await bench().fence();
      expect(drainedAt).toHaveLength(1);
      expect(drainedAt[0]).toBeLessThanOrEqual(SEND_BUFFER_LOW_BYTES);
      expect(flushed).toBe(MORE_THAN_BUFFERS_BYTES / MIB);
    });

    it('does not speak of draining while little was queued', async () => {
      const [a, b] = await bench().pair();
      for (let i = 0; i < 20; i++) {
        a.stream.write([pattern(10 * KIB)]);
        await bench().world.run(b.received((i + 1) * 10 * KIB));
      }
      expect(a.drains).toBe(0);
    });

    it.each(['the dialling', 'the accepting'])('stops at a pause from within onBytes, at %s end', async (end) => {
      const [client, server] = await bench().pair();
      const [reader, writer] = end === 'the dialling' ? [client, server] : [server, client];
      const bytes = pattern(2 * MIB);
      reader.tap = () => reader.stream.pause();
      writer.stream.write([bytes]);
      await bench().world.run(reader.until(() => reader.receivedBytes > 0));
      await bench().fence();
      expect(reader.calls).toEqual(['bytes']);
      reader.tap = undefined;
      reader.stream.resume();
      expectSame(await bench().world.run(reader.received(bytes.length)), bytes);
    });

    it('may be paused before it is started', async () => {
      for (const pick of [0, 1]) {
        const ends: readonly TcpPort[] = await bench().connect();
        const [reader, writer] = [ends[pick]!, ends[1 - pick]!];
        reader.pause();
        const recorder = new Recorder(reader);
        writer.write([Uint8Array.of(1)]);
        await bench().fence();
        expect(recorder.calls).toEqual([]);
        reader.resume();
        await bench().world.run(recorder.received(1));
      }
    });
  });
}
