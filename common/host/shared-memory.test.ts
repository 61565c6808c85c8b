import { describe, expect, it } from 'vitest';
import { SharedMemory } from './shared-memory.ts';

describe('shared memory', () => {
  it('gives the same words to all who take them in the same order', () => {
    const first = new SharedMemory({ buffers: undefined });
    first.words(3)[2] = 7;
    first.words(5)[0] = 9;
    const second = new SharedMemory({ buffers: first.buffers });
    expect([first.isNew, second.isNew]).toEqual([true, false]);
    expect([second.words(3)[2], second.words(5)[0]]).toEqual([7, 9]);
  });

  it('does not give other words than were made', () => {
    const first = new SharedMemory({ buffers: undefined });
    first.words(3);
    const second = new SharedMemory({ buffers: first.buffers });
    expect(() => second.words(4)).toThrow('in another order');
  });

  it('has a lock that can be taken again when it was let go', () => {
    const { lock } = new SharedMemory({ buffers: undefined });
    for (let i = 0; i < 3; i++) {
      lock.acquire();
      lock.release();
    }
  });
});
