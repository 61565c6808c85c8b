import fc from 'fast-check';
import { expect, it } from 'vitest';
import { World } from '../fixtures/nodes.ts';
import { decodeBlockRef, encodeBare, encodeBlockRef, MESSAGE } from '../wire/peer-messages.ts';

const BLOCK = 16_384;

/** What a peer does, at random; interest lost and found makes the seeder choke and unchoke it. */
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('request' as const), piece: fc.nat(9), block: fc.nat(4) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('cancel' as const), piece: fc.nat(9), block: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('interested' as const, 'notInterested' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), forMs: fc.nat(30) }) },
);

it('[fault 32] every request is answered exactly once with the fast extension, and at most once without', async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.nat(20), fc.array(step, { maxLength: 60 }), async (fast, readMs, steps) => {
      const world = new World();
      const seeder = await world.add({ host: '10.0.0.1' });
      seeder.store.readMs = readMs;
      const peer = await world.join('10.0.0.2', seeder.endpoint, { traits: { fast, extended: false } });
      peer.send(encodeBare(MESSAGE.interested));
      const asked = new Set<string>();
      for (const each of steps) {
        if (each.kind === 'wait') {
          await world.clock.runFor(each.forMs);
        } else if (each.kind === 'request' || each.kind === 'cancel') {
          const [begin, key] = [each.block * BLOCK, `${each.piece} ${each.block * BLOCK}`];
          // Each block is asked for once, so that each answer is to one request.
          if (each.kind === 'request' && asked.has(key)) continue;
          if (each.kind === 'request') asked.add(key);
          peer.send(encodeBlockRef(MESSAGE[each.kind], each.piece, begin, BLOCK));
        } else {
          peer.send(encodeBare(MESSAGE[each.kind]));
        }
      }
      await world.clock.runFor(10_000);
      const answered: string[] = [];
      for (const { name, payload } of peer.takeSaid()) {
        if (name !== 'piece' && name !== 'reject') continue;
        expect(fast || name === 'piece').toBe(true);
        const { piece, begin } = decodeBlockRef(payload);
        answered.push(`${piece} ${begin}`);
      }
      expect(new Set(answered).size).toBe(answered.length);
      for (const key of answered) expect(asked).toContain(key);
      if (fast) expect(answered).toHaveLength(asked.size);
      expect(peer.closed).toBeUndefined();
      peer.stream.destroy();
      await world.clock.runFor(1_000);
      expect(world.clock.pending).toBe(0);
    }),
    { numRuns: 100 },
  );
});
