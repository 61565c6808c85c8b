import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Endpoint, PeerId, WireHash } from '../base/ids.ts';
import { instant, NEVER } from '../base/ids.ts';
import { SeededRandom } from '../sim/random.ts';
import type { ConnectionId } from '../wire/tracker-header.ts';
import { requestAction, requestTransactionId } from '../wire/tracker-header.ts';
import type { AnnounceAnswer } from '../wire/tracker-packets.ts';
import {
  encodeAnnounceResponse,
  encodeConnectResponse,
  encodeErrorResponse,
  encodeScrapeResponse,
} from '../wire/tracker-packets.ts';
import { announceCall, helloCall, scrapeCall } from './calls.ts';
import type { CallResult } from './exchange.ts';
import { Exchange } from './exchange.ts';

const TRACKER: Endpoint = { host: '192.0.2.9', port: 6969 };
const HASH = new Uint8Array(20).fill(1) as WireHash;
const ID_1 = new Uint8Array(8).fill(0x11) as ConnectionId;
const ID_2 = new Uint8Array(8).fill(0x22) as ConnectionId;
const ANNOUNCE = announceCall({
  infoHash: HASH,
  peerId: new Uint8Array(20) as PeerId,
  ...{ downloadedBytes: 0, leftBytes: 0, uploadedBytes: 0, event: 'none', key: 0, wanted: -1, port: 7000 },
  ...{ ttlS: 90, urlPath: '' },
});

/** An exchange whose datagrams and clock the test holds. */
class Scene {
  readonly sent: Uint8Array[] = [];
  readonly results: CallResult<unknown>[] = [];
  readonly exchange: Exchange;
  nowMs = 1_000_000;

  constructor(tracker = TRACKER) {
    const send = (bytes: Uint8Array): void => void this.sent.push(bytes);
    this.exchange = new Exchange({ tracker, random: new SeededRandom({ seed: 1 }), send });
  }

  ask(call: Parameters<Exchange['ask']>[0] = ANNOUNCE, tries = 4): void {
    this.exchange.ask(call, tries, instant(this.nowMs), (result) => this.results.push(result));
  }

  take(bytes: Uint8Array, from = TRACKER): void {
    this.exchange.take(bytes, from, instant(this.nowMs));
  }

  /** Lets time pass; wakes the exchange whenever it asked for it. */
  pass(ms: number): void {
    const end = this.nowMs + ms;
    while (this.exchange.nextDue <= end) {
      this.nowMs = Math.max(this.nowMs, this.exchange.nextDue);
      this.exchange.wake(instant(this.nowMs));
    }
    this.nowMs = end;
  }

  /** What was sent since the last look, as `action:connection id`. */
  look(): string[] {
    return this.sent.splice(0).map((bytes) => `${requestAction(bytes)}:${bytes[0]!.toString(16)}`);
  }

  /** The transaction id of the last datagram sent. */
  get last(): number {
    return requestTransactionId(this.sent.at(-1)!);
  }

  connect(id = ID_1): void {
    this.take(encodeConnectResponse(this.last, id));
  }

  answer(seeders = 1): void {
    const peers = new Uint8Array(0);
    this.take(encodeAnnounceResponse(this.last, { intervalS: 30, leechers: 0, seeders, peers }));
  }
}

const CONNECT = '0:0';
const ANSWER: CallResult<AnnounceAnswer> = {
  ok: true,
  answer: { intervalS: 30, leechers: 0, seeders: 1, peers: [] },
};

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});

/** A scene that has a connection id which is `ageMs` old. */
function connected(ageMs: number): void {
  scene.ask();
  scene.connect();
  scene.answer();
  scene.pass(ageMs);
  scene.look();
  scene.results.length = 0;
}

describe('a call', () => {
  it('connects first, then is sent under the connection id it got', () => {
    scene.ask();
    expect(scene.sent).toHaveLength(1);
    scene.connect();
    expect(scene.sent.map(requestAction)).toEqual([0, 1]);
    expect(scene.sent[1]!.subarray(0, 8)).toEqual(ID_1);
    scene.answer();
    expect(scene.results).toEqual([ANSWER]);
    expect(scene.exchange.nextDue).toBe(NEVER);
  });

  it('uses a connection id for a minute, then gets another', () => {
    connected(60_000);
    scene.ask();
    expect(scene.look()).toEqual(['1:11']);
    scene.pass(1);
    scene.ask();
    expect(scene.look()).toEqual([CONNECT]);
  });

  it('shares one connect with others that are under way', () => {
    scene.ask();
    scene.ask(helloCall());
    scene.ask(scrapeCall([HASH]));
    expect(scene.sent).toHaveLength(1);
    scene.connect();
    expect(scene.sent.slice(1).map(requestAction)).toEqual([1, 0x746b0100, 2]);
    const transactions = scene.sent.map(requestTransactionId);
    expect(new Set(transactions).size).toBe(4);
    scene.take(encodeScrapeResponse(transactions[3]!, [{ seeders: 1, completed: 2, leechers: 3 }]));
    expect(scene.results).toEqual([{ ok: true, answer: [{ seeders: 1, completed: 2, leechers: 3 }] }]);
    expect(scene.exchange.callsUnderWay).toBe(2);
  });

  it('reads peers in the family of the tracker', () => {
    const v6: Endpoint = { host: '2001:db8::1', port: 6969 };
    scene = new Scene(v6);
    scene.ask();
    scene.take(encodeConnectResponse(scene.last, ID_1), v6);
    const peers = new Uint8Array(18).fill(1);
    scene.take(encodeAnnounceResponse(scene.last, { intervalS: 30, leechers: 0, seeders: 1, peers }), v6);
    const endpoint = { host: '101:101:101:101:101:101:101:101', port: 257 };
    expect(scene.results).toMatchObject([{ ok: true, answer: { peers: [endpoint] } }]);
  });
});

describe('silence', () => {
  it('[fault 12] is met with the same datagram after 1, 2, 4 and 8 seconds', () => {
    scene.ask();
    scene.connect();
    const announce = scene.sent[1]!;
    scene.look();
    const times: number[] = [];
    const start = scene.nowMs;
    while (scene.results.length === 0) {
      scene.pass(scene.exchange.nextDue - scene.nowMs);
      for (const bytes of scene.sent.splice(0)) {
        expect(bytes).toEqual(announce);
        times.push(scene.nowMs - start);
      }
    }
    expect(times).toEqual([1_000, 3_000, 7_000]);
    expect(scene.nowMs - start).toBe(15_000);
    expect(scene.results).toMatchObject([{ ok: false, failure: 'unanswered' }]);
  });

  it('to connects fails the calls that wait, each after its own number of tries', () => {
    scene.ask(ANNOUNCE, 2);
    scene.ask(ANNOUNCE, 3);
    scene.pass(2_999);
    expect(scene.look()).toEqual([CONNECT, CONNECT]);
    scene.pass(1);
    expect(scene.results).toMatchObject([{ ok: false, failure: 'silent' }]);
    scene.pass(4_000);
    expect(scene.results).toHaveLength(2);
    expect(scene.exchange.nextDue).toBe(NEVER);
  });

  it('pauses for half a minute at most', () => {
    scene.ask(ANNOUNCE, 9);
    scene.pass(600_000);
    expect(scene.sent).toHaveLength(9);
    expect(scene.results).toHaveLength(1);
  });

  it('ends with a late answer, which still counts', () => {
    scene.ask();
    scene.connect();
    scene.pass(3_500);
    scene.answer();
    expect(scene.results).toEqual([ANSWER]);
    scene.pass(60_000);
    expect(scene.results).toHaveLength(1);
  });

  it('under an id from before is met with a new one, once: the tracker may have been restarted', () => {
    connected(30_000);
    scene.ask();
    scene.pass(1_000);
    expect(scene.look()).toEqual(['1:11', CONNECT]);
    scene.pass(1_000);
    scene.connect(ID_2);
    expect(scene.look()).toEqual([CONNECT, '1:22']);
    scene.pass(60_000);
    expect(scene.look()).not.toContain(CONNECT);
    expect(scene.results).toMatchObject([{ ok: false, failure: 'unanswered' }]);
  });

  it('while a new id is being got may end with the answer to the first sending', () => {
    connected(30_000);
    scene.ask();
    const first = scene.last;
    scene.pass(1_000);
    scene.take(encodeAnnounceResponse(first, { intervalS: 30, leechers: 0, seeders: 1, peers: new Uint8Array(0) }));
    expect(scene.results).toEqual([ANSWER]);
  });

  it('costs a tracker that comes back no more than what was under way', () => {
    scene.ask(ANNOUNCE, 2);
    scene.pass(10_000);
    scene.look();
    scene.ask();
    expect(scene.look()).toEqual([CONNECT]);
  });
});

describe('errors', () => {
  it('under an id from before are met with a new one, once', () => {
    connected(30_000);
    scene.ask();
    scene.take(encodeErrorResponse(scene.last, 'Connection ID mismatch'));
    expect(scene.results).toEqual([]);
    scene.connect(ID_2);
    expect(scene.look()).toEqual(['1:11', CONNECT, '1:22']);
    scene.pass(500);
    scene.ask();
    scene.take(encodeErrorResponse(scene.last, 'not registered'));
    expect(scene.results).toEqual([]);
    scene.connect(ID_1);
    scene.take(encodeErrorResponse(scene.last, 'not registered'));
    expect(scene.results).toEqual([{ ok: false, failure: 'refused', text: 'not registered' }]);
  });

  it('under a new id end the call with their text', () => {
    scene.ask();
    scene.connect();
    scene.take(encodeErrorResponse(scene.last, 'go away'));
    expect(scene.results).toEqual([{ ok: false, failure: 'refused', text: 'go away' }]);
  });

  it('of a catalogue are about the request, never about the id', () => {
    connected(30_000);
    scene.ask(helloCall());
    scene.take(encodeErrorResponse(scene.last, 'tk full the catalogue is full'));
    expect(scene.results).toEqual([{ ok: false, failure: 'refused', text: 'tk full the catalogue is full' }]);
  });

  it('to a connect end the calls that wait', () => {
    scene.ask();
    scene.ask();
    scene.take(encodeErrorResponse(scene.last, 'no'));
    expect(scene.results).toMatchObject([{ failure: 'refused' }, { failure: 'refused' }]);
  });
});

describe('datagrams that are no answer', () => {
  it('are passed over, and the waiting goes on', () => {
    scene.ask();
    const connect = encodeConnectResponse(scene.last, ID_1);
    scene.take(connect, { ...TRACKER, port: 1 });
    scene.take(connect, { ...TRACKER, host: '192.0.2.8' });
    scene.take(encodeConnectResponse(scene.last ^ 1, ID_1));
    scene.take(connect.subarray(0, 15));
    scene.take(connect.subarray(0, 7));
    expect(scene.sent).toHaveLength(1);
    scene.take(connect);
    const unknownAction = encodeAnnounceResponse(scene.last, {
      intervalS: 1,
      leechers: 0,
      seeders: 0,
      peers: new Uint8Array(0),
    });
    unknownAction[3] = 9;
    scene.take(unknownAction);
    scene.take(encodeScrapeResponse(scene.last, []));
    expect(scene.results).toEqual([]);
    scene.answer();
    expect(scene.results).toEqual([ANSWER]);
    scene.answer();
    expect(scene.results).toHaveLength(1);
  });

  it('end the call when they claim to be its answer: the 8 bytes of a tracker with a whitelist', () => {
    scene.ask();
    scene.connect();
    const whole = encodeAnnounceResponse(scene.last, {
      intervalS: 1,
      leechers: 0,
      seeders: 0,
      peers: new Uint8Array(0),
    });
    scene.take(whole.subarray(0, 8));
    expect(scene.results).toMatchObject([{ ok: false, failure: 'malformed' }]);
  });
});

it('gives up everything when told to', () => {
  scene.ask();
  scene.connect();
  scene.ask();
  scene.exchange.cancelAll();
  expect(scene.results).toMatchObject([{ failure: 'cancelled' }, { failure: 'cancelled' }]);
  expect(scene.exchange.nextDue).toBe(NEVER);
});

it('[fault 12] ends every call exactly once, whatever is lost, doubled, late or overtaken', () => {
  const arrival = fc.record({ copies: fc.nat({ max: 2 }), delayMs: fc.nat({ max: 5_000 }) });
  const arrivals = fc.array(arrival, { minLength: 40, maxLength: 40 });
  const asks = fc.array(fc.record({ afterMs: fc.nat({ max: 90_000 }), tries: fc.integer({ min: 1, max: 5 }) }), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(arrivals, asks, (fates, calls) => {
      scene = new Scene();
      const ends = calls.map(() => 0);
      const inFlight: { atMs: number; reply: Uint8Array }[] = [];
      let datagrams = 0;
      const travel = (): void => {
        for (const bytes of scene.sent.splice(0)) {
          const fate = fates[datagrams++ % fates.length]!;
          const id = requestTransactionId(bytes);
          const reply =
            requestAction(bytes) === 0
              ? encodeConnectResponse(id, ID_1)
              : encodeAnnounceResponse(id, { intervalS: 30, leechers: 0, seeders: 1, peers: new Uint8Array(0) });
          for (let i = 0; i < fate.copies; i++) inFlight.push({ atMs: scene.nowMs + fate.delayMs * (i + 1), reply });
        }
      };
      const run = (untilMs: number): void => {
        for (;;) {
          travel();
          inFlight.sort((a, b) => b.atMs - a.atMs);
          const arriving = inFlight.at(-1)?.atMs ?? Infinity;
          const next = Math.min(arriving, scene.exchange.nextDue);
          if (next > untilMs) break;
          scene.nowMs = Math.max(scene.nowMs, next);
          if (arriving <= scene.exchange.nextDue) scene.take(inFlight.pop()!.reply);
          else scene.exchange.wake(instant(scene.nowMs));
        }
        scene.nowMs = untilMs;
      };
      for (const [i, { afterMs, tries }] of calls.entries()) {
        run(scene.nowMs + afterMs);
        scene.exchange.ask(ANNOUNCE, tries, instant(scene.nowMs), () => ends[i]!++);
      }
      run(scene.nowMs + 1_000_000);
      expect(ends).toEqual(calls.map(() => 1));
      expect([scene.exchange.callsUnderWay, scene.exchange.nextDue]).toEqual([0, NEVER]);
    }),
  );
});
