import { describe, expect, it } from 'vitest';
import { equalBytes } from '../common/base/bytes.ts';
import { instant } from '../common/base/ids.ts';
import type { Reach } from '../common/content/urls.ts';
import { generate } from '../common/fixtures/generate.ts';
import { VirtualClock } from '../common/sim/clock.ts';
import { SimResolver } from '../common/sim/resolver.ts';
import { SimWeb } from '../common/sim/web.ts';
import type { WebFailure } from './web-answer.ts';
import { WebGet } from './web-get.ts';

const FILE = generate(1_000, 1);
const FAR = '203.0.113.5';
const OTHER = '203.0.113.6';
const OWN = '10.0.0.5';
const LOOP = '127.0.0.1';
const moved = (location: string) => ({ bytes: FILE, status: 302, headers: { location } });

interface Outcome {
  readonly kind: string | undefined;
  readonly body: Uint8Array;
  readonly failure: WebFailure | undefined;
}

class Bench {
  readonly clock = new VirtualClock({ startAt: instant(0) });
  readonly web = new SimWeb({ clock: this.clock, partMs: 1 });
  readonly resolver = new SimResolver({ clock: this.clock, delayMs: 1 });

  constructor() {
    for (const host of [FAR, OTHER, OWN, LOOP]) this.web.serve({ host, port: 80 }, '/a', { bytes: FILE });
    this.resolver.names.set('far.example', [FAR]);
    this.resolver.names.set('trick.example', [LOOP]);
    this.resolver.names.set('mixed.example', [LOOP, FAR, OTHER]);
  }

  get(url: string, nearest: Reach, turn = 0): Promise<Outcome> {
    let kind: string | undefined;
    const parts: number[] = [];
    const outcome = new Promise<Outcome>((resolve) => {
      new WebGet({
        client: this.web,
        resolver: this.resolver,
        source: { url, nearest, isTyped: nearest === 'local' },
        url,
        wanted: { firstByte: 10, lastByte: 19, fileBytes: FILE.length },
        turn,
        onBody: (body) => (kind = `${body.kind} at ${body.at} from ${body.from.host}`),
        onBytes: (view) => parts.push(...view),
        onEnd: (failure) => {
          resolve({ kind, body: Uint8Array.from(parts), failure });
        },
      }).start();
    });
    return this.clock.run(outcome, 100_000);
  }

  /** Addresses that were asked, in order. */
  get asked(): string[] {
    return this.web.asked.map(({ address }) => address.host);
  }
}

describe('a GET of a web seed', () => {
  it('brings the bytes that are wanted', async () => {
    const bench = new Bench();
    const { kind, body, failure } = await bench.get('http://far.example/a', 'private');
    expect([kind, failure]).toEqual([`ranged at 10 from ${FAR}`, undefined]);
    expect(equalBytes(body, FILE.subarray(10, 20))).toBe(true);
    expect(bench.web.asked[0]).toMatchObject({ name: 'far.example', firstByte: 10, lastByte: 19, secure: false });
  });

  it('tells of the whole file when the server knows no ranges', async () => {
    const bench = new Bench();
    bench.web.serve({ host: FAR, port: 80 }, '/a', { bytes: FILE, ignoresRanges: true });
    expect(await bench.get('http://far.example/a', 'private')).toMatchObject({ kind: `whole at 0 from ${FAR}` });
  });

  it('ends where it should, however much the server sends', async () => {
    const bench = new Bench();
    const headers = { 'content-range': 'bytes 10-19/1000' };
    bench.web.serve({ host: FAR, port: 80 }, '/a', {
      bytes: new Uint8Array(10 ** 6),
      endless: { status: 206, headers },
    });
    const { body, failure } = await bench.get('http://far.example/a', 'private');
    expect([body.length, failure, bench.web.open]).toEqual([10, undefined, 0]);
  });

  it('follows redirects, a few of them', async () => {
    const bench = new Bench();
    bench.web.serve({ host: FAR, port: 80 }, '/old/x', moved('../a'));
    expect((await bench.get('http://far.example/old/x', 'private')).failure).toBeUndefined();
    bench.web.serve({ host: FAR, port: 80 }, '/old/x', moved(`http://${OTHER}/a`));
    expect(await bench.get('http://far.example/old/x', 'private')).toMatchObject({
      kind: `ranged at 10 from ${OTHER}`,
    });
    bench.web.serve({ host: FAR, port: 80 }, '/loop', moved('/loop'));
    expect((await bench.get('http://far.example/loop', 'private')).failure).toMatchObject({ kind: 'unfit' });
    expect(bench.web.asked.filter(({ target }) => target === '/loop')).toHaveLength(4);
    expect(bench.web.open).toBe(0);
  });

  it.each([
    ['a name that resolves to this machine', 'http://trick.example/a'],
    ['an address of this machine', 'http://127.0.0.1/a'],
    ['an odd spelling of it', 'http://0x7f.1/a'],
    ['a query to a private address', `http://${OWN}/a?reboot=1`],
  ])('[fault 27] of a link does not go to %s', async (_what, url) => {
    const bench = new Bench();
    expect((await bench.get(url, 'private')).failure).toMatchObject({ kind: 'unfit' });
    expect(bench.asked).toEqual([]);
  });

  it('[fault 27] of a link goes to a private address for a file, and of several to those it may', async () => {
    const bench = new Bench();
    expect((await bench.get(`http://${OWN}/a`, 'private')).failure).toBeUndefined();
    await bench.get('http://mixed.example/a', 'private');
    await bench.get('http://mixed.example/a', 'private', 1);
    expect(bench.asked).toEqual([OWN, FAR, OTHER]);
  });

  it('[fault 27] that the user typed goes where it leads', async () => {
    const bench = new Bench();
    expect((await bench.get('http://127.0.0.1/a', 'local')).failure).toBeUndefined();
  });

  it.each([
    [FAR, `http://${OWN}/a`, 'private'],
    [FAR, `http://${OWN}/a`, 'local'],
    [FAR, 'http://trick.example/a', 'local'],
    [OWN, `http://${LOOP}/a`, 'local'],
    [FAR, 'file:///etc/passwd', 'local'],
  ] as const)('[fault 27] is not led by %s to %s', async (from, location, nearest) => {
    const bench = new Bench();
    bench.web.serve({ host: from, port: 80 }, '/x', moved(location));
    expect((await bench.get(`http://${from}/x`, nearest)).failure).toMatchObject({ kind: 'unfit' });
    expect(bench.asked).toEqual([from]);
  });

  it('may be led away from here', async () => {
    const bench = new Bench();
    bench.web.serve({ host: LOOP, port: 80 }, '/x', moved(`http://${FAR}/a`));
    expect((await bench.get(`http://${LOOP}/x`, 'local')).failure).toBeUndefined();
  });

  it('says what went wrong', async () => {
    const bench = new Bench();
    expect((await bench.get('http://far.example/none', 'private')).failure).toMatchObject({ kind: 'missing' });
    expect((await bench.get('http://nowhere.example/a', 'private')).failure).toMatchObject({ kind: 'failed' });
    expect((await bench.get('http://203.0.113.9/a', 'private')).failure?.text).toBe('it cannot be reached');
    bench.web.serve({ host: FAR, port: 80 }, '/cut', { bytes: FILE, cutAfter: 3 });
    const cut = await bench.get('http://far.example/cut', 'private');
    expect([cut.body.length, cut.failure?.kind]).toEqual([3, 'failed']);
  });
});
