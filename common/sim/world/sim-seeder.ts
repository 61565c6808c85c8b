import { MAX_CONNECTIONS } from '../../base/limits.ts';
import { Announcer } from '../../announce/announcer.ts';
import { Bitfield } from '../../base/bitfield.ts';
import type { Endpoint } from '../../base/ids.ts';
import { StoreError } from '../../base/ports.ts';
import { USUAL_CHOKE_TERMS } from '../../peer/choker.ts';
import type { Description } from '../../../seeder/description.ts';
import { Share } from '../../../seeder/share.ts';
import type { SimHost } from '../host.ts';
import { SimStore } from '../store.ts';
import { Conversation } from './conversation.ts';
import { newPeerId, noMeter, storyLog, type WorldParts } from './parts.ts';
import { RelayRecord } from './relay-watch.ts';
import { tapped } from './stream-tap.ts';

export interface SimSeederOptions {
  readonly parts: WorldParts;
  readonly name: string;
  readonly host: SimHost;
  readonly port: number;
  /** What it serves; all of it without. */
  readonly held?: Bitfield;
  /** Its file is not what it describes: makes the store lie. */
  readonly lies?: (store: SimStore) => void;
  readonly uploadSlots?: number | 'measured';
  /** Of a hybrid it knows the v1 half alone, as most other programs do. */
  readonly knowsV1Only?: boolean;
}

const READ_MS = 2;
const HASH_MS = 1;

/** `node seeder.js` on a simulated host. Its file outlives it. */
export class SimSeeder {
  readonly name: string;
  readonly host: SimHost;
  readonly held: Bitfield;
  readonly #options: SimSeederOptions;
  #share: Share | undefined;
  #store: SimStore | undefined;
  #readMs = READ_MS;
  #isChanged = false;

  constructor(options: SimSeederOptions) {
    this.#options = options;
    this.name = options.name;
    this.host = options.host;
    this.held = options.held ?? Bitfield.full(options.parts.content.pieceCount);
  }

  get isHonest(): boolean {
    return this.#options.lies === undefined;
  }

  get isRunning(): boolean {
    return this.#share !== undefined;
  }

  get uploadedBytes(): number {
    return this.#share?.uploadedBytes ?? 0;
  }

  get endpoint(): Endpoint {
    return { host: this.host.addresses[0]!, port: this.#options.port };
  }

  async start(): Promise<void> {
    const { parts, name, host, port, uploadSlots = 'measured' } = this.#options;
    const { clock, random, udp } = host;
    const { resolver, trackers, verdict, equipment } = parts;
    const log = storyLog(parts, name);
    const http = parts.httpOf(host);
    const listener = await host.listeners.listen({ host: '::', port });
    const listenIn = (remote: Endpoint): Conversation => this.#conversationWith(remote);
    const peerPorts = tapped({ dialer: host.dialer, listener }, equipment.isWatched ? listenIn : undefined);
    const share = new Share({
      clock,
      random,
      hasher: equipment.hasher({ clock, delayMs: HASH_MS }),
      log,
      meter: noMeter,
      ...peerPorts,
      peerId: newPeerId(random),
      ...this.#description,
      store: this.#openStore(),
      held: this.held,
      isOnlySource: true,
      choking: { ...USUAL_CHOKE_TERMS, slots: uploadSlots },
      maxConnections: MAX_CONNECTIONS,
      check: () => this.#check(),
      presence: (facts) => new Announcer({ ...facts, clock, random, udp, http, resolver, log, trackers }),
    });
    this.#share = share;
    verdict.note(name, 'starts');
    share.failed.catch((error: unknown) => this.#giveUp(share, String(error)));
    void share.start();
  }

  /* ---- what can befall it ---- */

  /** Its program is killed. */
  kill(): void {
    this.#note('dies');
    this.host.kill();
    this.#share = undefined;
  }

  /** Its machine is gone, and nobody is told. */
  vanish(): void {
    this.#note('vanishes');
    this.host.vanish();
    this.#share = undefined;
  }

  restart(): Promise<void> {
    this.host.boot();
    return this.start();
  }

  /** Its disk answers so late from now on; nothing that it was asked before is answered sooner. */
  slowDown(readMs: number): void {
    this.#note(`reads take ${readMs} ms`);
    this.#readMs = readMs;
    if (this.#store !== undefined) this.#store.readMs = readMs;
  }

  /** Somebody edits its file. */
  changeFile(): void {
    this.#note('its file is changed');
    this.#isChanged = true;
    this.#store?.failReads('changed');
  }

  async stop(): Promise<void> {
    const share = this.#share;
    this.#share = undefined;
    await share?.stop();
  }

  /* ---- inside ---- */

  get #description(): Description {
    const { description } = this.#options.parts.content;
    if (this.#options.knowsV1Only !== true) return description;
    const { infoHashV2: _unknown, ...info } = description.info;
    return { info, layers: new Map() };
  }

  #openStore(): SimStore {
    const { parts, host, lies } = this.#options;
    const { geometry } = parts.content;
    const store = new SimStore({
      clock: host.clock,
      pieceSize: (piece) => geometry.pieceSize(piece),
      readMs: this.#readMs,
      writeMs: 1,
    });
    for (const piece of this.held) store.put(piece, parts.content.pieceOf(piece));
    lies?.(store);
    if (this.#isChanged) store.failReads('changed');
    this.#store = store;
    return store;
  }

  async #check(): Promise<void> {
    if (this.#isChanged) throw new StoreError('changed', 'the file is not what it was');
  }

  /** As `node seeder.js` does. */
  #giveUp(share: Share, reason: string): void {
    if (this.#share !== share) return;
    this.#note(`gives up: ${reason}`);
    void this.stop();
  }

  #conversationWith(remote: Endpoint): Conversation {
    const { parts, name } = this.#options;
    return new Conversation({
      who: `${name} > ${remote.host}`,
      verdict: parts.verdict,
      content: parts.content,
      holds: (piece) => this.held.has(piece),
      isLiar: !this.isHonest,
      wants: () => false,
      relays: new RelayRecord(() => {}),
    });
  }

  #note(what: string): void {
    this.#options.parts.verdict.note(this.name, what);
  }
}
