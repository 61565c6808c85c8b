import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bitfield } from './bitfield.ts';
import { pieceIndex } from './ids.ts';

const holding = (size: number, members: Iterable<number>): Bitfield => {
  const field = new Bitfield(size);
  for (const member of members) field.add(pieceIndex(member));
  return field;
};

describe('bitfield', () => {
  it('has the layout of the wire: the first piece is the highest bit (BEP 3)', () => {
    expect([...holding(10, [0, 7, 8]).bytes]).toEqual([0b1000_0001, 0b1000_0000]);
  });

  it('is a set', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70 }),
        fc.array(fc.tuple(fc.constantFrom('add', 'remove'), fc.integer({ min: -2, max: 75 }))),
        (size, steps) => {
          const field = new Bitfield(size);
          const model = new Set<number>();
          for (const [step, index] of steps) {
            const changes = step === 'add' ? index >= 0 && index < size && !model.has(index) : model.has(index);
            expect(field[step](pieceIndex(index))).toBe(changes);
            if (step === 'add' && changes) model.add(index);
            else if (step === 'remove') model.delete(index);
          }
          expect([...field]).toEqual([...model].sort((a, b) => a - b));
          expect(field.count).toBe(model.size);
          expect(field.isFull).toBe(model.size === size);
          for (let index = -2; index < size + 10; index++) expect(field.has(pieceIndex(index))).toBe(model.has(index));
        },
      ),
    );
  });

  it('finds the next member from any place', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(99), { maxLength: 5 }), fc.nat(110), (members, from) => {
        const expected = members.filter((member) => member >= from).sort((a, b) => a - b)[0] ?? -1;
        expect(holding(100, members).next(from)).toBe(expected);
      }),
    );
  });

  it.each([0, 1, 7, 8, 9, 646])('full of %i pieces has each of them and no spare bit', (size) => {
    const full = Bitfield.full(size);
    expect([...full]).toEqual(Array.from({ length: size }, (_, index) => index));
    expect(full.isFull).toBe(true);
    expect(Bitfield.fromWire(full.bytes, size)?.count).toBe(size);
  });

  it('[fault 31] refuses wire bytes of another length, or with a spare bit', () => {
    expect(Bitfield.fromWire(new Uint8Array(1), 9)).toBeUndefined();
    expect(Bitfield.fromWire(new Uint8Array(3), 9)).toBeUndefined();
    for (let spare = 0; spare < 7; spare++) {
      expect(Bitfield.fromWire(Uint8Array.of(0xff, 0x80 | (1 << spare)), 9)).toBeUndefined();
    }
    expect([...Bitfield.fromWire(Uint8Array.of(0x01, 0x80), 9)!]).toEqual([7, 8]);
  });

  it('copies what it is given from the wire, and itself', () => {
    const wire = Uint8Array.of(0x80);
    const field = Bitfield.fromWire(wire, 8)!;
    const copy = field.copy();
    wire[0] = 0;
    field.add(pieceIndex(3));
    expect([...field]).toEqual([0, 3]);
    expect([...copy]).toEqual([0]);
    expect(copy.count).toBe(1);
  });

  it('takes the members of another set and stays the same object', () => {
    const field = holding(12, [1, 2]);
    field.become(holding(12, [3]));
    expect([...field]).toEqual([3]);
    expect(field.count).toBe(1);
  });
});
