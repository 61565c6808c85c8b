import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { pieceIndex } from '../common/base/ids.ts';
import { KIB, MAX_RELAYED_PIECES, MIB } from '../common/base/limits.ts';
import { Geometry } from '../common/content/geometry.ts';
import { leavesOf, parentNodes, rootOfBytes } from '../common/content/merkle.ts';
import { FakePeer } from '../common/fixtures/fake-peer.ts';
import { generate } from '../common/fixtures/generate.ts';
import { PassingOn } from '../common/peer/passing-on.ts';
import { partHashesOf } from '../common/peer/relay.ts';
import { Fetch } from './fetch.ts';
import { Relaying } from './relaying.ts';

const SLOW = 100 * KIB;

function setUp(pieceBytes = 256 * KIB) {
  // Two files, the first with a short last piece.
  const lengths = [30 * pieceBytes + 100_000, pieceBytes];
  const files = lengths.map((lengthBytes, i) => ({ path: [`${i}`], lengthBytes }));
  const geometry = new Geometry({ pieceBytes, files, layout: 'aligned' });
  const bytes = generate(pieceBytes, 5);
  const root = rootOfBytes(bytes, pieceBytes / (16 * KIB));
  const told: string[] = [];
  const world = { isWanted: true, isServed: true, knowsRoot: true };
  const { relay } = new PassingOn({ parties: () => [], pieceBytes: () => pieceBytes });
  const relaying = new Relaying({
    geometry,
    checks: { of: () => ({ root: world.knowsRoot ? root : undefined, leafSlots: undefined }) as never },
    passingOn: {
      relay,
      isWanted: () => world.isWanted,
      advance: (piece, readyBytes) => {
        relay.advance(piece, readyBytes);
        told.push(`${piece}: ${readyBytes / KIB}`);
      },
      end: (piece, onFree) => void (relay.close(piece, onFree) && told.push(`${piece}: back`)),
    },
    isServed: () => world.isServed,
  });
  const peer = new FakePeer(1, Bitfield.full(geometry.pieceCount));
  peer.passesOn = true;
  const begin = (piece = 3, bytesPerSecond = SLOW): Fetch => {
    const index = pieceIndex(piece);
    const buffer = new Uint8Array(pieceBytes);
    const fetch = new Fetch({ piece: index, sizeBytes: geometry.pieceSize(index), takeBuffer: () => buffer });
    while (fetch.ask(16 * KIB) !== undefined);
    relaying.begun(peer, fetch, bytesPerSecond);
    return fetch;
  };
  /** So many KiB come, from there on. */
  const come = (fetch: Fetch, kib: number, from = 0, source = bytes): void => {
    for (let at = from; at < from + kib; at += 16) {
      fetch.take(at * KIB, 0, source.subarray(at * KIB, (at + 16) * KIB));
      if (!fetch.close(at * KIB, 16 * KIB)) relaying.progressed(fetch);
    }
  };
  const tell = (piece = 3, hashes = partHashesOf(bytes)!.hashes, from = peer): void =>
    relaying.parts(from, pieceIndex(piece), hashes);
  const takeTold = (): string[] => told.splice(0);
  return { world, relaying, relay, peer, begin, come, tell, takeTold, bytes, geometry };
}

describe('a piece that is fetched', () => {
  it('is passed on part by part as they come, and the last part with the piece', () => {
    const { begin, come, tell, takeTold, relay, bytes, relaying } = setUp();
    const fetch = begin();
    tell();
    come(fetch, 48);
    expect(takeTold()).toEqual([]);
    come(fetch, 16, 48);
    expect(takeTold()).toEqual(['3: 64']);
    expect(Buffer.compare(relay.lend(3, 0, 1)!.bytes, bytes.subarray(0, 64 * KIB))).toBe(0);
    come(fetch, 192, 64);
    expect(takeTold()).toEqual(['3: 128', '3: 192']);
    relay.settle(pieceIndex(3));
    relaying.ended(fetch, () => undefined);
    expect(takeTold()).toEqual([]);
  });

  it('in whatever order its blocks come, as far as there is no gap', () => {
    const { begin, come, tell, takeTold } = setUp();
    const fetch = begin();
    tell();
    come(fetch, 64, 64);
    come(fetch, 48, 16);
    expect(takeTold()).toEqual([]);
    come(fetch, 16, 0);
    expect(takeTold()).toEqual(['3: 128']);
  });

  it('whose hashes come after its first blocks catches up', () => {
    const { begin, come, tell, takeTold } = setUp();
    const fetch = begin();
    come(fetch, 128);
    tell();
    expect(takeTold()).toEqual(['3: 128']);
  });

  it('may be cut into shorter parts than we would', () => {
    const { begin, come, tell, takeTold, bytes } = setUp();
    const fetch = begin();
    tell(3, parentNodes(leavesOf(bytes), 0));
    come(fetch, 32);
    expect(takeTold()).toEqual(['3: 32']);
  });

  it.each([
    ['nobody wants it', (set: ReturnType<typeof setUp>) => (set.world.isWanted = false)],
    ['it may not be served', (set: ReturnType<typeof setUp>) => (set.world.isServed = false)],
    ['its source does not speak of parts', (set: ReturnType<typeof setUp>) => (set.peer.passesOn = false)],
    ['its hash is not known', (set: ReturnType<typeof setUp>) => (set.world.knowsRoot = false)],
  ])('is not passed on where %s', (_, change) => {
    const set = setUp();
    change(set);
    const fetch = set.begin();
    set.tell();
    set.come(fetch, 128);
    expect(set.takeTold()).toEqual([]);
  });

  it('is not passed on where it comes fast, is short, or too small to be cut', () => {
    const { begin, come, tell, takeTold, geometry } = setUp();
    const fast = begin(3, 100 * MIB);
    tell(3);
    come(fast, 128);
    expect(geometry.pieceSize(pieceIndex(30))).toBe(100_000);
    const short = begin(30);
    tell(30);
    come(short, 80);
    expect(takeTold()).toEqual([]);
    // A file of one whole piece is like any other.
    const whole = begin(31);
    tell(31);
    come(whole, 64);
    expect(takeTold()).toEqual(['31: 64']);
    const small = setUp(16 * KIB);
    const fetch = small.begin();
    small.tell(3, new Uint8Array(64));
    small.come(fetch, 16);
    expect(small.takeTold()).toEqual([]);
  });

  it('that comes from a second source too is passed on from the first alone', () => {
    const { begin, come, tell, takeTold, relaying } = setUp();
    const [first, second] = [begin(), begin()];
    tell();
    come(second, 128);
    let freed = 0;
    relaying.ended(second, () => freed++);
    expect([takeTold(), freed]).toEqual([[], 1]);
    come(first, 64);
    expect(takeTold()).toEqual(['3: 64']);
  });

  it('is one of few at a time, and has its turn when another has ended', () => {
    const { begin, come, tell, takeTold, relaying } = setUp();
    const fetches = Array.from({ length: MAX_RELAYED_PIECES + 1 }, (_, piece) => begin(piece));
    fetches.forEach((fetch, piece) => {
      tell(piece);
      come(fetch, 64);
    });
    expect(takeTold()).toHaveLength(MAX_RELAYED_PIECES);
    relaying.ended(fetches[0]!, () => undefined);
    come(fetches.at(-1)!, 64, 64);
    expect(takeTold()).toEqual(['0: back', `${MAX_RELAYED_PIECES}: 128`]);
  });
});

describe('a fetch that ends', () => {
  it('without the piece takes it back, and gives its buffer back when nobody reads it', () => {
    const { begin, come, tell, takeTold, relaying, relay } = setUp();
    const fetch = begin();
    tell();
    come(fetch, 64);
    const loan = relay.lend(3, 0, 1)!;
    let freed = 0;
    relaying.ended(fetch, () => freed++);
    expect([takeTold(), freed]).toEqual([['3: 64', '3: back'], 0]);
    loan.release();
    expect(freed).toBe(1);
    // Late words are of no use.
    tell();
    relaying.progressed(fetch);
    expect(takeTold()).toEqual([]);
  });

  it('of which nothing was passed on gives it back at once', () => {
    const { begin, takeTold, relaying } = setUp();
    let freed = 0;
    relaying.ended(begin(), () => freed++);
    expect([takeTold(), freed]).toEqual([[], 1]);
  });
});

describe('a source that lies', () => {
  it.each([
    ['false hashes', (hashes: Uint8Array) => hashes.map((byte, i) => (i === 40 ? byte ^ 1 : byte))],
    [
      'hashes in another order',
      (hashes: Uint8Array) => Uint8Array.from([...hashes.subarray(32), ...hashes.subarray(0, 32)]),
    ],
    ['too many hashes', (hashes: Uint8Array) => new Uint8Array(hashes.length * 8)],
  ])('[fault 39] with %s is not passed on, and no buffer is taken for it', (_, change) => {
    const { begin, come, tell, takeTold, bytes } = setUp();
    const fetch = begin();
    tell(3, change(partHashesOf(bytes)!.hashes));
    expect(fetch.buffer).toBeUndefined();
    come(fetch, 128);
    expect(takeTold()).toEqual([]);
  });

  it('[fault 39] once about the hashes is not listened to again', () => {
    const { begin, come, tell, takeTold } = setUp();
    const fetch = begin();
    tell(3, new Uint8Array(128));
    tell();
    come(fetch, 128);
    expect(takeTold()).toEqual([]);
  });

  it('[fault 35] about a part is passed on up to it, and no further', () => {
    const { begin, come, tell, takeTold, bytes } = setUp();
    const fetch = begin();
    tell();
    come(fetch, 192, 0, bytes.map((byte, i) => (i === 70 * KIB ? byte ^ 1 : byte))); // prettier-ignore
    expect(takeTold()).toEqual(['3: 64']);
    // Not even if it were right by now: it is hashed once.
    fetch.bytes.set(bytes);
    come(fetch, 48, 192);
    expect(takeTold()).toEqual([]);
  });

  it('does not speak for others, nor of pieces that are not fetched', () => {
    const { begin, come, tell, takeTold, bytes, peer } = setUp();
    const fetch = begin();
    tell(3, new Uint8Array(128), new FakePeer(2, peer.pieces));
    tell(4_000_000_000, new Uint8Array(128));
    tell(3, partHashesOf(bytes)!.hashes);
    come(fetch, 64);
    expect(takeTold()).toEqual(['3: 64']);
  });

  it('[fault 39] does not make us hash a long part at a stretch', () => {
    const { begin, come, tell, takeTold, bytes } = setUp(8 * MIB);
    const fetch = begin();
    let nodes = leavesOf(bytes);
    for (let height = 0; height < 8; height++) nodes = parentNodes(nodes, height);
    expect(nodes).toHaveLength(2 * 32);
    tell(3, nodes);
    come(fetch, 4 * KIB);
    expect(takeTold()).toEqual([]);
    tell();
    expect(takeTold()).toEqual([`3: ${4 * KIB}`]);
  });
});
