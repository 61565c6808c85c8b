import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:http';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import { ShoalError } from '../base/errors.ts';
import type { HttpListener, HttpReply, HttpRequest } from '../base/http-ports.ts';
import {
  MAX_HTTP_CONNECTIONS_PER_IP,
  MAX_HTTP_HEADER_BYTES,
  MAX_HTTP_REQUESTS_PER_CONNECTION,
} from '../base/limits.ts';
import { HostHttpBinder } from './http-listener.ts';

const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

const OK: HttpReply = { status: 200, type: 'text/plain', body: utf8('d5:peers0:e') };

async function serving(
  host = '127.0.0.1',
  reply: HttpReply = OK,
): Promise<[listener: HttpListener, heard: HttpRequest[]]> {
  const listener = await new HostHttpBinder().listen({ host, port: 0 });
  open.push(listener);
  const heard: HttpRequest[] = [];
  listener.onRequest((one) => {
    heard.push(one);
    return reply;
  });
  return [listener, heard];
}

/** Says these bytes and gives all that comes back until the end. */
async function say(listener: HttpListener, bytes: string): Promise<string> {
  const socket = dial(listener);
  socket.write(bytes, 'latin1');
  return heardBy(socket);
}

function dial({ local }: HttpListener): Socket {
  const socket = connect(local.port, local.host);
  open.push({ close: () => socket.destroy() });
  socket.on('error', () => {});
  return socket;
}

async function heardBy(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (part: Buffer) => (text += part.toString('latin1')));
  await once(socket, 'close');
  return text;
}

describe('a listening HTTP socket', () => {
  it('hands on what came, byte for byte, and gives back the reply', async () => {
    const [listener, heard] = await serving();
    const text = await say(listener, 'GET /announce?a=%ff+ HTTP/1.1\r\nHost: x:1\r\nConnection: close\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).toMatch(/\r\nContent-Type: text\/plain\r\nContent-Length: 11\r\n/);
    expect(text).toMatch(/\r\n\r\nd5:peers0:e$/);
    expect(heard).toMatchObject([{ method: 'GET', target: '/announce?a=%ff+', host: 'x:1' }]);
    expect(heard[0]!.from.host).toBe('127.0.0.1');
    expect(heard[0]!.from.port).toBeGreaterThan(0);
  });

  it.runIf(hasIPv6)('with :: takes both families, IPv4 as itself', async () => {
    const [{ local }, heard] = await serving('::');
    for (const host of ['127.0.0.1', '::1']) {
      const asked = request({ host, port: local.port, agent: false }).end();
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
    }
    expect(heard.map(({ from }) => from.host)).toEqual(['127.0.0.1', '::1']);
  });

  it('takes HTTP/1.0, which needs no Host', async () => {
    const [listener, heard] = await serving();
    expect(await say(listener, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/ 200 OK\r\n/);
    expect(heard[0]!.host).toBeUndefined();
  });

  it('[fault 57] keeps a connection open for so many requests and no more', async () => {
    const [{ local }, heard] = await serving();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    open.push({ close: () => agent.destroy() });
    const ports = new Set<number>();
    for (let i = 0; i < MAX_HTTP_REQUESTS_PER_CONNECTION + 5; i++) {
      const asked = request({ host: '127.0.0.1', port: local.port, agent }).end();
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
      ports.add(heard.at(-1)!.from.port);
    }
    expect(ports.size).toBe(2);
  });

  it('[fault 57] closes after anything but a plain good request', async () => {
    const [listener] = await serving('127.0.0.1', { status: 404, type: 'text/plain', body: utf8('no') });
    expect(await say(listener, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/Connection: close[^]*\r\n\r\nno$/);
    const [wrong] = await serving('127.0.0.1', { status: 405, type: 'text/plain', body: utf8('no') });
    const posted = await say(wrong, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx');
    expect(posted).toMatch(/ 405 [^]*\r\nAllow: GET\r\n/);
    const [good] = await serving();
    expect(await say(good, 'GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')).toMatch(/ 200 OK/);
  });

  it.each([
    ['no HTTP', '\x13BitTorrent protocol\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['bytes that should be escaped', 'GET /\xe9 HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['two lengths', 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      'headers without end',
      `GET / HTTP/1.1\r\nX: ${'x'.repeat(2 * MAX_HTTP_HEADER_BYTES)}\r\n`,
      /^(HTTP\/1\.1 431 .*)?/,
    ],
    ['a line without end', `GET /${'x'.repeat(2 * MAX_HTTP_HEADER_BYTES)}`, /^(HTTP\/1\.1 431 .*)?/],
    ['a tunnel', 'CONNECT example.test:443 HTTP/1.1\r\nHost: x\r\n\r\n', /^$/],
  ])('[fault 57] shows the door to who brings %s', async (_, bytes, reply) => {
    const [listener, heard] = await serving();
    expect(await say(listener, bytes)).toMatch(reply);
    expect(heard).toEqual([]);
    expect(await say(listener, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/ 200 OK\r\n/);
  });

  it('[fault 57] does not wait for headers that trickle in', async () => {
    const [listener, heard] = await serving();
    const socket = dial(listener);
    socket.write('GET / HTTP/1.1\r\nX: ');
    expect(await heardBy(socket)).toMatch(/^HTTP\/1\.1 408 /);
    expect(heard).toEqual([]);
  });

  it('[fault 57] lets one address have so many connections and no more', async () => {
    const [listener] = await serving();
    const sockets = Array.from({ length: MAX_HTTP_CONNECTIONS_PER_IP + 10 }, () => dial(listener));
    const cut = sockets.map((socket) => once(socket, 'close').then(() => socket));
    const first = await Promise.all(sockets.slice(0, MAX_HTTP_CONNECTIONS_PER_IP).map((one) => once(one, 'connect')));
    expect(first).toHaveLength(MAX_HTTP_CONNECTIONS_PER_IP);
    for (let i = 0; i < 10; i++) await cut[MAX_HTTP_CONNECTIONS_PER_IP + i]!;
    const [one, ...others] = sockets;
    one!.write('GET / HTTP/1.0\r\n\r\n');
    expect(await heardBy(one!)).toMatch(/ 200 OK/);
    for (const other of others) other.destroy();
  });

  it('[fault 57] survives who leaves in the middle', async () => {
    const [listener] = await serving('127.0.0.1', { ...OK, body: new Uint8Array(500_000) });
    for (const bytes of [
      '',
      'GET',
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(50),
    ]) {
      const socket = dial(listener);
      await once(socket, 'connect');
      socket.write(bytes);
      socket.resetAndDestroy();
      await once(socket, 'close');
    }
    expect(await say(listener, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/ 200 OK\r\n/);
  });

  it('cuts what is open when it closes, and gives the port back', async () => {
    const [listener] = await serving();
    const socket = dial(listener);
    await once(socket, 'connect');
    await listener.close();
    await heardBy(socket);
    const again = await new HostHttpBinder().listen(listener.local);
    open.push(again);
    expect(again.local).toEqual(listener.local);
  });

  it('says which port is taken and what to do', async () => {
    const [{ local }] = await serving();
    const failed = new HostHttpBinder().listen(local);
    await expect(failed).rejects.toThrow(ShoalError);
    await expect(failed).rejects.toThrow(`cannot listen on TCP 127.0.0.1:${local.port}`);
  });
});
