import { expect } from 'vitest';
import type { Endpoint } from '../../base/ids.ts';
import type { Clock, Dialer, DialResult, Listener, ListenerBinder, TcpPort } from '../../base/ports.ts';
import { Recorder } from './recorder.ts';

/** One host that talks to itself, or two that talk to each other. */
export interface TcpWorld {
  readonly listeners: ListenerBinder;
  readonly dialer: Dialer;
  readonly clock: Clock;
  /** The address to listen on. */
  readonly host: string;
  /** Lets the world go on until the promise settles. */
  readonly run: <T>(promise: Promise<T>) => Promise<T>;
}

const DIAL_MS = 10_000;

/** Opens things in a world, and closes them all at the end. */
export class TcpBench {
  readonly world: TcpWorld;
  readonly #listeners: Listener[] = [];
  readonly #streams: TcpPort[] = [];

  constructor(world: TcpWorld) {
    this.world = world;
  }

  async listen(port = 0): Promise<Listener> {
    const listener = await this.world.run(this.world.listeners.listen({ host: this.world.host, port }));
    this.#listeners.push(listener);
    return listener;
  }

  dial(to: Endpoint): Promise<DialResult> {
    return this.world.run(this.world.dialer.dial(to, DIAL_MS));
  }

  /** The dialling end and the accepting end of one connection, neither of them started. */
  async connect(listener?: Listener): Promise<readonly [TcpPort, TcpPort]> {
    const to = listener ?? (await this.listen());
    const accepted = new Promise<TcpPort>((resolve) => to.onConnection(resolve));
    const dialled = await this.dial(to.local);
    if (!dialled.ok) throw new Error(`the dial failed: ${dialled.failure}`);
    this.#streams.push(dialled.stream);
    const other = await this.world.run(accepted);
    this.#streams.push(other);
    return [dialled.stream, other];
  }

  /** Both ends, started. */
  async pair(): Promise<readonly [Recorder, Recorder]> {
    const [a, b] = await this.connect();
    return [new Recorder(a), new Recorder(b)];
  }

  /** Lets pass what is on its way: bytes sent now on another connection arrive, there and back. */
  async fence(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      const [a, b] = await this.pair();
      a.stream.write([Uint8Array.of(1)]);
      await this.world.run(b.received(1));
      b.stream.write([Uint8Array.of(2)]);
      await this.world.run(a.received(1));
      a.stream.end();
      await this.world.run(Promise.all([a.closed(), b.closed()]));
    }
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) stream.destroy();
    for (const listener of this.#listeners) await this.world.run(listener.close());
  }
}

/** Bytes in which every position can be told from its neighbours. */
export function pattern(sizeBytes: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (let i = 0; i < sizeBytes; i++) bytes[i] = Math.imul(i + seed, 0x9e3779b1) >>> 24;
  return bytes;
}

/** As `toEqual`, which takes its time over megabytes. */
export function expectSame(actual: Uint8Array, wanted: Uint8Array): void {
  expect(actual.length).toBe(wanted.length);
  const firstDifference = wanted.findIndex((byte, i) => actual[i] !== byte);
  expect(firstDifference).toBe(-1);
}
