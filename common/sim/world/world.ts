import { parseTrackerUrl, type TrackerAddress } from '../../announce/tracker-address.ts';
import { after, instant } from '../../base/ids.ts';
import { KIB } from '../../base/limits.ts';
import type { Wanted } from '../../../leecher/recognise.ts';
import { VirtualClock } from '../clock.ts';
import type { SimHost } from '../host.ts';
import { SimHttp } from '../http.ts';
import { CALM, type LinkTraits } from '../link.ts';
import { SimNetwork } from '../network.ts';
import { SeededRandom } from '../random.ts';
import { SimResolver } from '../resolver.ts';
import type { SimContent } from './content.ts';
import { JunkPeer } from './junk-peer.ts';
import { type Equipment, FULL_EQUIPMENT, type WorldParts } from './parts.ts';
import { PoolWatch } from './pool-watch.ts';
import { SimLeecher, type SimLeecherOptions } from './sim-leecher.ts';
import { SimSeeder, type SimSeederOptions } from './sim-seeder.ts';
import { SimTracker, type SimTrackerOptions } from './sim-tracker.ts';
import { Verdict } from './verdict.ts';

/** What every machine speaks. */
export type Families = readonly ('IPv4' | 'IPv6')[];

type Own<T, Given extends string> = Omit<T, Given | 'parts' | 'name' | 'host' | 'port'>;

const TRACKER_PORT = 6969;
const PEER_PORT = 7000;
/** After everyone has been stopped: streams linger, trackers are waited for, the dead miss their wake-ups. */
const AFTERMATH_MS = 3_600_000;
const STOP_LIMIT_MS = 60_000;
const MINUTE_MS = 60_000;
/** Of a scenario of a few peers; most take some ten thousand. */
const MOST_STEPS = 500_000;

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** Gives the machine a line out of so many KiB a second. */
export function pace(actor: { readonly host: SimHost }, kibPerSecond: number): void {
  actor.host.up.bytesPerSecond = kibPerSecond * KIB;
}

/**
 * A network with trackers, seeders and leechers, made of the same rules and drivers as the programs, and with a
 * witness at every place where one could see that something is wrong. All that happens follows from the seed.
 */
export class World {
  readonly clock = new VirtualClock({ startAt: instant(1_000_000) });
  readonly random: SeededRandom;
  readonly network: SimNetwork;
  readonly content: SimContent;
  readonly verdict: Verdict;
  readonly trackers: SimTracker[] = [];
  readonly seeders: SimSeeder[] = [];
  readonly leechers: SimLeecher[] = [];
  readonly junk: JunkPeer[] = [];
  readonly #resolver: SimResolver;
  readonly #http: SimHttp;
  readonly #pools: PoolWatch;
  readonly #addresses: TrackerAddress[] = [];
  readonly #hosts: SimHost[] = [];
  readonly #families: Families;
  readonly #equipment: Equipment;
  readonly #mostSteps: number;
  /** Of an act that was scheduled. */
  #failure: Error | undefined;
  #steps = 0;
  #isClosing = false;

  constructor(options: {
    readonly seed: number;
    readonly content: (random: SeededRandom) => SimContent;
    readonly traits: (random: SeededRandom) => Partial<LinkTraits>;
    readonly families: (random: SeededRandom) => Families;
    readonly onEvent: ((line: string) => void) | undefined;
    /** Full without. */
    readonly equipment?: Equipment;
    readonly mostSteps?: number;
  }) {
    this.#mostSteps = options.mostSteps ?? MOST_STEPS;
    this.#equipment = options.equipment ?? FULL_EQUIPMENT;
    this.random = new SeededRandom({ seed: options.seed });
    this.content = options.content(this.random.fork());
    this.network = new SimNetwork({
      clock: this.clock,
      random: this.random.fork(),
      traits: { ...CALM, ...options.traits(this.random.fork()) },
    });
    this.#families = options.families(this.random.fork());
    this.verdict = new Verdict({ clock: this.clock, onEvent: options.onEvent });
    this.#resolver = new SimResolver({ clock: this.clock, delayMs: 5 });
    this.#http = new SimHttp({ clock: this.clock, delayMs: 5 });
    this.#pools = new PoolWatch({ verdict: this.verdict });
    this.#pools.on();
  }

  get #parts(): WorldParts {
    return {
      clock: this.clock,
      random: this.random,
      network: this.network,
      resolver: this.#resolver,
      content: this.content,
      verdict: this.verdict,
      trackers: this.#addresses,
      equipment: this.#equipment,
      httpOf: (host) => this.#http.clientAt(host.addresses),
      isHonest: (address) => this.#isHonest(address),
    };
  }

  /* ---- who takes part ---- */

  /** Known to everyone by its name. */
  addTracker(options: Partial<Own<SimTrackerOptions, never>> = {}): SimTracker {
    const place = this.#place('tracker', this.trackers.length);
    const host = `${place.name}.test`;
    this.#resolver.names.set(host, place.host.addresses);
    this.#addresses.push(parseTrackerUrl(`udp://${host}:${TRACKER_PORT}`)!);
    const tracker = new SimTracker({ parts: this.#parts, ...place, port: TRACKER_PORT, ...options });
    this.trackers.push(tracker);
    return tracker;
  }

  addSeeder(options: Partial<Own<SimSeederOptions, never>> = {}): SimSeeder {
    const place = this.#place('seeder', this.seeders.length);
    const seeder = new SimSeeder({ parts: this.#parts, ...place, port: PEER_PORT, ...options });
    this.seeders.push(seeder);
    return seeder;
  }

  addLeecher(options: Partial<Own<SimLeecherOptions, never>> = {}): SimLeecher {
    const place = this.#place('leecher', this.leechers.length);
    const defaults = {
      minSeeders: Math.min(3, this.seeders.length),
      waitMs: 30_000,
      timeoutMs: 90_000,
      wanted: this.#anyHash(),
      knows: this.random.chance(0.8) ? 'hash' : this.random.chance(0.5) ? 'torrent' : 'info',
      lingers: false,
      endpoints: [],
    } as const;
    const leecher = new SimLeecher({ parts: this.#parts, ...place, port: PEER_PORT, ...defaults, ...options });
    this.leechers.push(leecher);
    return leecher;
  }

  /** What a user may have of the content: of a hybrid, either hash or both. */
  #anyHash(): Wanted {
    const { infoHashV1, infoHashV2 } = this.content.description.info;
    const v1 = infoHashV1 === undefined ? undefined : { infoHashV1 };
    const v2 = infoHashV2 === undefined ? undefined : { infoHashV2 };
    if (v1 === undefined || v2 === undefined) return (v1 ?? v2)!;
    return this.oneOf([v1, v2, { ...v1, ...v2 }]);
  }

  /** Without names of tricks: all of them. */
  addJunk(...tricks: readonly string[]): JunkPeer {
    const place = this.#place('junk', this.junk.length);
    const junk = new JunkPeer({ parts: this.#parts, ...place, port: PEER_PORT, tricks });
    this.junk.push(junk);
    return junk;
  }

  #place(role: string, index: number): { readonly name: string; readonly host: SimHost } {
    const number = ['tracker', 'seeder', 'leecher', 'junk'].indexOf(role);
    const addresses = { IPv4: `10.0.${number}.${index + 1}`, IPv6: `2001:db8:${number}::${index + 1}` };
    const host = this.network.addHost(...this.#families.map((family) => addresses[family]));
    this.#hosts.push(host);
    return { name: `${role}${index + 1}`, host };
  }

  #isHonest(address: string): boolean {
    const seeder = this.seeders.find(({ host }) => host.addresses.includes(address));
    return seeder?.isHonest ?? this.leechers.some(({ host }) => host.addresses.includes(address));
  }

  /* ---- shorthands for scenarios ---- */

  /** So many seeders, each with a line of its own. */
  addSeeders(count: number, options: Partial<Own<SimSeederOptions, never>> = {}): readonly SimSeeder[] {
    return Array.from({ length: count }, () => {
      const seeder = this.addSeeder(options);
      pace(seeder, this.between(100, 400));
      return seeder;
    });
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + this.random.below(most - least + 1);
  }

  oneOf<T>(all: readonly T[]): T {
    return all[this.random.below(all.length)]!;
  }

  /** Does something when a download is somewhere on its way. */
  midway(leecher: SimLeecher, act: () => unknown): void {
    leecher.when(this.random.below(this.content.pieceCount), () => this.later(this.random.below(200), act));
  }

  /* ---- time ---- */

  /** Starts everyone who is there, trackers first. */
  async startAll(): Promise<void> {
    for (const actor of [...this.trackers, ...this.seeders, ...this.junk, ...this.leechers])
      await this.do(actor.start());
  }

  /** Does something after a while. What it begins need not be over for time to go on. */
  later(delayMs: number, act: () => unknown): void {
    this.clock.at(after(this.clock.now(), delayMs), () => {
      if (this.#isClosing) return;
      Promise.resolve(act()).catch((error: unknown) => (this.#failure ??= asError(error)));
    });
  }

  /** Lets time pass until it is done. */
  async do<T>(promise: Promise<T>): Promise<T> {
    const value = await this.clock.run(promise, STOP_LIMIT_MS);
    this.#enforce();
    return value;
  }

  async run(durationMs: number): Promise<void> {
    await this.until(() => false, durationMs);
  }

  /** Lets time pass until it is so; false when it is not within the limit. */
  async until(condition: () => boolean, limitMs: number): Promise<boolean> {
    const deadline = after(this.clock.now(), limitMs);
    await this.clock.runUntilTrue(() => this.#isOver() || condition(), limitMs);
    this.#enforce();
    if (condition()) return true;
    await this.clock.runUntil(deadline);
    this.#enforce();
    return condition();
  }

  /** Until every download has ended well. */
  async allFinish(limitMs = 30 * MINUTE_MS): Promise<void> {
    await this.allEnd('OK', limitMs);
  }

  /** Until every download has ended, with this code. */
  async allEnd(code: string, limitMs = 30 * MINUTE_MS): Promise<void> {
    const isOver = await this.until(() => this.leechers.every(({ ending }) => ending !== undefined), limitMs);
    for (const { name, ending, held } of this.leechers) {
      if (ending?.code === code) continue;
      const how = ending === undefined ? 'has not ended' : `ended with ${ending.code}: ${ending.text}`;
      throw new Error(`${name} ${how}; it has ${held.count} of ${held.size} pieces, and ${code} was due`);
    }
    if (!isOver) throw new Error('not every download has ended');
  }

  /** Stops everyone and looks at what is left behind. */
  async close(): Promise<void> {
    this.#isClosing = true;
    try {
      const wasKilled = [...this.leechers].some(({ deaths }) => deaths > 0);
      const actors = [...this.leechers, ...this.seeders, ...this.junk, ...this.trackers];
      await this.do(Promise.all(actors.map((actor) => actor.stop())));
      await this.clock.runFor(AFTERMATH_MS);
      if (!wasKilled) this.#pools.judgeLeaks();
      for (const host of this.#hosts) {
        if (host.streamCount > 0) this.verdict.breach(host.addresses[0]!, `${host.streamCount} streams are still open`);
      }
      if (this.clock.pending > 0) this.verdict.breach('world', `${this.clock.pending} wake-ups are left`);
      this.#enforce();
    } finally {
      this.#pools.off();
    }
  }

  /** Without stopping anybody. */
  abandon(): void {
    this.#pools.off();
  }

  /** Something went wrong; also when time stands still, or hardly goes on, for all that happens. */
  #isOver(): boolean {
    if (++this.#steps === this.#mostSteps) this.verdict.breach('world', `${this.#steps} steps, and no end`);
    return this.#failure !== undefined || this.verdict.isBroken;
  }

  #enforce(): void {
    this.verdict.enforce();
    if (this.#failure !== undefined) throw this.#failure;
  }
}
