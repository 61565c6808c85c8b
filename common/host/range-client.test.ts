import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RangeEnd, RangeHead, RangeQuestion } from '../base/web-ports.ts';
import { WebServer } from '../fixtures/web-server.ts';
import { describeWebContract } from '../sim/contracts/web.ts';
import { HostRangeClient } from './range-client.ts';

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describeWebContract('the host', async () => {
  const server = await WebServer.start();
  return {
    client: new HostRangeClient({ localHost: undefined }),
    address: { host: '127.0.0.1', port: server.port },
    nobody: { host: '127.0.0.1', port: await freePort() },
    serve: (target, served) => server.serve(target, served),
    run: (promise) => promise,
    stop: () => server.stop(),
  };
});

function clientFor(localHost?: string): HostRangeClient {
  const client = new HostRangeClient({ localHost });
  onTestFinished(() => client.close());
  return client;
}

function ask(
  client: HostRangeClient,
  port: number,
  change: Partial<RangeQuestion> = {},
): Promise<{ readonly head: RangeHead | undefined; readonly end: RangeEnd }> {
  return new Promise((resolve) => {
    let head: RangeHead | undefined;
    const question = {
      secure: false,
      address: { host: '127.0.0.1', port },
      name: 'content.example',
      target: '/a',
      authorization: undefined,
      firstByte: 0,
      lastByte: 9,
      idleMs: 20_000,
      ...change,
    };
    client.get(question, {
      onHead: (given) => (head = given),
      onBytes: () => undefined,
      onEnd: (end) => {
        resolve({ head, end });
      },
    });
  });
}

/** A server that answers anything with these bytes; what it was sent. */
async function rawServer(answer: string): Promise<{ readonly port: number; readonly heard: () => string }> {
  let heard = '';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
      socket.end(answer);
    });
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, heard: () => heard };
}

describe('the range client of the host', () => {
  it('keeps a connection for the next question', async () => {
    const server = await WebServer.start();
    onTestFinished(() => server.stop());
    server.serve('/a', { bytes: new Uint8Array(10) });
    const client = clientFor();
    for (let i = 0; i < 3; i++) expect((await ask(client, server.port)).end).toBe('whole');
    expect([server.connections, server.asked.length]).toEqual([1, 3]);
  });

  it('says whom it asks for what, and by which right', async () => {
    const { port, heard } = await rawServer('HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n');
    await ask(clientFor(), port, { authorization: 'Basic eDp5', target: '/a%20b?c' });
    const lines = heard().split('\r\n');
    expect(lines[0]).toBe('GET /a%20b?c HTTP/1.1');
    expect(lines).toContain(`Host: content.example:${port}`);
    expect(lines).toContain('Range: bytes=0-9');
    expect(lines).toContain('Authorization: Basic eDp5');
    expect(lines).toContain('Accept-Encoding: identity');
  });

  it.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9\r\n', 'unfit'],
    ['headers without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`, 'unfit'],
    ['a body shorter than announced', 'HTTP/1.1 206 x\r\nContent-Length: 10\r\n\r\nabc', 'cut'],
    ['nothing', '', 'cut'],
  ])('takes %s for what it is', async (_what, answer, end) => {
    const { port } = await rawServer(answer);
    expect((await ask(clientFor(), port)).end).toBe(end);
  });

  it('does not speak TLS with one that has no certificate to show', async () => {
    const { port } = await rawServer('HTTP/1.1 200 OK\r\n\r\n');
    expect((await ask(clientFor(), port, { secure: true })).head).toBeUndefined();
  });

  it('asks from the address it was given, or not at all', async () => {
    const server = await WebServer.start();
    onTestFinished(() => server.stop());
    server.serve('/a', { bytes: new Uint8Array(10) });
    expect((await ask(clientFor('127.0.0.1'), server.port)).end).toBe('whole');
    expect((await ask(clientFor('::1'), server.port)).end).toBe('unreachable');
  });

  it('takes a target that no request line can hold for unfit', async () => {
    expect((await ask(clientFor(), 9, { target: '/a b' })).end).toBe('unfit');
  });
});
