/**
 * How many decisions a second the plan takes: `npx tsx scripts/bench/plan.ts [PIECES] [SOURCES]`.
 * Each piece costs one `next`, one `progressed` for each block, one `arrived` and one `done`.
 */
import { Bitfield } from '../../common/base/bitfield.ts';
import { instant, pieceIndex, type PieceIndex } from '../../common/base/ids.ts';
import { KIB } from '../../common/base/limits.ts';
import type { Random } from '../../common/base/ports.ts';
import { Plan } from '../../leecher/plan.ts';

const PIECE_BYTES = 512 * KIB;
const BLOCKS = 4;
const DEPTH = 4;
const PIECES = Number(process.argv[2] ?? 2 ** 20);
const SOURCES = Number(process.argv[3] ?? 200);

function seeded(seed: number): Random {
  let state = seed;
  const below = (bound: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    // The low bits of such a generator repeat soon.
    return Math.floor((state / 0x80000000) * bound);
  };
  return { bytes: (count) => new Uint8Array(count), below };
}

type Holding = (random: Random, id: number) => Bitfield;

const holdings: Readonly<Record<string, Holding>> = {
  'all hold all': () => Bitfield.full(PIECES),
  'shares, each held twice': (_, id) => {
    const held = new Bitfield(PIECES);
    const shares = Math.ceil(SOURCES / 2);
    const share = id % shares;
    const end = Math.floor(((share + 1) * PIECES) / shares);
    for (let piece = Math.floor((share * PIECES) / shares); piece < end; piece++) held.add(pieceIndex(piece));
    return held;
  },
  'each holds a random half, one all': (random, id) => {
    if (id === 0) return Bitfield.full(PIECES);
    const held = new Bitfield(PIECES);
    for (let piece = 0; piece < PIECES; piece++) if (random.below(2) === 0) held.add(pieceIndex(piece));
    return held;
  },
};

function run(name: string, holding: Holding, failEvery: number): void {
  const random = seeded(7);
  const plan = new Plan({ pieceCount: PIECES, sizeOf: () => PIECE_BYTES, have: new Bitfield(PIECES), random });
  for (let id = 0; id < SOURCES; id++) plan.addSource(id, holding(random, id));
  const before = performance.now();
  plan.start();
  const startedMs = performance.now() - before;

  const queues = Array.from({ length: SOURCES }, () => new Set<PieceIndex>());
  let [asked, given, turn, slowestMs] = [0, 0, 0, 0];
  const begin = performance.now();
  // Source `id` delivers once in every `1 + id % 4` turns: four paces.
  for (; !plan.isComplete; turn++) {
    const now = instant(turn);
    for (const [id, queue] of queues.entries()) {
      if (turn % (1 + (id % 4)) !== 0) continue;
      for (const piece of queue) {
        for (let block = 0; block < BLOCKS; block++) plan.progressed(id, PIECE_BYTES / BLOCKS, now);
        queue.delete(piece);
        plan.arrived(piece, id, now);
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
  console.log(
    `${name}: ${Math.round(given / seconds)} pieces/s, ${Math.round(asked / seconds)} decisions/s, ` +
      `start ${startedMs.toFixed(1)} ms, slowest decision ${slowestMs.toFixed(2)} ms, ` +
      `${given - PIECES} pieces fetched again, heap ${Math.round(process.memoryUsage().heapUsed / 2 ** 20)} MiB`,
  );
}

/**
 * A swarm that grows with us: one source holds all, the others gain pieces as fast as we do, and tell us of each. At
 * `startShare` they hold so much of it when they come.
 */
function runSwarm(name: string, startShare: number): void {
  const random = seeded(7);
  const plan = new Plan({ pieceCount: PIECES, sizeOf: () => PIECE_BYTES, have: new Bitfield(PIECES), random });
  const held = Array.from({ length: SOURCES }, (_, id) => (id === 0 ? Bitfield.full(PIECES) : new Bitfield(PIECES)));
  for (const set of held.slice(1)) {
    for (let piece = 0; piece < PIECES; piece++) if (random.below(1000) < startShare * 1000) set.add(pieceIndex(piece));
  }
  let before = performance.now();
  plan.becomeSwarm();
  held.forEach((set, id) => plan.addSource(id, set));
  plan.start();
  const startedMs = performance.now() - before;

  let [given, turn, slowestMs, haves, haveMs, vain] = [0, 0, 0, 0, 0, 0];
  const begin = performance.now();
  for (; !plan.isComplete && turn < 20 * PIECES; turn++) {
    const now = instant(turn);
    const id = turn % SOURCES;
    before = performance.now();
    const assignment = plan.next(id, now);
    slowestMs = Math.max(slowestMs, performance.now() - before);
    if (assignment === undefined) vain++;
    else {
      given++;
      for (let block = 0; block < BLOCKS; block++) plan.progressed(id, PIECE_BYTES / BLOCKS, now, assignment.piece);
      plan.arrived(assignment.piece, id, now);
      plan.done(assignment.piece, id, now);
    }
    before = performance.now();
    const who = 1 + random.below(SOURCES - 1);
    const piece = pieceIndex(random.below(PIECES));
    if (held[who]!.add(piece)) {
      haves++;
      plan.sourceGained(who, piece);
    }
    haveMs += performance.now() - before;
  }
  const seconds = (performance.now() - begin) / 1000;
  before = performance.now();
  plan.removeSource(SOURCES - 1, instant(turn));
  console.log(
    `${name}: ${Math.round(given / seconds)} pieces/s, ${vain} times nothing, start ${startedMs.toFixed(1)} ms, ` +
      `slowest decision ${slowestMs.toFixed(2)} ms, ${Math.round((1000 * haves) / haveMs)} haves/s, ` +
      `leaving ${(performance.now() - before).toFixed(2)} ms, heap ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`,
  );
}

console.log(`${PIECES} pieces, ${SOURCES} sources`);
for (const [name, holding] of Object.entries(holdings)) run(name, holding, 0);
run('all hold all, one in 500 corrupt', holdings['all hold all']!, 500);
runSwarm('swarm: one holds all, the others nothing yet', 0);
runSwarm('swarm: one holds all, each of the others a random tenth', 0.1);
runSwarm('swarm: one holds all, each of the others a random half', 0.5);
