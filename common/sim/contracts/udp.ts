import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ShoalError } from '../../base/errors.ts';
import type { Endpoint } from '../../base/ids.ts';
import type { UdpBinder, UdpPort } from '../../base/ports.ts';

export interface UdpWorld {
  readonly binder: UdpBinder;
  /** An IPv4 address of this host. */
  readonly host: string;
  /** An IPv6 address of this host, where there is one. */
  readonly hostV6: string | undefined;
  /** Lets the world go on until the promise settles. */
  readonly run: <T>(promise: Promise<T>) => Promise<T>;
}

interface Datagram {
  readonly bytes: Uint8Array;
  readonly from: Endpoint;
}

/** What comes to a port, to be awaited one by one. */
class Mailbox {
  readonly #arrived: Datagram[] = [];
  #waiting: (() => void) | undefined;

  constructor(port: UdpPort) {
    port.onDatagram((bytes, from) => {
      this.#arrived.push({ bytes: bytes.slice(), from });
      this.#waiting?.();
    });
  }

  async next(): Promise<Datagram> {
    while (this.#arrived.length === 0) await new Promise<void>((resolve) => (this.#waiting = resolve));
    return this.#arrived.shift()!;
  }

  get count(): number {
    return this.#arrived.length;
  }
}

/** What `UdpBinder` and `UdpPort` promise, on a network that loses nothing. */
export function describeUdpContract(name: string, makeWorld: () => UdpWorld): void {
  describe(`${name} has UDP`, () => {
    let world: UdpWorld;
    let open: UdpPort[];

    beforeEach(() => {
      world = makeWorld();
      open = [];
    });

    afterEach(async () => {
      for (const port of open) await world.run(port.close());
    });

    const bind = async (host: string, port = 0): Promise<UdpPort> => {
      const bound = await world.run(world.binder.bind({ host, port }));
      open.push(bound);
      return bound;
    };

    /** What was sent before from `a` has come to `b`, or never will. */
    const echo = async (a: UdpPort, b: UdpPort): Promise<void> => {
      const [atA, atB] = [new Mailbox(a), new Mailbox(b)];
      a.send(Uint8Array.of(1), b.local);
      b.send(Uint8Array.of(2), (await world.run(atB.next())).from);
      await world.run(atA.next());
    };

    it('gives a free port for port 0', async () => {
      const [a, b] = [await bind(world.host), await bind(world.host)];
      expect(a.local.host).toBe(world.host);
      expect(a.local.port).toBeGreaterThan(0);
      expect(b.local.port).not.toBe(a.local.port);
    });

    it('brings a datagram whole, with the endpoint that sent it and takes the answer', async () => {
      const [a, b] = [await bind(world.host), await bind(world.host)];
      const [atA, atB] = [new Mailbox(a), new Mailbox(b)];
      a.send(Uint8Array.of(1, 2, 3), b.local);
      const asked = await world.run(atB.next());
      expect(asked).toEqual({ bytes: Uint8Array.of(1, 2, 3), from: a.local });
      b.send(Uint8Array.of(4), asked.from);
      expect(await world.run(atA.next())).toEqual({ bytes: Uint8Array.of(4), from: b.local });
    });

    it.each([0, 1, 16, 1_200, 9_000])('brings %d bytes', async (sizeBytes) => {
      const [a, b] = [await bind(world.host), await bind(world.host)];
      const atB = new Mailbox(b);
      const bytes = Uint8Array.from({ length: sizeBytes }, (_, i) => i * 7);
      a.send(bytes, b.local);
      expect((await world.run(atB.next())).bytes).toEqual(bytes);
    });

    it('lets the sender use its bytes again at once', async () => {
      const [a, b] = [await bind(world.host), await bind(world.host)];
      const atB = new Mailbox(b);
      const bytes = new Uint8Array(100);
      for (let i = 1; i <= 20; i++) a.send(bytes.fill(i), b.local);
      bytes.fill(99);
      const seen = new Set<number>();
      for (let i = 1; i <= 20; i++) {
        const arrived = (await world.run(atB.next())).bytes;
        expect(new Set(arrived).size).toBe(1);
        seen.add(arrived[0]!);
      }
      expect(seen.size).toBe(20);
      expect(seen.has(99)).toBe(false);
    });

    it('sends a view of a larger buffer as the view, also of shared memory', async () => {
      const [a, b] = [await bind(world.host), await bind(world.host)];
      const atB = new Mailbox(b);
      const shared = new Uint8Array(new SharedArrayBuffer(64)).fill(5);
      a.send(shared.subarray(10, 14), b.local);
      expect((await world.run(atB.next())).bytes).toEqual(Uint8Array.of(5, 5, 5, 5));
    });

    it('says no to a port that is taken, as NETWORK', async () => {
      const a = await bind(world.host);
      const refusal = await world.run(world.binder.bind(a.local).catch((error: unknown) => error));
      expect(refusal).toBeInstanceOf(ShoalError);
      expect(refusal).toMatchObject({ code: 'NETWORK' });
      expect((refusal as ShoalError).message).toContain(String(a.local.port));
    });

    it.each([
      ['an address that is not here', { host: '203.0.113.77', port: 0 }],
      ['a port that is none', { host: '127.0.0.1', port: 70_000 }],
    ])('says no to %s, as NETWORK', async (_, local) => {
      const refusal = await world.run(world.binder.bind(local).catch((error: unknown) => error));
      expect(refusal).toMatchObject({ code: 'NETWORK' });
    });

    it('swallows what cannot be sent', async () => {
      const [a, b, gone] = [await bind(world.host), await bind(world.host), await bind(world.host)];
      await world.run(gone.close());
      a.send(Uint8Array.of(1), gone.local);
      a.send(Uint8Array.of(1), { host: world.host, port: 0 });
      a.send(Uint8Array.of(1), { host: '2001:db8::1', port: 9 });
      a.send(new Uint8Array(70_000), b.local);
      await echo(a, b);
    });

    it('brings nothing after close, which may be called again, and sends nothing', async () => {
      const [a, b, c] = [await bind(world.host), await bind(world.host), await bind(world.host)];
      const atA = new Mailbox(a);
      b.send(Uint8Array.of(1), a.local);
      await world.run(a.close());
      await world.run(a.close());
      b.send(Uint8Array.of(1), a.local);
      a.send(Uint8Array.of(1), b.local);
      await echo(b, c);
      expect(atA.count).toBe(0);
    });

    it('gives the port back at close', async () => {
      const a = await bind(world.host);
      await world.run(a.close());
      expect((await bind(world.host, a.local.port)).local).toEqual(a.local);
    });

    it('has one address for an IPv4 peer of a socket of both families [fault 16]', async ({ skip }) => {
      if (world.hostV6 === undefined) skip('no IPv6 here');
      const [both, four, six] = [await bind('::'), await bind(world.host), await bind(world.hostV6!)];
      const [atBoth, atFour, atSix] = [new Mailbox(both), new Mailbox(four), new Mailbox(six)];
      four.send(Uint8Array.of(4), { host: world.host, port: both.local.port });
      expect(await world.run(atBoth.next())).toEqual({ bytes: Uint8Array.of(4), from: four.local });
      both.send(Uint8Array.of(44), four.local);
      expect((await world.run(atFour.next())).from).toEqual({ host: world.host, port: both.local.port });
      six.send(Uint8Array.of(6), { host: world.hostV6!, port: both.local.port });
      expect(await world.run(atBoth.next())).toEqual({ bytes: Uint8Array.of(6), from: six.local });
      both.send(Uint8Array.of(66), six.local);
      expect((await world.run(atSix.next())).bytes).toEqual(Uint8Array.of(66));
    });
  });
}
