import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../common/base/errors.ts';
import { pieceIndex } from '../common/base/ids.ts';
import { StoreError } from '../common/base/ports.ts';
import {
  forgedFile,
  hashesMissing,
  metadataMissing,
  noValidSource,
  rangesText,
  storeTrouble,
  timedOut,
  tooFewSeeders,
} from './endings.ts';

const range = (first: number, last: number) => ({ first: pieceIndex(first), last: pieceIndex(last) });

describe('endings', () => {
  it('name chunks in runs, and only the first of many', () => {
    expect(rangesText([])).toBe('');
    expect(rangesText([range(3, 3), range(5, 9)])).toBe('3, 5-9');
    const many = Array.from({ length: 20 }, (_, i) => range(2 * i, 2 * i));
    expect(rangesText(many)).toBe('0, 2, 4, 6, 8, 10, 12, 14 and 12 more runs');
  });

  it('[fault 58] too few seeders: how many were found, and what to type to go on', () => {
    const error = tooFewSeeders({ found: 2, wanted: 3, waitMs: 30_000, idlePeers: 4 });
    expect(exitCodeOf(error)).toBe(4);
    expect(error.message).toContain('found 2 of at least 3 seeders within 30 s');
    expect(error.message).toContain('4 more connected hold nothing that is needed');
    expect(error.message).toContain('--min-seeders 2');
  });

  it('[fault 58] with none found it does not advise to go on with none', () => {
    const error = tooFewSeeders({ found: 0, wanted: 3, waitMs: 1_500, idlePeers: 0 });
    expect(error.message).toBe(
      'found 0 of at least 3 seeders within 1.5 s; start more seeders, wait longer with --wait',
    );
  });

  it('no description of the content: whether anybody was there', () => {
    expect(metadataMissing({ peers: 0, waitMs: 30_000 }).message).toContain('no peer could be reached within 30 s');
    const error = metadataMissing({ peers: 2, waitMs: 30_000 });
    expect(error.message).toContain('2 connected, but no peer described the content');
    expect(exitCodeOf(error)).toBe(4);
  });

  it('described, but without hashes: that it is the hashes that are missing', () => {
    const v2 = hashesMissing({ info: { name: 'a.iso', kind: 'v2' }, peers: 2, waitMs: 30_000 });
    expect(exitCodeOf(v2)).toBe(4);
    expect(v2.message).toContain('a.iso was described, but none of the 2 connected gave the hashes of its chunks');
    const hybrid = hashesMissing({ info: { name: 'a.iso', kind: 'hybrid' }, peers: 2, waitMs: 30_000 });
    expect(hybrid.message).toContain('none of the 2 connected has any of it within 30 s');
    const alone = hashesMissing({ info: { name: 'a.iso', kind: 'v2' }, peers: 0, waitMs: 30_000 });
    expect(alone.message).toContain('nobody is connected any more who gave the hashes');
  });

  it('[fault 23] the right SHA-1 and the wrong SHA-256 is no valid source', () => {
    const error = forgedFile('d/a.iso');
    expect([exitCodeOf(error), error.message.startsWith('the chunks of d/a.iso have the right SHA-1')]).toEqual([
      32,
      true,
    ]);
  });

  it('timed out: what is missing, what is kept and where', () => {
    const facts = { timeoutMs: 90_000, sources: 2, verifiedChunks: 7, chunks: 10, path: '/tmp/a.iso' };
    const error = timedOut({ ...facts, missing: [range(7, 9)] });
    expect(exitCodeOf(error)).toBe(7);
    expect(error.message).toBe(
      'no progress for 90 s: chunks 7-9 are held by none of the 2 sources connected; ' +
        '7 of 10 chunks are kept in /tmp/a.iso.part; run the same command again to go on',
    );
    expect(timedOut({ ...facts, missing: [] }).message).toContain('2 sources are connected');
  });

  it('[fault 36] no valid source: the chunks, in runs', () => {
    const error = noValidSource([2, 3, 4, 9].map(pieceIndex));
    expect(exitCodeOf(error)).toBe(32);
    expect(error.message).toContain('chunks 2-4, 9;');
  });

  it('[fault 47] [fault 48] a full disk is one thing, a failing one another', () => {
    const full = storeTrouble(new StoreError('full', 'cannot write /x: ENOSPC'));
    expect([exitCodeOf(full), full.message]).toEqual([
      9,
      'cannot write /x: ENOSPC; what is verified is kept: make room and run the same command again',
    ]);
    const failed = new StoreError('failed', 'cannot write /x: EIO');
    expect(storeTrouble(failed)).toMatchObject({ code: 'FILE_ACCESS', message: 'cannot write /x: EIO', cause: failed });
    expect(exitCodeOf(storeTrouble(new StoreError('changed', 'gone')))).toBe(15);
  });
});
