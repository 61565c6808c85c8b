import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instant, type PieceIndex } from '../base/ids.ts';
import { MAX_QUEUED_REQUESTS, SEND_BUFFER_HIGH_BYTES } from '../base/limits.ts';
import { GEOMETRY, messagesOf, PIECE_BYTES } from '../fixtures/sessions.ts';
import { pieceBytesOf } from '../fixtures/stores.ts';
import { BLOCK, keyOf, ref, setUp } from '../fixtures/upload-pump-bench.ts';
import type { PieceReads } from './piece-reads.ts';
import { Relay } from './relay.ts';

describe('a request', () => {
  it('is answered by its block', async () => {
    const { clock, pump, answers, sentBytes } = setUp();
    pump.take(ref(2, 2 * BLOCK));
    await clock.runFor(10);
    expect(answers()).toEqual(['piece 2 32768 16384']);
    expect(sentBytes()).toBe(BLOCK);
  });

  it('for all of a piece is answered by it', async () => {
    const { clock, pump, answers } = setUp();
    pump.take(ref(1, 0, PIECE_BYTES));
    await clock.runFor(10);
    pump.take(ref(8, 0, 20_000));
    await clock.runFor(10);
    expect(answers()).toEqual([`piece 1 0 ${PIECE_BYTES}`, 'piece 8 0 20000']);
  });

  it('for what the disk gives at once is answered at once, and so are those behind it', async () => {
    const { clock, store, pump, stream, answers } = setUp();
    pump.take(ref(2));
    expect(stream.writes).toBe(0);
    store.isQuick = true;
    await clock.runFor(10);
    expect(answers()).toEqual(['piece 2 0 16384']);
    for (const each of [ref(1, 0, 2 * BLOCK), ref(8, BLOCK), ref(3)]) pump.take(each);
    expect(answers()).toEqual(['piece 1 0 32768', 'piece 8 16384 16384', 'piece 3 0 16384']);
  });

  it('past the end of the file is answered with zeros there, as libtorrent 2.0 wants', async () => {
    const { clock, pump, answers } = setUp();
    pump.take(ref(8, BLOCK));
    pump.take(ref(8, BLOCK + 1_000, 20_000 - BLOCK - 1_000));
    await clock.runFor(10);
    expect(answers()).toEqual(['piece 8 16384 16384', `piece 8 17384 ${20_000 - 17_384}`]);
  });

  it('is answered in its turn; those of one piece take one read and one write', async () => {
    const { clock, pump, answers, store, stream } = setUp();
    for (const each of [ref(1, 0), ref(1, BLOCK), ref(1, 2 * BLOCK), ref(0, 0)]) pump.take(each);
    await clock.runFor(10);
    expect(stream.writes).toBe(2);
    expect(store.done.reads).toBe(2);
    expect(answers()).toEqual(['piece 1 0 16384', 'piece 1 16384 16384', 'piece 1 32768 16384', 'piece 0 0 16384']);
  });

  it('asked twice while it waits is answered once', async () => {
    const { clock, pump, answers } = setUp();
    pump.take(ref(1));
    pump.take(ref(1));
    await clock.runFor(10);
    expect(answers()).toEqual(['piece 1 0 16384']);
  });

  it.each([
    [true, ['reject 1 0 16384']],
    [false, []],
  ])('that is cancelled while it waits is rejected, with the fast extension (%s)', async (fast, expected) => {
    const { clock, pump, answers } = setUp({ fast });
    pump.take(ref(1));
    pump.cancel(ref(1));
    pump.cancel(ref(1));
    await clock.runFor(10);
    expect(answers()).toEqual(expected);
  });

  it('that is cancelled too late is answered by its block alone', async () => {
    const { clock, pump, answers } = setUp();
    pump.take(ref(1));
    await clock.runFor(10);
    pump.cancel(ref(1));
    await clock.runFor(10);
    expect(answers()).toEqual(['piece 1 0 16384']);
  });

  it('before anything can be read is rejected', async () => {
    const { pump, answers, clock } = setUp({ hasReads: false });
    pump.take(ref(1));
    await clock.runFor(10);
    expect(answers()).toEqual(['reject 1 0 16384']);
  });

  it('[fault 33] in a flood is answered up to the queue, and rejected beyond it', async () => {
    const { clock, pump, answers, stream } = setUp();
    for (let i = 0; i < 10_000; i++) pump.take(ref(0, i, 16));
    const all: string[] = [];
    for (let round = 0; round < 20; round++) {
      await clock.runFor(10);
      all.push(...answers());
      pump.pump();
    }
    expect(all.filter((each) => each.startsWith('piece'))).toHaveLength(MAX_QUEUED_REQUESTS);
    expect(all.filter((each) => each.startsWith('reject'))).toHaveLength(10_000 - MAX_QUEUED_REQUESTS);
    expect(new Set(all.map((each) => each.split(' ')[2])).size).toBe(10_000);
    expect(stream.queuedBytes).toBe(0);
  });
});

describe('messages said before a block', () => {
  it('reach the peer before it', async () => {
    const { clock, pump, say, stream } = setUp();
    say.unchoke();
    pump.take(ref(1));
    await clock.runFor(10);
    say.choke(instant(0));
    await clock.runFor(10);
    expect(messagesOf(stream.drain()).map(({ name }) => name)).toEqual(['unchoke', 'piece', 'choke']);
  });
});

describe('a stream that does not drain', () => {
  it('gets no more than its bound and one write, and goes on when it has drained', async () => {
    const { clock, pump, answers, stream } = setUp();
    for (let i = 0; i < 160; i++) pump.take(ref(0, i * 300, BLOCK));
    await clock.runFor(1_000);
    const held = stream.queuedBytes;
    expect(held).toBeGreaterThanOrEqual(SEND_BUFFER_HIGH_BYTES);
    expect(held).toBeLessThan(2 * SEND_BUFFER_HIGH_BYTES);
    let count = 0;
    for (let round = 0; round < 10; round++) {
      count += answers().length;
      pump.pump();
      await clock.runFor(1_000);
    }
    expect(count).toBe(160);
  });
});

describe('a peer that asks here and there', () => {
  it('[fault 42] and does not read holds three buffers at most, and is served to the end once it reads', async () => {
    const { clock, pump, store, answers, stream } = setUp();
    for (let piece = 0; piece < 8; piece++) pump.take(ref(piece));
    await clock.runFor(1_000);
    expect(store.done.reads).toBe(3);
    expect(stream.writes).toBe(3);
    const all = answers();
    await clock.runFor(1_000);
    all.push(...answers());
    await clock.runFor(1_000);
    all.push(...answers());
    expect(all).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((piece) => `piece ${piece} 0 16384`));
  });
});

describe('when others hold all buffers', () => {
  it('a peer with something under way waits for that, and asks again when it has it', async () => {
    let free = 1;
    const urgent: boolean[] = [];
    const lease: PieceReads['lease'] = async (_piece, begin, length, isUrgent) => {
      urgent.push(isUrgent);
      if (free === 0 && !isUrgent) return undefined;
      free--;
      return { begin, bytes: pieceBytesOf(GEOMETRY, 0).subarray(begin), end: begin + length, release: () => free++ };
    };
    const { clock, pump, answers } = setUp({
      reads: { lease, leaseNow: () => undefined, isReady: () => true, readyBytes: () => PIECE_BYTES },
    });
    pump.take(ref(0, 0));
    pump.take(ref(0, BLOCK));
    await clock.runFor(10);
    expect(urgent).toEqual([true, false]);
    const all = answers();
    await clock.runFor(10);
    expect([...all, ...answers()]).toEqual(['piece 0 0 16384', 'piece 0 16384 16384']);
    expect(urgent).toEqual([true, false, true]);
  });

  it('and what was under way is taken in that very moment, asks again too', async () => {
    const world: { drain: () => void } = { drain: () => undefined };
    let calls = 0;
    const lease: PieceReads['lease'] = async (_piece, begin, length) => {
      if (++calls === 2) {
        world.drain();
        return undefined;
      }
      return { begin, bytes: pieceBytesOf(GEOMETRY, 0).subarray(begin), end: begin + length, release: () => undefined };
    };
    const { clock, pump, stream } = setUp({
      reads: { lease, leaseNow: () => undefined, isReady: () => true, readyBytes: () => PIECE_BYTES },
    });
    world.drain = () => void stream.drain();
    pump.take(ref(0, 0));
    pump.take(ref(0, BLOCK));
    await clock.runFor(10);
    expect(calls).toBe(3);
    expect(stream.queuedBytes).toBe(13 + BLOCK);
  });
});

describe('[fault 46] a disk that fails', () => {
  it('at once is told as well, and nothing stays open', async () => {
    const { clock, pump, store, stream, answers, errors } = setUp();
    store.isQuick = true;
    store.failReads('changed');
    for (const each of [ref(1), ref(2)]) pump.take(each);
    await clock.runFor(10);
    expect(answers()).toEqual(['reject 1 0 16384', 'reject 2 0 16384']);
    expect(errors).toHaveLength(2);
    store.failReads(undefined);
    pump.take(ref(1));
    expect(stream.writes).toBe(1);
    expect(pump.isIdle).toBe(false);
    stream.drain();
    expect(pump.isIdle).toBe(true);
  });

  it('is told, and all that waits is rejected', async () => {
    const { clock, pump, store, answers, errors } = setUp();
    store.failReads('changed');
    for (const each of [ref(1), ref(2), ref(3)]) pump.take(each);
    await clock.runFor(10);
    expect(answers()).toEqual(['reject 1 0 16384', 'reject 2 0 16384', 'reject 3 0 16384']);
    expect(errors).toHaveLength(1);
    store.failReads(undefined);
    pump.take(ref(1));
    await clock.runFor(10);
    expect(answers()).toEqual(['piece 1 0 16384']);
  });
});

describe('the end', () => {
  it('answers nothing any more, and gives the memory back', async () => {
    const { clock, pump, answers } = setUp();
    pump.take(ref(1));
    pump.take(ref(2));
    pump.stop();
    pump.take(ref(3));
    await clock.runFor(10);
    expect(answers()).toEqual([]);
  });
});

it('[fault 32] every request gets exactly one answer with the fast extension, and at most one without', async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('request' as const), piece: fc.nat(2), block: fc.nat(3) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('cancel' as const), piece: fc.nat(2), block: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('choke' as const, 'wait' as const, 'drain' as const) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(step, { maxLength: 60 }), async (fast, steps) => {
      const { clock, pump, answers, stream } = setUp({ fast });
      const asked = new Map<string, number>();
      const open = new Set<string>();
      const answered = new Map<string, number>();
      const hear = (): void => {
        for (const line of answers()) {
          const key = line.slice(line.indexOf(' ') + 1);
          answered.set(key, (answered.get(key) ?? 0) + 1);
          open.delete(key);
        }
      };
      for (const each of steps) {
        if (each.kind === 'request' || each.kind === 'cancel') {
          const block = ref(each.piece, each.block * BLOCK);
          const key = keyOf(block);
          if (each.kind === 'cancel') {
            pump.cancel(block);
          } else if (!open.has(key)) {
            // As a client does: one request at a time for one block.
            open.add(key);
            asked.set(key, (asked.get(key) ?? 0) + 1);
            pump.take(block);
          }
        } else if (each.kind === 'choke') {
          pump.rejectAll();
        } else {
          await clock.runFor(2);
          if (each.kind === 'drain') hear();
          // Without rejects the peer forgets on its own what it gave up.
          if (!fast && stream.queuedBytes === 0) open.clear();
        }
      }
      for (let round = 0; round < 20; round++) {
        await clock.runFor(100);
        hear();
      }
      for (const [key, count] of asked) {
        if (fast) expect(answered.get(key)).toBe(count);
        else expect(answered.get(key) ?? 0).toBeLessThanOrEqual(count);
      }
      expect([...answered.keys()].filter((key) => !asked.has(key))).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

describe('a request for what is still on its way to us', () => {
  const relayed = (readyBytes: number) => {
    const relay = new Relay();
    const set = setUp({ relay });
    relay.open(1 as PieceIndex, { height: 1, hashes: new Uint8Array(64) }, pieceBytesOf(GEOMETRY, 1));
    relay.advance(1 as PieceIndex, readyBytes);
    return { ...set, relay };
  };

  it('waits for it, and holds up nothing that is here', async () => {
    const { clock, pump, answers, relay, store, prefaced } = relayed(BLOCK);
    for (const each of [ref(1, BLOCK), ref(1, 0), ref(2), ref(1, 2 * BLOCK)]) pump.take(each);
    await clock.runFor(10);
    expect(answers()).toEqual(['piece 1 0 16384', 'piece 2 0 16384']);
    expect([pump.isStarved, pump.isIdle, store.done.reads]).toEqual([true, false, 1]);
    relay.advance(1 as PieceIndex, 2 * BLOCK);
    pump.pump();
    expect(answers()).toEqual(['piece 1 16384 16384']);
    relay.settle(1 as PieceIndex);
    pump.pump();
    await clock.runFor(10);
    expect(answers()).toEqual(['piece 1 32768 16384']);
    expect([pump.isStarved, pump.isIdle]).toEqual([false, true]);
    expect(prefaced).toEqual([1, 2, 1, 1]);
  });

  it.each([true, false])('is rejected when it does not come, and nothing else is (fast: %s)', async (fast) => {
    const { clock, pump, answers, say } = relayed(0);
    say.fast = fast;
    for (const each of [ref(1, 0), ref(2), ref(1, BLOCK)]) pump.take(each);
    await clock.runFor(10);
    pump.rejectPiece(1 as PieceIndex);
    pump.rejectPiece(1 as PieceIndex);
    await clock.runFor(10);
    const rejects = fast ? ['reject 1 0 16384', 'reject 1 16384 16384'] : [];
    expect([answers().sort(), pump.isIdle]).toEqual([['piece 2 0 16384', ...rejects], true]);
  });

  it('is rejected by a choke, forgotten when cancelled, and dropped at the end', async () => {
    const { clock, pump, answers, relay } = relayed(0);
    for (const each of [ref(1, 0), ref(1, BLOCK)]) pump.take(each);
    pump.cancel(ref(1, 0));
    await clock.runFor(10);
    expect(answers()).toEqual(['reject 1 0 16384']);
    pump.rejectAll();
    await clock.runFor(10);
    expect(answers()).toEqual(['reject 1 16384 16384']);
    pump.take(ref(1, 0));
    pump.stop();
    relay.advance(1 as PieceIndex, BLOCK);
    pump.pump();
    await clock.runFor(10);
    expect([answers(), pump.isIdle]).toEqual([[], true]);
  });
});
