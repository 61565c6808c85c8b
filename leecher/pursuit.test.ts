import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { equalBytes } from '../common/base/bytes.ts';
import { instant, NEVER, pieceIndex, wireHashOf, type Digest } from '../common/base/ids.ts';
import { BLOCK_BYTES, MIB } from '../common/base/limits.ts';
import { Geometry } from '../common/content/geometry.ts';
import { contentOfSize } from '../common/fixtures/content.ts';
import { FakePeer } from '../common/fixtures/fake-peer.ts';
import { KeptLog } from '../common/fixtures/logs.ts';
import { USUAL_CHOKE_TERMS } from '../common/peer/choker.ts';
import { Swarm } from '../common/peer/swarm.ts';
import { Torrent } from '../common/peer/torrent.ts';
import { VirtualClock } from '../common/sim/clock.ts';
import { SimHasher } from '../common/sim/hasher.ts';
import { SeededRandom } from '../common/sim/random.ts';
import { SimStore } from '../common/sim/store.ts';
import { KeptEvents } from './fixtures/kept-events.ts';
import { PieceKeeper } from './piece-keeper.ts';
import { HashVerifier } from './piece-verifier.ts';
import { Pursuit } from './pursuit.ts';
import { Selection } from './selection.ts';
import { SourceBook } from './source-book.ts';

/** 12 pieces of one block. */
const CONTENT = contentOfSize(12 * BLOCK_BYTES, BLOCK_BYTES);
const ALL = Array.from({ length: 12 }, (_, piece) => piece);

class Bench {
  readonly clock = new VirtualClock({ startAt: instant(1_000) });
  readonly events = new KeptEvents();
  readonly book = new SourceBook();
  readonly hasher = new SimHasher({ clock: this.clock, delayMs: 1 });
  readonly store: SimStore;
  readonly swarm: Swarm;
  readonly pursuit: Pursuit;
  readonly verified: number[] = [];
  readonly storeErrors: unknown[] = [];
  hungry = 0;

  constructor(options: { readonly minSeeders?: number; readonly have?: readonly number[]; geometry?: Geometry } = {}) {
    const { clock } = this;
    const { info } = CONTENT;
    const geometry = options.geometry ?? info.geometry;
    const have = new Bitfield(geometry.pieceCount);
    for (const piece of options.have ?? []) have.add(pieceIndex(piece));
    const torrent = new Torrent({ v2: wireHashOf(info.infoHashV2!) });
    torrent.learn({ info: info.infoBytes, geometry, isPrivate: false }, have);
    this.swarm = new Swarm({
      torrent,
      choking: USUAL_CHOKE_TERMS,
      clock,
      random: new SeededRandom({ seed: 4 }),
      hasher: this.hasher,
      log: new KeptLog(),
      meter: { count: () => undefined },
      onStoreFailed: () => undefined,
      onDialsDue: () => undefined,
    });
    const pieceSize = (piece: number): number => geometry.pieceSize(pieceIndex(piece));
    this.store = new SimStore({ clock, pieceSize, readMs: 1, writeMs: 1 });
    const { checks } = CONTENT;
    const verifier = new HashVerifier({ checks, hasher: this.hasher });
    this.pursuit = new Pursuit({
      geometry,
      selection: Selection.all(geometry),
      keeper: new PieceKeeper({ checks, verifier, store: this.store }),
      checks,
      swarm: this.swarm,
      book: this.book,
      clock,
      random: new SeededRandom({ seed: 2 }),
      minSeeders: options.minSeeders ?? 1,
      events: this.events,
      onVerified: (piece) => this.verified.push(piece),
      onStoreFailed: (error) => this.storeErrors.push(error),
      onStep: () => {
        this.pursuit.look(clock.now());
      },
      onHungry: () => this.hungry++,
    });
  }

  join(id: number, held: readonly number[] = ALL, isUploadOnly = false): FakePeer {
    const peer = new FakePeer(id, new Bitfield(this.swarm.torrent.content!.geometry.pieceCount));
    peer.isUploadOnly = isUploadOnly;
    for (const piece of held) peer.pieces!.add(pieceIndex(piece));
    this.book.arrived(peer, this.clock.now());
    peer.onClosed = (reason) => {
      this.pursuit.remove(peer);
      this.book.left(peer, reason, this.clock.now());
      peer.open = [];
    };
    this.pursuit.add(peer);
    return peer;
  }

  start(): void {
    expect(this.pursuit.tryToStart()).toBe(true);
    this.pursuit.fillAll();
  }

  /** Answers the oldest request. */
  deliver(peer: FakePeer, isRight = true): void {
    const ref = peer.open.shift();
    if (ref === undefined) return;
    const { piece, begin, length } = ref;
    const bytes = CONTENT.pieceOf(piece).slice(begin, begin + length);
    if (!isRight) bytes[0]! ^= 1;
    this.pursuit.blockBytes(peer, pieceIndex(piece), begin, 0, bytes, this.clock.now());
    this.pursuit.block(peer, pieceIndex(piece), begin, length);
  }

  /** Lets time pass as a download does; the result is the error that ends it. */
  async pass(durationMs: number): Promise<unknown> {
    const end = instant(this.clock.now() + durationMs);
    while (this.clock.now() < end) {
      await this.clock.runUntil(instant(Math.max(this.clock.now() + 1, Math.min(end, this.pursuit.nextDue))));
      if (this.clock.now() >= this.pursuit.nextDue) {
        const error = this.pursuit.tick(this.clock.now());
        if (error !== undefined) return error;
        this.pursuit.look(this.clock.now());
      }
    }
    return undefined;
  }

  async settle(peers: readonly FakePeer[], isRight = true): Promise<void> {
    for (let round = 0; round < 60; round++) {
      for (const peer of peers) this.deliver(peer, isRight);
      await this.clock.runFor(2);
    }
  }
}

describe('pursuit', () => {
  it('[fault 58] does not begin below the minimum, says how many there are, and wants more', () => {
    const bench = new Bench({ minSeeders: 3 });
    const peers = [bench.join(1), bench.join(2)];
    expect(bench.pursuit.tryToStart()).toBe(false);
    expect(bench.events.lines).toEqual(['waiting 2 of 3']);
    expect([bench.hungry, bench.pursuit.hasStarted, bench.pursuit.nextDue]).toEqual([1, false, NEVER]);
    expect(bench.pursuit.tick(instant(1e9))).toBeUndefined();
    bench.join(3);
    bench.start();
    for (const peer of peers) expect(peer.open.length).toBeGreaterThan(0);
  });

  it('[fault 58] counts whoever holds something, and none while nobody holds what is needed', () => {
    const bench = new Bench({ minSeeders: 3, have: [0, 1] });
    bench.join(1, [0]);
    bench.join(2, [1]);
    bench.join(3, []);
    expect([bench.pursuit.foundCount, bench.pursuit.sourceCount]).toEqual([0, 0]);
    const late = bench.join(4, []);
    late.pieces!.add(pieceIndex(7));
    bench.pursuit.gained(late, pieceIndex(7));
    expect([bench.pursuit.foundCount, bench.pursuit.sourceCount]).toEqual([3, 1]);
    expect(bench.pursuit.missing).toEqual([
      { first: 2, last: 6 },
      { first: 8, last: 11 },
    ]);
  });

  it('[fault 58] once begun it goes on with whoever is left', async () => {
    const bench = new Bench({ minSeeders: 3 });
    const [a, b, c] = [bench.join(1), bench.join(2), bench.join(3)];
    bench.start();
    a.close('reset');
    b.close('reset');
    await bench.settle([c]);
    expect(bench.pursuit.isComplete).toBe(true);
  });

  it('offers each piece that is verified to others, and keeps the record of who gave it', async () => {
    const bench = new Bench({ have: [4] });
    const peers = [1, 2, 3].map((id) => bench.join(id));
    bench.start();
    await bench.settle(peers);
    expect(bench.pursuit.isComplete).toBe(true);
    expect([...bench.swarm.torrent.offered]).toEqual(ALL);
    expect([...bench.verified].sort((a, b) => a - b)).toEqual(ALL.filter((piece) => piece !== 4));
    const report = bench.book.report(peers, bench.clock.now());
    expect(report.reduce((sum, { chunks }) => sum + chunks, 0)).toBe(11);
    expect(report.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(11 * BLOCK_BYTES);
    for (const { bytes, receivedBytes } of report) expect(receivedBytes).toBeGreaterThanOrEqual(bytes);
    expect(bench.events.of('chunk')).toHaveLength(11);
    for (const piece of bench.store.heldPieces) {
      expect(equalBytes(bench.store.held(piece)!, CONTENT.pieceOf(piece))).toBe(true);
    }
  });

  it('[fault 35] a second corrupt piece bans its source, once; the others go on', async () => {
    const bench = new Bench();
    const [liar, honest] = [bench.join(1), bench.join(2)];
    bench.start();
    bench.deliver(liar, false);
    await bench.clock.runFor(5);
    expect([liar.closedBecause, bench.swarm.standing.isBanned(liar.endpoint)]).toEqual([undefined, false]);
    for (let i = 0; i < 3; i++) bench.deliver(liar, false);
    await bench.clock.runFor(5);
    expect([liar.closedBecause, bench.swarm.standing.isBanned(liar.endpoint)]).toEqual(['banned', true]);
    expect(bench.events.of('banned')).toEqual(['banned 1']);
    expect(bench.book.entryOf(liar)).toMatchObject({ isBanned: true, leftBecause: 'banned' });
    expect(bench.book.entryOf(liar).failed.corrupt).toBeGreaterThan(1);
    await bench.settle([honest]);
    expect([bench.pursuit.isComplete, honest.closedBecause]).toEqual([true, undefined]);
    expect(bench.swarm.standing.isBanned(honest.endpoint)).toBe(false);
  });

  it('one corrupt piece is forgiven, but that piece is not asked of its source again', async () => {
    const bench = new Bench();
    const [once, other] = [bench.join(1), bench.join(2)];
    bench.start();
    const [spoilt] = once.askedPieces;
    bench.deliver(once, false);
    await bench.settle([once, other]);
    expect([bench.pursuit.isComplete, once.closedBecause]).toEqual([true, undefined]);
    expect(bench.events.of(`chunk ${spoilt} `)).toEqual([`chunk ${spoilt} from 2`]);
    expect(bench.events.of('chunk').filter((line) => line.endsWith('from 1')).length).toBeGreaterThan(0);
  });

  it('tells of missing chunks once for each change, and only when nothing else is to be done', async () => {
    const bench = new Bench();
    const peer = bench.join(1, [0, 1, 2, 3, 4, 5, 9], true);
    bench.start();
    bench.pursuit.look(bench.clock.now());
    expect(bench.events.of('missing')).toEqual([]);
    await bench.settle([peer]);
    for (let i = 0; i < 5; i++) bench.pursuit.look(bench.clock.now());
    expect(bench.events.of('missing')).toEqual(['missing 6-8, 10-11 at 1']);
    const hungry = bench.hungry;
    bench.pursuit.look(bench.clock.now());
    expect(bench.hungry).toBe(hungry + 1);

    const other = bench.join(2, [6, 7], true);
    await bench.settle([other]);
    bench.pursuit.look(bench.clock.now());
    expect(bench.events.of('missing').at(-1)).toBe('missing 8, 10-11 at 2');
    await bench.settle([bench.join(3)]);
    expect(bench.events.of('missing')).toHaveLength(2);
    expect(bench.pursuit.isComplete).toBe(true);
  });

  it('begins with what the first of a swarm shows, and tells of missing chunks only when nothing comes any more', async () => {
    const bench = new Bench();
    const [seeder, leecher] = [bench.join(1, []), bench.join(2, [])];
    expect(bench.pursuit.tryToStart()).toBe(false);
    const show = (peer: FakePeer, piece: number): void => {
      peer.pieces!.add(pieceIndex(piece));
      bench.pursuit.gained(peer, pieceIndex(piece));
      bench.pursuit.look(bench.clock.now());
    };
    show(seeder, 3);
    bench.start();
    for (const [peer, piece] of [
      [seeder, 5],
      [leecher, 7],
      [seeder, 8],
    ] as const) {
      await bench.settle([seeder, leecher]);
      expect(await bench.pass(500)).toBeUndefined();
      show(peer, piece);
    }
    await bench.settle([seeder, leecher]);
    expect([...bench.verified].sort((a, b) => a - b)).toEqual([3, 5, 7, 8]);
    expect(bench.events.of('missing')).toEqual([]);
    await bench.pass(2_500);
    expect(bench.events.of('missing')).toEqual(['missing 0-2, 4, 6, 9-11 at 2']);
    await bench.pass(10_000);
    expect(bench.events.of('missing')).toHaveLength(1);
    bench.join(3);
    await bench.settle([bench.join(4)]);
    expect(bench.pursuit.isComplete).toBe(true);
  });

  it('[fault 36] gives up, with the chunks named, when all that is left came corrupt from all', async () => {
    const bench = new Bench({ have: ALL.slice(2) });
    const liars = [bench.join(1), bench.join(2)];
    bench.start();
    await bench.settle(liars, false);
    const error = await bench.pass(10_000);
    expect(error).toMatchObject({ code: 'NO_VALID_SOURCE' });
    expect(String(error)).toContain('chunks 0-1');
    expect(bench.store.done.writes).toBe(0);
  });

  it('[fault 36] gives up when every source lied and was banned, though much was never asked for', async () => {
    const bench = new Bench();
    const idle = bench.join(9, []);
    const liars = [bench.join(1), bench.join(2)];
    for (const peer of liars) peer.requestsAtMost = 2;
    bench.start();
    const startedAt = bench.clock.now();
    await bench.settle(liars, false);
    expect(liars.map((peer) => peer.closedBecause)).toEqual(['banned', 'banned']);
    expect(await bench.pass(10_000)).toMatchObject({ code: 'NO_VALID_SOURCE' });
    expect(bench.clock.now() - startedAt).toBeGreaterThanOrEqual(5_000);
    expect(idle.closedBecause).toBeUndefined();
  });

  it('[fault 36] does not give up for a liar while an honest source may come back', async () => {
    const bench = new Bench();
    const [liar, honest] = [bench.join(1), bench.join(2)];
    bench.start();
    bench.deliver(honest);
    await bench.clock.runFor(5);
    honest.close('reset');
    await bench.settle([liar], false);
    expect(await bench.pass(60_000)).toBeUndefined();
    await bench.settle([bench.join(3)]);
    expect(bench.pursuit.isComplete).toBe(true);
  });

  it('[fault 36] a source that comes within the grace has all the time it needs', async () => {
    const bench = new Bench({ have: ALL.slice(1) });
    const liar = bench.join(1);
    bench.start();
    await bench.settle([liar], false);
    expect(await bench.pass(4_500)).toBeUndefined();
    const honest = bench.join(2);
    bench.pursuit.piecesChanged(honest);
    bench.pursuit.look(bench.clock.now());
    expect(honest.open).toHaveLength(1);
    expect(await bench.pass(10_000)).toBeUndefined();
    await bench.settle([honest]);
    expect(bench.pursuit.isComplete).toBe(true);
  });

  it('[fault 47] passes on what the store refused', async () => {
    const bench = new Bench();
    const peer = bench.join(1);
    bench.store.failWrites('full');
    bench.start();
    bench.deliver(peer);
    await bench.clock.runFor(5);
    expect(bench.storeErrors).toEqual([expect.objectContaining({ failure: 'full' })]);
    expect([bench.verified, [...bench.swarm.torrent.offered]]).toEqual([[], []]);
  });

  it('[fault 42] takes work from a source that is silent, without a word from the driver but its wake-ups', async () => {
    const bench = new Bench();
    const silent = bench.join(1);
    bench.start();
    expect(silent.open.length).toBeGreaterThan(0);
    await bench.pass(30_000);
    expect(bench.events.of('retry')[0]).toContain('stalled at 1');
    await bench.settle([bench.join(2)]);
    expect(bench.pursuit.isComplete).toBe(true);
  });

  it('a choke, a reject and a loss are failures of their own kind', () => {
    const bench = new Bench();
    const [chokes, rejects, goes] = [bench.join(1), bench.join(2), bench.join(3)];
    bench.start();
    chokes.isChokingUs = true;
    bench.pursuit.choked(chokes);
    const [ref] = rejects.open.splice(0, 1);
    bench.pursuit.rejected(rejects, pieceIndex(ref!.piece));
    goes.close('reset');
    expect(bench.book.entryOf(chokes).failed.choked).toBeGreaterThan(0);
    expect(bench.book.entryOf(rejects).failed.rejected).toBe(1);
    expect(bench.book.entryOf(goes).failed.gone).toBeGreaterThan(0);
    expect(bench.swarm.standing.isBanned(rejects.endpoint)).toBe(false);
  });

  it('is told what comes with pieces that it learns of later', async () => {
    const bench = new Bench();
    bench.join(9, [0]);
    const late = new FakePeer(1);
    bench.pursuit.add(late);
    bench.start();
    expect(late.open).toEqual([]);
    late.pieces = Bitfield.full(12);
    bench.pursuit.piecesChanged(late);
    expect(late.open.length).toBeGreaterThan(0);
    await bench.settle([late]);
    expect(bench.pursuit.remaining).toBeLessThan(2);
  });

  it('asks three sources at a time, however large the pieces are', () => {
    const file = { path: ['large'], lengthBytes: 640 * MIB, root: new Uint8Array(32) as Digest };
    const geometry = new Geometry({ pieceBytes: 64 * MIB, files: [file], layout: 'aligned' });
    const bench = new Bench({ geometry, minSeeders: 3 });
    const peers = [1, 2, 3].map((id) => bench.join(id, ALL.slice(0, 10)));
    bench.start();
    for (const peer of peers) expect(peer.open.length).toBeGreaterThan(0);
  });

  it('leaves everybody and the store alone when it is stopped', async () => {
    const bench = new Bench();
    const peer = bench.join(1);
    bench.start();
    bench.deliver(peer);
    bench.deliver(peer);
    bench.pursuit.stop();
    await bench.clock.run(bench.pursuit.drained(), 100);
    expect([peer.open, bench.verified, bench.events.of('chunk')]).toEqual([[], [], []]);
    expect(bench.store.done.writes).toBe(0);
  });
});
