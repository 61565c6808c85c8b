import { describe, expect, it } from 'vitest';
import { equalBytes } from '../common/base/bytes.ts';
import { ShoalError } from '../common/base/errors.ts';
import { pieceIndex } from '../common/base/ids.ts';
import { StoreError } from '../common/base/ports.ts';
import { VirtualClock } from '../common/sim/clock.ts';
import type { DownloadOptions } from './download-options.ts';
import { ALL, CONTENT, DownloadBench, PATH, partWith, START } from './fixtures/download-bench.ts';
import { MemoryFiles } from './fixtures/memory-files.ts';

const KNOWN = { info: CONTENT.info, layers: CONTENT.layers };

const benchOn = (files: MemoryFiles, options: Partial<DownloadOptions> & { force?: boolean } = {}): DownloadBench =>
  new DownloadBench(files, new VirtualClock({ startAt: START }), options);

const newBench = (options: Partial<DownloadOptions> & { force?: boolean } = {}): DownloadBench =>
  benchOn(new MemoryFiles(), options);

describe('how a download ends before its time', () => {
  async function endOf(bench: DownloadBench): Promise<unknown> {
    await bench.close();
    bench.expectLetGo();
    expect(bench.stages.at(-1)).toBe('over');
    expect(bench.stages.filter((stage) => stage === 'over')).toHaveLength(1);
    return bench.error;
  }

  it('[fault 58] TOO_FEW_SEEDERS: nobody described the content', async () => {
    const bench = newBench();
    bench.run();
    bench.join(1, { describes: false });
    await bench.wait(29_999);
    expect(bench.isSettled).toBe(false);
    await bench.wait(1);
    expect(await endOf(bench)).toMatchObject({ code: 'TOO_FEW_SEEDERS' });
    expect(String(bench.error)).toContain('1 connected, but no peer described');
  });

  it('what the trackers have to say about that comes first', async () => {
    const error = new ShoalError('CONTENT_UNKNOWN', 'no tracker knows it');
    const bench = newBench({ nobody: () => error });
    bench.run();
    await bench.wait(30_000);
    expect(await endOf(bench)).toBe(error);
  });

  it('[fault 58] TOO_FEW_SEEDERS: the message says how many there were', async () => {
    const bench = newBench({ minSeeders: 3 });
    bench.run();
    bench.join(1);
    bench.join(2);
    for (let i = 0; i < 10; i++) await bench.step();
    expect(bench.events.of('waiting').at(-1)).toBe('waiting 2 of 3');
    expect(bench.hungry).toBeGreaterThan(0);
    await bench.wait(30_000);
    expect(await endOf(bench)).toMatchObject({ code: 'TOO_FEW_SEEDERS' });
    expect(String(bench.error)).toContain('--min-seeders 2');
    expect([bench.files.files.size, bench.files.notes.size]).toEqual([0, 0]);
  });

  it('each step that is learned begins the wait for the next one anew', async () => {
    const bench = newBench();
    bench.run();
    await bench.wait(29_000);
    const described = bench.join(1);
    await bench.step();
    expect(bench.events.of('content')).toHaveLength(1);
    described.close('reset');
    await bench.wait(29_000);
    bench.join(2);
    await bench.step();
    expect(bench.download.stage).toBe('waiting');
    await bench.wait(29_000);
    bench.join(3);
    await bench.finish();
    bench.expectFinished();
  });

  it('[fault 42] TIMED_OUT: sources that give nothing, and what came is kept', async () => {
    const bench = newBench({ known: KNOWN });
    bench.run();
    await bench.wait(5);
    const [good] = [bench.join(1, { held: [0, 1] }), bench.join(2, { silent: true })];
    for (let i = 0; i < 20; i++) await bench.step();
    good.close('reset');
    await bench.wait(200_000);
    expect(await endOf(bench)).toMatchObject({ code: 'TIMED_OUT' });
    expect(String(bench.error)).toContain('2 of 12 chunks are kept in /here/content.bin.part');
    expect(bench.files.notes.get(`${PATH}.part.json`)).toMatchObject({ verifiedChunks: 2 });
  });

  it('[fault 58] TIMED_OUT: falling below the minimum in flight is no end; nobody left for long is', async () => {
    const bench = newBench({ known: KNOWN });
    bench.run();
    await bench.wait(5);
    const peers = [1, 2].map((id) => bench.join(id));
    for (let i = 0; i < 3; i++) await bench.step();
    for (const peer of peers) peer.close('reset');
    await bench.wait(80_000);
    expect(bench.isSettled).toBe(false);
    bench.join(3);
    await bench.finish();
    bench.expectFinished();
  });

  it('[fault 36] NO_VALID_SOURCE: all sources lie', async () => {
    const bench = newBench({ known: KNOWN });
    bench.run();
    await bench.wait(5);
    bench.join(1, { lies: true });
    bench.join(2, { lies: true });
    await bench.finish(20_000);
    expect(await endOf(bench)).toMatchObject({ code: 'NO_VALID_SOURCE' });
    expect([bench.files.writes, bench.files.files.size]).toEqual([0, 0]);
  });

  it('METADATA_INVALID: the description is what was asked for and cannot be used', async () => {
    const error = new ShoalError('METADATA_INVALID', 'it has no name');
    const bench = newBench({
      recognise: () => {
        throw error;
      },
    });
    bench.run();
    const peer = bench.join(1);
    await bench.step();
    expect(await endOf(bench)).toBe(error);
    expect(peer.closedBecause).toBeUndefined();
  });

  it('[fault 51] DOWNLOAD_LOCKED: another process has it', async () => {
    const files = new MemoryFiles();
    await files.lock(PATH);
    const bench = benchOn(files, { known: KNOWN });
    bench.run();
    await bench.wait(5);
    expect(bench.error).toMatchObject({ code: 'DOWNLOAD_LOCKED' });
    await bench.close();
    expect(files.locked.has(PATH)).toBe(true);
  });

  it('TARGET_DIFFERS: something else is there', async () => {
    const bench = newBench({ known: KNOWN });
    bench.files.files.set(PATH, new Uint8Array(4));
    bench.run();
    await bench.wait(5);
    expect(await endOf(bench)).toMatchObject({ code: 'TARGET_DIFFERS' });
    const forced = benchOn(bench.files, { known: KNOWN, force: true });
    forced.run();
    forced.join(1);
    forced.join(2);
    await forced.finish();
    forced.expectFinished();
  });

  it('[fault 47] DISK_FULL: before it begins', async () => {
    const bench = newBench({ known: KNOWN });
    bench.files.freeRoomBytes = 10;
    bench.run();
    await bench.wait(5);
    expect(await endOf(bench)).toMatchObject({ code: 'DISK_FULL' });
  });

  it.each([
    ['full', 'DISK_FULL'],
    ['failed', 'FILE_ACCESS'],
  ] as const)(
    '[fault 47] [fault 48] in the middle, a store that is %s: %s, and what is verified is kept',
    async (failure, code) => {
      const bench = newBench({ known: KNOWN });
      bench.run();
      bench.join(1);
      bench.join(2);
      while (bench.events.of('chunk').length < 4) await bench.step();
      bench.files.fail('write', new StoreError(failure, 'cannot write'));
      await bench.finish();
      delete bench.files.before.write;
      expect(await endOf(bench)).toMatchObject({ code });
      const again = benchOn(bench.files, { known: KNOWN });
      again.run();
      await again.wait(5);
      expect(again.download.resumedBytes).toBeGreaterThanOrEqual(4 * 16_384);
      again.join(3);
      again.join(4);
      await again.finish();
      again.expectFinished();
    },
  );

  it('[fault 47] at the finish: nothing is lost, and the next start only names the file', async () => {
    const bench = newBench({ known: KNOWN });
    bench.files.fail('finish', new StoreError('full', 'ENOSPC'));
    bench.run();
    bench.join(1);
    bench.join(2);
    await bench.finish();
    delete bench.files.before.finish;
    expect(await endOf(bench)).toMatchObject({ code: 'DISK_FULL' });
    const again = benchOn(bench.files, { known: KNOWN });
    again.run();
    await again.finish();
    again.expectFinished();
    expect(again.files.writes).toBe(12);
  });

  it.each(['lock', 'openPart', 'check', 'readState', 'writeState'] as const)(
    '[fault 48] FILE_ACCESS: %s fails at the start',
    async (step) => {
      const bench = newBench({ known: KNOWN });
      bench.files.files.set(`${PATH}.part`, partWith([1]));
      bench.files.fail(step, new StoreError('failed', `${step}: EIO`));
      bench.run();
      await bench.wait(5);
      expect(await endOf(bench)).toMatchObject({ code: 'FILE_ACCESS', message: `${step}: EIO` });
    },
  );

  it('a mistake of our own ends the download and not the process', async () => {
    const mistake = new Error('ours');
    const bench = newBench({ known: KNOWN });
    bench.files.fail('openPart', mistake);
    bench.run();
    await bench.wait(5);
    expect(await endOf(bench)).toBe(mistake);
  });
});

describe('stopping a download', () => {
  it('[fault 54] works at any moment, lets go of everything, and the next run has what was verified', async () => {
    let resumed = 0;
    for (let steps = 0; steps < 60; steps++) {
      const bench = newBench();
      bench.run();
      for (const id of [1, 2, 3]) bench.join(id);
      for (let i = 0; i < steps; i++) await bench.step();
      const verified = bench.events.of('chunk').length;
      bench.download.stop('INTERRUPTED', 'stopped by SIGINT');
      await bench.close();
      bench.expectLetGo();
      expect(bench.isSettled).toBe(true);
      if (bench.error !== undefined) expect(bench.error).toMatchObject({ code: 'INTERRUPTED' });
      if (bench.result !== undefined) {
        bench.expectFinished();
        continue;
      }
      if (verified === 0) expect([...bench.files.files.keys()]).toEqual([]);
      const again = benchOn(bench.files);
      again.run();
      for (const id of [4, 5]) again.join(id);
      await again.finish();
      again.expectFinished();
      expect(again.download.resumedBytes).toBeGreaterThanOrEqual(verified * 16_384);
      if (verified > 0) resumed++;
    }
    expect(resumed).toBeGreaterThan(0);
  });

  it.each(['pathFor', 'lock', 'check', 'openPart', 'readState', 'writeState'] as const)(
    '[fault 54] while it looks at the disk, in %s: the place is left when that has come back',
    async (step) => {
      const bench = newBench({ known: KNOWN });
      bench.files.files.set(`${PATH}.part`, partWith([1]));
      let goOn = (): void => undefined;
      bench.files.before[step] = () => new Promise((resolve) => (goOn = resolve));
      bench.run();
      await bench.wait(5);
      bench.download.stop('INTERRUPTED', 'stopped by SIGTERM');
      await bench.wait(1);
      expect(bench.error).toMatchObject({ code: 'INTERRUPTED' });
      let isClosed = false;
      void bench.download.close().then(() => (isClosed = true));
      await bench.wait(5);
      expect(isClosed).toBe(false);
      delete bench.files.before[step];
      goOn();
      await bench.wait(5);
      expect(isClosed).toBe(true);
      bench.expectLetGo();
      expect(equalBytes(bench.files.files.get(`${PATH}.part`)!, partWith([1]))).toBe(true);
      expect(bench.stages).toEqual(['learning', 'checking', 'over']);
    },
  );

  it('[fault 54] while the file gets its name it is finished all the same', async () => {
    const bench = newBench({ known: KNOWN });
    let goOn = (): void => undefined;
    bench.files.before.finish = () => new Promise((resolve) => (goOn = resolve));
    bench.run();
    bench.join(1);
    bench.join(2);
    while (bench.download.stage !== 'finishing') await bench.step();
    await bench.wait(5);
    bench.download.stop('INTERRUPTED', 'too late');
    expect(bench.isSettled).toBe(false);
    const closing = bench.download.close();
    await bench.wait(5);
    goOn();
    await bench.clock.run(closing, 100);
    bench.expectFinished();
    bench.expectLetGo();
  });

  it('before it runs: it never begins', async () => {
    const bench = newBench({ known: KNOWN });
    bench.download.stop('INTERRUPTED', 'stopped early');
    bench.run();
    await bench.wait(1);
    expect(bench.error).toMatchObject({ code: 'INTERRUPTED' });
    await bench.close();
    bench.expectLetGo();
    expect(bench.files.files.size).toBe(0);
  });

  it('closing one that still runs stops it', async () => {
    const bench = newBench({ known: KNOWN });
    bench.run();
    bench.join(1);
    bench.join(2);
    for (let i = 0; i < 4; i++) await bench.step();
    await bench.close();
    bench.expectLetGo();
    expect(bench.error).toMatchObject({ code: 'INTERRUPTED' });
  });

  it('a second reason changes nothing', async () => {
    const bench = newBench();
    bench.run();
    bench.download.stop('INTERRUPTED', 'first');
    bench.download.stop('TIMED_OUT', 'second');
    await bench.wait(1);
    expect(bench.error).toMatchObject({ code: 'INTERRUPTED', message: 'first' });
  });

  it('what comes from peers afterwards is not looked at', async () => {
    const bench = newBench({ known: KNOWN });
    bench.run();
    const [peer] = [bench.join(1), bench.join(2)];
    for (let i = 0; i < 4; i++) await bench.step();
    bench.download.stop('INTERRUPTED', 'enough');
    const { fetcher } = bench.download;
    const writes = bench.files.writes;
    for (const piece of ALL) {
      fetcher.onBlockBytes(peer, pieceIndex(piece), 0, 0, CONTENT.pieceOf(piece), bench.clock.now());
      fetcher.onBlock(peer, pieceIndex(piece), 0, 16_384, bench.clock.now());
      fetcher.onHave(peer, pieceIndex(piece), bench.clock.now());
      fetcher.onRejected(peer, pieceIndex(piece), 0, 16_384, bench.clock.now());
    }
    fetcher.onPieces(peer, bench.clock.now());
    fetcher.onUnchoked(peer, bench.clock.now());
    fetcher.onChoked(peer, bench.clock.now());
    await bench.close();
    expect(bench.files.writes).toBe(writes);
    expect(peer.open).toEqual([]);
    bench.expectLetGo();
  });
});
