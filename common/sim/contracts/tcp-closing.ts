import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { END_TIMEOUT_MS, MIB } from '../../base/limits.ts';
import type { TcpPort } from '../../base/ports.ts';
import { Recorder } from './recorder.ts';
import type { TcpWorld } from './tcp-world.ts';
import { expectSame, pattern, TcpBench } from './tcp-world.ts';

/** More than kernels keep for a reader that does not read. */
const MORE_THAN_BUFFERS_BYTES = 24 * MIB;

/** How a `TcpPort` ends. */
export function describeTcpClosing(name: string, makeWorld: () => TcpWorld): void {
  describe(`${name} closes`, () => {
    let bench: TcpBench;

    beforeEach(() => {
      bench = new TcpBench(makeWorld());
    });

    afterEach(() => bench.close());

    const bothClosed = (a: Recorder, b: Recorder): Promise<unknown> =>
      bench.world.run(Promise.all([a.closed(), b.closed()]));

    it.each(['dialling', 'accepting'])('with end at the %s end: what is queued arrives, then the end', async (end) => {
      const [client, server] = await bench.pair();
      const [a, b] = end === 'dialling' ? [client, server] : [server, client];
      const bytes = pattern(3 * MIB);
      let flushed = 0;
      a.stream.write([bytes], () => flushed++);
      a.stream.end();
      await bothClosed(a, b);
      expectSame(b.bytes, bytes);
      expect([a.cause, b.cause]).toEqual(['local', 'ended']);
      expect(flushed).toBe(1);
    });

    it('with end: nothing is delivered to who ended, and what the other side had queued was flushed', async () => {
      const [a, b] = await bench.pair();
      let flushed = 0;
      b.stream.write([pattern(3 * MIB)], () => flushed++);
      a.stream.end();
      await bothClosed(a, b);
      expect(a.receivedBytes).toBe(0);
      expect([a.cause, b.cause]).toEqual(['local', 'ended']);
      expect(flushed).toBe(1);
    });

    it('when both end at once', async () => {
      const [a, b] = await bench.pair();
      a.stream.write([Uint8Array.of(1)]);
      a.stream.end();
      b.stream.end();
      await bothClosed(a, b);
      expect([a.cause, b.cause]).toEqual(['local', 'local']);
    });

    it('with end, cut off after the limit when the other side does not read', async () => {
      const [a, b] = await bench.pair();
      b.stream.pause();
      let flushed = 0;
      a.stream.write([pattern(MORE_THAN_BUFFERS_BYTES)], () => flushed++);
      const from = bench.world.clock.now();
      a.stream.end();
      expect(await bench.world.run(a.closed())).toBe('local');
      expect(bench.world.clock.now() - from).toBeGreaterThanOrEqual(END_TIMEOUT_MS - 5);
      expect(flushed).toBe(1);
      b.stream.resume();
      await bench.world.run(b.closed());
      expect(b.receivedBytes).toBeLessThan(MORE_THAN_BUFFERS_BYTES);
    });

    it('with destroy: at once, but not within the call, and once', async () => {
      const [a, b] = await bench.pair();
      a.stream.destroy();
      a.stream.destroy();
      a.stream.end();
      expect(a.calls).toEqual([]);
      await bothClosed(a, b);
      expect(a.cause).toBe('local');
      expect(['ended', 'reset']).toContain(b.cause);
      await bench.fence();
      expect(a.calls).toEqual(['closed']);
    });

    it('with destroy from within onBytes: nothing more is delivered', async () => {
      for (const pick of [0, 1]) {
        const ends = await bench.pair();
        const [a, b] = [ends[pick]!, ends[1 - pick]!];
        a.tap = () => a.stream.destroy();
        b.stream.write([pattern(2 * MIB)]);
        await bothClosed(a, b);
        expect(a.calls).toEqual(['bytes', 'closed']);
      }
    });

    it('with destroy: every write is flushed once, before onClosed', async () => {
      const [a, b] = await bench.pair();
      b.stream.pause();
      const told: string[] = [];
      const parts = [pattern(MIB)];
      for (let i = 0; i < MORE_THAN_BUFFERS_BYTES / MIB; i++) a.stream.write(parts, () => told.push('flushed'));
      await bench.fence();
      a.stream.destroy();
      a.stream.write(parts, () => told.push('late'));
      await bench.world.run(a.closed());
      expect(told.filter((each) => each === 'flushed')).toHaveLength(MORE_THAN_BUFFERS_BYTES / MIB);
      expect(a.stream.queuedBytes).toBe(0);
      await bench.fence();
      expect(told.filter((each) => each === 'late')).toHaveLength(1);
      expect(told).toHaveLength(MORE_THAN_BUFFERS_BYTES / MIB + 1);
      expect(a.drains).toBe(0);
    });

    it('as a reset when the other side went away over unread bytes [fault 45]', async () => {
      const [a, b] = await bench.pair();
      b.stream.pause();
      a.stream.write([pattern(100_000)]);
      await bench.fence();
      b.stream.destroy();
      expect(await bench.world.run(a.closed())).toBe('reset');
    });

    it('when it writes to one that went away: told once, and nothing is thrown [fault 45]', async () => {
      const [a, b] = await bench.pair();
      let flushed = 0;
      let written = 0;
      b.stream.destroy();
      const { clock } = bench.world;
      const writeOn = (): void => {
        if (a.cause !== undefined) return;
        written++;
        a.stream.write([pattern(100_000)], () => {
          flushed++;
          clock.at(clock.now(), writeOn);
        });
      };
      writeOn();
      await bothClosed(a, b);
      await bench.fence();
      expect(flushed).toBe(written);
      expect(['ended', 'reset']).toContain(a.cause);
    });

    it('before it was started: the bytes that came are delivered, then the end', async () => {
      for (const pick of [0, 1]) {
        const ends: readonly TcpPort[] = await bench.connect();
        const [reader, writer] = [ends[pick]!, ends[1 - pick]!];
        const recorder = new Recorder(writer);
        writer.write([Uint8Array.of(1, 2, 3)]);
        writer.end();
        await bench.fence();
        const late = new Recorder(reader);
        expect(late.calls).toEqual([]);
        expect(await bench.world.run(late.closed())).toBe('ended');
        expect(late.bytes).toEqual(Uint8Array.of(1, 2, 3));
        expect(await bench.world.run(recorder.closed())).toBe('local');
      }
    });

    it('with destroy before it was started: who starts it later is told', async () => {
      for (const pick of [0, 1]) {
        const ends: readonly TcpPort[] = await bench.connect();
        ends[pick]!.destroy();
        await bench.fence();
        const late = new Recorder(ends[pick]!);
        expect(late.calls).toEqual([]);
        expect(await bench.world.run(late.closed())).toBe('local');
        expect(late.calls).toEqual(['closed']);
      }
    });

    it('takes writes after end in silence, and flushes them', async () => {
      const [a, b] = await bench.pair();
      a.stream.end();
      await bench.world.run(new Promise<void>((resolve) => a.stream.write([Uint8Array.of(1)], resolve)));
      await bothClosed(a, b);
      await bench.world.run(new Promise<void>((resolve) => a.stream.write([Uint8Array.of(1)], resolve)));
      expect(b.receivedBytes).toBe(0);
    });
  });
}
