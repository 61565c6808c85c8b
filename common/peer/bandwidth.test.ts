import { describe, expect, it } from 'vitest';
import { instant } from '../base/ids.ts';
import { KIB } from '../base/limits.ts';
import type { Dialer, Listener, TcpPort } from '../base/ports.ts';
import type { RangeClient } from '../base/web-ports.ts';
import { VirtualClock } from '../sim/clock.ts';
import { SimWeb } from '../sim/web.ts';
import { Bandwidth, type RateLimits } from './bandwidth.ts';
import { LimitedStream } from './limited-stream.ts';

const clock = new VirtualClock({ startAt: instant(0) });
const OFF: RateLimits = { upBytesPerSecond: undefined, downBytesPerSecond: undefined };
const BOTH: RateLimits = { upBytesPerSecond: 1_000, downBytesPerSecond: 1_000 };

const dialer: Dialer = {
  dial: (to) => Promise.resolve({ ok: true, stream: { remote: to, local: to } as TcpPort }),
};

async function isLimited(bandwidth: Bandwidth, host: string): Promise<boolean> {
  const result = await bandwidth.dialer(dialer).dial({ host, port: 1 }, 1);
  return result.ok && result.stream instanceof LimitedStream;
}

describe('bandwidth', () => {
  it('without limits hands on what it is given', () => {
    const bandwidth = new Bandwidth({ clock, limits: OFF, lan: undefined });
    const [listener, client] = [{} as Listener, {} as RangeClient];
    expect(bandwidth.dialer(dialer)).toBe(dialer);
    expect(bandwidth.listener(listener)).toBe(listener);
    expect(bandwidth.rangeClient(client)).toBe(client);
  });

  it.each(['127.0.0.1', '10.1.2.3', '192.168.1.1', '169.254.1.1', 'fe80::1', 'fd00::1', '203.0.113.9', '2001:db8::1'])(
    'with one limit counts %s',
    async (host) => {
      expect(await isLimited(new Bandwidth({ clock, limits: BOTH, lan: undefined }), host)).toBe(true);
    },
  );

  it.each([
    ['127.0.0.1', false],
    ['10.1.2.3', false],
    ['169.254.1.1', false],
    ['fe80::1', false],
    ['fd00::1', false],
    ['203.0.113.9', true],
    ['2606:4700::1', true],
  ])('that exempts the local network: %s is limited: %s', async (host, limited) => {
    expect(await isLimited(new Bandwidth({ clock, limits: BOTH, lan: OFF }), host)).toBe(limited);
  });

  it('may limit the local network alone', async () => {
    const bandwidth = new Bandwidth({ clock, limits: OFF, lan: BOTH });
    expect([await isLimited(bandwidth, '10.0.0.1'), await isLimited(bandwidth, '203.0.113.9')]).toEqual([true, false]);
  });

  it('limits what web servers send', async () => {
    const time = new VirtualClock({ startAt: instant(0) });
    const bandwidth = new Bandwidth({ clock: time, limits: { ...OFF, downBytesPerSecond: 64 * KIB }, lan: undefined });
    const web = new SimWeb({ clock: time, partMs: 1 });
    const address = { host: '203.0.113.9', port: 80 };
    web.serve(address, '/x', { bytes: new Uint8Array(640 * KIB) });
    let [gotBytes, ends] = [0, 0];
    const question = { secure: false, address, name: 'x', target: '/x', authorization: undefined, idleMs: 20_000 };
    bandwidth
      .rangeClient(web)
      .get(
        { ...question, firstByte: 0, lastByte: 640 * KIB - 1 },
        { onHead: () => {}, onBytes: (view) => (gotBytes += view.length), onEnd: () => ends++ },
      );
    await time.runFor(5_000);
    expect(Math.abs(gotBytes / (5 * 64 * KIB) - 1)).toBeLessThan(0.1);
    await time.runFor(6_000);
    expect([gotBytes, ends, time.pending]).toEqual([640 * KIB, 1, 0]);
  });
});
