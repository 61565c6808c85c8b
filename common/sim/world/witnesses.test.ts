import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../base/buffers.ts';
import { concatBytes } from '../../base/bytes.ts';
import { type Endpoint, instant, type PeerId } from '../../base/ids.ts';
import { KIB, MIB } from '../../base/limits.ts';
import type { UdpPort } from '../../base/ports.ts';
import type { ConnectionId } from '../../wire/tracker-header.ts';
import { encodeAnnounceRequest, encodeAnnounceResponse } from '../../wire/tracker-packets.ts';
import {
  encodeBare,
  encodeBitfield,
  encodeBlockHeader,
  encodeBlockRef,
  encodeExtended,
  encodeHandshake,
  encodeHave,
  MESSAGE,
} from '../../wire/peer-messages.ts';
import { encodeExtendedHandshake } from '../../wire/extended.ts';
import { partHashesOf } from '../../peer/relay.ts';
import { VirtualClock } from '../clock.ts';
import { SimContent } from './content.ts';
import { Conversation } from './conversation.ts';
import { PoolWatch } from './pool-watch.ts';
import { RelayRecord } from './relay-watch.ts';
import { TrackerTap } from './tracker-tap.ts';
import { Verdict } from './verdict.ts';

/** What the witnesses of the simulated world are there to see, shown to them. */

const CONTENT = new SimContent({ format: 'v2', name: 'file', lengthBytes: 64 * KIB, pieceBytes: 16 * KIB, seed: 1 });
const [WIRE_HASH] = CONTENT.wireHashes;
const PEER_ID = new Uint8Array(20) as PeerId;
const LENGTH = 16 * KIB;

class Scene {
  readonly clock = new VirtualClock({ startAt: instant(1_000_000) });
  readonly verdict = new Verdict({ clock: this.clock, onEvent: undefined });

  /** What was seen. */
  get breach(): string {
    try {
      this.verdict.enforce();
      return '';
    } catch (error) {
      return String(error);
    }
  }
}

describe('who listens in on a connection', () => {
  const hello = encodeHandshake({
    flags: { fast: true, extended: true, upgrade: false },
    wireHash: WIRE_HASH!,
    peerId: PEER_ID,
  });
  const request = (piece: number): Uint8Array => encodeBlockRef(MESSAGE.request, piece, 0, LENGTH);
  const reject = (piece: number): Uint8Array => encodeBlockRef(MESSAGE.reject, piece, 0, LENGTH);
  const block = (piece: number, data = CONTENT.pieceOf(piece as never)): Uint8Array =>
    concatBytes([encodeBlockHeader(piece, 0, data.length), data]);

  /** A program that has pieces 0 and 1, and a peer that has all and lets it ask. */
  function listen(): { readonly scene: Scene; readonly line: Conversation } {
    const scene = new Scene();
    const line = new Conversation({
      who: 'program',
      verdict: scene.verdict,
      content: CONTENT,
      holds: (piece) => piece < 2,
      wants: (piece) => piece >= 2,
      isLiar: false,
      relays: new RelayRecord(() => {}),
    });
    line.sent(hello);
    line.received(concatBytes([hello, encodeBare(MESSAGE.haveAll), encodeBare(MESSAGE.unchoke)]));
    return { scene, line };
  }

  it('finds nothing wrong with what is right, however it is cut', () => {
    const { scene, line } = listen();
    const bitfield = encodeBitfield(Uint8Array.of(0xc0));
    const said = concatBytes([bitfield, request(2), request(3), encodeBlockRef(MESSAGE.cancel, 3, 0, LENGTH)]);
    for (const byte of said) line.sent(Uint8Array.of(byte));
    for (const byte of concatBytes([request(0), request(1), request(1), block(2)])) line.received(Uint8Array.of(byte));
    for (const part of [block(1), reject(0), block(1)]) line.sent(part);
    expect(scene.breach).toBe('');
  });

  it.each<[string, (line: Conversation) => void]>([
    ['no answer is due', (line) => line.sent(block(1))],
    ['no answer is due', (line) => line.sent(reject(1))],
    [
      'no answer is due',
      (line) => {
        line.received(request(1));
        line.sent(block(1));
        line.sent(block(1));
      },
    ],
    [
      'sends false bytes of piece 1',
      (line) => {
        line.received(request(1));
        line.sent(block(1, CONTENT.pieceOf(0 as never)));
      },
    ],
    [
      'sends of piece 2, which it does not have',
      (line) => {
        line.received(request(2));
        line.sent(block(2));
      },
    ],
    ['offers piece 2', (line) => line.sent(encodeHave(2))],
    ['offers piece 2', (line) => line.sent(encodeBare(MESSAGE.haveAll))],
    ['offers piece 3', (line) => line.sent(encodeBitfield(Uint8Array.of(0xd0)))],
    ['which it has', (line) => line.sent(request(1))],
    [
      'twice',
      (line) => {
        line.sent(request(2));
        line.sent(request(2));
      },
    ],
    ['no block', (line) => line.sent(encodeBlockRef(MESSAGE.request, 2, 0, LENGTH + 1))],
    [
      'while it is choked',
      (line) => {
        line.received(encodeBare(MESSAGE.choke));
        line.received(encodeBare(MESSAGE.interested));
        line.sent(request(2));
      },
    ],
    ['no message', (line) => line.sent(new Uint8Array(5).fill(0xff))],
    ['did not give', (line) => line.sent(Uint8Array.of(0, 0, 0, 3, MESSAGE.extended, 9, 0))],
    ['are queued', (line) => line.judgeQueue(10 * MIB, 5 * MIB)],
  ])('sees: %s', (says, act) => {
    const { scene, line } = listen();
    act(line);
    expect(scene.breach).toContain(says);
  });
});

describe('who listens in on pieces that are passed on before they are whole', () => {
  const CUT = new SimContent({ format: 'v2', name: 'file', lengthBytes: 512 * KIB, pieceBytes: 128 * KIB, seed: 1 });
  const [CUT_HASH] = CUT.wireHashes;
  const IDS = new Map([['lt_donthave', 7], ['tk_coming', 8], ['tk_parts', 9]]); // prettier-ignore
  const hello = concatBytes([
    encodeHandshake({ flags: { fast: true, extended: true, upgrade: false }, wireHash: CUT_HASH!, peerId: PEER_ID }),
    encodeExtended(0, encodeExtendedHandshake({ ids: IDS })),
  ]);
  const index = (piece: number): Uint8Array => Uint8Array.of(0, 0, 0, piece);
  const lost = (piece: number): Uint8Array => encodeExtended(7, index(piece));
  const coming = (piece: number): Uint8Array => encodeExtended(8, index(piece));
  const parts = (piece: number, of = piece): Uint8Array =>
    encodeExtended(9, concatBytes([index(piece), partHashesOf(CUT.pieceOf(of as never))!.hashes]));
  const request = (piece: number): Uint8Array => encodeBlockRef(MESSAGE.request, piece, 0, LENGTH);
  const block = (piece: number, of = piece): Uint8Array =>
    concatBytes([encodeBlockHeader(piece, 0, LENGTH), CUT.pieceOf(of as never).subarray(0, LENGTH)]);

  /** A program that has pieces 0 and 1 and is getting 2, and a peer that has nothing and lets it ask. */
  function listen() {
    const scene = new Scene();
    const passed = { count: 0 };
    const relays = new RelayRecord(() => passed.count++);
    relays.cameOf(2);
    const line = new Conversation({
      who: 'program',
      verdict: scene.verdict,
      content: CUT,
      holds: (piece) => piece < 2,
      wants: (piece) => piece >= 2,
      isLiar: false,
      relays,
    });
    line.sent(hello);
    line.received(concatBytes([hello, encodeBare(MESSAGE.unchoke)]));
    return { scene, line, relays, passed };
  }

  it('finds nothing wrong with what is right', () => {
    const { scene, line, relays, passed } = listen();
    for (const bytes of [parts(0), parts(3), coming(2)]) line.sent(bytes);
    line.received(request(2));
    line.sent(block(2));
    for (const bytes of [lost(2), coming(2)]) line.sent(bytes);
    line.received(coming(3));
    line.sent(request(3));
    line.received(block(3));
    expect(relays.hasBegun(3)).toBe(true);
    line.sent(coming(3));
    line.received(concatBytes([coming(2), lost(2)]));
    line.sent(request(2));
    expect([scene.breach, passed.count]).toEqual(['', 1]);
  });

  it.each<[string, (set: ReturnType<typeof listen>) => void]>([
    ['of which nothing came', ({ line }) => line.sent(coming(3))],
    [
      'of which nothing came',
      ({ line, relays }) => {
        relays.restart();
        line.sent(coming(2));
      },
    ],
    [
      'says twice',
      ({ line }) => {
        line.sent(coming(2));
        line.sent(coming(2));
      },
    ],
    ['takes back piece 2', ({ line }) => line.sent(lost(2))],
    ['gives false parts of piece 0', ({ line }) => line.sent(parts(0, 1))],
    ['which there is not', ({ line }) => line.sent(parts(4, 1))],
    [
      'sends of piece 3, which it does not have',
      ({ line }) => {
        line.sent(coming(2));
        line.received(request(3));
        line.sent(block(3));
      },
    ],
    [
      'sends of piece 2, which it does not have',
      ({ line }) => {
        line.sent(coming(2));
        line.sent(lost(2));
        line.received(request(2));
        line.sent(block(2));
      },
    ],
    [
      'sends false bytes of piece 2',
      ({ line }) => {
        line.sent(coming(2));
        line.received(request(2));
        line.sent(block(2, 3));
      },
    ],
    [
      'which the other does not have',
      ({ line }) => {
        line.received(coming(3));
        line.received(lost(3));
        line.sent(encodeBare(MESSAGE.interested));
        line.received(encodeBare(MESSAGE.interested));
        line.sent(request(3));
      },
    ],
  ])('sees: %s', (says, act) => {
    const set = listen();
    act(set);
    expect(set.scene.breach).toContain(says);
  });
});

describe('who listens in on a tracker', () => {
  const ASKER: Endpoint = { host: '10.0.0.9', port: 4_000 };

  /** A tracker that answers each announce with these peers. */
  class Tracker {
    readonly scene = new Scene();
    readonly #tap: TrackerTap;
    #deliver: (bytes: Uint8Array, from: Endpoint) => void = () => {};
    answer: readonly number[] = [];

    constructor() {
      const port: UdpPort = {
        local: { host: '10.0.0.1', port: 6_969 },
        send: () => {},
        onDatagram: (receive) => void (this.#deliver = receive),
        close: () => Promise.resolve(),
      };
      const { clock, verdict } = this.scene;
      this.#tap = new TrackerTap({ who: 'tracker', port, clock, verdict, ttlS: 90 });
      this.#tap.onDatagram((_, from) => {
        const peers = concatBytes(this.answer.map((last) => Uint8Array.of(10, 0, 0, last, 27, 88)));
        this.#tap.send(encodeAnnounceResponse(7, { intervalS: 30, leechers: 0, seeders: 0, peers }), from);
      });
    }

    /** An announce of 10.0.0.`last`, answered with `answer`. */
    announce(
      last: number,
      answer: readonly number[],
      event: 'none' | 'stopped' = 'none',
      leftBytes = 1,
      wanted = -1,
    ): void {
      this.answer = answer;
      const announce = {
        ...{ infoHash: WIRE_HASH!, peerId: PEER_ID, downloadedBytes: 0, uploadedBytes: 0, leftBytes, event },
        ...{ key: 1, wanted, port: 7_000, ttlS: 90, urlPath: '' },
      };
      const bytes = encodeAnnounceRequest(new Uint8Array(8) as ConnectionId, 7, announce);
      this.#deliver(bytes, { ...ASKER, host: `10.0.0.${last}` });
    }
  }

  it('finds nothing wrong with what is right, up to the last second', async () => {
    const tracker = new Tracker();
    tracker.announce(2, []);
    tracker.announce(3, [2]);
    await tracker.scene.clock.runFor(90_999);
    tracker.announce(4, [2, 3]);
    await tracker.scene.clock.runFor(1);
    tracker.announce(5, [4]);
    tracker.announce(4, [], 'stopped');
    tracker.announce(6, [5]);
    tracker.announce(7, [5, 6], 'none', 0);
    tracker.announce(8, [5, 6], 'none', 0);
    expect(tracker.scene.breach).toBe('');
  });

  it('finds nothing wrong when one in its last second takes the place of another', async () => {
    const tracker = new Tracker();
    tracker.announce(2, []);
    await tracker.scene.clock.runFor(50_000);
    tracker.announce(3, [2]);
    await tracker.scene.clock.runFor(40_500);
    tracker.announce(4, [2], 'none', 1, 1);
    expect(tracker.scene.breach).toBe('');
  });

  it.each<[string, (tracker: Tracker) => void | Promise<void>]>([
    ['never came', (tracker) => tracker.announce(2, [3])],
    ['of itself', (tracker) => tracker.announce(2, [2])],
    ['leaves out 10.0.0.2:7000', (tracker) => tracker.announce(3, [])],
    ['names a peer twice', (tracker) => tracker.announce(3, [2, 2])],
    [
      'expired 1000 ms ago',
      async (tracker) => {
        await tracker.scene.clock.runFor(91_000);
        tracker.announce(3, [2]);
      },
    ],
    [
      'has stopped',
      (tracker) => {
        tracker.announce(2, [], 'stopped');
        tracker.announce(3, [2]);
      },
    ],
    [
      'one seeder of another',
      (tracker) => {
        tracker.announce(3, [2], 'none', 0);
        tracker.announce(4, [2, 3], 'none', 0);
      },
    ],
  ])('sees: %s', async (says, act) => {
    const tracker = new Tracker();
    tracker.announce(2, []);
    await act(tracker);
    expect(tracker.scene.breach).toContain(says);
  });
});

describe('who watches the buffers', () => {
  it('sees a pool that is too large, and what was not given back', () => {
    const scene = new Scene();
    const watch = new PoolWatch({ verdict: scene.verdict });
    watch.on();
    const own = new BufferPool({ sizeBytes: MIB, capacity: 40 });
    const buffer = own.take()!;
    expect(scene.breach).toBe('');
    watch.judgeLeaks();
    expect(scene.breach).toContain('1 were never given back');
    own.give(buffer);
    new BufferPool({ sizeBytes: MIB, capacity: 100 }).take();
    expect(scene.breach).toContain('a pool of 100');
    watch.off();
    const other = new Scene();
    new PoolWatch({ verdict: other.verdict }).judgeLeaks();
    expect(other.breach).toBe('');
  });
});
