import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { concatBytes, equalBytes } from '../../base/bytes.ts';
import type { Endpoint } from '../../base/ids.ts';
import type { RangeClient, RangeEnd, RangeHead, RangeQuestion } from '../../base/web-ports.ts';
import { generate } from '../../fixtures/generate.ts';
import type { Served } from '../web.ts';

export interface WebWorld {
  readonly client: RangeClient;
  /** Of the one server. */
  readonly address: Endpoint;
  /** Where nobody listens. */
  readonly nobody: Endpoint;
  serve(target: string, served: Served): void;
  /** Lets the world go on until the promise settles. */
  readonly run: <T>(promise: Promise<T>) => Promise<T>;
  readonly stop: () => Promise<void>;
}

interface Heard {
  readonly head: RangeHead | undefined;
  readonly body: Uint8Array;
  readonly end: RangeEnd;
}

const CONTENT = generate(300_000, 3);

/** What `RangeClient` promises. */
export function describeWebContract(name: string, makeWorld: () => Promise<WebWorld>): void {
  describe(`${name} asks web servers for ranges`, () => {
    let world: WebWorld;

    beforeEach(async () => {
      world = await makeWorld();
    });

    afterEach(async () => {
      world.client.close();
      await world.stop();
    });

    const ask = (target: string, change: Partial<RangeQuestion> = {}): Promise<Heard> =>
      new Promise((resolve) => {
        let head: RangeHead | undefined;
        const parts: Uint8Array[] = [];
        let hasReturned = false;
        const question = {
          secure: false,
          address: world.address,
          name: 'content.example',
          target,
          authorization: undefined,
          firstByte: 1_000,
          lastByte: 200_999,
          idleMs: 20_000,
          ...change,
        };
        world.client.get(question, {
          onHead: (given) => {
            expect([hasReturned, head, parts.length]).toEqual([true, undefined, 0]);
            head = given;
          },
          onBytes: (view) => {
            const isPlain = Object.getPrototypeOf(view) === Uint8Array.prototype;
            expect([head !== undefined, view.length > 0, isPlain]).toEqual([true, true, true]);
            parts.push(view.slice());
          },
          onEnd: (end) => {
            expect(hasReturned).toBe(true);
            resolve({ head, body: concatBytes(parts), end });
          },
        });
        hasReturned = true;
      });
    const heard = (target: string, change?: Partial<RangeQuestion>): Promise<Heard> => world.run(ask(target, change));

    it('and hears the bytes of the range', async () => {
      world.serve('/a', { bytes: CONTENT });
      const { head, body, end } = await heard('/a');
      expect([head!.status, head!.contentRange, head!.contentLength, end]).toEqual([
        206,
        'bytes 1000-200999/300000',
        200_000,
        'whole',
      ]);
      expect(equalBytes(body, CONTENT.subarray(1_000, 201_000))).toBe(true);
    });

    it('and hears all of the file from one that knows no ranges', async () => {
      world.serve('/a', { bytes: CONTENT, ignoresRanges: true });
      const { head, body } = await heard('/a');
      expect([head!.status, head!.contentLength, head!.contentRange]).toEqual([200, 300_000, undefined]);
      expect(equalBytes(body, CONTENT)).toBe(true);
    });

    it('and hears of redirects, pauses and refusals without acting on them', async () => {
      world.serve('/moved', { bytes: CONTENT, status: 302, headers: { location: '/a' } });
      expect((await heard('/moved')).head).toMatchObject({ status: 302, location: '/a' });
      world.serve('/busy', { bytes: CONTENT, status: 503, headers: { 'retry-after': '7' } });
      expect((await heard('/busy')).head).toMatchObject({ status: 503, retryAfter: '7' });
      expect((await heard('/none')).head).toMatchObject({ status: 404 });
      world.serve('/a', { bytes: CONTENT });
      expect((await heard('/a', { firstByte: 300_000, lastByte: 300_001 })).head).toMatchObject({ status: 416 });
    });

    it('and hears that a body was cut, after what came of it', async () => {
      world.serve('/a', { bytes: CONTENT, cutAfter: 50_000 });
      const { head, body, end } = await heard('/a');
      expect([head!.status, end]).toEqual([206, 'cut']);
      expect(equalBytes(body, CONTENT.subarray(1_000, 1_000 + body.length))).toBe(true);
    });

    it('and does not wait for ever for one that falls silent', async () => {
      world.serve('/a', { bytes: CONTENT, silentAfter: 50_000 });
      const { body, end } = await heard('/a', { idleMs: 100 });
      expect([body.length, end]).toEqual([50_000, 'timeout']);
    });

    it('and hears that nobody is there', async () => {
      const { head, end } = await heard('/a', { address: world.nobody });
      expect([head, end]).toEqual([undefined, 'unreachable']);
    });

    it('and several at a time', async () => {
      world.serve('/a', { bytes: CONTENT });
      const all = [0, 1, 2].map((i) => ask('/a', { firstByte: i * 1_000, lastByte: i * 1_000 + 999 }));
      for (const [i, { body }] of (await world.run(Promise.all(all))).entries()) {
        expect(equalBytes(body, CONTENT.subarray(i * 1_000, i * 1_000 + 1_000))).toBe(true);
      }
    });

    it('and hears nothing of what it cancelled', async () => {
      world.serve('/a', { bytes: CONTENT });
      let heardAny = false;
      const call = world.client.get(
        {
          secure: false,
          address: world.address,
          name: 'x',
          target: '/a',
          authorization: undefined,
          firstByte: 0,
          lastByte: 9,
          idleMs: 20_000,
        },
        { onHead: () => (heardAny = true), onBytes: () => (heardAny = true), onEnd: () => (heardAny = true) },
      );
      call.cancel();
      call.cancel();
      await heard('/a');
      expect(heardAny).toBe(false);
    });
  });
}
