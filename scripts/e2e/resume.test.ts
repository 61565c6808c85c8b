import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PATIENT, sandbox } from './processes.ts';
import { sha256Of } from './shared-file.ts';
import { CHUNK, chunksOf, GatedSwarm, KIB, swarmForAll } from './swarm.ts';

/** Room for what is said beside the chunks: handshakes, the description, hashes. */
const TALK = 64 * KIB;
const CHUNKS = 24;
const SIZE = CHUNKS * CHUNK - 7;
const ALL = Array.from({ length: CHUNKS }, (_, i) => i);

describe('a leecher killed at any point', PATIENT, () => {
  it.each([
    ['before it knows what it gets', 100, 0],
    ['in its first chunks', TALK + CHUNK / 2, 0],
    ['after a few chunks', TALK + CHUNK, 3],
    ['after many', TALK + 6 * CHUNK, 18],
  ])('[fault 49] goes on %s, and fetches nothing twice that it had', async (_when, allowedBytes, chunks) => {
    const swarm = await GatedSwarm.start(sandbox(), SIZE);
    await swarm.openGates(allowedBytes);
    const first = swarm.leech('copy.bin');
    await swarm.usedUp();
    if (chunks > 0) await first.event('chunk', chunks);
    await first.kill();
    const kept = chunksOf(first);
    expect(kept).toHaveLength(chunks);

    await swarm.openGates();
    const again = swarm.leech('copy.bin');
    await again.endsWith(0);
    expect(sha256Of(swarm.box.path('copy.bin'))).toBe(swarm.file.sha256);
    expect([...kept, ...chunksOf(again)].sort((a, b) => a - b)).toEqual(ALL);
  });
});

describe('a part file from before', PATIENT, () => {
  const swarm = swarmForAll(SIZE);

  /** A part file of this name with everything right but these chunks, and whatever is to be its note. */
  function leave(name: string, wrong: readonly number[], note: string | undefined): void {
    const part = swarm().box.path(`${name}.part`);
    const bytes = readFileSync(swarm().file.path);
    for (const chunk of wrong) bytes[chunk * CHUNK]! ^= 1;
    writeFileSync(part, bytes);
    if (note !== undefined) writeFileSync(`${part}.json`, note);
  }

  /** The chunks that were fetched to complete it. */
  async function complete(name: string): Promise<number[]> {
    const leecher = swarm().leech(name, '--json');
    await leecher.endsWith(0);
    expect(sha256Of(swarm().box.path(name))).toBe(swarm().file.sha256);
    expect(readdirSync(swarm().box.directory).filter((one) => one.startsWith(`${name}.`))).toEqual([]);
    return chunksOf(leecher).sort((a, b) => a - b);
  }

  it.each([
    ['no', undefined],
    ['an empty', ''],
    ['a torn', '{"format":"shoal state 1","sha256":"00'],
    ['somebody else’s', '{"version":7}'],
    ['a forged', `{"format":"shoal state 1","sha256":"${'0'.repeat(64)}","state":{"verified":"ffffff"}}`],
  ])('[fault 49] with %s note is verified, and only what is wrong is fetched', async (which, note) => {
    const name = `noted-${which.replace(/\W/g, '-')}`;
    leave(name, [3, 4, 23], note);
    expect(await complete(name)).toEqual([3, 4, 23]);
  });

  it('[fault 50] that was edited after its note was written is fetched where it was edited', async () => {
    const gated = await GatedSwarm.start(sandbox(), SIZE);
    await gated.openGates(TALK + 4 * CHUNK);
    const first = gated.leech('copy.bin');
    await first.event('chunk', 12);
    await first.stop('SIGINT', 7);
    const kept = chunksOf(first);
    const part = gated.box.path('copy.bin.part');
    const bytes = readFileSync(part);
    bytes[kept[0]! * CHUNK + 9]! ^= 1;
    writeFileSync(part, bytes);
    await gated.openGates();
    const again = gated.leech('copy.bin');
    await again.endsWith(0);
    expect(sha256Of(gated.box.path('copy.bin'))).toBe(gated.file.sha256);
    expect(chunksOf(again)).toContain(kept[0]);
    expect(chunksOf(again)).toHaveLength(24 - 12 + 1);
  });

  it('[fault 50] that lost its end is fetched from there', async () => {
    leave('short', [], undefined);
    truncateSync(swarm().box.path('short.part'), 20 * CHUNK + 1);
    expect(await complete('short')).toEqual([20, 21, 22, 23]);
  });

  it('[fault 50] that has grown is cut to size', async () => {
    leave('long', [0], undefined);
    appendFileSync(swarm().box.path('long.part'), new Uint8Array(100));
    expect(await complete('long')).toEqual([0]);
  });

  it('[fault 50] of something else is replaced chunk by chunk', async () => {
    writeFileSync(swarm().box.path('other.part'), new Uint8Array(5 * CHUNK));
    expect(await complete('other')).toEqual(ALL);
  });

  it('that is whole is only verified and named', async () => {
    leave('whole', [], undefined);
    expect(await complete('whole')).toEqual([]);
  });
});
