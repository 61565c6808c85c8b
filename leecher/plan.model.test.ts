import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { after, instant, pieceIndex, type Instant } from '../common/base/ids.ts';
import { REQUEST_TIMEOUT_MS } from '../common/base/limits.ts';
import type { Random } from '../common/base/ports.ts';
import {
  checkGiven,
  checkMoved,
  checkSentAway,
  compare,
  fetching,
  noteFailure,
  PIECE_BYTES,
  pickFlight,
  pickSource,
  type Cause,
  type Model,
} from './fixtures/plan-model.ts';
import { Plan } from './plan.ts';

/** Any order of events, against a naive picture of the same. */
type Command = fc.Command<Model, Plan>;

const seeded = (seed: number): Random => {
  let state = seed;
  const below = (bound: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * bound);
  };
  return { bytes: (count) => new Uint8Array(count), below };
};

/* ---- events ---- */

/** One event; nothing happens when there is nothing it could happen to. */
function command(name: string, run: (model: Model, plan: Plan) => void): Command {
  return {
    check: () => true,
    run: (model, plan) => {
      run(model, plan);
      compare(model, plan);
    },
    toString: () => name,
  };
}

function join(model: Model, plan: Plan, held: readonly number[]): void {
  const id = model.sources.size;
  const holds = new Bitfield(model.pieces.length);
  for (const piece of held) holds.add(pieceIndex(piece % model.pieces.length));
  const never = instant(-Infinity);
  const counts = { pieces: 0, corrupt: 0, rejected: 0, stalled: 0 };
  model.sources.set(id, { holds, isPresent: true, ...counts, offendedAt: never, quietSince: never });
  plan.addSource(id, holds);
}

function leave(model: Model, plan: Plan, n: number): void {
  const [id, source] = pickSource(model, n) ?? [];
  if (id === undefined || source === undefined) return;
  const report = plan.removeSource(id, model.now);
  expect(report?.pieces).toBe(source.isPresent ? source.pieces : undefined);
  source.isPresent = false;
  for (const { flights, begun } of model.pieces) {
    if (flights.get(id) === false) flights.delete(id);
    begun.delete(id);
  }
}

function gain(model: Model, plan: Plan, n: number, index: number): void {
  const [id, source] = pickSource(model, n) ?? [];
  if (id === undefined || source === undefined || !source.isPresent) return;
  source.holds.add(pieceIndex(index % model.pieces.length));
  plan.sourceGained(id, pieceIndex(index % model.pieces.length));
}

function ask(model: Model, plan: Plan, n: number): void {
  const [id, source] = pickSource(model, n) ?? [];
  if (id === undefined || source === undefined) return;
  const isIdle = fetching(model, id).length === 0;
  const given = plan.next(id, model.now);
  if (given === undefined) {
    checkSentAway(model, id);
    return;
  }
  if (given.movedFrom === undefined) checkGiven(model, id, given.piece, given.isDuplicate);
  else checkMoved(model, id, given.piece, given.movedFrom);
  model.pieces[given.piece]!.flights.set(id, false);
  if (isIdle) source.quietSince = model.now;
}

function progress(model: Model, plan: Plan, n: number, bytes: number): void {
  const [id, source] = pickSource(model, n) ?? [];
  if (id === undefined || source === undefined) return;
  plan.progressed(id, bytes, model.now);
  source.quietSince = model.now;
}

/** Bytes of a piece: whoever was asked for it too, and has not begun, loses it in a swarm. */
function begin(model: Model, plan: Plan, n: number, bytes: number): void {
  const flight = pickFlight(model, n, false);
  if (flight === undefined) return;
  const { flights, begun } = model.pieces[flight.piece]!;
  plan.progressed(flight.id, bytes, model.now, flight.piece);
  model.sources.get(flight.id)!.quietSince = model.now;
  begun.add(flight.id);
  const waiting = [...flights].filter(([id, hasArrived]) => !hasArrived && !begun.has(id)).map(([id]) => id);
  expect(plan.began(flight.piece, flight.id, model.now)).toEqual(model.isSwarm ? waiting : []);
  if (model.isSwarm) for (const id of waiting) flights.delete(id);
}

/** Only a swarm must stand it that pieces are taken back. */
function change(model: Model, plan: Plan, n: number, held: readonly number[]): void {
  const [id, source] = pickSource(model, n) ?? [];
  if (id === undefined || source === undefined || !source.isPresent || !model.isSwarm) return;
  const holds = new Bitfield(model.pieces.length);
  for (const piece of held) holds.add(pieceIndex(piece % model.pieces.length));
  source.holds.become(holds);
  plan.sourceChanged(id);
}

function arrive(model: Model, plan: Plan, n: number): void {
  const flight = pickFlight(model, n, false);
  if (flight === undefined) return;
  plan.arrived(flight.piece, flight.id, model.now);
  model.pieces[flight.piece]!.flights.set(flight.id, true);
}

function finish(model: Model, plan: Plan, n: number): void {
  const flight = pickFlight(model, n);
  if (flight === undefined) return;
  const { piece, id } = flight;
  const others = [...model.pieces[piece]!.flights].filter(([other, hasArrived]) => other !== id && !hasArrived);
  expect(plan.done(piece, id, model.now)).toEqual(others.map(([other]) => other));
  model.pieces[piece]!.isDone = true;
  model.pieces[piece]!.flights.clear();
  model.pieces[piece]!.begun.clear();
  model.sources.get(id)!.pieces++;
}

/** A piece comes right from a source that was no longer expected to give it. */
function finishLate(model: Model, plan: Plan, n: number, index: number): void {
  const [id, source] = pickSource(model, n) ?? [];
  const piece = model.pieces[index % model.pieces.length]!;
  if (id === undefined || source === undefined || !source.isPresent || piece.flights.has(id)) return;
  const others = [...piece.flights].filter(([, hasArrived]) => !hasArrived).map(([other]) => other);
  expect(plan.done(pieceIndex(index % model.pieces.length), id, model.now)).toEqual(others);
  if (!piece.isDone) source.pieces++;
  piece.isDone = true;
  piece.flights.clear();
  piece.begun.clear();
}

function fail(model: Model, plan: Plan, n: number, cause: Cause): void {
  const flight = pickFlight(model, n, cause === 'corrupt' ? undefined : false);
  if (flight === undefined) return;
  plan.failed(flight.id, flight.piece, cause, model.now);
  noteFailure(model, flight.id, flight.piece, cause);
}

function wait(model: Model, plan: Plan, ms: number): void {
  const until = after(model.now, ms);
  while (plan.nextDue <= until) {
    model.now = instant(Math.max(model.now, plan.nextDue));
    for (const { id, piece } of plan.overdue(model.now)) {
      expect(model.pieces[piece]!.flights.get(id)).toBe(false);
      plan.failed(id, piece, 'stalled', model.now);
      noteFailure(model, id, piece, 'stalled');
    }
    expect(plan.nextDue).toBeGreaterThan(model.now);
  }
  model.now = until;
  for (const [id, { quietSince }] of model.sources) {
    if (fetching(model, id).length > 0) expect(quietSince + REQUEST_TIMEOUT_MS).toBeGreaterThan(model.now);
  }
}

/** All that is under way ends well, or badly where a source has lied before; an honest source takes the rest. */
function drive(model: Model, plan: Plan): void {
  const all = model.pieces.map((_, piece) => piece);
  if (!model.hasStarted) plan.start();
  model.hasStarted = true;
  join(model, plan, all);
  const honest = model.sources.size - 1;
  for (let turn = 0; turn < 20 * model.pieces.length + 200 && !plan.isComplete; turn++) {
    for (let n = 0; n < model.sources.size; n++) ask(model, plan, n);
    let flight = pickFlight(model, turn);
    while (flight !== undefined && (turn % 2 === 0 || flight.id === honest)) {
      const isLiar = flight.id !== honest && model.sources.get(flight.id)!.corrupt > 0;
      if (isLiar) fail(model, plan, turn, 'corrupt');
      else finish(model, plan, turn);
      flight = pickFlight(model, turn);
    }
    progress(model, plan, honest, 64 * PIECE_BYTES);
    wait(model, plan, 1_000);
    compare(model, plan);
  }
  expect(plan.isComplete).toBe(true);
}

const number = fc.nat(1_000);
const holdings = fc.oneof(
  fc.constant(Array.from({ length: 64 }, (_, i) => i)),
  fc.tuple(fc.nat(40), fc.nat(40)).map(([from, count]) => Array.from({ length: count }, (_, i) => from + i)),
  fc.uniqueArray(fc.nat(63), { maxLength: 64 }),
);

const commands = [
  holdings.map((held) => command(`join(${held.join()})`, (m, p) => join(m, p, held))),
  number.map((n) => command(`leave(${n})`, (m, p) => leave(m, p, n))),
  fc.tuple(number, number).map(([n, piece]) => command(`gain(${n}, ${piece})`, (m, p) => gain(m, p, n, piece))),
  fc
    .tuple(number, holdings)
    .map(([n, held]) => command(`change(${n}, ${held.join()})`, (m, p) => change(m, p, n, held))),
  fc.constant(
    command('start', (model, plan) => {
      if (!model.hasStarted) plan.start();
      model.hasStarted = true;
    }),
  ),
  number.map((n) => command(`ask(${n})`, (m, p) => ask(m, p, n))),
  number.map((n) =>
    command(`askOften(${n})`, (m, p) => {
      for (let i = 0; i < 6; i++) ask(m, p, n);
    }),
  ),
  fc
    .tuple(number, fc.constantFrom(1, 1_000, 50_000, 1_000_000))
    .map(([n, bytes]) => command(`progress(${n}, ${bytes})`, (m, p) => progress(m, p, n, bytes))),
  fc
    .tuple(number, fc.constantFrom(1, 1_000, 50_000))
    .map(([n, bytes]) => command(`begin(${n}, ${bytes})`, (m, p) => begin(m, p, n, bytes))),
  fc.constant(
    command('becomeSwarm', (model, plan) => {
      plan.becomeSwarm();
      model.isSwarm = true;
    }),
  ),
  number.map((n) => command(`arrive(${n})`, (m, p) => arrive(m, p, n))),
  number.map((n) => command(`finish(${n})`, (m, p) => finish(m, p, n))),
  fc
    .tuple(number, number)
    .map(([n, piece]) => command(`finishLate(${n}, ${piece})`, (m, p) => finishLate(m, p, n, piece))),
  fc
    .tuple(number, fc.constantFrom<Cause>('corrupt', 'rejected', 'stalled', 'gone', 'choked'))
    .map(([n, cause]) => command(`fail(${n}, ${cause})`, (m, p) => fail(m, p, n, cause))),
  fc.constantFrom(1, 100, 300, 2_000, 9_000, 30_000).map((ms) => command(`wait(${ms})`, (m, p) => wait(m, p, ms))),
];

describe('Plan, against a naive model', () => {
  it('gives only what is allowed, agrees on every count, and ends while an honest holder is there', () => {
    const world = fc.record({
      pieceCount: fc.integer({ min: 1, max: 40 }),
      have: fc.uniqueArray(fc.nat(39), { maxLength: 20 }),
      seed: number,
      startEarly: fc.boolean(),
    });
    fc.assert(
      fc.property(world, fc.commands(commands, { maxCommands: 150, size: 'max' }), (given, events) => {
        const have = new Bitfield(given.pieceCount);
        for (const piece of given.have) have.add(pieceIndex(piece));
        const plan = new Plan({
          pieceCount: given.pieceCount,
          sizeOf: () => PIECE_BYTES,
          have,
          random: seeded(given.seed),
        });
        const model: Model = {
          now: instant(0),
          pieces: Array.from({ length: given.pieceCount }, (_, piece) => ({
            isDone: have.has(pieceIndex(piece)),
            flights: new Map<number, boolean>(),
            blamed: new Set<number>(),
            failedAt: new Map<number, Instant>(),
            begun: new Set<number>(),
          })),
          sources: new Map(),
          hasStarted: given.startEarly,
          isSwarm: false,
        };
        if (given.startEarly) plan.start();
        fc.modelRun(() => ({ model, real: plan }), events);
        drive(model, plan);
      }),
      { numRuns: 150 },
    );
  });
});
