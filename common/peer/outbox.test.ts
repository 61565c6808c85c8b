import { describe, expect, it } from 'vitest';
import { SEND_QUEUE_FULL_BYTES } from '../base/limits.ts';
import { FakeStream } from '../fixtures/streams.ts';
import { Outbox } from './outbox.ts';

describe('what is said in one turn', () => {
  it('is written together at its end, in order', async () => {
    const stream = new FakeStream();
    const outbox = new Outbox({ stream });
    outbox.push(Uint8Array.of(1));
    outbox.push(Uint8Array.of(2, 3));
    expect(stream.writes).toBe(0);
    await Promise.resolve();
    expect(stream.writes).toBe(1);
    expect(stream.drain()).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('may be written before its end, and is not written again', async () => {
    const stream = new FakeStream();
    const outbox = new Outbox({ stream });
    outbox.push(Uint8Array.of(1));
    outbox.flush();
    outbox.flush();
    outbox.push(Uint8Array.of(2));
    await Promise.resolve();
    expect(stream.drain()).toEqual(Uint8Array.of(1, 2));
  });
});

describe('a peer that does not read', () => {
  const full = new Uint8Array(SEND_QUEUE_FULL_BYTES);

  it('[fault 33] is not read from either, until the stream has room again', () => {
    const stream = new FakeStream();
    const outbox = new Outbox({ stream });
    outbox.push(full.subarray(1));
    expect(outbox.isFull).toBe(false);
    outbox.flush();
    expect(stream.calls).toEqual([]);
    outbox.push(Uint8Array.of(1));
    expect(outbox.isFull).toBe(true);
    outbox.flush();
    outbox.push(Uint8Array.of(2));
    outbox.flush();
    expect(stream.calls).toEqual(['pause']);
    stream.drain();
    expect(outbox.isFull).toBe(false);
    outbox.drained();
    outbox.drained();
    expect(stream.calls).toEqual(['pause', 'resume']);
  });

  it('is read from when the stream has taken all of it at once', () => {
    const stream = new FakeStream();
    const outbox = new Outbox({
      stream: {
        queuedBytes: 0,
        write: () => undefined,
        pause: () => {
          stream.pause();
        },
        resume: () => undefined,
      },
    });
    outbox.push(full);
    outbox.flush();
    expect(stream.calls).toEqual([]);
  });
});
