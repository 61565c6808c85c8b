import { once } from 'node:events';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Server as TcpServer, Socket } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { looseText } from '../base/bytes.ts';
import type { HttpAnswer, HttpQuestion } from '../base/http-ports.ts';
import { MAX_HTTP_HEADER_BYTES } from '../base/limits.ts';
import { HostHttpClient } from './http-client.ts';

const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
const client = new HostHttpClient({ localHost: undefined });
const FOREVER = new AbortController().signal;

let servers: TcpServer[];
let sockets: Set<Socket>;
let port: number;
beforeEach(() => {
  servers = [];
  sockets = new Set();
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
});

async function listening<T extends TcpServer>(server: T, host: string): Promise<T> {
  servers.push(server);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    // What is cut off in a test is cut off here too.
    socket.on('error', () => {});
  });
  server.listen(0, host);
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  return server;
}
const serve = (answer: RequestListener, host = '127.0.0.1'): Promise<Server> => listening(createServer(answer), host);
/** A server that says exactly these bytes. */
const say = (bytes: string): Promise<TcpServer> =>
  listening(
    createTcpServer((socket) => {
      socket.once('data', () => socket.end(bytes, 'latin1'));
    }),
    '127.0.0.1',
  );

const get = (over: Partial<HttpQuestion> = {}, stop: AbortSignal = FOREVER): Promise<HttpAnswer> =>
  client.get(
    {
      ...{ secure: false, address: { host: '127.0.0.1', port }, name: 'tracker.test', target: '/announce?a=%ff+' },
      ...{ maxBytes: 1000, timeoutMs: 20_000 },
      ...over,
    },
    stop,
  );

const textOf = (answer: HttpAnswer): string =>
  answer.ok ? looseText(answer.body) : `${answer.failure}: ${answer.text}`;

describe('an HTTP client', () => {
  it('asks as it was told to, at the address it was told', async () => {
    let request: IncomingMessage | undefined;
    await serve((one, response) => {
      request = one;
      response.end('hello');
    });
    expect(await get()).toMatchObject({ ok: true, status: 200, location: undefined });
    expect([request!.method, request!.url]).toEqual(['GET', '/announce?a=%ff+']);
    expect(request!.headers).toMatchObject({
      host: `tracker.test:${port}`,
      connection: 'close',
      'accept-encoding': 'gzip',
    });
    expect(request!.headers['user-agent']).toMatch(/^Shoal\/\d/);
    expect(textOf(await get())).toBe('hello');
  });

  it.runIf(hasIPv6)('asks over IPv6', async () => {
    let host: string | undefined;
    await serve((one, response) => {
      host = one.headers.host;
      response.end('six');
    }, '::1');
    expect(textOf(await get({ address: { host: '::1', port }, name: '::1' }))).toBe('six');
    expect(host).toBe(`[::1]:${port}`);
  });

  it('takes a packed answer, and no longer one than any other', async () => {
    const packed = (body: Uint8Array | string, coding = 'gzip'): Promise<Server> =>
      serve((_, response) => response.writeHead(200, { 'Content-Encoding': coding }).end(body));
    await packed(gzipSync('d8:intervali1ee'));
    expect(textOf(await get())).toBe('d8:intervali1ee');
    await packed(gzipSync(new Uint8Array(1000)), 'x-GZIP');
    expect(textOf(await get())).toHaveLength(1000);
    // 1 MB in 1 kB.
    await packed(gzipSync(new Uint8Array(1_000_000)));
    expect(textOf(await get({ maxBytes: 10_000 }))).toMatch(/^unfit: .* too long/);
    await packed('d8:intervali1ee');
    expect(textOf(await get())).toMatch(/^unfit: .* not as it should be/);
    await packed(gzipSync('d8:intervali1ee').subarray(0, -4));
    expect(textOf(await get())).toMatch(/^unfit: .* not as it should be/);
    await packed('x', 'br');
    expect(textOf(await get())).toMatch(/^unfit: .* not asked for/);
    await packed('x', 'identity');
    expect(textOf(await get())).toBe('x');
  });

  it('gives redirects and errors like any other answer', async () => {
    await serve((_, response) => response.writeHead(301, { Location: '/x' }).end('moved'));
    expect(await get()).toMatchObject({ ok: true, status: 301, location: '/x' });
    await serve((_, response) => response.writeHead(404).end('gone'));
    expect(await get()).toMatchObject({ ok: true, status: 404 });
  });

  it('takes an answer of HTTP/1.0 that ends with the connection', async () => {
    await say('HTTP/1.0 200 OK\r\n\r\nd8:intervali1ee');
    expect(textOf(await get())).toBe('d8:intervali1ee');
  });

  it('takes an answer up to the bound and none beyond, announced or not', async () => {
    await serve((_, response) => response.end('x'.repeat(1000)));
    expect(textOf(await get())).toHaveLength(1000);
    await serve((_, response) => response.end('x'.repeat(1001)));
    expect(textOf(await get())).toBe('unfit: its answer has 1001 bytes or more');
    await serve((_, response) => {
      response.on('error', () => {});
      const more = (): void => void response.write('x'.repeat(100), (error) => (error ? undefined : more()));
      more();
    });
    expect(textOf(await get())).toMatch(/^unfit: its answer has \d+ bytes or more$/);
  });

  it.each([
    ['no HTTP', 'd8:intervali1ee\r\n\r\n', /^unfit: /],
    ['endless headers', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(MAX_HTTP_HEADER_BYTES)}\r\n\r\n`, /^unfit: /],
    ['a body that is cut', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort', /^silent: the connection is cut$/],
    ['nothing at all', '', /^silent: the connection is cut$/],
  ])('[fault 12] survives %s', async (_, bytes, text) => {
    await say(bytes);
    expect(textOf(await get())).toMatch(text);
  });

  it('waits no longer than it is told, even when bytes trickle in', async () => {
    await serve((_, response) => {
      response.writeHead(200);
      response.write('x');
    });
    expect(textOf(await get({ timeoutMs: 50 }))).toBe('silent: no answer within 0.05 s');
  });

  it('says so when nobody listens, or there is no way', async () => {
    const server = await serve(() => {});
    await new Promise((resolve) => server.close(resolve));
    servers.length = 0;
    expect(textOf(await get())).toBe('silent: the connection is refused');
    const four = new HostHttpClient({ localHost: '127.0.0.1' });
    const question = {
      secure: false,
      address: { host: '::1', port },
      name: 'x',
      target: '/',
      maxBytes: 9,
      timeoutMs: 9,
    };
    expect(await four.get(question, FOREVER)).toMatchObject({ ok: false, failure: 'unreachable' });
  });

  it('asks from the address it was given', async () => {
    let from: string | undefined;
    await serve((one, response) => {
      from = one.socket.remoteAddress;
      response.end();
    });
    const question = { secure: false, address: { host: '127.0.0.1', port }, name: 'x', target: '/' };
    const local = new HostHttpClient({ localHost: '127.0.0.5' });
    await local.get({ ...question, maxBytes: 9, timeoutMs: 20_000 }, FOREVER);
    expect(from).toBe('127.0.0.5');
  });

  it('is given up at once, before or during the question', async () => {
    const stop = new AbortController();
    let heard: () => void = () => {};
    const asked = new Promise<void>((resolve) => (heard = resolve));
    await serve(() => heard());
    const pending = get({}, stop.signal);
    await asked;
    stop.abort();
    expect(textOf(await pending)).toBe('cancelled: cancelled');
    expect(textOf(await get({}, stop.signal))).toBe('cancelled: cancelled');
  });

  it('does not speak TLS with whoever has no certificate for the name', async () => {
    await serve((_, response) => response.end('plain'));
    expect(textOf(await get({ secure: true }))).toMatch(/^(unfit|silent): /);
  });
});
