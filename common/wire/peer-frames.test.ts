import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, toHex, writeU32 } from '../base/bytes.ts';
import { BLOCK_BYTES, MIB } from '../base/limits.ts';
import { FrameReader, type FrameBounds, type FrameSink } from './peer-frames.ts';
import { encodeBlockHeader, encodeKeepAlive, MESSAGE } from './peer-messages.ts';

const MOST_BYTES = 9 + BLOCK_BYTES;

/** Writes down what it is told, blocks as if they had come whole. */
class Recorder implements FrameSink {
  readonly heard: string[] = [];
  readonly judged: number[] = [];
  longestBytes = 0;
  /** Stops the reader at the end of this many messages. */
  patience = Number.POSITIVE_INFINITY;
  #block: Uint8Array = new Uint8Array(0);
  #filled = 0;

  bounds(id: number): FrameBounds {
    this.judged.push(id);
    if (id === MESSAGE.piece) return { min: 10, max: MOST_BYTES };
    return id === MESSAGE.bitfield ? { min: 3, max: 3 } : { min: 1, max: 1024 };
  }

  keepAlive(): void {
    this.heard.push('keep-alive');
  }

  message(id: number, payload: Uint8Array): boolean {
    this.longestBytes = Math.max(this.longestBytes, payload.length);
    this.heard.push(`${id}:${toHex(payload)}`);
    return this.#goesOn();
  }

  blockStart(piece: number, begin: number, length: number): boolean {
    this.longestBytes = Math.max(this.longestBytes, length);
    this.heard.push(`block ${piece} ${begin} ${length}`);
    this.#block = new Uint8Array(length);
    this.#filled = 0;
    return this.patience > 0;
  }

  blockBytes(offset: number, view: Uint8Array): void {
    expect(offset).toBe(this.#filled);
    this.#block.set(view, offset);
    this.#filled += view.length;
  }

  blockEnd(): boolean {
    expect(this.#filled).toBe(this.#block.length);
    this.heard.push(toHex(this.#block));
    return this.#goesOn();
  }

  #goesOn(): boolean {
    return --this.patience > 0;
  }
}

function frame(id: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + payload.length);
  writeU32(bytes, 0, 1 + payload.length);
  bytes[4] = id;
  bytes.set(payload, 5);
  return bytes;
}

/** A length prefix and an id, and nothing of what they promise. */
function head(length: number, id: number): Uint8Array {
  const bytes = new Uint8Array(5);
  writeU32(bytes, 0, length);
  bytes[4] = id;
  return bytes;
}

const block = (piece: number, begin: number, data: Uint8Array): Uint8Array =>
  concatBytes([encodeBlockHeader(piece, begin, data.length), data]);

/** Pushes the stream in parts that end at the given places; what came of it. */
function read(stream: Uint8Array, cuts: readonly number[]): { sink: Recorder; fault: string | undefined } {
  const sink = new Recorder();
  const reader = new FrameReader(sink);
  let fault: string | undefined;
  let from = 0;
  for (const cut of [...cuts.toSorted((a, b) => a - b), stream.length]) {
    // A copy that is spoiled afterwards: views are valid only during the call.
    const part = stream.slice(from, cut);
    fault ??= reader.push(part);
    part.fill(0xee);
    from = cut;
  }
  return { sink, fault };
}

const anyMessage = fc.oneof(
  fc.constant(encodeKeepAlive()),
  fc
    .tuple(fc.constantFrom(0, 1, 4, 6, 20, 21, 99, 255), fc.uint8Array({ maxLength: 60 }))
    .map(([id, body]) => frame(id, body)),
  fc
    .tuple(fc.nat(), fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 60 }))
    .map(([piece, begin, data]) => block(piece, begin, data)),
);

describe('a stream of messages', () => {
  it('gives the same messages wherever the network cuts it', () => {
    fc.assert(
      fc.property(
        fc.array(anyMessage, { maxLength: 12 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 }),
        (messages, places) => {
          const stream = concatBytes(messages);
          const whole = read(stream, []);
          const cut = read(
            stream,
            places.map((place) => Math.floor(place * stream.length)),
          );
          expect(whole.fault).toBeUndefined();
          expect(cut.fault).toBeUndefined();
          expect(cut.sink.heard).toEqual(whole.sink.heard);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('gives the same messages byte by byte', () => {
    const stream = concatBytes([
      encodeKeepAlive(),
      frame(MESSAGE.unchoke, new Uint8Array(0)),
      block(2, 16384, Uint8Array.of(1, 2, 3)),
      frame(MESSAGE.have, Uint8Array.of(0, 0, 0, 7)),
    ]);
    const every = Array.from({ length: stream.length }, (_, i) => i);
    expect(read(stream, every).sink.heard).toEqual(['keep-alive', '1:', 'block 2 16384 3', '010203', '4:00000007']);
  });

  it('passes the data of a block on as it comes, without collecting it', () => {
    const views: number[] = [];
    const sink = new Recorder();
    sink.blockBytes = (_, view) => void views.push(view.length);
    sink.blockEnd = () => true;
    const reader = new FrameReader(sink);
    const bytes = block(0, 0, new Uint8Array(1000));
    reader.push(bytes.subarray(0, 513));
    reader.push(bytes.subarray(513));
    expect(views).toEqual([500, 500]);
  });

  it('does not copy a message that comes whole', () => {
    const stream = frame(MESSAGE.have, Uint8Array.of(0, 0, 0, 7));
    const sink = new Recorder();
    sink.message = (_, payload) => {
      expect(payload.buffer).toBe(stream.buffer);
      return true;
    };
    new FrameReader(sink).push(stream);
    expect.assertions(1);
  });
});

describe('a length', () => {
  it.each([
    ['[fault 29] of 4 GiB', head(0xffffffff, MESSAGE.request)],
    ['[fault 29] of 4 GiB with an id that nobody knows', head(0xffffffff, 250)],
    ['[fault 29] of more than 1 MiB', head(MIB + 1, MESSAGE.extended)],
    ['[fault 29] of a block of more than 16 KiB', head(MOST_BYTES + 1, MESSAGE.piece)],
    ['[fault 30] too short for its id', head(2, MESSAGE.bitfield)],
    ['[fault 30] too long for its id', head(4, MESSAGE.bitfield)],
    ['[fault 30] of a block without data', head(9, MESSAGE.piece)],
  ])('%s is a fault as soon as the id is there', (_, bytes) => {
    const sink = new Recorder();
    const reader = new FrameReader(sink);
    expect(reader.push(bytes.subarray(0, 4))).toBeUndefined();
    expect(reader.push(bytes.subarray(4))).toBe('length');
    expect(sink.heard).toEqual([]);
    expect(sink.judged).toEqual([bytes[4]]);
  });

  it('of exactly the bound is none', () => {
    const { sink, fault } = read(block(1, 0, new Uint8Array(BLOCK_BYTES).fill(7)), [5, 100]);
    expect(fault).toBeUndefined();
    expect(sink.heard[0]).toBe('block 1 0 16384');
  });

  it('that is a fault ends the stream: nothing after it is read', () => {
    const sink = new Recorder();
    const reader = new FrameReader(sink);
    reader.push(concatBytes([head(9, MESSAGE.bitfield), encodeKeepAlive()]));
    expect(reader.push(encodeKeepAlive())).toBe('stopped');
    expect(sink.heard).toEqual([]);
  });
});

describe('a sink that has enough', () => {
  it.each([
    ['after a message', frame(MESSAGE.choke, new Uint8Array(0)), ['0:']],
    ['after a block', block(0, 0, Uint8Array.of(9)), ['block 0 0 1', '09']],
  ])('%s hears no more', (_, first, expected) => {
    for (const together of [true, false]) {
      const sink = new Recorder();
      sink.patience = 1;
      const reader = new FrameReader(sink);
      const second = frame(MESSAGE.unchoke, new Uint8Array(0));
      const faults = together ? [reader.push(concatBytes([first, second]))] : [reader.push(first), reader.push(second)];
      expect(faults.at(-1)).toBe('stopped');
      expect(sink.heard).toEqual(expected);
    }
  });

  it('at the start of a block gets none of its data', () => {
    const sink = new Recorder();
    sink.patience = 0;
    expect(new FrameReader(sink).push(block(0, 0, Uint8Array.of(9)))).toBe('stopped');
    expect(sink.heard).toEqual(['block 0 0 1']);
  });
});

describe('random bytes', () => {
  it('[fault 28] never throw, and never make for more than the longest message', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (parts) => {
        const sink = new Recorder();
        const reader = new FrameReader(sink);
        for (const part of parts) reader.push(part);
        expect(sink.longestBytes).toBeLessThanOrEqual(BLOCK_BYTES);
      }),
      { numRuns: 500 },
    );
  });

  it('after a plausible length are taken or refused by it alone', () => {
    fc.assert(
      fc.property(fc.nat(2000), fc.nat(255), fc.uint8Array({ maxLength: 3000 }), (length, id, rest) => {
        const sink = new Recorder();
        const bounds = sink.bounds(id);
        const fault = new FrameReader(sink).push(concatBytes([head(Math.max(1, length), id), rest]));
        const fits = Math.max(1, length) >= bounds.min && Math.max(1, length) <= bounds.max;
        if (!fits) expect(fault).toBe('length');
        expect(sink.longestBytes).toBeLessThanOrEqual(BLOCK_BYTES);
      }),
      { numRuns: 500 },
    );
  });
});
