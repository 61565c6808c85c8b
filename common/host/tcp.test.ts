import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { Server, Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, expect, it, vi } from 'vitest';
import { after } from '../base/ids.ts';
import type { Listener, TcpPort } from '../base/ports.ts';
import { Recorder } from '../sim/contracts/recorder.ts';
import { expectSame, pattern } from '../sim/contracts/tcp-world.ts';
import { describeTcpContract } from '../sim/contracts/tcp.ts';
import { HostClock } from './clock.ts';
import { HostDialer } from './tcp-dialer.ts';
import { HostListenerBinder } from './tcp-listener.ts';

const LOOPBACK = '127.0.0.1';
const unix = process.platform !== 'win32';

const here = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);

/** Listens and echoes, takes every descriptor there is, and gives them back when a line comes on standard input. */
const EXHAUSTED = `
  import { closeSync, openSync } from 'node:fs';
  import { HostDialer } from ${here('./tcp-dialer.ts')};
  import { HostListenerBinder } from ${here('./tcp-listener.ts')};
  const listener = await new HostListenerBinder().listen({ host: '${LOOPBACK}', port: 0 });
  listener.onConnection((stream) => {
    stream.start({ onBytes: (view) => stream.write([view.slice()]), onDrain: () => {}, onClosed: () => {} });
  });
  const taken = [];
  process.stdin.once('data', () => {
    for (const descriptor of taken) closeSync(descriptor);
    process.stdout.write('released\\n');
  });
  try {
    for (;;) taken.push(openSync('/dev/null'));
  } catch {}
  const { failure } = await new HostDialer({ localHost: undefined }).dial({ host: '${LOOPBACK}', port: 1 }, 5_000);
  process.stdout.write(JSON.stringify({ port: listener.local.port, failure }) + '\\n');`;

describeTcpContract('the machine', () => ({
  listeners: new HostListenerBinder(),
  dialer: new HostDialer({ localHost: undefined }),
  clock: new HostClock(),
  host: LOOPBACK,
  run: (promise) => promise,
}));

const listen = (): Promise<Listener> => new HostListenerBinder().listen({ host: LOOPBACK, port: 0 });

async function dial(to: { readonly host: string; readonly port: number }, dialer?: HostDialer): Promise<TcpPort> {
  const dialled = await (dialer ?? new HostDialer({ localHost: undefined })).dial(to, 10_000);
  if (!dialled.ok) throw new Error(dialled.failure);
  return dialled.stream;
}

/** A stream accepted from a plain socket, which can do what our own streams never do. */
async function acceptFromSocket(): Promise<readonly [TcpPort, Socket, Listener]> {
  const listener = await listen();
  const accepted = new Promise<TcpPort>((resolve) => listener.onConnection(resolve));
  const socket = new Socket({ allowHalfOpen: true });
  socket.connect(listener.local.port, LOOPBACK);
  await once(socket, 'connect');
  return [await accepted, socket, listener];
}

describe('HostTcpStream', () => {
  it('answers a half-closed connection: the queue is sent, then our end [fault 45]', async () => {
    const [stream, socket, listener] = await acceptFromSocket();
    const recorder = new Recorder(stream);
    const bytes = pattern(8_000_000);
    const chunks: Buffer[] = [];
    socket.end('half');
    let flushed = 0;
    await recorder.received(4);
    stream.write([bytes], () => flushed++);
    socket.on('data', (chunk) => chunks.push(chunk));
    await once(socket, 'end');
    expect(await recorder.closed()).toBe('ended');
    expectSame(Buffer.concat(chunks), bytes);
    expect(flushed).toBe(1);
    socket.destroy();
    await listener.close();
  });

  it('is reset in the middle of what it was sending, and of what it was getting [fault 45]', async () => {
    for (const toWrite of [0, 8_000_000]) {
      const [stream, socket, listener] = await acceptFromSocket();
      const recorder = new Recorder(stream);
      let flushed = 0;
      if (toWrite > 0) stream.write([pattern(toWrite)], () => flushed++);
      socket.write(pattern(1_000));
      await recorder.received(1_000);
      socket.resetAndDestroy();
      expect(await recorder.closed()).toBe('reset');
      expect(flushed).toBe(toWrite > 0 ? 1 : 0);
      await listener.close();
    }
  });

  it('gives addresses of a listener of both families as IPv4 where they are [fault 16]', async () => {
    const listener = await new HostListenerBinder().listen({ host: '::', port: 0 }).catch(() => undefined);
    // A machine without IPv6 has no such listener.
    if (listener === undefined) return;
    const accepted = new Promise<TcpPort>((resolve) => listener.onConnection(resolve));
    const client = await dial({ host: LOOPBACK, port: listener.local.port });
    const server = await accepted;
    expect(server.remote).toEqual(client.local);
    expect(server.local.host).toBe(LOOPBACK);
    client.destroy();
    server.destroy();
    await listener.close();
  });
});

describe('HostDialer', () => {
  it('keeps apart what many sockets read into its one buffer', async () => {
    const listener = await listen();
    const bytes = Array.from({ length: 12 }, (_, i) => pattern(400_000, i * 7_919));
    listener.onConnection((stream) => {
      const recorder = new Recorder(stream);
      void recorder.received(1).then(([which]) => {
        const mine = bytes[which!]!;
        for (let at = 0; at < mine.length; at += 30_000) stream.write([mine.subarray(at, at + 30_000)]);
      });
    });
    const dialer = new HostDialer({ localHost: undefined });
    const readers = await Promise.all(bytes.map(async () => new Recorder(await dial(listener.local, dialer))));
    for (const [i, { stream }] of readers.entries()) stream.write([Uint8Array.of(i)]);
    for (const [i, reader] of readers.entries()) {
      expectSame(await reader.received(bytes[i]!.length), bytes[i]!);
      reader.stream.end();
    }
    await Promise.all(readers.map((reader) => reader.closed()));
    await listener.close();
  });

  it('dials from the address it was given', async () => {
    const listener = await listen();
    const accepted = new Promise<TcpPort>((resolve) => listener.onConnection(resolve));
    const client = await dial(listener.local, new HostDialer({ localHost: LOOPBACK }));
    expect(client.local.host).toBe(LOOPBACK);
    (await accepted).destroy();
    client.destroy();
    await listener.close();
  });

  it.each(['203.0.113.77', '::1', 'no address'])('cannot dial an IPv4 address from %s', async (localHost) => {
    const listener = await listen();
    const answer = await new HostDialer({ localHost }).dial(listener.local, 5_000);
    expect(answer).toEqual({ ok: false, failure: 'unreachable' });
    await listener.close();
  });

  it.runIf(unix)('answers a dial into silence with timeout', async () => {
    // A process that stands still, with the shortest queue of connections: when that is full the kernel is silent.
    const program = `const server = require('node:net').createServer();
      server.listen({ port: 0, host: '${LOOPBACK}', backlog: 1 }, () => console.log(server.address().port));`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const to = { host: LOOPBACK, port: Number(line.toString()) };
    child.kill('SIGSTOP');
    const dialer = new HostDialer({ localHost: undefined });
    const streams: TcpPort[] = [];
    let failure: string | undefined;
    while (failure === undefined && streams.length < 20) {
      const dialled = await dialer.dial(to, 300);
      if (dialled.ok) streams.push(dialled.stream);
      else failure = dialled.failure;
    }
    expect(failure).toBe('timeout');
    for (const stream of streams) stream.destroy();
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
});

describe('HostListenerBinder', () => {
  it('says what could not be bound, where, and what to do', async () => {
    const listener = await listen();
    const { port } = listener.local;
    await expect(new HostListenerBinder().listen(listener.local)).rejects.toThrow(
      `cannot listen on TCP ${LOOPBACK}:${port}: port ${port} is taken: choose another with -p (EADDRINUSE)`,
    );
    await listener.close();
  });

  /** The listener and the socket behind it, which alone can have the system's accidents. */
  async function listenWithServer(): Promise<readonly [Listener, Server]> {
    const spy = vi.spyOn(Server.prototype, 'listen');
    const listener = await listen();
    const server = spy.mock.contexts[0] as Server;
    spy.mockRestore();
    return [listener, server];
  }

  const outOfDescriptors = (): Error => Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' });

  it('accepts none for a while when the process is out of descriptors, then goes on [fault 43]', async () => {
    const [listener, server] = await listenWithServer();
    const accepted: Recorder[] = [];
    listener.onConnection((stream) => accepted.push(new Recorder(stream)));
    const before = new Recorder(await dial(listener.local));
    server.emit('error', outOfDescriptors());
    const dialer = new HostDialer({ localHost: undefined });
    expect(await dialer.dial(listener.local, 5_000)).toEqual({ ok: false, failure: 'refused' });
    before.stream.write([Uint8Array.of(1)]);
    await accepted[0]!.received(1);
    let later = await dialer.dial(listener.local, 5_000);
    const clock = new HostClock();
    while (!later.ok) {
      await new Promise<void>((resolve) => clock.at(after(clock.now(), 50), resolve));
      later = await dialer.dial(listener.local, 5_000);
    }
    later.stream.destroy();
    before.stream.destroy();
    await listener.close();
  });

  it('stays closed when it is closed while it accepts none [fault 43]', async () => {
    const [listener, server] = await listenWithServer();
    server.emit('error', outOfDescriptors());
    await listener.close();
    const again = await new HostListenerBinder().listen(listener.local);
    await again.close();
  });

  it.runIf(unix)('outlives real exhaustion of descriptors, as does the dialer [fault 43]', async () => {
    const tsx = createRequire(import.meta.url).resolve('tsx');
    const program = [process.execPath, '--import', tsx, '--input-type=module', '-e', EXHAUSTED];
    const child = spawn('/bin/sh', ['-c', 'ulimit -n 128 && exec "$@"', 'sh', ...program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { port, failure } = JSON.parse(String((await lines.next()).value)) as { port: number; failure: string };
    expect(failure).toBe('unreachable');
    const dialer = new HostDialer({ localHost: undefined });
    const to = { host: LOOPBACK, port };
    for (let i = 0; i < 20; i++) {
      const storm = await dialer.dial(to, 5_000);
      if (storm.ok) storm.stream.destroy();
    }
    child.stdin.write('enough\n');
    await lines.next();
    let echoed = false;
    while (!echoed) {
      const again = await dialer.dial(to, 5_000);
      if (!again.ok) continue;
      const recorder = new Recorder(again.stream);
      again.stream.write([Uint8Array.of(7)]);
      await recorder.until(() => recorder.receivedBytes > 0 || recorder.cause !== undefined);
      echoed = recorder.receivedBytes === 1;
      again.stream.destroy();
    }
    child.kill();
    await once(child, 'exit');
  });
});
