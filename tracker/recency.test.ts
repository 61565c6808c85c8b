import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Recent } from './recency.ts';
import { RecencyList } from './recency.ts';

class Member implements Recent<Member> {
  older: Member | undefined = undefined;
  newer: Member | undefined = undefined;
}

describe('a recency list', () => {
  it('keeps the order of use, as a plain array does', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('touch', 'remove'), fc.nat({ max: 5 })), { maxLength: 50 });
    fc.assert(
      fc.property(steps, (sequence) => {
        const members = Array.from({ length: 6 }, () => new Member());
        const list = new RecencyList<Member>();
        let model: Member[] = [];
        for (const [step, index] of sequence) {
          const member = members[index]!;
          const known = model.includes(member);
          model = model.filter((other) => other !== member);
          if (step === 'touch') model.push(member);
          if (step === 'touch' && known) list.touch(member);
          else if (step === 'touch') list.add(member);
          else if (known) list.remove(member);
          expect(list.oldest).toBe(model[0]);
        }
        for (const member of model) {
          expect(list.oldest).toBe(member);
          list.remove(member);
        }
        expect(list.oldest).toBeUndefined();
      }),
    );
  });
});
