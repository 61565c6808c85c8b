/**
 * One flash crowd on the simulated network: the real rules and drivers, no sockets, no disk. All leechers start
 * together, find each other through the tracker, and stay when they are done.
 */
import { Bitfield } from '../../common/base/bitfield.ts';
import { KIB } from '../../common/base/limits.ts';
import type { SimContent } from '../../common/sim/world/content.ts';
import { lightEquipment } from '../../common/sim/world/light-equipment.ts';
import type { SimLeecher } from '../../common/sim/world/sim-leecher.ts';
import type { SimSeeder } from '../../common/sim/world/sim-seeder.ts';
import { World } from '../../common/sim/world/world.ts';

export interface CrowdShape {
  readonly seeders: number;
  readonly leechers: number;
  /** Beside the leechers: they take and never give. */
  readonly freeRiders: number;
  /** Of each host, each way: what a stream can carry. */
  readonly bytesPerSecond: number;
  readonly latencyMs: number;
  /** Of one stream, in the kernel or on the way. */
  readonly windowBytes: number;
  /** What waits for a host's line at most; null: nothing is lost, and streams are fast from the start. */
  readonly queueMs: number | null;
  /** The seeders die as soon as every piece is with some leecher. */
  readonly killsSeeders: boolean;
  /** Each leecher is ready so long after its command was given, and some moment within the spread: programs take time to begin. */
  readonly startMs: number;
  readonly spreadMs: number;
  readonly limitMs: number;
}

/** How things stood at a moment. */
export interface CrowdSample {
  readonly seconds: number;
  /** Of the file, that all seeders together have sent. */
  readonly seederShare: number;
  /** Of the file, that the leechers together have, and have on average. */
  readonly heldByAny: number;
  readonly heldOnAverage: number;
  /** Of the leechers' uplinks, since the sample before. */
  readonly uplinkUse: number;
}

export interface CrowdOutcome {
  readonly boundS: number;
  /** Of each leecher that completed, in order. */
  readonly completedS: readonly number[];
  readonly seederShareAtFirst: number;
  readonly seederShareAtLast: number;
  /** Of the leechers' uplinks, until the last has completed. */
  readonly uplinkUse: number;
  /** Received by leechers beyond one file each. */
  readonly duplicateBytes: number;
  readonly samples: readonly CrowdSample[];
  readonly cpuS: number;
}

const SAMPLE_MS = 1_000;
/** How soon the seeders die after they may. */
const LOOK_MS = 10;
const SEGMENT_BYTES = 16 * KIB;

/** No schedule can be faster: F/(S*u), F/d and N*F/((S+N)*u), with as much up as down. */
export function boundSeconds(shape: CrowdShape, totalBytes: number): number {
  const { seeders, leechers, bytesPerSecond } = shape;
  const alone = totalBytes / bytesPerSecond;
  return alone * Math.max(1 / seeders, 1, leechers / (seeders + leechers));
}

export class CrowdRun {
  readonly #shape: CrowdShape;
  readonly #content: SimContent;
  readonly #world: World;
  readonly #leechers: readonly SimLeecher[];
  readonly #seeders: readonly SimSeeder[];
  readonly #samples: CrowdSample[] = [];
  readonly #completedS: number[] = [];
  #pending: readonly SimLeecher[];
  #seederShareAtFirst = 0;
  #startedAt = 0;
  #lastSent = 0;
  #lookAt = 0;

  constructor(options: { readonly shape: CrowdShape; readonly content: SimContent; readonly seed: number }) {
    const { shape, content, seed } = options;
    this.#shape = shape;
    this.#content = content;
    this.#world = new World({
      seed,
      content: () => content,
      traits: () => ({
        latencyMs: shape.latencyMs,
        windowBytes: shape.windowBytes,
        queueMs: shape.queueMs ?? Number.POSITIVE_INFINITY,
        segmentBytes: SEGMENT_BYTES,
        cutsAtRandom: false,
      }),
      families: () => ['IPv4'],
      onEvent: undefined,
      equipment: lightEquipment(content),
    });
    this.#world.addTracker();
    this.#seeders = times(shape.seeders, () => this.#world.addSeeder());
    this.#leechers = times(shape.leechers, () => this.#world.addLeecher(LEECHER));
    this.#pending = this.#leechers;
    times(shape.freeRiders, () => this.#world.addLeecher({ ...LEECHER, uploadSlots: 0 }));
    for (const { host } of [...this.#world.seeders, ...this.#world.leechers]) {
      host.up.bytesPerSecond = shape.bytesPerSecond;
      host.down.bytesPerSecond = shape.bytesPerSecond;
    }
  }

  async play(): Promise<CrowdOutcome> {
    const { clock, trackers, seeders, leechers } = this.#world;
    const { startMs, spreadMs, limitMs } = this.#shape;
    const cpu = process.cpuUsage();
    for (const actor of [...trackers, ...seeders]) await this.#world.do(actor.start());
    await clock.runFor(SAMPLE_MS);
    this.#startedAt = clock.now();
    for (const leecher of leechers) {
      this.#world.later(startMs + this.#world.random.below(spreadMs + 1), () => leecher.start());
    }
    let sampleAt = this.#startedAt + SAMPLE_MS;
    await clock.runUntilTrue(() => {
      this.#look();
      if (clock.now() >= sampleAt) {
        this.#sample();
        sampleAt += SAMPLE_MS;
      }
      return this.#pending.length === 0;
    }, limitMs);
    this.#world.verdict.enforce();
    const outcome = this.#outcome();
    this.#world.abandon();
    const { user, system } = process.cpuUsage(cpu);
    return { ...outcome, cpuS: (user + system) / 1e6 };
  }

  #look(): void {
    const done = this.#pending.filter(({ ending }) => ending !== undefined);
    if (done.length > 0) {
      this.#pending = this.#pending.filter(({ ending }) => ending === undefined);
      for (const { ending } of done) if (ending?.code !== 'OK') throw new Error(`a leecher ended with ${ending?.code}`);
      if (this.#completedS.length === 0) this.#seederShareAtFirst = this.#seederShare;
      for (const _ of done) this.#completedS.push(this.#seconds);
    }
    if (!this.#shape.killsSeeders || this.#seeders.every(({ isRunning }) => !isRunning)) return;
    // To look at every step would take longer than all the rest.
    const now = this.#world.clock.now();
    if (now < this.#lookAt) return;
    this.#lookAt = now + LOOK_MS;
    if (this.#heldByAny.isFull) for (const seeder of this.#seeders) seeder.kill();
  }

  get #seconds(): number {
    return (this.#world.clock.now() - this.#startedAt) / 1000;
  }

  /** On the line, so that a seeder that has died counts too. */
  get #seederShare(): number {
    return sum(this.#seeders.map(({ host }) => host.up.carriedBytes)) / this.#content.totalBytes;
  }

  get #heldByAny(): Bitfield {
    const held = new Bitfield(this.#content.pieceCount);
    for (const leecher of this.#leechers) for (const piece of leecher.held) held.add(piece);
    return held;
  }

  get #sentByLeechers(): number {
    return sum(this.#leechers.map(({ host }) => host.up.carriedBytes));
  }

  #useOfUplinks(bytes: number, seconds: number): number {
    return bytes / (seconds * this.#shape.bytesPerSecond * this.#leechers.length);
  }

  #sample(): void {
    const { pieceCount } = this.#content;
    const sent = this.#sentByLeechers;
    this.#samples.push({
      seconds: this.#seconds,
      seederShare: this.#seederShare,
      heldByAny: this.#heldByAny.count / pieceCount,
      heldOnAverage: sum(this.#leechers.map(({ held }) => held.count)) / pieceCount / this.#leechers.length,
      uplinkUse: this.#useOfUplinks(sent - this.#lastSent, SAMPLE_MS / 1000),
    });
    this.#lastSent = sent;
  }

  #outcome(): Omit<CrowdOutcome, 'cpuS'> {
    const { totalBytes } = this.#content;
    const received = sum(this.#leechers.map(({ leech }) => leech?.downloadedBytes ?? 0));
    return {
      boundS: boundSeconds(this.#shape, totalBytes),
      completedS: this.#completedS,
      seederShareAtFirst: this.#seederShareAtFirst,
      seederShareAtLast: this.#seederShare,
      uplinkUse: this.#useOfUplinks(this.#sentByLeechers, this.#seconds),
      duplicateBytes:
        received - sum(this.#leechers.map(({ held }) => held.count)) * (totalBytes / this.#content.pieceCount),
      samples: this.#samples,
    };
  }
}

const MINUTE_MS = 60_000;

const LEECHER = {
  minSeeders: 1,
  waitMs: 10 * MINUTE_MS,
  timeoutMs: 10 * MINUTE_MS,
  knows: 'torrent',
  lingers: true,
} as const;

const times = <T>(count: number, make: () => T): readonly T[] => Array.from({ length: count }, make);

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
