import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { fromHex, looseText } from '../common/base/bytes.ts';
import type { HttpReply, HttpRequest } from '../common/base/http-ports.ts';
import type { Endpoint, InfoHashV1, InfoHashV2, Instant, PeerId, WireHash } from '../common/base/ids.ts';
import { endpointText, instant } from '../common/base/ids.ts';
import { MAX_HTTP_TARGET_CHARS, MAX_PEERS_V4, MAX_PEERS_V6 } from '../common/base/limits.ts';
import { OwnMemory } from '../common/base/own-memory.ts';
import { Prefixes } from '../common/base/prefixes.ts';
import { SeededRandom } from '../common/sim/random.ts';
import { decodeScrapeAnswer, scrapeQuery } from '../common/wire/http-scrape.ts';
import type { HttpAnnounceAnswer } from '../common/wire/http-tracker.ts';
import { announceQuery, decodeAnnounceAnswer } from '../common/wire/http-tracker.ts';
import { Clerk } from './clerk.ts';
import { HttpService } from './http-service.ts';

const START = instant(50_000);
const HASH_V2 = new Uint8Array(32).fill(7) as InfoHashV2;
const HASH = HASH_V2.slice(0, 20) as Uint8Array as WireHash;
const OTHER = new Uint8Array(20).fill(8) as WireHash;
const HERE: Endpoint = { host: '192.0.2.1', port: 40_000 };
const THERE: Endpoint = { host: '192.0.2.2', port: 40_000 };
const SIX: Endpoint = { host: '2001:db8::1', port: 40_000 };
const later = (seconds: number): Instant => instant(START + seconds * 1000);

let clerk: Clerk;
let service: HttpService;
let now: Instant;
beforeEach(() => {
  now = START;
  clerk = new Clerk({
    memory: new OwnMemory(),
    random: new SeededRandom({ seed: 1 }),
    settings: {
      intervalS: 30,
      ttlS: 90,
      limits: { swarms: 500, peers: 1_000, peersPerSwarm: 500, peersPerSource: 300 },
    },
    now: START,
    firstSequence: 1,
    tellBarren: undefined,
  });
  service = new HttpService({ clerk, names: ['Tracker.Example'] });
});

function ask(target: string, over: Partial<HttpRequest> = {}): [outcome: string, reply: HttpReply] {
  const request = { method: 'GET', target, host: '192.0.2.9:6969', from: HERE, ...over };
  const { outcome, reply } = service.handle(request, now);
  return [outcome, reply];
}
const textOf = ([, { status, body }]: [string, HttpReply]): string => `${status} ${looseText(body)}`;

const queryOf = (over: Partial<Parameters<typeof announceQuery>[0]> = {}): string =>
  announceQuery({
    ...{ infoHash: HASH, peerId: new Uint8Array(20) as PeerId, port: 7000, uploadedBytes: 0, downloadedBytes: 0 },
    ...{ leftBytes: 5, event: 'started', key: 1, wanted: 50, trackerId: undefined },
    ...over,
  });

type Told = Omit<HttpAnnounceAnswer, 'peers'> & { readonly peers: string[] };
function announce(over: Parameters<typeof queryOf>[0] = {}, from = HERE, tail = ''): Told {
  const [outcome, reply] = ask(`/announce?${queryOf(over)}${tail}`, { from });
  expect([outcome, reply.status, reply.type]).toEqual(['http_announce', 200, 'text/plain']);
  const answer = decodeAnnounceAnswer(reply.body);
  if (!answer.ok) throw new Error(answer.reason);
  return { ...answer.value, peers: answer.value.peers.map(endpointText) };
}

describe('an announce over HTTP', () => {
  it('is answered with peers of its family and the intervals of foreign clients', () => {
    expect(announce({ leftBytes: 0 }, THERE)).toMatchObject({ seeders: 1, leechers: 0, peers: [] });
    expect(announce()).toEqual({
      ...{ intervalS: 120, minIntervalS: 30, seeders: 1, leechers: 1, peers: ['192.0.2.2:7000'] },
      ...{ trackerId: undefined, warning: undefined },
    });
    announce({ leftBytes: 0 }, SIX);
    expect(announce({ port: 1 }, SIX).peers).toEqual(['[2001:db8::1]:7000']);
  });

  it('puts the peer where a UDP announce would', () => {
    announce({ leftBytes: 0 });
    const address = Uint8Array.of(192, 0, 2, 2);
    const facts = { infoHash: HASH, port: 1, leftBytes: 5, event: 'started', wanted: -1, ttlS: 90 } as const;
    const answer = clerk.announce(facts, address, now, new Prefixes(new Uint8Array(1_200)));
    expect(answer.ok && [answer.seeders, answer.peers]).toEqual([1, Uint8Array.of(192, 0, 2, 1, 0x1b, 0x58)]);
    expect(announce({ port: 2 }, HERE).peers.toSorted()).toEqual(['192.0.2.1:7000', '192.0.2.2:1']);
  });

  it('counts only with the address it comes from, whatever it says', () => {
    announce({ leftBytes: 0 }, THERE, '&ip=10.0.0.1&ipv4=10.0.0.2&ipv6=2001:db8::5');
    expect(announce().peers).toEqual(['192.0.2.2:7000']);
  });

  it.each([
    ['compact', '', '192.0.2.2:7000', THERE, HERE],
    ['as dictionaries', '&compact=0', '192.0.2.2:7000', THERE, HERE],
    ['of IPv6', '', '[2001:db8::1]:7000', SIX, { host: '2001:db8::2', port: 1 }],
    ['of IPv6 as dictionaries', '&compact=0', '[2001:db8::1]:7000', SIX, { host: '2001:db8::2', port: 1 }],
  ])('names peers %s', (_, tail, peer, seeder, leecher) => {
    announce({ leftBytes: 0 }, seeder);
    const query = queryOf().replace('&compact=1', '');
    const [, reply] = ask(`/announce?${query}${tail}`, { from: leecher });
    const answer = decodeAnnounceAnswer(reply.body);
    expect(answer.ok && answer.value.peers.map(endpointText)).toEqual([peer]);
    expect(looseText(reply.body).includes('2:ip')).toBe(tail !== '');
  });

  it('[fault 12] gives no more peers than a UDP answer would, however many are wanted', () => {
    for (let i = 0; i < 250; i++) {
      announce({ leftBytes: 0, port: 1 + i }, THERE);
      announce({ leftBytes: 0, port: 1 + i }, SIX);
    }
    expect(announce({ wanted: 100_000 }).peers).toHaveLength(MAX_PEERS_V4);
    expect(announce({ wanted: 100_000, port: 1 }, { host: '2001:db8::2', port: 1 }).peers).toHaveLength(MAX_PEERS_V6);
    expect(announce({ wanted: 0 }).peers).toEqual([]);
    expect(announce({ wanted: 7 }).peers).toHaveLength(7);
  });

  it('keeps a peer until it says stopped, or nothing for 660 s', () => {
    announce({ leftBytes: 0 });
    announce({ leftBytes: 0, event: 'stopped' });
    expect(announce({}, THERE).seeders).toBe(0);
    announce({ leftBytes: 0 });
    now = later(659);
    expect(announce({ port: 9 }, THERE).seeders).toBe(1);
    now = later(662);
    expect(announce({ port: 9 }, THERE).peers).toEqual([]);
  });

  it('counts completed once, and a partial seed as a leecher that is worth asking (BEP 21)', () => {
    announce({ leftBytes: 0, event: 'completed' });
    announce({ leftBytes: 0, event: 'completed' });
    announce({ event: 'paused' }, THERE);
    const told = announce({}, { host: '192.0.2.3', port: 1 });
    expect([told.seeders, told.leechers, told.peers.toSorted()]).toEqual([1, 2, ['192.0.2.1:7000', '192.0.2.2:7000']]);
    expect(looseText(ask(`/announce?${queryOf()}`)[1].body)).toContain('10:downloadedi1e');
  });

  it.each([
    ['', 'info_hash is missing'],
    ['?', 'info_hash is missing'],
    ['?info_hash=abc&port=1', 'info_hash is not 20 bytes'],
    [`?info_hash=${'a'.repeat(20)}`, 'port is missing'],
    [`?info_hash=${'a'.repeat(20)}&port=0`, 'port 0'],
  ])('[fault 12] is told why /announce%s is none', (query, reason) => {
    expect(textOf(ask(`/announce${query}`))).toBe(`200 d14:failure reason${reason.length}:${reason}e`);
    expect(clerk.size.peers).toBe(0);
  });

  it('is told when its address has too many peers', () => {
    for (let port = 1; port <= 300; port++) announce({ port });
    const [outcome, { body }] = ask(`/announce?${queryOf({ port: 301 })}`);
    expect(outcome).toBe('http_source_full');
    expect(looseText(body)).toBe('d14:failure reason32:too many peers from this addresse');
    expect(announce({ port: 300 }).leechers).toBe(300);
  });
});

describe('a scrape over HTTP', () => {
  it('counts each hash in the family of the asker', () => {
    announce({ leftBytes: 0, event: 'completed' });
    announce({ event: 'paused' }, THERE);
    announce({}, SIX);
    const [outcome, { body }] = ask(`/scrape?${scrapeQuery([HASH, OTHER, HASH])}`);
    expect(outcome).toBe('http_scrape');
    expect(decodeScrapeAnswer(body, [HASH, OTHER])).toEqual({
      ok: true,
      value: [
        { seeders: 1, completed: 1, leechers: 1 },
        { seeders: 0, completed: 0, leechers: 0 },
      ],
    });
  });

  it('of everything is refused', () => {
    expect(textOf(ask('/scrape'))).toBe('200 d14:failure reason20:info_hash is missinge');
  });
});

describe('the catalogue over HTTP', () => {
  const item = { multiFile: false, unlisted: false, pieceBytes: 2 ** 19, sizeBytes: 5_000, infoBytes: 100 };
  function publish(fill: number, name: string, over: object = {}): void {
    const infoHashV2 = new Uint8Array(32).fill(fill) as InfoHashV2;
    const infoHash = infoHashV2.slice(0, 20) as Uint8Array as WireHash;
    const address = Uint8Array.of(192, 0, 2, 1 + (fill >> 7));
    const facts = { infoHash, port: 1 + fill, leftBytes: 0, event: 'none', wanted: 0, ttlS: 90 } as const;
    clerk.announce(facts, address, now, new Prefixes(new Uint8Array(1_200)));
    const published = { port: 1 + fill, ttlS: 90, item: { ...item, infoHashV2, infoHashV1: undefined, name, ...over } };
    expect(clerk.publish(published, address, now)).toMatchObject({ ok: true });
  }
  const list = (
    query = '',
    over: Partial<HttpRequest> = {},
  ): { entries: { name: string }[]; nextCursor: string | null } => {
    const [outcome, { status, type, body }] = ask(`/catalogue.json${query}`, over);
    expect([outcome, status, type]).toEqual(['http_catalogue', 200, 'application/json']);
    return JSON.parse(looseText(body)) as ReturnType<typeof list>;
  };

  it('is JSON', () => {
    publish(1, 'straße "1".iso');
    publish(2, 'old', { infoHashV1: new Uint8Array(20).fill(9) as InfoHashV1, multiFile: true });
    publish(3, 'secret', { unlisted: true });
    const rest = { size: 5_000, chunkSize: 524_288, seeders: 1, leechers: 0 };
    expect(list()).toEqual({
      entries: [
        { name: 'old', infoHashV2: '02'.repeat(32), infoHashV1: '09'.repeat(20), isDirectory: true, ...rest },
        { name: 'straße "1".iso', infoHashV2: '01'.repeat(32), isDirectory: false, ...rest },
      ],
      matches: 2,
      nextCursor: null,
    });
  });

  it('is searched by words', () => {
    publish(1, 'Debian 12 netinst');
    publish(2, 'debian 11');
    publish(3, 'a+b');
    expect(list('?query=DEBIAN+net').entries.map(({ name }) => name)).toEqual(['Debian 12 netinst']);
    expect(list('?query=debian%2012').entries.map(({ name }) => name)).toEqual(['Debian 12 netinst']);
    expect(list('?query=a%2Bb&x=1').entries).toHaveLength(1);
    expect(list('?query=none').entries).toEqual([]);
  });

  it('comes in pages', () => {
    for (let fill = 0; fill < 160; fill++) {
      now = later(fill / 2);
      publish(fill, `${'x'.repeat(190)}${fill}`);
    }
    const first = list();
    expect(first.entries.length).toBeGreaterThan(100);
    const second = list(`?cursor=${first.nextCursor}`);
    expect(second.nextCursor).toBe(null);
    expect(new Set([...first.entries, ...second.entries].map(({ name }) => name)).size).toBe(160);
  });

  it.each(['?cursor=x', '?cursor=-1', '?cursor=12345678901234567', `?query=${'x'.repeat(65)}`])(
    'refuses %s',
    (query) => {
      expect(ask(`/catalogue.json${query}`)).toMatchObject(['http_malformed', { status: 400 }]);
    },
  );

  it.each([
    ...['127.0.0.1', '127.0.0.1:6969', '[::1]', '[2001:db8::1]:6969', 'localhost', 'LOCALHOST:1', 'tracker.example'],
    'TRACKER.example:6969',
  ])('[fault 57] is given under the name %s', (host) => {
    expect(list('', { host }).entries).toEqual([]);
  });

  it.each([
    undefined,
    '',
    'evil.example',
    'evil.example:6969',
    'tracker.example.evil',
    '127.0.0.1.evil',
    '::1',
    '[x]',
    'a b',
    '1.2.3.4:',
  ])('[fault 57] is not given under the name %s, whatever it resolves to', (host) => {
    expect(ask('/catalogue.json', { host })).toMatchObject(['http_foreign_host', { status: 403 }]);
  });

  it('[fault 57] goes by the URL that a proxy was asked for', () => {
    expect(list('', { target: 'http://127.0.0.1/catalogue.json' }).entries).toEqual([]);
    expect(ask('HTTP://evil.example/catalogue.json')).toMatchObject(['http_foreign_host', { status: 403 }]);
  });
});

describe('everything else over HTTP', () => {
  it.each([
    ['/', 404],
    ['', 404],
    ['*', 404],
    ['/announce/', 404],
    ['/Announce?x', 404],
    ['/../announce', 404],
    ['//catalogue.json', 404],
    ['http://', 404],
    [`/announce?${'x'.repeat(MAX_HTTP_TARGET_CHARS)}`, 414],
  ])('[fault 57] %s is %i', (target, status) => {
    expect(ask(target)[1].status).toBe(status);
  });

  it.each(['POST', 'HEAD', 'PUT', 'OPTIONS', 'get', ''])('[fault 57] the method %j is refused', (method) => {
    expect(ask(`/announce?${queryOf()}`, { method })).toMatchObject(['http_wrong_method', { status: 405 }]);
    expect(clerk.size.peers).toBe(0);
  });

  it('[fault 12] nothing that is asked makes it throw', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '/announce?',
        '/scrape?',
        '/catalogue.json?',
        'info_hash=',
        'port=',
        'query=',
        'cursor=',
        '&',
        '%',
        '%0',
      ),
      fc.constantFrom('http://', `${'a'.repeat(20)}`, '1'),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 10 }), fc.option(fc.string(), { nil: undefined }), (parts, host) => {
        const [outcome, { status }] = ask(parts.join(''), { host });
        expect(outcome).toMatch(/^http_[a-z_]+$/);
        expect([200, 400, 403, 404, 414]).toContain(status);
      }),
    );
  });

  it('is asked as the vectors escape a hash', () => {
    const hash = fromHex('443c34a9a6ecead078861dce27b639a7fecc4db5') as WireHash;
    const styles = [
      'D%3c4%a9%a6%ec%ea%d0x%86%1d%ce%27%b69%a7%fe%ccM%b5',
      'D%3C4%A9%A6%EC%EA%D0x%86%1D%CE%27%B69%A7%FE%CCM%B5',
    ];
    for (const [i, style] of styles.entries()) ask(`/announce?info_hash=${style}&port=${i + 1}&left=0`);
    expect(clerk.counts([hash], Uint8Array.of(192, 0, 2, 1))).toEqual([{ seeders: 2, completed: 0, leechers: 0 }]);
  });
});
