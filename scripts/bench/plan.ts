/**
 * How many decisions a second the plan takes: `npm run bench:plan [-- PIECES SOURCES RUNS]`, medians. Each piece costs one
 * `next`, one `progressed` for each block, one `arrived` and one `done`.
 *
 * The limit beside it is a counter that is driven in the same way: it gives the next piece to whoever asks, and knows
 * nothing of who holds what, nor of paces.
 */
import { cpus } from 'node:os';
import { Bitfield } from '../../common/base/bitfield.ts';
import { instant, type Instant, NEVER, pieceIndex, type PieceIndex } from '../../common/base/ids.ts';
import { KIB } from '../../common/base/limits.ts';
import type { Random } from '../../common/base/ports.ts';
import { type Assignment, Plan } from '../../leecher/plan.ts';

const PIECE_BYTES = 512 * KIB;
const BLOCKS = 4;
const DEPTH = 4;
const PIECES = Number(process.argv[2] ?? 2 ** 20);
const SOURCES = Number(process.argv[3] ?? 200);
const RUNS = Number(process.argv[4] ?? 5);

function seeded(seed: number): Random {
  let state = seed;
  const below = (bound: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    // The low bits of such a generator repeat soon.
    return Math.floor((state / 0x80000000) * bound);
  };
  return { bytes: (count) => new Uint8Array(count), below };
}

type Planner = Pick<
  Plan,
  | 'addSource'
  | 'arrived'
  | 'becomeSwarm'
  | 'done'
  | 'failed'
  | 'isComplete'
  | 'next'
  | 'nextDue'
  | 'overdue'
  | 'progressed'
  | 'removeSource'
  | 'sourceGained'
  | 'start'
>;

/** The limit. */
class Counter implements Planner {
  #given = 0;
  #done = 0;
  readonly #again: PieceIndex[] = [];
  readonly nextDue = NEVER;

  get isComplete(): boolean {
    return this.#done === PIECES;
  }

  next(): Assignment | undefined {
    const piece = this.#again.pop() ?? (this.#given === PIECES ? undefined : pieceIndex(this.#given++));
    return piece === undefined ? undefined : { piece, isDuplicate: false };
  }

  done(): readonly number[] {
    this.#done++;
    return [];
  }

  failed(_id: number, piece: PieceIndex): void {
    this.#again.push(piece);
  }

  overdue(): [] {
    return [];
  }

  addSource(): void {}
  arrived(): void {}
  becomeSwarm(): void {}
  progressed(): void {}
  removeSource(): undefined {}
  sourceGained(): void {}
  start(): void {}
}

const planOf = (random: Random): Plan =>
  new Plan({ pieceCount: PIECES, sizeOf: () => PIECE_BYTES, have: new Bitfield(PIECES), random });

interface Result {
  readonly decisionsPerSecond: number;
  readonly startMs: number;
  readonly slowestMs: number;
  readonly again: number;
}

type Holding = (random: Random, id: number) => Bitfield;

const all: Holding = () => Bitfield.full(PIECES);

const shares: Holding = (_, id) => {
  const held = new Bitfield(PIECES);
  const count = Math.ceil(SOURCES / 2);
  const share = id % count;
  const end = Math.floor(((share + 1) * PIECES) / count);
  for (let piece = Math.floor((share * PIECES) / count); piece < end; piece++) held.add(pieceIndex(piece));
  return held;
};

/** The first holds all, each of the others a random part. */
const parts =
  (part: number): Holding =>
  (random, id) => {
    if (id === 0) return Bitfield.full(PIECES);
    const held = new Bitfield(PIECES);
    for (let piece = 0; part > 0 && piece < PIECES; piece++) {
      if (random.below(1000) < part * 1000) held.add(pieceIndex(piece));
    }
    return held;
  };

/** Seeds, each of its own pace. */
function seeds(plan: Planner, holding: Holding, failEvery = 0): Result {
  const random = seeded(7);
  for (let id = 0; id < SOURCES; id++) plan.addSource(id, holding(random, id));
  const before = performance.now();
  plan.start();
  const startMs = performance.now() - before;

  const queues = Array.from({ length: SOURCES }, () => new Set<PieceIndex>());
  let [asked, given, turn, slowestMs] = [0, 0, 0, 0];
  const begin = performance.now();
  // Source `id` delivers once in every `1 + id % 4` turns: four paces.
  for (; !plan.isComplete; turn++) {
    const now = instant(turn);
    for (const [id, queue] of queues.entries()) {
      if (turn % (1 + (id % 4)) !== 0) continue;
      for (const piece of queue) {
        queue.delete(piece);
        deliver(plan, id, piece, now);
        if (failEvery > 0 && given % failEvery === 0) plan.failed(id, piece, 'corrupt', now);
        else for (const other of plan.done(piece, id, now)) queues[other]!.delete(piece);
        break;
      }
      while (queue.size < DEPTH) {
        asked++;
        const at = performance.now();
        const assignment = plan.next(id, now);
        slowestMs = Math.max(slowestMs, performance.now() - at);
        if (assignment === undefined) break;
        given++;
        queue.add(assignment.piece);
      }
    }
    if (now >= plan.nextDue) for (const { id, piece } of plan.overdue(now)) plan.failed(id, piece, 'stalled', now);
  }
  const seconds = (performance.now() - begin) / 1000;
  return { decisionsPerSecond: asked / seconds, startMs, slowestMs, again: given - PIECES };
}

/** A swarm that grows with us: the others gain pieces as fast as we do, and tell us of each. */
function swarm(plan: Planner, holding: Holding): Result {
  const random = seeded(7);
  const held = Array.from({ length: SOURCES }, (_, id) => holding(random, id));
  const before = performance.now();
  plan.becomeSwarm();
  held.forEach((set, id) => plan.addSource(id, set));
  plan.start();
  const startMs = performance.now() - before;

  let [given, turn, slowestMs] = [0, 0, 0];
  const begin = performance.now();
  for (; !plan.isComplete && turn < 20 * PIECES; turn++) {
    const now = instant(turn);
    const id = turn % SOURCES;
    const at = performance.now();
    const assignment = plan.next(id, now);
    slowestMs = Math.max(slowestMs, performance.now() - at);
    if (assignment !== undefined) {
      given++;
      deliver(plan, id, assignment.piece, now);
      plan.done(assignment.piece, id, now);
    }
    const who = 1 + random.below(SOURCES - 1);
    const piece = pieceIndex(random.below(PIECES));
    if (held[who]!.add(piece)) plan.sourceGained(who, piece);
  }
  const seconds = (performance.now() - begin) / 1000;
  plan.removeSource(SOURCES - 1, instant(turn));
  return { decisionsPerSecond: turn / seconds, startMs, slowestMs, again: given - PIECES };
}

function deliver(plan: Planner, id: number, piece: PieceIndex, now: Instant): void {
  for (let block = 0; block < BLOCKS; block++) plan.progressed(id, PIECE_BYTES / BLOCKS, now, piece);
  plan.arrived(piece, id, now);
}

const CASES: readonly (readonly [name: string, play: (plan: Planner) => Result])[] = [
  ['seeds of all', (plan) => seeds(plan, all)],
  ['seeds of all, one piece in 500 corrupt', (plan) => seeds(plan, all, 500)],
  ['seeds of a share, each held twice', (plan) => seeds(plan, shares)],
  ['one has all, the others a random half', (plan) => seeds(plan, parts(0.5))],
  ['swarm: one has all, the others nothing yet', (plan) => swarm(plan, parts(0))],
  ['swarm: … the others a random tenth', (plan) => swarm(plan, parts(0.1))],
  ['swarm: … the others a random half', (plan) => swarm(plan, parts(0.5))],
];

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;

console.log(
  `${PIECES} pieces, ${SOURCES} sources, ${cpus()[0]?.model ?? 'a processor'}, Node ${process.versions.node}`,
);
console.log(`median of ${RUNS} runs; the limit is a counter in the plan's place\n`);
console.log('| case | decisions/s | by the limit | start ms | slowest decision ms | fetched again |');
console.log('| --- | --- | --- | --- | --- | --- |');
for (const [name, play] of CASES) {
  const turns = Array.from({ length: RUNS }, () => ({ ours: play(planOf(seeded(7))), limit: play(new Counter()) }));
  const of = (field: keyof Result): number => median(turns.map(({ ours }) => ours[field]));
  const ratio = median(turns.map(({ ours, limit }) => ours.decisionsPerSecond / limit.decisionsPerSecond));
  const figures = [
    Math.round(of('decisionsPerSecond')).toLocaleString('en'),
    ratio.toFixed(2),
    of('startMs').toFixed(1),
    of('slowestMs').toFixed(2),
    of('again'),
  ];
  console.log(`| ${name} | ${figures.join(' | ')} |`);
}
