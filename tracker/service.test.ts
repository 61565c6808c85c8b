import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { concatBytes, writeU32 } from '../common/base/bytes.ts';
import type { Endpoint, InfoHashV2, Instant, PeerId, WireHash } from '../common/base/ids.ts';
import { endpointText, instant } from '../common/base/ids.ts';
import { MAX_DATAGRAM_BYTES, MAX_PEERS_V4, MAX_PEERS_V6 } from '../common/base/limits.ts';
import { OwnMemory } from '../common/base/own-memory.ts';
import { SeededRandom } from '../common/sim/random.ts';
import type { CatalogueItem } from '../common/wire/catalogue-entry.ts';
import { encodeBeatRequest, encodePublishRequest } from '../common/wire/catalogue-publishing.ts';
import { encodeHelloRequest, encodeListRequest, encodeLookupRequest } from '../common/wire/catalogue-reading.ts';
import type { ConnectionId } from '../common/wire/tracker-header.ts';
import { responseAction, responseTransactionId } from '../common/wire/tracker-header.ts';
import type { Announce } from '../common/wire/tracker-packets.ts';
import {
  decodeAnnounceResponse,
  decodeConnectResponse,
  decodeErrorText,
  decodeScrapeResponse,
  encodeAnnounceRequest,
  encodeConnectRequest,
  encodeScrapeRequest,
} from '../common/wire/tracker-packets.ts';
import { Cookie } from './cookie.ts';
import { TrackerService } from './service.ts';

const START = instant(50_000);
const TID = 0x01020304;
const HERE: Endpoint = { host: '192.0.2.1', port: 40_000 };
const THERE: Endpoint = { host: '192.0.2.2', port: 50_000 };
const SIX: Endpoint = { host: '2001:db8::1', port: 40_000 };
const HASH_V2 = new Uint8Array(32).fill(7) as InfoHashV2;
const HASH = HASH_V2.slice(0, 20) as Uint8Array as WireHash;
const PEER = new Uint8Array(20).fill(9) as PeerId;
const ITEM: CatalogueItem = {
  infoHashV2: HASH_V2,
  infoHashV1: undefined,
  multiFile: false,
  unlisted: false,
  pieceBytes: 512 * 1024,
  sizeBytes: 1_000,
  infoBytes: 100,
  name: 'a.iso',
};
const later = (seconds: number): Instant => instant(START + seconds * 1000);

/** A service with a clock, asked as a client would. */
class Asker {
  readonly cookie = new Cookie({ secret: new Uint8Array(32), epochMs: 1_700_000_000_000 });
  readonly service: TrackerService;
  now = START;

  constructor(intervalS = 30, ttlS = 90) {
    this.service = new TrackerService({
      cookie: this.cookie,
      memory: new OwnMemory(),
      random: new SeededRandom({ seed: 1 }),
      settings: { intervalS, ttlS, limits: { swarms: 100, peers: 1_000, peersPerSwarm: 500, peersPerSource: 300 } },
      now: START,
      firstSequence: 1,
      tellBarren: undefined,
    });
  }

  handle(bytes: Uint8Array, from: Endpoint = HERE): [outcome: string, reply: Uint8Array | undefined] {
    const { outcome, reply } = this.service.handle(bytes, from, this.now);
    if (reply !== undefined) {
      expect(reply.length).toBeLessThanOrEqual(MAX_DATAGRAM_BYTES);
      expect(responseTransactionId(reply)).toBe(TID);
    }
    return [outcome, reply];
  }

  id(from: Endpoint = HERE): ConnectionId {
    const [, reply] = this.handle(encodeConnectRequest(TID), from);
    const id = decodeConnectResponse(reply!);
    if (!id.ok) throw new Error(id.reason);
    return id.value;
  }

  announceBytes(over: Partial<Announce> = {}, from: Endpoint = HERE): Uint8Array {
    return encodeAnnounceRequest(this.id(from), TID, {
      ...{ infoHash: HASH, peerId: PEER, downloadedBytes: 0, leftBytes: 5, uploadedBytes: 0, event: 'none' },
      ...{ key: 1, wanted: -1, port: 7000, ttlS: 90, urlPath: '' },
      ...over,
    });
  }

  announce(
    over: Partial<Announce> = {},
    from: Endpoint = HERE,
  ): { intervalS: number; seeders: number; leechers: number; peers: string[] } {
    const [outcome, reply] = this.handle(this.announceBytes(over, from), from);
    expect(outcome).toBe('announce');
    const answer = decodeAnnounceResponse(reply!, from.host.includes(':') ? 16 : 4);
    if (!answer.ok) throw new Error(answer.reason);
    return { ...answer.value, peers: answer.value.peers.map(endpointText) };
  }

  error(bytes: Uint8Array, from: Endpoint = HERE): [outcome: string, text: string] {
    const [outcome, reply] = this.handle(bytes, from);
    expect(reply === undefined ? undefined : responseAction(reply)).toBe(3);
    return [outcome, decodeErrorText(reply!)];
  }
}

let asker: Asker;
beforeEach(() => {
  asker = new Asker();
});

describe('connection ids', () => {
  it('[fault 5] answers connect with 16 bytes for 16, and nothing else to a stranger', () => {
    const [outcome, reply] = asker.handle(encodeConnectRequest(TID));
    expect([outcome, reply?.length]).toEqual(['connect', 16]);
  });

  it('[fault 3] says and changes nothing for a bad, foreign, expired or future id', () => {
    const good = asker.announceBytes({ leftBytes: 0 });
    const bad = good.slice();
    bad[3]! ^= 1;
    expect(asker.handle(bad)).toEqual(['bad_connection_id', undefined]);
    expect(asker.handle(good, THERE)).toEqual(['bad_connection_id', undefined]);
    asker.now = later(300);
    expect(asker.handle(good)).toEqual(['expired_connection_id', undefined]);
    const ofTheFuture = asker.announceBytes();
    asker.now = later(200);
    expect(asker.handle(ofTheFuture)).toEqual(['bad_connection_id', undefined]);
    expect(asker.service.size).toMatchObject({ swarms: 0, peers: 0 });
  });

  it('takes the id from another port of the same address', () => {
    expect(asker.handle(asker.announceBytes(), { ...HERE, port: 1 })[0]).toBe('announce');
  });

  it('[fault 4] takes an id for two minutes and counts what comes later', () => {
    const bytes = asker.announceBytes();
    asker.now = later(119);
    expect(asker.handle(bytes)[0]).toBe('announce');
    asker.now = later(240);
    expect(asker.handle(bytes)[0]).toBe('expired_connection_id');
  });

  it('[fault 5] needs a good id for every request, so that no forged source draws an answer', () => {
    const id = new Uint8Array(8) as ConnectionId;
    const requests = [
      encodeScrapeRequest(id, TID, [HASH]),
      encodeHelloRequest(id, TID),
      encodeListRequest(id, TID, { cursor: 0n, max: 0, query: '' }),
      encodeLookupRequest(id, TID, { kind: 'name', name: 'a.iso' }),
      encodePublishRequest(id, TID, { peerId: PEER, port: 7000, ttlS: 90, item: ITEM }),
      encodeBeatRequest(id, TID, { kind: 'heartbeat', peerId: PEER, key: 1, port: 7000, hashes: [HASH] }),
      encodeBeatRequest(id, TID, { kind: 'withdraw', peerId: PEER, key: 1, port: 0, hashes: [HASH] }),
    ];
    for (const request of requests) expect(asker.handle(request)).toEqual(['bad_connection_id', undefined]);
  });

  it('is silent to whatever a stranger sends, but for connect', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 5 }), (bytes, action) => {
        if (bytes.length >= 12) writeU32(bytes, 8, action);
        expect(asker.handle(bytes)[1]).toBeUndefined();
      }),
    );
  });
});

describe('datagrams that are no requests', () => {
  it('[fault 1] drops short ones', () => {
    expect(asker.handle(new Uint8Array(15))).toEqual(['short_packet', undefined]);
    expect(asker.handle(asker.announceBytes().subarray(0, 97))).toEqual(['short_packet', undefined]);
  });

  it('[fault 2] drops a connect with another protocol constant', () => {
    const bytes = encodeConnectRequest(TID);
    bytes[0] = 1;
    expect(asker.handle(bytes)).toEqual(['wrong_magic', undefined]);
  });

  it('drops unknown actions', () => {
    const bytes = asker.announceBytes();
    writeU32(bytes, 8, 9);
    expect(asker.handle(bytes)).toEqual(['unknown_action', undefined]);
  });

  it('[fault 7] refuses port 0, announced or as the source', () => {
    expect(asker.error(asker.announceBytes({ port: 0 }))).toEqual(['zero_port', 'port 0']);
    expect(asker.handle(asker.announceBytes(), { ...HERE, port: 0 })).toEqual(['zero_source_port', undefined]);
    expect(asker.service.size.peers).toBe(0);
  });

  it('[fault 3] answers a fault with no more than was sent', () => {
    const announce = asker.announceBytes({ port: 0 });
    expect(asker.handle(announce)[1]!.length).toBeLessThan(announce.length);
  });
});

describe('announce', () => {
  it('gives ours the interval of the tracker and others theirs', () => {
    expect(asker.announce().intervalS).toBe(30);
    expect(asker.announce({ ttlS: 45 }).intervalS).toBe(15);
    expect(asker.announce({ ttlS: undefined }).intervalS).toBe(120);
    expect(new Asker(200, 900).announce({ ttlS: undefined }).intervalS).toBe(200);
    expect(new Asker(900, 3_600).announce({ ttlS: undefined }).intervalS).toBe(300);
    expect(new Asker(30, 3).announce().intervalS).toBe(1);
  });

  it('[fault 14] drops ours after the ttl and a foreign client after 660 s', () => {
    asker.announce({ port: 1, leftBytes: 0, ttlS: 90 });
    asker.announce({ port: 2, leftBytes: 0, ttlS: 3_600 });
    asker.announce({ port: 3, leftBytes: 0, ttlS: 10 });
    asker.announce({ port: 4, leftBytes: 0, ttlS: 0 });
    asker.announce({ port: 5, leftBytes: 0, ttlS: undefined });
    const alive = (atS: number): number => {
      asker.now = later(atS);
      return asker.announce({ port: 99, event: 'stopped' }, THERE).seeders;
    };
    expect([alive(9), alive(10), alive(89), alive(90), alive(659), alive(660)]).toEqual([5, 3, 3, 1, 1, 0]);
  });

  it('[fault 14] has a peer back with its next beat', () => {
    asker.announce({ leftBytes: 0 });
    asker.now = later(90);
    expect(asker.announce({ port: 1 }, THERE).peers).toEqual([]);
    asker.announce({ leftBytes: 0 });
    expect(asker.announce({ port: 1 }, THERE).peers).toEqual(['192.0.2.1:7000']);
  });

  it('[fault 8] clamps the peers asked for to what a datagram holds', () => {
    for (let port = 1; port <= 250; port++) asker.announce({ port, leftBytes: 0 });
    for (let port = 1; port <= 250; port++) asker.announce({ port, leftBytes: 0 }, SIX);
    const given = (wanted: number, from: Endpoint): number => asker.announce({ port: 999, wanted }, from).peers.length;
    expect([-1, -2_147_483_648, 0, 7, 2_147_483_647].map((wanted) => given(wanted, THERE))).toEqual([
      50,
      50,
      0,
      7,
      MAX_PEERS_V4,
    ]);
    expect(given(200, { ...SIX, port: 1 })).toBe(MAX_PEERS_V6);
  });

  it('[fault 6] knows a peer by where its datagram came from, whatever it claims', () => {
    const bytes = asker.announceBytes({ leftBytes: 0 });
    writeU32(bytes, 84, 0x01020304);
    asker.handle(bytes);
    expect(asker.announce({ port: 1 }, THERE).peers).toEqual(['192.0.2.1:7000']);
  });

  it('[fault 16] takes an IPv4-mapped address as IPv4, and knows no zones', () => {
    asker.announce({ leftBytes: 0 }, { host: '::ffff:192.0.2.1', port: 1 });
    expect(asker.announce({ port: 1 }, THERE).peers).toEqual(['192.0.2.1:7000']);
    asker.announce({ leftBytes: 0 }, { host: 'fe80::1%eth0', port: 1 });
    expect(asker.announce({ port: 1 }, SIX).peers).toEqual(['[fe80::1]:7000']);
  });

  it('[fault 12] takes the same datagram twice as once', () => {
    const bytes = asker.announceBytes({ event: 'completed', leftBytes: 0 });
    expect(asker.handle(bytes)).toEqual(asker.handle(bytes));
    expect(asker.service.size.peers).toBe(1);
  });

  it('[fault 18] takes announces with any tail', () => {
    const bytes = concatBytes([
      asker.announceBytes({ ttlS: undefined, urlPath: '/announce' }),
      new Uint8Array(300).fill(0xee),
    ]);
    expect(asker.handle(bytes)[0]).toBe('announce');
  });

  it('takes event 4 with something left as a partial seed: handed to leechers, counted as one', () => {
    asker.announce({ event: 'paused', leftBytes: 5 });
    expect(asker.announce({ port: 1 }, THERE)).toMatchObject({ seeders: 0, leechers: 2, peers: ['192.0.2.1:7000'] });
    expect(asker.announce({ port: 1, leftBytes: 0 }, THERE).peers).toEqual([]);
  });

  it('gives a foreign client that starts with nothing left seeders too: with a magnet link aria2 says so', () => {
    asker.announce({ leftBytes: 0 });
    const magnet = { port: 1, leftBytes: 0, ttlS: undefined };
    expect(asker.announce({ ...magnet, event: 'started' }, THERE).peers).toEqual(['192.0.2.1:7000']);
    expect(asker.announce(magnet, THERE).peers).toEqual([]);
    expect(asker.announce({ port: 2, leftBytes: 0, event: 'started' }, THERE).peers).toEqual([]);
  });

  it('[fault 11] refuses more than one address’s share in words', () => {
    for (let port = 1; port <= 300; port++) asker.announce({ port });
    expect(asker.error(asker.announceBytes({ port: 301 }))).toEqual([
      'source_full',
      'too many peers from this address',
    ]);
  });
});

describe('scrape', () => {
  it('counts seeders, completed and leechers, partial seeds among the leechers', () => {
    asker.announce({ port: 1, leftBytes: 0, event: 'completed' });
    asker.announce({ port: 2, event: 'paused' });
    asker.announce({ port: 3 });
    const unknown = new Uint8Array(20) as WireHash;
    const [outcome, reply] = asker.handle(encodeScrapeRequest(asker.id(), TID, [HASH, unknown]));
    expect([outcome, decodeScrapeResponse(reply!)]).toEqual([
      'scrape',
      {
        ok: true,
        value: [
          { seeders: 1, completed: 1, leechers: 2 },
          { seeders: 0, completed: 0, leechers: 0 },
        ],
      },
    ]);
  });

  it('[fault 9] answers at most 74 hashes, and reads no ragged one', () => {
    const bytes = encodeScrapeRequest(
      asker.id(),
      TID,
      Array.from({ length: 100 }, () => HASH),
    );
    expect(asker.handle(bytes)[1]!.length).toBe(8 + 74 * 12);
    expect(asker.handle(bytes.subarray(0, 16 + 39))[1]!.length).toBe(8 + 12);
    expect(asker.handle(bytes.subarray(0, 16 + 19))).toEqual(['short_packet', undefined]);
  });
});

describe('time', () => {
  it('[fault 13] is that of the monotonic clock alone', () => {
    asker.announce({ leftBytes: 0 });
    expect(asker.service.nextDue).toBe(later(90));
    asker.service.sweep(later(90));
    expect(asker.service.size).toEqual({ swarms: 0, peers: 0, expired: 1, entries: 0 });
  });
});
