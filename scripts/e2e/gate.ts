/**
 * A way to a seeder that lets through only as many bytes as a test allows, so that a download can be stopped at any
 * place and never runs away from its test. Tests only.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export class Gate {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #allowed: number;
  #passed = 0;
  readonly #wake = new Set<() => void>();
  #markUsedUp: () => void = () => undefined;
  /** Resolves when bytes of the seeder first had to wait. */
  readonly usedUp = new Promise<void>((resolve) => {
    this.#markUsedUp = resolve;
  });

  private constructor(target: string, allowedBytes: number) {
    this.#allowed = allowedBytes;
    const { hostname, port } = new URL(`tcp://${target}`);
    this.#server = createServer((near) => {
      const far = connect(Number(port), hostname);
      this.#join(near, far);
    });
  }

  /** To a `host:port`. Closed when the test ends. */
  static async to(target: string, allowedBytes = Number.POSITIVE_INFINITY): Promise<Gate> {
    const gate = new Gate(target, allowedBytes);
    await new Promise<void>((resolve) => gate.#server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => gate.close());
    return gate;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Bytes that came from the seeder, over all connections. */
  get passedBytes(): number {
    return this.#passed;
  }

  /** Lets so many bytes more through; without a number, all. */
  allow(moreBytes = Number.POSITIVE_INFINITY): void {
    this.#allowed += moreBytes;
    for (const wake of [...this.#wake]) wake();
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #join(near: Socket, far: Socket): void {
    const held: Buffer[] = [];
    const pass = (): void => {
      while (held.length > 0 && this.#allowed > 0) {
        const part = held.shift()!;
        const open = part.subarray(0, Math.min(part.length, this.#allowed));
        if (open.length < part.length) held.unshift(part.subarray(open.length));
        this.#allowed -= open.length;
        this.#passed += open.length;
        near.write(open);
      }
      if (held.length === 0) far.resume();
      else {
        far.pause();
        this.#markUsedUp();
      }
    };
    const close = (): void => {
      this.#wake.delete(pass);
      near.destroy();
      far.destroy();
      this.#sockets.delete(near);
      this.#sockets.delete(far);
    };
    this.#wake.add(pass);
    for (const socket of [near, far]) {
      this.#sockets.add(socket.on('error', close).on('close', close).setNoDelay());
    }
    near.pipe(far);
    far.on('data', (part: Buffer) => {
      held.push(part);
      pass();
    });
  }
}
