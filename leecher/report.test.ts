import { describe, expect, it } from 'vitest';
import { sourceLine, sourceObject } from './report.ts';
import type { SourceEntry } from './source-book.ts';

const entry = (change: Partial<SourceEntry> = {}): SourceEntry => ({
  endpoint: '10.0.0.7:7000',
  client: 'Shoal 0.1.0',
  chunks: 4,
  bytes: 2 * 1024 * 1024,
  receivedBytes: 2 * 1024 * 1024,
  failed: { corrupt: 0, rejected: 0, stalled: 0, gone: 0, choked: 0 },
  connectedMs: 2_000,
  isBanned: false,
  leftBecause: undefined,
  ...change,
});

describe('the report of a source', () => {
  it('says how much came from it and how fast', () => {
    expect(sourceLine(entry())).toBe('source 10.0.0.7:7000 (Shoal 0.1.0): 2.0MiB in 4 chunks at 1.0MiB/s');
  });

  it('says what it failed, and why it was banned', () => {
    const failed = { corrupt: 2, rejected: 0, stalled: 1, gone: 0, choked: 0 };
    expect(sourceLine(entry({ failed, isBanned: true, chunks: 1 }))).toBe(
      'source 10.0.0.7:7000 (Shoal 0.1.0): 2.0MiB in 1 chunk at 1.0MiB/s, ' +
        'failed 3 chunks: 2 corrupt, 1 too slow; banned, it does not have this content',
    );
  });

  it('lets no client drive the terminal', () => {
    expect(sourceLine(entry({ client: '\u001b[2Jevil\u202e' }))).not.toMatch(/[\u001b\u202e]/);
  });

  it('gives programs plain numbers', () => {
    expect(sourceObject(entry())).toMatchObject({ bytes: 2097152, bytesPerSecond: 1048576, failedChunks: 0 });
  });
});
