import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { after, instant, pieceIndex, type Instant, type PieceIndex } from '../common/base/ids.ts';
import { ENDGAME_SOURCES, KIB, REQUEST_TIMEOUT_MS, RETRY_FIRST_MS, RETRY_LAST_MS } from '../common/base/limits.ts';
import type { Random } from '../common/base/ports.ts';
import { Plan } from './plan.ts';

/**
 * Any order of events, against a naive picture of the same in arrays and maps. What is compared: every answer that
 * has one right value. What is checked: that each assignment is allowed, and that a source is sent away only when
 * there is nothing for it.
 */
const PIECE_BYTES = 64 * KIB;

interface NaivePiece {
  isDone: boolean;
  /** By source; the value tells whether all of it has arrived. */
  readonly flights: Map<number, boolean>;
  readonly blamed: Set<number>;
  readonly failedAt: Map<number, Instant>;
  /** Who has sent bytes of it in a flight that is not over. */
  readonly begun: Set<number>;
}

interface NaiveSource {
  readonly holds: Bitfield;
  isPresent: boolean;
  pieces: number;
  corrupt: number;
  rejected: number;
  stalled: number;
  /** The last time it was rejecting or late. */
  offendedAt: Instant;
  /** The last time it gave a byte, or began to owe one. */
  quietSince: Instant;
}

interface Model {
  now: Instant;
  readonly pieces: NaivePiece[];
  readonly sources: Map<number, NaiveSource>;
  hasStarted: boolean;
  isSwarm: boolean;
}

type Command = fc.Command<Model, Plan>;
type Cause = 'corrupt' | 'rejected' | 'stalled' | 'gone' | 'choked';

const seeded = (seed: number): Random => {
  let state = seed;
  const below = (bound: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * bound);
  };
  return { bytes: (count) => new Uint8Array(count), below };
};

const fetching = (model: Model, id: number): PieceIndex[] =>
  model.pieces.flatMap(({ flights }, piece) => (flights.get(id) === false ? [pieceIndex(piece)] : []));

/** The `n`-th source, present or not, in a circle. */
function pickSource(model: Model, n: number): [number, NaiveSource] | undefined {
  return [...model.sources][n % Math.max(1, model.sources.size)];
}

/** The `n`-th flight, in a circle: of pieces that have arrived, or that have not, or both. */
function pickFlight(model: Model, n: number, want?: boolean): { piece: PieceIndex; id: number } | undefined {
  const all = model.pieces.flatMap(({ flights }, piece) =>
    [...flights]
      .filter(([, hasArrived]) => want === undefined || hasArrived === want)
      .map(([id]) => ({ piece: pieceIndex(piece), id })),
  );
  return all[n % Math.max(1, all.length)];
}

/* ---- what the naive picture knows ---- */

const isFree = (piece: NaivePiece): boolean => !piece.isDone && piece.flights.size === 0;

function mayEverTake(model: Model, id: number, piece: number): boolean {
  return model.sources.get(id)!.holds.has(pieceIndex(piece)) && !model.pieces[piece]!.blamed.has(id);
}

function noteFailure(model: Model, id: number, index: number, cause: Cause): void {
  const piece = model.pieces[index]!;
  const source = model.sources.get(id)!;
  piece.flights.delete(id);
  piece.begun.delete(id);
  if (cause === 'gone') return;
  if (cause !== 'corrupt') source.offendedAt = model.now;
  if (cause === 'choked') return;
  source[cause]++;
  if (cause === 'corrupt') piece.blamed.add(id);
  piece.failedAt.set(id, model.now);
}

/** Everything that has one right answer. */
function compare(model: Model, plan: Plan): void {
  const needed = model.pieces.flatMap((piece, index) => (piece.isDone ? [] : [index]));
  expect(plan.remaining).toBe(needed.length);
  expect(plan.isComplete).toBe(needed.length === 0);
  const present = [...model.sources].filter(([, source]) => source.isPresent);
  for (const [id, source] of present) {
    const { pieces, corrupt, rejected, stalled } = source;
    const report = plan.report(id)!;
    const { pieces: p, corrupt: c, rejected: r, stalled: s } = report;
    expect({ pieces: p, corrupt: c, rejected: r, stalled: s }).toEqual({ pieces, corrupt, rejected, stalled });
    expect(report.bytes).toBe(pieces * PIECE_BYTES);
    expect(plan.isUseful(id)).toBe(needed.some((piece) => mayEverTake(model, id, piece)));
  }
  const missing = needed.filter(
    (piece) =>
      model.pieces[piece]!.flights.size === 0 && !present.some(([, { holds }]) => holds.has(pieceIndex(piece))),
  );
  const told = plan
    .missing()
    .flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
  expect(told).toEqual(missing);
  const hopeless = needed.filter((piece) => {
    const { blamed, flights } = model.pieces[piece]!;
    return blamed.size > 0 && flights.size === 0 && !present.some(([id]) => mayEverTake(model, id, piece));
  });
  expect(plan.hopeless()).toEqual(hopeless);
  for (const piece of needed) {
    expect(new Set(plan.blamed(pieceIndex(piece)))).toEqual(model.pieces[piece]!.blamed);
  }
}

/** The assignment is allowed. */
function checkGiven(model: Model, id: number, index: number, isDuplicate: boolean): void {
  const piece = model.pieces[index]!;
  const source = model.sources.get(id)!;
  expect(model.hasStarted && source.isPresent).toBe(true);
  expect(piece.isDone).toBe(false);
  expect(mayEverTake(model, id, index)).toBe(true);
  expect(piece.flights.has(id)).toBe(false);
  expect(isDuplicate).toBe(piece.flights.size > 0);
  expect(piece.flights.size).toBeLessThan(ENDGAME_SOURCES);
  expect([...piece.flights.values()]).not.toContain(true);
  const failedAt = piece.failedAt.get(id);
  if (failedAt !== undefined) expect(model.now).toBeGreaterThanOrEqual(failedAt + RETRY_FIRST_MS);
  if (model.isSwarm) return checkGivenInSwarm(model, id, index, isDuplicate);
  if (isDuplicate) {
    expect(fetching(model, id)).toEqual([]);
    // What failed at this source may wait for another; all else would have come before.
    const free = model.pieces.findIndex((one, i) => isFree(one) && mayEverTake(model, id, i) && !one.failedAt.has(id));
    expect(free).toBe(-1);
  }
}

/** A duplicate only when all is under way; else what is rarest of all that it may surely take. */
function checkGivenInSwarm(model: Model, id: number, index: number, isDuplicate: boolean): void {
  const free = model.pieces.flatMap((one, i) => (isFree(one) && i !== index ? [i] : []));
  if (isDuplicate) {
    expect(fetching(model, id)).toEqual([]);
    expect(free).toEqual([]);
    return;
  }
  const holders = (piece: number): number =>
    [...model.sources.values()].filter(({ holds, isPresent }) => isPresent && holds.has(pieceIndex(piece))).length;
  for (const piece of free) {
    if (!mayEverTake(model, id, piece) || model.pieces[piece]!.failedAt.has(id)) continue;
    expect(holders(piece)).toBeGreaterThanOrEqual(holders(index));
  }
}

/** It waited at another source, which has others before it or has not begun for long, and this one has nothing to do. */
function checkMoved(model: Model, id: number, index: number, from: number): void {
  const piece = model.pieces[index]!;
  expect(model.isSwarm).toBe(true);
  expect(fetching(model, id)).toEqual([]);
  expect([...piece.flights]).toEqual([[from, false]]);
  expect(piece.begun.has(from)).toBe(false);
  const free = model.pieces.findIndex((one, i) => isFree(one) && mayEverTake(model, id, i) && !one.failedAt.has(id));
  expect(free).toBe(-1);
  piece.flights.delete(from);
}

/** Nothing was given, and rightly. */
function checkSentAway(model: Model, id: number): void {
  const source = model.sources.get(id)!;
  if (!model.hasStarted || !source.isPresent || fetching(model, id).length > 0) return;
  // It may be resting.
  if (model.now < source.offendedAt + RETRY_LAST_MS) return;
  model.pieces.forEach((piece, index) => {
    if (piece.isDone || !mayEverTake(model, id, index)) return;
    const failedAt = piece.failedAt.get(id) ?? -Infinity;
    if (model.now < failedAt + RETRY_LAST_MS) return;
    expect(piece.flights.size).toBeGreaterThan(0);
    if (model.isSwarm) return;
    if (source.offendedAt > -Infinity || [...piece.flights.values()].includes(true)) return;
    expect(piece.flights.size).toBe(ENDGAME_SOURCES);
  });
}

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
      { numRuns: 200 },
    );
  });
});
