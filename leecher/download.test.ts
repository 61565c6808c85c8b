import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../common/sim/clock.ts';
import type { DownloadOptions } from './download-options.ts';
import { ALL, CONTENT, DownloadBench, PATH, partWith, START } from './fixtures/download-bench.ts';
import { MemoryFiles } from './fixtures/memory-files.ts';

const KNOWN = { info: CONTENT.info, layers: CONTENT.layers };

const benchOn = (files: MemoryFiles, options: Partial<DownloadOptions> & { force?: boolean } = {}): DownloadBench =>
  new DownloadBench(files, new VirtualClock({ startAt: START }), options);

const newBench = (options: Partial<DownloadOptions> & { force?: boolean } = {}): DownloadBench =>
  benchOn(new MemoryFiles(), options);

describe('download', () => {
  it('goes through its stages in order, from a hash alone to the finished file', async () => {
    const bench = newBench();
    bench.run();
    for (const id of [1, 2, 3]) bench.join(id);
    await bench.finish();
    bench.expectFinished();
    expect(bench.stages).toEqual(['learning', 'checking', 'waiting', 'fetching', 'finishing', 'over']);
    expect(bench.events.lines[1]).toBe('source 1 joined');
    expect(bench.events.of('content')).toEqual(['content content.bin']);
    expect(bench.events.of('chunk')).toHaveLength(12);
    expect(bench.result?.wasThere).toBe(false);
    expect([bench.download.verifiedBytes, bench.download.resumedBytes]).toEqual([CONTENT.bytes.length, 0]);
    await bench.close();
    bench.expectLetGo();
  });

  it('with a .torrent file it asks nobody what the content is', async () => {
    const bench = newBench({ known: KNOWN });
    bench.run();
    const peers = [bench.join(1), bench.join(2)];
    await bench.finish();
    bench.expectFinished();
    for (const peer of peers) expect([peer.metadataAsked, peer.hashesAsked]).toEqual([[], []]);
  });

  it('a file that is there already and right is the result, without any source', async () => {
    const bench = newBench({ known: KNOWN });
    bench.files.files.set(PATH, CONTENT.bytes.slice());
    bench.run();
    await bench.finish();
    bench.expectFinished();
    expect(bench.result?.wasThere).toBe(true);
    expect(bench.stages).toEqual(['learning', 'checking', 'over']);
    expect(bench.download.verifiedBytes).toBe(CONTENT.bytes.length);
    await bench.close();
    bench.expectLetGo();
  });

  it('asks for more peers again and again until there are sources enough', async () => {
    const bench = newBench({ known: KNOWN, waitMs: 60_000 });
    bench.run();
    await bench.wait(20_001);
    const asked = bench.hungry;
    expect(asked).toBeGreaterThanOrEqual(4);
    bench.join(1);
    await bench.wait(10_000);
    expect(bench.hungry).toBeGreaterThanOrEqual(asked + 2);
    bench.join(2);
    await bench.finish();
    bench.expectFinished();
  });

  it('resumes: what is on the disk is offered to peers and not fetched again', async () => {
    const bench = newBench({ known: KNOWN });
    bench.files.files.set(`${PATH}.part`, partWith([0, 1, 2, 7]));
    bench.run();
    await bench.wait(5);
    expect([...bench.swarm.torrent.offered]).toEqual([0, 1, 2, 7]);
    expect(bench.download.resumedBytes).toBe(4 * 16_384);
    bench.join(1);
    bench.join(2);
    await bench.finish();
    bench.expectFinished();
    const fetched = bench.events.of('chunk').map((line) => Number(line.split(' ')[1]));
    expect(fetched.sort((a, b) => a - b)).toEqual([3, 4, 5, 6, 8, 9, 10, 11]);
    expect([...bench.swarm.torrent.offered]).toEqual(ALL);
  });

  it('a part file that is whole is finished without any source', async () => {
    const bench = newBench({ known: KNOWN });
    bench.files.files.set(`${PATH}.part`, CONTENT.bytes.slice());
    bench.run();
    await bench.finish();
    bench.expectFinished();
    expect(bench.stages).toEqual(['learning', 'checking', 'waiting', 'finishing', 'over']);
  });

  it('peers that come while it looks at the disk count when it has', async () => {
    const bench = newBench({ known: KNOWN });
    let goOn = (): void => undefined;
    bench.files.before.lock = () => new Promise((resolve) => (goOn = resolve));
    bench.run();
    bench.join(1);
    bench.join(2);
    await bench.wait(5);
    expect(bench.download.stage).toBe('checking');
    goOn();
    await bench.finish();
    bench.expectFinished();
  });

  it('peers that go while it learns are replaced, and none is counted twice', async () => {
    const bench = newBench();
    bench.run();
    const first = bench.join(1);
    first.close('reset');
    const second = bench.join(2);
    await bench.step();
    second.close('ended');
    bench.join(3);
    bench.join(4);
    await bench.finish();
    bench.expectFinished();
    expect(bench.download.peerCount).toBe(2);
    expect(bench.events.of('source 1')).toEqual(['source 1 joined', 'source 1 left reset']);
  });

  it('who describes other content is banned, and the next one is asked', async () => {
    const bench = newBench();
    bench.run();
    const liar = bench.join(1);
    bench.join(2);
    bench.join(3);
    liar.metadataAsked.shift();
    const other = new Uint8Array(CONTENT.info.infoBytes.length);
    bench.download.fetcher.onMetadata(liar, 0, other.length, other, bench.clock.now());
    expect([liar.closedBecause, bench.swarm.standing.isBanned(liar.endpoint)]).toEqual(['banned', true]);
    expect(bench.events.of('banned')).toEqual(['banned 1']);
    await bench.finish();
    bench.expectFinished();
  });

  it('[fault 35] a source that lies is banned and the rest comes from the others', async () => {
    const bench = newBench();
    bench.run();
    bench.join(1, { lies: true });
    bench.join(2);
    bench.join(3);
    await bench.finish();
    bench.expectFinished();
    expect(bench.download.report().find(({ endpoint }) => endpoint === '10.0.0.1:7000')).toMatchObject({ chunks: 0 });
  });

  it('tells nothing more once it is over', async () => {
    const bench = newBench();
    bench.run();
    const peers = [1, 2, 3].map((id) => bench.join(id));
    for (let i = 0; i < 10; i++) await bench.step();
    bench.download.stop('INTERRUPTED', 'enough');
    const told = bench.events.lines.length;
    await bench.wait(10);
    bench.join(9);
    for (const peer of peers) peer.close('stopped');
    await bench.wait(200_000);
    expect(bench.events.lines.slice(told)).toEqual([]);
  });
});
