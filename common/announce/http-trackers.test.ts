import { beforeEach, describe, expect, it } from 'vitest';
import { concatBytes, looseText, utf8 } from '../base/bytes.ts';
import type { HttpAnswer } from '../base/http-ports.ts';
import type { WireHash } from '../base/ids.ts';
import type { Log } from '../base/ports.ts';
import type { ScenePeer } from '../sim/announce-scene.ts';
import { AnnounceScene } from '../sim/announce-scene.ts';
import { redirectTo } from '../sim/http.ts';
import { encodeFailure } from '../wire/http-tracker.ts';
import { outsideTracker } from './tracker-address.ts';

const HASH = new Uint8Array(20).fill(7) as WireHash;
const AT = { host: '203.0.113.1', port: 6969 };
const URL_1 = 'http://203.0.113.1:6969/announce';
const ESCAPED = '%07'.repeat(20);
const SILENT: Log = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  trace: () => {},
  traces: false,
  child: () => SILENT,
};

let scene: AnnounceScene;
beforeEach(() => {
  scene = new AnnounceScene({ seed: 1, wireHash: HASH });
});

const ok = (body: string | Uint8Array, status = 200): HttpAnswer => ({
  ok: true,
  status,
  location: undefined,
  body: typeof body === 'string' ? utf8(body) : body,
});
const answer = (rest: string): HttpAnswer => ok(`d8:completei2e10:incompletei1e8:intervali60e${rest}e`);
const NOBODY = answer('5:peers0:');

/** What a request says, by name. */
const said = (request: string): Record<string, string> =>
  Object.fromEntries(
    request
      .slice(request.indexOf('?') + 1)
      .split('&')
      .map((part) => part.split('=') as [string, string]),
  );
const events = (): (string | undefined)[] => scene.http.requests.map((one) => said(one)['event']);

async function started(url: string = URL_1, left: number | undefined = 5): Promise<ScenePeer> {
  const peer = scene.addPeer([url], left);
  await scene.start(peer);
  return peer;
}

describe('an HTTP tracker', () => {
  it('is told what there is to tell, and names peers', async () => {
    scene.http.serve(AT, () =>
      ok(concatBytes([utf8('d8:intervali60e5:peers6:'), Uint8Array.of(10, 0, 0, 9, 0, 80), utf8('e')])),
    );
    const peer = await started();
    expect(peer.told).toEqual(['10.0.0.9:80']);
    expect(peer.states).toEqual(['working']);
    const [first] = scene.http.requests;
    expect(first!.startsWith(`http://203.0.113.1:6969/announce?info_hash=${ESCAPED}&peer_id=`)).toBe(true);
    expect(said(first!)).toMatchObject({ port: '7000', left: '5', event: 'started', numwant: '50', compact: '1' });
    expect(said(first!)['key']).toMatch(/^[0-9a-f]{8}$/);
  });

  it('hears a beat each interval, then completed once, then stopped', async () => {
    scene.http.serve(AT, () => NOBODY);
    const peer = await started();
    await scene.clock.runFor(125_000);
    expect(events()).toEqual(['started', undefined, undefined]);
    peer.left = 0;
    peer.announcer.completed();
    await scene.clock.runFor(60_100);
    expect(events().slice(3)).toEqual(['completed', undefined]);
    await scene.stop(peer);
    expect(events().slice(5)).toEqual(['stopped']);
    expect(said(scene.http.requests.at(-1)!)['numwant']).toBe('0');
    await scene.clock.runFor(600_000);
    expect([scene.http.requests.length, scene.clock.pending]).toEqual([6, 0]);
  });

  it('is told of the completion by one who leaves at once', async () => {
    scene.http.serve(AT, () => NOBODY);
    const peer = await started();
    peer.left = 0;
    peer.announcer.completed();
    await scene.stop(peer);
    expect(events()).toEqual(['started', 'completed', 'stopped']);
  });

  it('is told in each announce that a partial seed wants nothing more (BEP 21)', async () => {
    scene.http.serve(AT, () => NOBODY);
    const peer = scene.addPeer([URL_1], 5);
    peer.partialSeed = true;
    await scene.start(peer);
    await scene.clock.runFor(60_100);
    expect(events()).toEqual(['paused', 'paused']);
  });

  it('gets its tracker id back, and its own query before ours', async () => {
    scene.http.serve(AT, () => answer('5:peers0:10:tracker id2:a&'));
    await started(`${URL_1}?passkey=xyz`);
    await scene.clock.runFor(60_100);
    const [first, second] = scene.http.requests;
    expect(first).toMatch(/\/announce\?passkey=xyz&info_hash=/);
    expect([said(first!)['trackerid'], said(second!)['trackerid']]).toEqual([undefined, 'a%26']);
  });

  it('is not asked for more peers before its min interval', async () => {
    scene.http.serve(AT, () => ok('d8:completei1e10:incompletei1e8:intervali600e12:min intervali300e5:peers0:e'));
    const peer = await started();
    peer.announcer.announceNow();
    await scene.clock.runFor(299_000);
    expect(scene.http.requests).toHaveLength(1);
    await scene.clock.runFor(2_000);
    expect(scene.http.requests).toHaveLength(2);
    peer.announcer.completed();
    await scene.clock.runFor(100);
    expect(scene.http.requests).toHaveLength(3);
  });

  it('is scraped when its answer does not say how many there are (BEP 48)', async () => {
    scene.http.serve(AT, ({ target }) =>
      target.startsWith('/scrape?k=1&info_hash=')
        ? ok(concatBytes([utf8('d5:filesd20:'), HASH, utf8('d8:completei4e10:incompletei9eeee')]))
        : ok('d8:intervali60e5:peers0:e'),
    );
    const states: string[] = [];
    const onTracker = (state: { seeders: number; leechers: number }): void => {
      states.push(`${state.seeders} ${state.leechers}`);
    };
    const peer = scene.addPeer([`${URL_1}?k=1`], 5, { onTracker });
    await scene.start(peer);
    expect(states).toEqual(['4 9']);
    await scene.stop(peer);
    expect(scene.http.requests.map((one) => /\/(\w+)\?/.exec(one)![1])).toEqual(['announce', 'scrape', 'announce']);
  });

  it('is told of both families of a machine that has both (BEP 7)', async () => {
    scene.resolver.names.set('tracker.test', ['203.0.113.1', '2001:db8::1']);
    const sources: string[] = [];
    for (const host of ['203.0.113.1', '2001:db8::1']) {
      scene.http.serve({ host, port: 80 }, ({ from }) => {
        sources.push(from.host);
        return NOBODY;
      });
    }
    const peer = scene.addPeerAt(scene.addHost('192.0.2.9', '2001:db8::9'), ['http://tracker.test/announce'], 5);
    await scene.start(peer);
    await scene.clock.runFor(1_000);
    expect(sources.toSorted()).toEqual(['192.0.2.9', '2001:db8::9']);
    const keys = scene.http.requests.map((one) => said(one)['key']);
    expect(new Set(keys).size).toBe(1);
    await scene.stop(peer);
    expect(sources).toHaveLength(4);
  });
});

describe('[fault 12] an HTTP tracker that fails', () => {
  it.each([
    ['refuses', () => ok(encodeFailure('not today')), 'refused', 'not today'],
    ['refuses with a status', () => ok(encodeFailure('who are you'), 403), 'refused', 'who are you'],
    ['says only a status', () => ok('', 404), 'refused', 'HTTP status 404 and nothing else'],
    ['is broken', () => ok('', 502), 'silent', 'HTTP status 502 and nothing else'],
    ['shows a page', () => ok('<html>hi</html>'), 'refused', 'its answer has no sense: no bencode'],
    ['speaks in colours', () => ok(encodeFailure('\u001b[31mred')), 'refused', '\ufffd[31mred'],
    ['redirects nowhere', () => redirectTo(undefined), 'refused', 'HTTP status 302, and no address to follow'],
    [
      'redirects to a file',
      () => redirectTo('file:///etc/passwd'),
      'refused',
      'HTTP status 302, and no address to follow',
    ],
    ['redirects to itself', () => redirectTo('/announce'), 'refused', 'it redirects without end'],
  ])('%s', async (_, handler, status, text) => {
    scene.http.serve(AT, handler);
    const peer = await started();
    expect(peer.states).toEqual([status]);
    expect(peer.warnings[0]).toContain(`: ${text}`);
    // It is asked again, but not all the time.
    const before = scene.http.requests.length;
    await scene.clock.runFor(300_000);
    const more = scene.http.requests.length - before;
    expect([more > 3, more < 60]).toEqual([true, true]);
    scene.http.serve(AT, () => NOBODY);
    await scene.clock.runFor(60_000);
    expect(peer.states.at(-1)).toBe('working');
  });

  it('is not listening yet: it hears of us soon after it is', async () => {
    const peer = await started();
    expect(peer.states).toEqual(['silent']);
    scene.http.serve(AT, () => NOBODY);
    await scene.clock.runFor(31_000);
    expect(peer.states.at(-1)).toBe('working');
  });

  it('never answers: nobody waits for it, at the start or on the way out', async () => {
    scene.http.serve(AT, () => undefined);
    const peer = scene.addPeer([URL_1], 5);
    await scene.start(peer);
    expect(scene.clock.now()).toBeLessThan(1_000_000 + 10_100);
    await scene.clock.runFor(3_000);
    const before = scene.clock.now();
    await scene.stop(peer);
    expect(scene.clock.now() - before).toBeLessThan(2_100);
    await scene.clock.runFor(60_000);
    expect(scene.clock.pending).toBe(0);
  });

  it('warns, and is passed on once', async () => {
    scene.http.serve(AT, () => answer('5:peers0:15:warning message9:move soon'));
    const peer = await started();
    await scene.clock.runFor(200_000);
    expect(peer.warnings).toEqual(['the tracker warns: move soon']);
  });
});

describe('a redirect', () => {
  it('is followed to another machine, and anew each time', async () => {
    scene.resolver.names.set('other.test', ['203.0.113.2']);
    scene.http.serve(AT, ({ target }) => redirectTo(`http://other.test/x${target}`));
    scene.http.serve({ host: '203.0.113.2', port: 80 }, () => NOBODY);
    const peer = await started();
    expect(peer.states).toEqual(['working']);
    expect(scene.http.requests[1]).toMatch(/^http:\/\/other\.test:80\/x\/announce\?info_hash=%07/);
    await scene.clock.runFor(60_100);
    expect(scene.http.requests).toHaveLength(4);
  });

  it.each(['http://10.0.0.1/reboot', 'http://127.0.0.1:8080/announce', 'http://inside.test/announce', 'http://[::1]/'])(
    '[fault 27] from outside never leads into our network: %s',
    async (location) => {
      scene.resolver.names.set('inside.test', ['192.168.0.1']);
      scene.http.serve(AT, () => redirectTo(location));
      const peer = await started();
      expect(peer.states).toEqual(['refused']);
      expect(scene.http.requests).toHaveLength(1);
    },
  );

  it('never leaves TLS', async () => {
    scene.http.serve({ host: '203.0.113.1', port: 443 }, () => redirectTo('http://203.0.113.2/announce'));
    const peer = await started('https://203.0.113.1/announce');
    expect([peer.states, scene.http.requests.length]).toEqual([['refused'], 1]);
  });
});

describe('[fault 27] a tracker that a link names', () => {
  const announcer = (url: string): ScenePeer => scene.addPeer([], 5, { log: SILENT, trackers: [outsideTracker(url)!] });

  it.each(['http://inside.test/admin?do=reboot', 'http://169.254.169.254/latest/meta-data', 'http://127.0.0.1:1/x'])(
    'is not called inside our network: %s',
    async (url) => {
      scene.resolver.names.set('inside.test', ['10.0.0.1', 'fd00::1']);
      const peer = announcer(url);
      await scene.start(peer);
      await scene.clock.runFor(100_000);
      expect(new Set(peer.states)).toEqual(new Set(['unresolved']));
      expect(scene.http.requests).toEqual([]);
    },
  );

  it('is called when it is a tracker by its looks, or outside', async () => {
    for (const url of ['http://127.0.0.1:6969/announce', 'http://203.0.113.1:6969/anything']) {
      await scene.start(announcer(url));
    }
    expect(scene.http.requests.map((one) => one.split('?')[0])).toEqual([
      'http://127.0.0.1:6969/announce',
      'http://203.0.113.1:6969/anything',
    ]);
  });
});

describe('UDP and HTTP', () => {
  it('are two trackers at one address, and neither waits for the other', async () => {
    scene.http.serve(AT, () => NOBODY);
    const peer = scene.addPeer(['udp://203.0.113.1:6969', URL_1, `${URL_1}#again`], 5);
    await scene.start(peer);
    expect(peer.states.toSorted()).toEqual(['silent', 'working']);
    expect(scene.http.requests).toHaveLength(1);
  });

  it('has a catalogue over UDP only', async () => {
    const reader = scene.addReader(URL_1);
    const reply = await scene.clock.run(reader.list(), 60_000);
    expect(reply.trackers.map(({ status }) => status)).toEqual(['no catalogue']);
    expect(looseText(utf8(reply.trackers[0]!.text))).toContain('over UDP');
  });
});
