import { describe, expect, it } from 'vitest';
import { equalBytes, toHex } from '../common/base/bytes.ts';
import { instant, pieceIndex } from '../common/base/ids.ts';
import { BLOCK_BYTES, STATE_INTERVAL_MS } from '../common/base/limits.ts';
import { StoreError } from '../common/base/ports.ts';
import { contentOfSize, type Content } from '../common/fixtures/content.ts';
import { KeptLog } from '../common/fixtures/logs.ts';
import { VirtualClock } from '../common/sim/clock.ts';
import { MemoryFiles } from './fixtures/memory-files.ts';
import { proofOf } from './fixtures/proofs.ts';
import { Selection } from './selection.ts';
import { Target, type DownloadState, type Taken } from './target.ts';

/** 10 pieces, the last one short. */
const CONTENT = contentOfSize(9 * BLOCK_BYTES + 77, BLOCK_BYTES);
const PATH = '/here/content.bin';
const PART = `${PATH}.part`;
const NOTE = `${PATH}.part.json`;

class Bench {
  readonly clock = new VirtualClock({ startAt: instant(0) });
  readonly log = new KeptLog();
  readonly files: MemoryFiles;
  readonly target: Target;
  checkedBytes = 0;

  constructor(files = new MemoryFiles(), force = false) {
    this.files = files;
    this.target = new Target({
      files,
      clock: this.clock,
      log: this.log,
      force,
      onChecked: (bytes) => {
        this.checkedBytes += bytes;
      },
    });
  }

  take(content: Content = CONTENT, isWanted: () => boolean = () => true): Promise<Taken> {
    const { geometry, infoHashV2, name } = content.info;
    const selection = Selection.all(geometry);
    const described = { infoHash: infoHashV2!, name, geometry, isDirectory: false, selection };
    return this.target.take(described, proofOf(content), isWanted);
  }

  /** Takes the place, writes these pieces as a download does, and leaves. */
  async fetch(...pieces: readonly number[]): Promise<Bench> {
    const { store } = await this.open();
    for (const piece of pieces) {
      await store.write(pieceIndex(piece), CONTENT.pieceOf(piece));
      this.target.verified(pieceIndex(piece));
    }
    return this;
  }

  async open(): Promise<Extract<Taken, { kind: 'open' }>> {
    const taken = await this.take();
    if (taken.kind !== 'open') throw new Error(`the place is ${taken.kind}`);
    return taken;
  }

  get note(): DownloadState | undefined {
    return this.files.notes.get(NOTE) as DownloadState | undefined;
  }
}

const ALL = Array.from({ length: 10 }, (_, piece) => piece);

describe('target', () => {
  it('begins with a part file and a note, has the finished file under its name at the end, and nothing else', async () => {
    const bench = new Bench();
    const { have } = await bench.open();
    expect([have.count, bench.target.path, bench.files.locked.has(PATH)]).toEqual([0, PATH, true]);
    expect([...bench.files.files.keys(), ...bench.files.notes.keys()]).toEqual([PART, NOTE]);
    await bench.target.leave();
    const other = await new Bench(bench.files).fetch(...ALL);
    await other.target.finish();
    await other.target.leave();
    expect([...bench.files.files.keys()]).toEqual([PATH]);
    expect(equalBytes(bench.files.files.get(PATH)!, CONTENT.bytes)).toBe(true);
    expect([bench.files.notes.size, bench.files.locked.size, bench.files.openStores]).toEqual([0, 0, 0]);
    expect([bench.clock.pending, other.clock.pending]).toEqual([0, 0]);
  });

  it('the note names the content and what is certain, soon after that changed', async () => {
    const bench = await new Bench().fetch(0, 9);
    expect(bench.note?.verifiedChunks).toBe(0);
    await bench.clock.runFor(STATE_INTERVAL_MS);
    expect(bench.note).toEqual({
      version: 1,
      infoHash: toHex(CONTENT.info.infoHashV2!),
      name: 'content.bin',
      sizeBytes: CONTENT.bytes.length,
      chunkBytes: BLOCK_BYTES,
      chunks: 10,
      verifiedChunks: 2,
      verified: '8040',
    });
  });

  it('a part file in which nothing was verified is removed again, with its note', async () => {
    const bench = await new Bench().fetch();
    await bench.target.leave();
    expect([bench.files.files.size, bench.files.notes.size, bench.files.locked.size]).toEqual([0, 0, 0]);
  });

  it('a part file that was there before is not removed, though nothing in it is right', async () => {
    const bench = new Bench();
    bench.files.files.set(PART, new Uint8Array(5));
    await bench.fetch();
    await bench.target.leave();
    expect(bench.files.files.has(PART)).toBe(true);
  });

  it('keeps what is verified when it is left early', async () => {
    const first = await new Bench().fetch(1, 2, 5);
    await first.target.leave();
    expect(first.note?.verifiedChunks).toBe(3);
    const { have } = await new Bench(first.files).open();
    expect([...have]).toEqual([1, 2, 5]);
  });

  describe('whatever the last process left', () => {
    const partOf = (pieces: readonly number[], lengthBytes = CONTENT.bytes.length): Uint8Array => {
      const bytes = new Uint8Array(lengthBytes);
      for (const piece of pieces) {
        const begin = piece * BLOCK_BYTES;
        bytes.set(CONTENT.pieceOf(piece).subarray(0, Math.max(0, lengthBytes - begin)), Math.min(begin, lengthBytes));
      }
      return bytes;
    };
    const noteOf = (verified: string, infoHash = toHex(CONTENT.info.infoHashV2!)): object => ({
      ...{ version: 1, infoHash, verified, verifiedChunks: 10 },
    });
    const other = 'ff'.repeat(32);
    const parts: [name: string, bytes: Uint8Array, right: readonly number[]][] = [
      ['a part of full size', partOf([0, 3, 9]), [0, 3, 9]],
      ['a torn part', partOf([0, 1, 2], 2 * BLOCK_BYTES + 5), [0, 1]],
      ['an empty part', new Uint8Array(0), []],
      ['a part that has grown', partOf([4, 9], CONTENT.bytes.length + 1000), [4, 9]],
      ['a part of other content', contentOfSize(9 * BLOCK_BYTES + 77, BLOCK_BYTES, 2).bytes, []],
      ['a whole part', CONTENT.bytes.slice(), ALL],
    ];
    const notes: [name: string, note: unknown][] = [
      ['no note, or a torn one', undefined],
      ['a note that claims all', noteOf('ffc0')],
      ['a note that claims nothing', noteOf('0000')],
      ['a note of other content', noteOf('ffc0', other)],
      ['a note with anything in it', { infoHash: 5, verified: null }],
      ['a note that is no object', 'ffc0'],
      ['a note that is null', null],
    ];

    describe.each(parts)('%s', (_part, bytes, right) => {
      it.each(notes)('[fault 49] [fault 50] with %s: only what is verified again counts', async (_note, note) => {
        const bench = new Bench();
        bench.files.files.set(PART, bytes.slice());
        if (note !== undefined) bench.files.notes.set(NOTE, note);
        const { have, store } = await bench.open();
        expect([...have]).toEqual(right);
        expect(bench.checkedBytes).toBe(CONTENT.bytes.length);
        expect(bench.note).toMatchObject({ verifiedChunks: right.length, infoHash: toHex(CONTENT.info.infoHashV2!) });
        for (const piece of ALL)
          if (!have.has(pieceIndex(piece))) await store.write(pieceIndex(piece), CONTENT.pieceOf(piece));
        await bench.target.finish();
        await bench.target.leave();
        expect(equalBytes(bench.files.files.get(PATH)!, CONTENT.bytes)).toBe(true);
      });
    });

    it('[fault 49] a note without a part file counts for nothing', async () => {
      const bench = new Bench();
      bench.files.notes.set(NOTE, noteOf('ffc0'));
      expect((await bench.open()).have.count).toBe(0);
      await bench.target.leave();
      expect(bench.files.notes.size).toBe(0);
    });

    it('says so when the part file was begun for other content', async () => {
      const bench = new Bench();
      bench.files.files.set(PART, partOf([0]));
      bench.files.notes.set(NOTE, noteOf('8000', other));
      await bench.open();
      expect(bench.log.of('warn')[0]).toContain('other content');
    });
  });

  it('an existing file that is right is complete; nothing is written, and no room is needed', async () => {
    const bench = new Bench();
    bench.files.files.set(PATH, CONTENT.bytes.slice());
    bench.files.freeRoomBytes = 0;
    expect(await bench.take()).toEqual({ kind: 'complete' });
    await bench.target.leave();
    expect([...bench.files.files.keys()]).toEqual([PATH]);
    expect([bench.files.notes.size, bench.files.locked.size]).toEqual([0, 0]);
  });

  it.each([
    ['of another size', CONTENT.bytes.subarray(1)],
    ['of the same size with one byte wrong', CONTENT.bytes.map((byte, i) => (i === 70_000 ? byte ^ 1 : byte))],
    ['that is empty', new Uint8Array(0)],
  ])('an existing file %s is not touched, unless that is forced', async (_, bytes) => {
    const bench = new Bench();
    bench.files.files.set(PATH, bytes);
    await expect(bench.take()).rejects.toMatchObject({ code: 'TARGET_DIFFERS' });
    await bench.target.leave();
    expect(bench.files.files.get(PATH)).toBe(bytes);
    expect([bench.files.files.size, bench.files.locked.size]).toEqual([1, 0]);

    const forced = await new Bench(bench.files, true).fetch(...ALL);
    expect(bench.files.files.get(PATH)).toBe(bytes);
    await forced.target.finish();
    await forced.target.leave();
    expect(equalBytes(bench.files.files.get(PATH)!, CONTENT.bytes)).toBe(true);
  });

  it('a file that appears meanwhile is not replaced, and what was fetched stays', async () => {
    const bench = await new Bench().fetch(...ALL);
    const foreign = new Uint8Array(3);
    bench.files.files.set(PATH, foreign);
    await expect(bench.target.finish()).rejects.toMatchObject({ code: 'TARGET_DIFFERS' });
    await bench.target.leave();
    expect(bench.files.files.get(PATH)).toBe(foreign);
    expect(equalBytes(bench.files.files.get(PART)!, CONTENT.bytes)).toBe(true);
  });

  it.each(['directory', 'other'] as const)('[fault 25] refuses a target that is no regular file: %s', async (kind) => {
    const bench = new Bench();
    bench.files.oddities.set(PATH, kind);
    await expect(bench.take()).rejects.toMatchObject({ code: 'FILE_ACCESS' });
    await bench.target.leave();
    expect(bench.files.locked.size).toBe(0);
  });

  it('[fault 51] one at a time: the second is refused and leaves the first alone', async () => {
    const first = await new Bench().fetch(3);
    const second = new Bench(first.files);
    await expect(second.take()).rejects.toMatchObject({ code: 'DOWNLOAD_LOCKED' });
    await second.target.leave();
    expect(first.files.locked.has(PATH)).toBe(true);
    expect(first.files.openStores).toBe(1);
    await first.target.leave();
    expect((await second.open()).have.count).toBe(1);
  });

  it('[fault 47] without enough room it does not begin; what is there already needs none', async () => {
    const bench = new Bench();
    bench.files.freeRoomBytes = CONTENT.bytes.length - 1;
    await expect(bench.take()).rejects.toMatchObject({ code: 'DISK_FULL' });
    await bench.target.leave();
    expect([bench.files.files.size, bench.files.locked.size]).toEqual([0, 0]);

    bench.files.files.set(PART, new Uint8Array(CONTENT.bytes.length));
    bench.files.storedBytes.set(PART, 2 * BLOCK_BYTES);
    bench.files.freeRoomBytes = CONTENT.bytes.length - 2 * BLOCK_BYTES - 1;
    await expect(new Bench(bench.files).take()).rejects.toMatchObject({ code: 'DISK_FULL' });
    bench.files.freeRoomBytes++;
    bench.files.locked.clear();
    expect((await new Bench(bench.files).take()).kind).toBe('open');
  });

  it('[fault 54] stops between its steps when nobody wants it any more, and leaves nothing', async () => {
    for (let steps = 0; steps < 3; steps++) {
      const bench = new Bench();
      let asked = 0;
      expect(await bench.take(CONTENT, () => asked++ < steps)).toEqual({ kind: 'unwanted' });
      await bench.target.leave();
      expect([bench.files.files.size, bench.files.notes.size, bench.files.locked.size]).toEqual([0, 0, 0]);
      expect(bench.files.openStores).toBe(0);
    }
  });

  it('a check that was cut short leaves the note as it was', async () => {
    const first = await new Bench().fetch(1, 2);
    await first.target.leave();
    const before = first.note;
    const second = new Bench(first.files);
    first.files.fail('check', new StoreError('failed', 'EIO'));
    await expect(second.take()).rejects.toMatchObject({ failure: 'failed' });
    await second.target.leave();
    expect(second.note).toBe(before);
    expect([first.files.openStores, first.files.locked.size]).toEqual([0, 0]);
  });

  it.each(['pathFor', 'lock', 'openPart', 'readState'] as const)(
    '[fault 48] when %s fails, that is the error, and the place is free again',
    async (step) => {
      const bench = new Bench();
      bench.files.files.set(PART, new Uint8Array(5));
      const error = new StoreError('failed', `${step}: EIO`);
      bench.files.fail(step, error);
      await expect(bench.take()).rejects.toBe(error);
      await bench.target.leave();
      expect([bench.files.locked.size, bench.files.openStores]).toEqual([0, 0]);
    },
  );

  it('[fault 47] a full state volume is told of and costs nothing but the note', async () => {
    const bench = await new Bench().fetch(4);
    bench.files.fail('writeState', new StoreError('full', 'ENOSPC'));
    await bench.clock.runFor(STATE_INTERVAL_MS);
    expect(bench.log.of('warn')).toEqual(['cannot write the note of what is certain']);
    await bench.target.leave();
    expect([bench.files.locked.size, bench.files.openStores]).toEqual([0, 0]);
    expect([...(await new Bench(bench.files).open().catch(() => ({ have: [] }))).have]).toEqual([]);
    delete bench.files.before.writeState;
    bench.files.locked.clear();
    expect([...(await new Bench(bench.files).open()).have]).toEqual([4]);
  });

  it('leaving never fails, and lets go whatever happens', async () => {
    for (const step of ['sync', 'writeState', 'remove'] as const) {
      for (const pieces of [[], [1]]) {
        const bench = await new Bench().fetch(...pieces);
        bench.files.fail(step, new StoreError('failed', 'EIO'));
        await bench.target.leave();
        expect([bench.files.locked.size, bench.files.openStores]).toEqual([0, 0]);
      }
    }
  });

  it('a note that cannot be removed does not undo a finished download', async () => {
    const bench = await new Bench().fetch(...ALL);
    bench.files.fail('remove', new StoreError('failed', 'EROFS'));
    await bench.target.finish();
    await bench.target.leave();
    expect(bench.files.files.has(PATH)).toBe(true);
    expect(bench.log.of('warn')[0]).toContain('complete');
  });

  it('writes no note after the finish, nor after it was left', async () => {
    const bench = await new Bench().fetch(...ALL);
    await bench.target.finish();
    await bench.target.leave();
    await bench.clock.runFor(10 * STATE_INTERVAL_MS);
    expect(bench.files.notes.size).toBe(0);
  });

  it('notes are written one after the other, the latest last', async () => {
    const bench = await new Bench().fetch(0);
    let release = (): void => undefined;
    bench.files.before.writeState = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    await bench.clock.runFor(STATE_INTERVAL_MS);
    bench.target.verified(pieceIndex(1));
    await bench.clock.runFor(STATE_INTERVAL_MS);
    const leaving = bench.target.leave();
    for (let round = 0; round < 5; round++) {
      release();
      await bench.clock.runFor(1);
    }
    await leaving;
    expect(bench.note?.verifiedChunks).toBe(2);
  });
});
