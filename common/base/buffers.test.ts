import { describe, expect, it } from 'vitest';
import { BufferPool } from './buffers.ts';

const poolOf = (capacity: number): BufferPool => new BufferPool({ sizeBytes: 32, capacity });

describe('buffer pool', () => {
  it('gives as many buffers as it holds, no two the same, in shared memory', () => {
    const pool = poolOf(3);
    const buffers = [pool.take()!, pool.take()!, pool.take()!];
    expect(new Set(buffers).size).toBe(3);
    for (const buffer of buffers)
      expect([buffer.length, buffer.buffer.constructor.name]).toEqual([32, 'SharedArrayBuffer']);
    expect(pool.take()).toBeUndefined();
    expect([pool.taken, pool.available]).toEqual([3, 0]);
  });

  it('gives the same buffers again, and makes none while there is one', () => {
    const pool = poolOf(2);
    const first = pool.take()!;
    pool.give(first);
    expect(pool.take()).toBe(first);
    expect(pool.taken).toBe(1);
  });

  it('refuses to take back what is not out: it would have two owners', () => {
    const pool = poolOf(2);
    const buffer = pool.take()!;
    pool.give(buffer);
    expect(() => pool.give(buffer)).toThrow('twice');
    expect(() => pool.give(new Uint8Array(32))).toThrow('twice');
    expect(pool.available).toBe(2);
  });
});
