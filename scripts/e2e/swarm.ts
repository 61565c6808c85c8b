/** A tracker and the seeders of a file, up and known to each other. Tests only. */
import { beforeAll } from 'vitest';
import { Gate } from './gate.ts';
import { Sandbox, type Running } from './processes.ts';
import { SharedFile } from './shared-file.ts';
import { NO_TRACKER, TrackerClient } from './tracker-client.ts';

export const KIB = 1024;
export const CHUNK = 512 * KIB;

export interface Tracker {
  readonly process: Running;
  readonly url: string;
}

export interface Seeder {
  readonly process: Running;
  readonly infoHash: string;
  readonly magnet: string;
  /** `host:port`. */
  readonly address: string;
}

export async function startTracker(box: Sandbox, port = 0, ...more: readonly string[]): Promise<Tracker> {
  const process = box.start('tracker', ['--host', '127.0.0.1', '-p', `${port}`, ...more]);
  return { process, url: (await process.line(/^tracker (udp:.*)$/))[1]! };
}

/** Ready to serve; the tracker knows it a moment later, see `announced`. */
export async function startSeeder(
  box: Sandbox,
  file: string,
  tracker: string,
  ...more: readonly string[]
): Promise<Seeder> {
  const process = box.start('seeder', ['-f', file, '--host', '127.0.0.1', '-p', '0', '-t', tracker, ...more]);
  const [infoHash, magnet, address] = await Promise.all([
    process.fact('info hash'),
    process.fact('magnet'),
    process.fact('listening'),
  ]);
  return { process, infoHash, magnet, address };
}

/** When the tracker knows the seeder. */
export const announced = (seeder: Seeder): Promise<unknown> => seeder.process.line(/announced/, 'stderr');

/** The chunks that a leecher with `--json` has written. */
export const chunksOf = (leecher: Running): number[] =>
  leecher.stdout
    .split('\n')
    .filter((line) => line.startsWith('{"event":"chunk"'))
    .map((line) => (JSON.parse(line) as { chunk: number }).chunk);

export class Swarm {
  readonly box: Sandbox;
  readonly tracker: Tracker;
  readonly file: SharedFile;
  readonly seeders: Seeder[] = [];

  constructor(box: Sandbox, tracker: Tracker, file: SharedFile) {
    this.box = box;
    this.tracker = tracker;
    this.file = file;
  }

  /** A tracker, and as many seeders of one file as there are lists of further words for them. */
  static async start(
    box: Sandbox,
    sizeBytes: number,
    seeders: readonly (readonly string[])[] = [[], [], []],
    trackerWords: readonly string[] = [],
  ): Promise<Swarm> {
    const swarm = new Swarm(
      box,
      await startTracker(box, 0, ...trackerWords),
      SharedFile.of(box.path('shared.bin'), sizeBytes),
    );
    const made = await Promise.all(seeders.map((words) => swarm.#seeder(words)));
    swarm.seeders.push(...made);
    return swarm;
  }

  get infoHash(): string {
    return this.seeders[0]!.infoHash;
  }

  async addSeeder(...words: readonly string[]): Promise<Seeder> {
    const seeder = await this.#seeder(words);
    this.seeders.push(seeder);
    return seeder;
  }

  async #seeder(words: readonly string[]): Promise<Seeder> {
    const seeder = await startSeeder(this.box, this.file.path, this.tracker.url, ...words);
    await announced(seeder);
    return seeder;
  }

  /** A leecher of whatever the tracker has. */
  leech(output: string, ...words: readonly string[]): Running {
    return this.box.start('leecher', [...this.leechWords(output), ...words]);
  }

  leechWords(output: string): string[] {
    return ['-t', this.tracker.url, '-o', this.box.path(output), '--host', '127.0.0.1'];
  }
}

/** One swarm for all tests of a file. */
export function swarmForAll(sizeBytes: number, seeders?: readonly (readonly string[])[]): () => Swarm {
  let swarm: Swarm | undefined;
  beforeAll(async () => {
    const box = new Sandbox();
    try {
      swarm = await Swarm.start(box, sizeBytes, seeders);
    } catch (error) {
      await box.close();
      throw error;
    }
    return () => box.close();
  }, 120_000);
  return () => swarm!;
}

/** Seeders that a leecher reaches only through gates: their own tracker is nowhere, and the gates are announced. */
export class GatedSwarm {
  readonly box: Sandbox;
  readonly tracker: Tracker;
  readonly file: SharedFile;
  readonly seeders: readonly Seeder[];
  gates: Gate[] = [];

  private constructor(box: Sandbox, tracker: Tracker, file: SharedFile, seeders: readonly Seeder[]) {
    this.box = box;
    this.tracker = tracker;
    this.file = file;
    this.seeders = seeders;
  }

  static async start(box: Sandbox, sizeBytes: number, count = 3): Promise<GatedSwarm> {
    const file = SharedFile.of(box.path('shared.bin'), sizeBytes);
    const [tracker, ...seeders] = await Promise.all([
      startTracker(box),
      ...Array.from({ length: count }, () => startSeeder(box, file.path, NO_TRACKER)),
    ]);
    return new GatedSwarm(box, tracker, file, seeders);
  }

  get infoHash(): string {
    return this.seeders[0]!.infoHash;
  }

  /** New gates in place of those before, each of which lets so many bytes through. */
  async openGates(allowedBytes?: number): Promise<void> {
    const client = new TrackerClient(this.tracker.url);
    for (const gate of this.gates) {
      await client.withdrawSeeder(this.infoHash, gate.port);
      await gate.close();
    }
    this.gates = await Promise.all(this.seeders.map((seeder) => Gate.to(seeder.address, allowedBytes)));
    for (const gate of this.gates) await client.announceSeeder(this.infoHash, gate.port);
  }

  /** When every seeder has more to say than its gate lets through. */
  async usedUp(): Promise<void> {
    await Promise.all(this.gates.map((gate) => gate.usedUp));
  }

  get passedBytes(): number {
    return this.gates.reduce((sum, gate) => sum + gate.passedBytes, 0);
  }

  leech(output: string, ...words: readonly string[]): Running {
    const known = ['-t', this.tracker.url, '-o', this.box.path(output), '--host', '127.0.0.1', '--json'];
    return this.box.start('leecher', [this.infoHash, ...known, ...words]);
  }
}
