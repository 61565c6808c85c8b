import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { toHex } from '../base/bytes.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { contentOf, leavesOfFile } from '../fixtures/trees.ts';
import { vectors } from '../fixtures/vectors.ts';
import { HashAllowance } from './hash-allowance.ts';
import { HashThreads } from './hash-threads.ts';
import { HashPool, hashThreadCount } from './hasher.ts';

const pool = new HashPool({ threads: 2 });
afterAll(() => pool.close());

/** The same bytes in shared memory, somewhere inside a larger buffer. */
function shared(bytes: Uint8Array): Uint8Array {
  const view = new Uint8Array(new SharedArrayBuffer(bytes.length + 64), 32, bytes.length);
  view.set(bytes);
  return view;
}

function worker(source: string): URL {
  const path = join(temporaryDirectory(), 'worker.mjs');
  writeFileSync(path, source);
  return pathToFileURL(path);
}

describe('hasher', () => {
  it.each(['s1.bin', 's16384.bin', 's16385.bin', 's49153.bin', 's524288.bin'])(
    'gives the root and the leaves of %s',
    async (name) => {
      const bytes = contentOf(name);
      const slots = 2 ** Math.ceil(Math.log2(Math.ceil(bytes.length / 16_384)));
      for (const given of [shared(bytes), bytes, new Uint8Array([0, ...bytes]).subarray(1)]) {
        expect(toHex(await pool.pieceRoot(given, slots))).toBe(vectors.files[name]!.pieces_root);
        expect(toHex(await pool.leaves(given))).toBe(toHex(leavesOfFile(name)));
        // Neither moved away nor written to.
        expect(given.length).toBe(bytes.length);
      }
    },
  );

  it('pads a short piece with zero leaves to the slots of a whole one', async () => {
    const bytes = contentOf('s1572869.bin');
    const layer = vectors.files['s1572869.bin']!.piece_layers!['524288'] as readonly string[];
    const roots = await Promise.all(
      layer.map((_, piece) => pool.pieceRoot(shared(bytes.subarray(piece * 524_288, (piece + 1) * 524_288)), 32)),
    );
    expect(roots.map(toHex)).toEqual(layer);
  });

  it('gives the same where the main thread hashes itself', async () => {
    const frugal = new HashPool({ threads: 1, allowance: new HashAllowance() });
    const bytes = shared(contentOf('s49153.bin'));
    expect(toHex(await frugal.pieceRoot(bytes, 4))).toBe(vectors.files['s49153.bin']!.pieces_root);
    await expect(frugal.pieceRoot(new Uint8Array(100_000), 1)).rejects.toThrow('more nodes than the tree is wide');
    await frugal.close();
  });

  it('answers many jobs, each with its own result', async () => {
    const bytes = shared(contentOf('s49153.bin'));
    const roots = await Promise.all(Array.from({ length: 200 }, (_, i) => pool.pieceRoot(bytes.subarray(0, i + 1), 1)));
    expect(new Set(roots.map(toHex)).size).toBe(200);
    expect(toHex(roots[0]!)).toBe(toHex(await pool.pieceRoot(bytes.subarray(0, 1), 1)));
  });

  it('hands an error of a job to its owner and goes on', async () => {
    await expect(pool.pieceRoot(new Uint8Array(100_000), 1)).rejects.toThrow('more nodes than the tree is wide');
    expect(toHex(await pool.pieceRoot(contentOf('s1.bin'), 1))).toBe(vectors.files['s1.bin']!.pieces_root);
  });

  it('uses as many threads as there are processors, within reason', () => {
    expect(hashThreadCount()).toBeGreaterThanOrEqual(1);
    expect(hashThreadCount()).toBeLessThanOrEqual(8);
  });
});

describe('hash threads', () => {
  const job = (first: number) => ({ kind: 'leaves', bytes: Uint8Array.of(first) }) as const;

  it('fails the job of a thread that dies, and replaces it', async () => {
    const dying = worker(`
      import { parentPort } from 'node:worker_threads';
      parentPort.on('message', (job) => {
        if (job.bytes[0] === 1) throw new Error('out of order');
        if (job.bytes[0] === 2) process.exit(0);
        parentPort.postMessage({ ok: true, bytes: job.bytes });
      });
    `);
    const threads = new HashThreads({ capacity: 1, worker: dying });
    await expect(threads.run(job(1))).rejects.toThrow('a hash thread failed: out of order');
    await expect(threads.run(job(2))).rejects.toThrow('a hash thread ended');
    const results = await Promise.allSettled([job(0), job(1), job(0), job(0), job(0)].map((each) => threads.run(each)));
    // What waited in the thread goes to its successor.
    expect(results.map((result) => result.status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
    await threads.close();
  });

  it('fails every job when no thread can start, and does not hang', async () => {
    const threads = new HashThreads({ capacity: 2, worker: pathToFileURL(join(tmpdir(), 'no-such-worker.mjs')) });
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => threads.run(job(0))));
    expect(results.every((result) => result.status === 'rejected')).toBe(true);
    await threads.close();
  });

  it('fails what waits when it is closed', async () => {
    const threads = new HashThreads({ capacity: 1, worker: worker('setInterval(() => {}, 1e6)') });
    const waiting = Promise.allSettled(Array.from({ length: 5 }, () => threads.run(job(0))));
    await threads.close();
    expect((await waiting).map((result) => result.status)).toEqual(Array.from({ length: 5 }, () => 'rejected'));
    await expect(threads.run(job(0))).rejects.toThrow('closed');
  });

  it('does not keep a process alive when idle, and does while it works', async () => {
    const built = new URL('../../dist/common/host/hasher.js', import.meta.url).href;
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--input-type=module',
      '-e',
      `import { HashPool } from ${JSON.stringify(built)};
       const pool = new HashPool({ threads: 2 });
       console.log((await Promise.all([1, 2, 3].map(() => pool.pieceRoot(new Uint8Array(1), 1)))).length);`,
    ]);
    expect(stdout).toBe('3\n');
  });
});
