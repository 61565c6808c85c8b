import { beforeEach, describe, expect, it } from 'vitest';
import { writeU16 } from '../common/base/bytes.ts';
import type { Endpoint, InfoHashV1, InfoHashV2, PeerId, WireHash } from '../common/base/ids.ts';
import { instant, wireHashOf } from '../common/base/ids.ts';
import { OwnMemory } from '../common/base/own-memory.ts';
import { SeededRandom } from '../common/sim/random.ts';
import type { CatalogueItem } from '../common/wire/catalogue-entry.ts';
import {
  decodeBeatResponse,
  decodePublishResponse,
  encodeBeatRequest,
  encodePublishRequest,
} from '../common/wire/catalogue-publishing.ts';
import type { LookupKey } from '../common/wire/catalogue-reading.ts';
import {
  decodeHelloResponse,
  decodeListResponse,
  decodeLookupResponse,
  encodeHelloRequest,
  encodeListRequest,
  encodeLookupRequest,
} from '../common/wire/catalogue-reading.ts';
import type { ConnectionId } from '../common/wire/tracker-header.ts';
import type { AnnounceEvent } from '../common/wire/tracker-packets.ts';
import {
  decodeConnectResponse,
  decodeErrorText,
  encodeAnnounceRequest,
  encodeConnectRequest,
} from '../common/wire/tracker-packets.ts';
import { Cookie } from './cookie.ts';
import { TrackerService } from './service.ts';

const TID = 0x01020304;
const HERE: Endpoint = { host: '192.0.2.1', port: 40_000 };
const THERE: Endpoint = { host: '192.0.2.2', port: 50_000 };
const SIX: Endpoint = { host: '2001:db8::1', port: 40_000 };
const HASH_V2 = new Uint8Array(32).fill(7) as InfoHashV2;
const HASH = wireHashOf(HASH_V2);
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

/** A tracker, and those who share and look there. */
class Scene {
  nowS = 1_000;
  readonly #service = new TrackerService({
    cookie: new Cookie({ secret: new Uint8Array(32), epochMs: 0 }),
    memory: new OwnMemory(),
    random: new SeededRandom({ seed: 1 }),
    settings: {
      intervalS: 30,
      ttlS: 90,
      limits: { swarms: 100, peers: 100, peersPerSwarm: 100, peersPerSource: 100 },
    },
    now: instant(1_000_000),
    firstSequence: 1,
    tellBarren: undefined,
  });

  get entries(): number {
    return this.#service.size.entries;
  }

  /** The outcome and the answer to a request made with a fresh connection id; an error's answer is its text. */
  ask(make: (id: ConnectionId) => Uint8Array, from: Endpoint = HERE): [outcome: string, reply: Uint8Array] {
    const now = instant(this.nowS * 1000);
    const id = decodeConnectResponse(this.#service.handle(encodeConnectRequest(TID), from, now).reply!);
    if (!id.ok) throw new Error(id.reason);
    const { outcome, reply } = this.#service.handle(make(id.value), from, now);
    return [outcome, reply!];
  }

  announce(left: number, event: AnnounceEvent = 'none', from: Endpoint = HERE): void {
    const fields = { downloadedBytes: 0, uploadedBytes: 0, key: 1, wanted: -1, port: 7000, ttlS: 90, urlPath: '' };
    const announce = { infoHash: HASH, peerId: PEER, leftBytes: left, event, ...fields };
    expect(this.ask((id) => encodeAnnounceRequest(id, TID, announce), from)[0]).toBe('announce');
  }

  publish(item: CatalogueItem, from: Endpoint = HERE, port = 7000): [outcome: string, reply: Uint8Array] {
    return this.ask((id) => encodePublishRequest(id, TID, { peerId: PEER, port, ttlS: 90, item }), from);
  }

  refusal(item: CatalogueItem, from: Endpoint = HERE, port = 7000): string {
    const [outcome, reply] = this.publish(item, from, port);
    return `${outcome}: ${decodeErrorText(reply)}`;
  }

  beat(kind: 'heartbeat' | 'withdraw', hashes: readonly WireHash[] = [HASH]): readonly boolean[] {
    const beat = { kind, peerId: PEER, key: 1, port: 7000, hashes };
    const [outcome, reply] = this.ask((id) => encodeBeatRequest(id, TID, beat));
    expect(outcome).toBe(kind);
    const answer = decodeBeatResponse(reply);
    expect(answer).toMatchObject({ ok: true, value: { intervalS: 30 } });
    return answer.ok ? answer.value.known : [];
  }

  /** What a reader gets: name, seeders and leechers. */
  names(query = ''): string[] {
    const [, reply] = this.ask((id) => encodeListRequest(id, TID, { cursor: 0n, max: 0, query }));
    const answer = decodeListResponse(reply);
    return answer.ok ? answer.value.entries.map((entry) => `${entry.name} ${entry.seeders}/${entry.leechers}`) : [];
  }
}

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});

describe('the catalogue of a tracker', () => {
  it('says hello', () => {
    const [outcome, reply] = scene.ask((id) => encodeHelloRequest(id, TID));
    const value = { operations: 0x3f, intervalS: 30, maxEntriesPerSource: 256, maxHeartbeatHashes: 55 };
    expect([outcome, decodeHelloResponse(reply)]).toEqual(['hello', { ok: true, value }]);
  });

  it('lists what a seeder publishes, with who has it now', () => {
    scene.announce(0);
    const [outcome, reply] = scene.publish(ITEM);
    expect([outcome, decodePublishResponse(reply)]).toEqual([
      'publish',
      { ok: true, value: { ttlS: 90, sequence: 1n } },
    ]);
    scene.announce(5, 'started', THERE);
    expect(scene.names()).toEqual(['a.iso 1/1']);
    expect(scene.names('ISO')).toEqual(['a.iso 1/1']);
    expect(scene.names('zip')).toEqual([]);
  });

  it('takes a partial seed as a publisher and counts it among the seeders', () => {
    scene.announce(5, 'paused');
    expect(scene.publish(ITEM)[0]).toBe('publish');
    expect(scene.names()).toEqual(['a.iso 1/0']);
  });

  it('publishes only for who seeds that hash from that address and port', () => {
    const notSeeding = expect.stringMatching(/^publish_refused: tk not-seeding ./) as string;
    expect(scene.refusal(ITEM)).toEqual(notSeeding);
    scene.announce(5);
    expect(scene.refusal(ITEM)).toEqual(notSeeding);
    scene.announce(0);
    expect(scene.refusal(ITEM, HERE, 7001)).toEqual(notSeeding);
    expect(scene.refusal(ITEM, THERE)).toEqual(notSeeding);
    const other = { ...ITEM, infoHashV2: undefined, infoHashV1: new Uint8Array(20) as InfoHashV1 };
    expect(scene.refusal(other)).toEqual(notSeeding);
    expect(scene.publish(ITEM)[0]).toBe('publish');
  });

  it('explains a name that is refused and a request that makes no sense', () => {
    scene.announce(0);
    expect(scene.refusal({ ...ITEM, name: '../x' })).toMatch(/^publish_refused: tk bad-name ./);
    const spoilt = (spoil: (bytes: Uint8Array) => Uint8Array): string => {
      const publish = { peerId: PEER, port: 7000, ttlS: 90, item: ITEM };
      const [outcome, reply] = scene.ask((id) => spoil(encodePublishRequest(id, TID, publish)));
      return `${outcome}: ${decodeErrorText(reply)}`;
    };
    expect(spoilt((bytes) => bytes.subarray(0, 50))).toMatch(/^malformed_catalogue_request: tk malformed ./);
    const portless = spoilt((bytes) => {
      writeU16(bytes, 36, 0);
      return bytes;
    });
    expect(portless).toBe('zero_port: tk zero-port port 0');
  });

  it('slows down who publishes too often', () => {
    scene.announce(0);
    const outcomes = Array.from({ length: 121 }, () => scene.publish(ITEM)[0]);
    expect(outcomes.filter((outcome) => outcome === 'publish')).toHaveLength(120);
    expect(scene.refusal(ITEM)).toMatch(/^publish_refused: tk slow-down /);
    scene.nowS += 1;
    expect(scene.publish(ITEM)[0]).toBe('publish');
  });

  it.each<[string, () => void]>([
    ['stopped', () => scene.announce(0, 'stopped')],
    ['turned leecher', () => scene.announce(5)],
    ['fell silent', () => void (scene.nowS += 90)],
    ['withdrew', () => expect(scene.beat('withdraw')).toEqual([true])],
  ])('[fault 14] forgets an entry when its last seeder %s', (_, leave) => {
    scene.announce(0);
    scene.publish(ITEM);
    leave();
    expect(scene.names()).toEqual([]);
    expect(scene.entries).toBe(0);
  });

  it('keeps an entry while anybody seeds it, in either family', () => {
    scene.announce(0);
    scene.announce(0, 'none', SIX);
    scene.publish(ITEM);
    expect(scene.names()).toEqual(['a.iso 1/0']);
    scene.announce(0, 'stopped');
    expect(scene.names()).toEqual(['a.iso 1/0']);
    scene.announce(0, 'stopped', SIX);
    expect(scene.names()).toEqual([]);
  });

  it('looks up by hash and by name', () => {
    scene.announce(0);
    scene.publish(ITEM);
    const keys: LookupKey[] = [
      { kind: 'swarm', hash: HASH },
      { kind: 'v2', hash: HASH_V2 },
      { kind: 'name', name: 'a.iso' },
    ];
    for (const by of keys) {
      const [outcome, reply] = scene.ask((id) => encodeLookupRequest(id, TID, by));
      expect(outcome).toBe('lookup');
      expect(decodeLookupResponse(reply)).toMatchObject({ ok: true, value: [{ name: 'a.iso', infoBytes: 100 }] });
    }
  });

  it('refreshes what is there by heartbeat, and says what is not', () => {
    scene.announce(0);
    scene.publish(ITEM);
    scene.nowS += 80;
    expect(scene.beat('heartbeat', [new Uint8Array(20) as WireHash, HASH])).toEqual([false, true]);
    scene.nowS += 80;
    expect(scene.names()).toEqual(['a.iso 1/0']);
    scene.nowS += 10;
    expect(scene.names()).toEqual([]);
  });

  it('[fault 15] tells a peer of a tracker that was restarted that it is not known', () => {
    scene.announce(0);
    scene = new Scene();
    expect(scene.beat('heartbeat')).toEqual([false]);
  });
});
