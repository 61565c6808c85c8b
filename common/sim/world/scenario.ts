import { KIB } from '../../base/limits.ts';
import type { TorrentFormat } from '../../content/info-writer.ts';
import type { LinkTraits } from '../link.ts';
import type { SeededRandom } from '../random.ts';
import { type ContentShape, SimContent } from './content.ts';
import { type Families, World } from './world.ts';

/** One row of the table of what can happen. */
export interface Scenario {
  readonly name: string;
  /** How many seeds the test tries: 1, 2, 3 … */
  readonly seeds: number;
  /** Pieces, at least and at most. */
  readonly pieces?: readonly [number, number];
  /** How long a piece may be; 16 or 32 KiB without. */
  readonly pieceKib?: readonly number[];
  /** Any without. */
  readonly format?: TorrentFormat;
  /** Of every link, beside what the seed makes of them. */
  readonly traits?: Partial<LinkTraits>;
  /** Of the events that it takes; enough for a few peers without. */
  readonly mostSteps?: number;
  /** Brings in who takes part and what befalls them, lets time pass, and throws when it does not end as it should. */
  readonly play: (world: World) => Promise<void>;
}

const PIECES = [12, 40] as const;
const PIECE_KIB = [16, 32] as const;
/** Of every eighth world: streams cut as by a real network. */
const PACKET_BYTES = 1_448;

const FAMILIES: readonly Families[] = [['IPv4'], ['IPv4'], ['IPv6'], ['IPv4', 'IPv6']];

/** A file of so many pieces, the last of any length. */
function shapeOf(random: SeededRandom, scenario: Scenario): ContentShape {
  const [least, most] = scenario.pieces ?? PIECES;
  const lengths = scenario.pieceKib ?? PIECE_KIB;
  const pieceBytes = KIB * lengths[random.below(lengths.length)]!;
  const pieces = least + random.below(most - least + 1);
  const lengthBytes = pieces * pieceBytes - random.below(pieceBytes);
  const format = (['v2', 'v2', 'hybrid', 'v1'] as const)[random.below(4)]!;
  return { format: scenario.format ?? format, name: 'file.bin', lengthBytes, pieceBytes, seed: random.below(1_000) };
}

function traitsOf(random: SeededRandom): Partial<LinkTraits> {
  return {
    latencyMs: [0, 1, 5, 40][random.below(4)]!,
    jitterMs: [0, 0, 1, 20][random.below(4)]!,
    windowBytes: [16, 64, 256][random.below(3)]! * KIB,
    ...(random.below(8) === 0 ? { segmentBytes: PACKET_BYTES } : {}),
  };
}

/** Plays it to the end. Throws, with what happened last, when anything was wrong. */
export async function playScenario(
  scenario: Scenario,
  seed: number,
  onEvent: ((line: string) => void) | undefined,
): Promise<void> {
  const world = new World({
    seed,
    content: (random) => new SimContent(shapeOf(random, scenario)),
    families: (random) => FAMILIES[random.below(FAMILIES.length)]!,
    traits: (random) => ({ ...traitsOf(random), ...scenario.traits }),
    onEvent,
    ...(scenario.mostSteps === undefined ? {} : { mostSteps: scenario.mostSteps }),
  });
  try {
    await scenario.play(world);
    await world.close();
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Error(`${reason}\n\nwhat happened last:\n${world.verdict.story}`, { cause: error });
  } finally {
    world.abandon();
  }
}
