import { MAX_CONNECTIONS } from '../../base/limits.ts';
import { Announcer } from '../../announce/announcer.ts';
import { Bitfield } from '../../base/bitfield.ts';
import { type ErrorCode, messageOf, ShoalError } from '../../base/errors.ts';
import { type Endpoint, endpointText, type PieceIndex, pieceIndex } from '../../base/ids.ts';
import type { DownloadEvents } from '../../../leecher/download-events.ts';
import { Leech } from '../../../leecher/leech.ts';
import { recognise, type Wanted } from '../../../leecher/recognise.ts';
import { Target } from '../../../leecher/target.ts';
import { TrackerNews } from '../../../leecher/tracker-news.ts';
import type { SimDisk } from '../disk.ts';
import type { SimHost } from '../host.ts';
import { SimTargetFiles } from '../target-files.ts';
import { type Served, SimWeb } from '../web.ts';
import { Conversation } from './conversation.ts';
import { USUAL_CHOKE_TERMS } from '../../peer/choker.ts';
import { wireNamesOf } from '../../peer/wire-names.ts';
import { newPeerId, noMeter, storyLog, type WorldParts } from './parts.ts';
import { RelayRecord } from './relay-watch.ts';
import { tapped } from './stream-tap.ts';

export interface SimLeecherOptions {
  readonly parts: WorldParts;
  readonly name: string;
  readonly host: SimHost;
  readonly port: number;
  readonly minSeeders: number;
  readonly waitMs: number;
  readonly timeoutMs: number;
  /** Of a hybrid, one hash may be known, or both. */
  readonly wanted: Wanted;
  /** The info hash alone, a .torrent file, or one without the piece layers. */
  readonly knows: 'hash' | 'torrent' | 'info';
  /** Goes on serving when it is done, until it is stopped. */
  readonly lingers: boolean;
  /** Peers of a magnet link. */
  readonly endpoints: readonly Endpoint[];
  /** One that another uses too; its own without. */
  readonly disk?: SimDisk;
  readonly uploadSlots?: number | 'measured';
  /** What a web server gives as the content (BEP 19); no web seed without. */
  readonly web?: Served;
}

export type Ending = { readonly code: 'OK'; readonly text: '' } | { readonly code: ErrorCode; readonly text: string };

const DIRECTORY = '/home';
const WEB_SERVER = { host: '10.0.4.1', port: 80 };
const WEB_PATH = '/file.bin';
const WEB_SEED = { url: `http://${WEB_SERVER.host}${WEB_PATH}`, nearest: 'local', isTyped: true } as const;
const DISK_MS = 2;
const HASH_MS = 2;

/** `node leecher.js` on a simulated host, run as often as it takes. Its disk outlives each run. */
export class SimLeecher {
  readonly name: string;
  readonly host: SimHost;
  readonly disk: SimDisk;
  readonly #options: SimLeecherOptions;
  /** What its disk holds for certain. */
  #held: Bitfield;
  #leech: Leech | undefined;
  #ending: Ending | undefined;
  #web: SimWeb | undefined;
  #deaths = 0;
  #passedOn = 0;
  readonly #relays = new RelayRecord(() => this.#passOn());
  readonly #marks: { readonly count: number; readonly act: () => void }[] = [];
  readonly #relayMarks: { readonly count: number; readonly act: () => void }[] = [];

  constructor(options: SimLeecherOptions) {
    this.#options = options;
    this.name = options.name;
    this.host = options.host;
    this.#held = new Bitfield(options.parts.content.pieceCount);
    this.disk = options.disk ?? options.parts.equipment.disk({ delayMs: DISK_MS });
    if (options.disk === undefined) this.disk.onPiece = (...written) => this.#judgeWrite(...written);
  }

  /** How its latest run ended; undefined while it runs, and when it was killed. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  get held(): Bitfield {
    return this.#held;
  }

  /** Blocks that it sent before it had their pieces. */
  get passedOn(): number {
    return this.#passedOn;
  }

  /** How often it was killed. */
  get deaths(): number {
    return this.#deaths;
  }

  get leech(): Leech | undefined {
    return this.#leech;
  }

  get path(): string {
    return `${DIRECTORY}/${this.#options.parts.content.description.info.name}`;
  }

  /** The finished file, byte for byte. */
  get isFileRight(): boolean {
    const bytes = this.disk.files.get(this.path)?.bytes;
    return bytes !== undefined && Buffer.compare(bytes, this.#options.parts.content.bytes) === 0;
  }

  /** Calls `act` once, when it has got so many pieces, those of runs before included. */
  when(count: number, act: () => void): void {
    this.#marks.push({ count, act });
  }

  /** Calls `act` once, when it has sent so many blocks of pieces that it did not have yet. */
  whenPassedOn(count: number, act: () => void): void {
    this.#relayMarks.push({ count, act });
  }

  async start(): Promise<void> {
    const { parts, name, host, port } = this.#options;
    this.#ending = undefined;
    this.#relays.restart();
    this.#look();
    this.#web = new SimWeb({ clock: host.clock, partMs: 5 });
    this.changeWeb(this.#options.web);
    const listener = await host.listeners.listen({ host: '::', port });
    const listenIn = (remote: Endpoint): Conversation => this.#conversationWith(remote);
    const { isWatched } = parts.equipment;
    const leech = this.#makeLeech(tapped({ dialer: host.dialer, listener }, isWatched ? listenIn : undefined));
    this.#leech = leech;
    parts.verdict.note(name, `starts with ${this.#held.count} pieces`);
    void this.#run(leech);
  }

  /* ---- what can befall it ---- */

  /** The web server gives something else from now on, or 404 for undefined. */
  changeWeb(served: Served | undefined): void {
    this.#web?.serve(WEB_SERVER, WEB_PATH, served);
  }

  /** Its program is killed, or its machine loses power. */
  kill(options: { readonly losesPower: boolean }): void {
    const { parts } = this.#options;
    parts.verdict.note(this.name, options.losesPower ? 'loses power' : 'dies');
    if (options.losesPower) this.host.vanish();
    else this.host.kill();
    this.disk.crash(parts.random, options);
    this.#leech = undefined;
    this.#deaths++;
  }

  /** After `kill`. */
  restart(): Promise<void> {
    this.host.boot();
    return this.start();
  }

  /** The user stops it; resolves when it is gone. */
  async stop(): Promise<void> {
    const leech = this.#leech;
    this.#leech = undefined;
    if (leech === undefined) return;
    leech.download.stop('INTERRUPTED', 'stopped by the scenario');
    await leech.stop();
  }

  /* ---- inside ---- */

  #makeLeech(peerPorts: ReturnType<typeof tapped>): Leech {
    const { parts, name, host, endpoints, wanted, web, minSeeders, waitMs, timeoutMs } = this.#options;
    const { clock, random, udp } = host;
    const { resolver, trackers } = parts;
    const http = parts.httpOf(host);
    const log = storyLog(parts, name);
    const news = new TrackerNews(trackers);
    const files = new SimTargetFiles({ clock, disk: this.disk, directory: DIRECTORY });
    return new Leech({
      ...{ ...peerPorts, clock, random, log, resolver, endpoints, minSeeders, waitMs, timeoutMs },
      webSources: web === undefined ? [] : [WEB_SEED],
      webClient: this.#web!,
      hasher: parts.equipment.hasher({ clock, delayMs: HASH_MS }),
      meter: noMeter,
      peerId: newPeerId(random),
      names: wireNamesOf(wanted),
      target: new Target({ files, clock, log, force: false, onChecked: () => {} }),
      recognise: (bytes) => recognise(bytes, wanted),
      ...this.#known(),
      choking: { ...USUAL_CHOKE_TERMS, slots: this.#options.uploadSlots ?? 'measured' },
      maxConnections: MAX_CONNECTIONS,
      events: this.#events(),
      nobody: () => news.whyNobody(),
      presence: (facts) =>
        new Announcer({
          ...facts,
          ...{ clock, random, udp, http, resolver, log, trackers },
          onTracker: (state) => news.take(state),
        }),
    });
  }

  #known(): Pick<ConstructorParameters<typeof Leech>[0], 'known'> {
    const { knows, parts } = this.#options;
    const { info, layers } = parts.content.description;
    if (knows === 'hash') return {};
    return { known: { info, layers: knows === 'torrent' ? layers : new Map() } };
  }

  async #run(leech: Leech): Promise<void> {
    let ending: Ending;
    try {
      await leech.run();
      ending = { code: 'OK', text: '' };
    } catch (error) {
      ending = { code: error instanceof ShoalError ? error.code : 'UNEXPECTED', text: messageOf(error) };
    }
    // A run that was killed is over already.
    if (this.#leech !== leech) return;
    this.#options.parts.verdict.note(this.name, `ends: ${ending.code} ${ending.text}`);
    if (ending.code === 'OK' && !this.isFileRight) this.#breach('says it is done, and the file is not right');
    if (ending.code === 'UNEXPECTED') this.#breach(`failed by itself: ${ending.text}`);
    if (ending.code === 'OK' && this.#options.lingers) {
      this.#ending = ending;
      return this.#serveOn(leech);
    }
    if (ending.code === 'OK') await leech.finishSending();
    if (this.#leech === leech) await leech.stop();
    if (this.#leech === leech) this.#leech = undefined;
    this.#ending = ending;
  }

  async #serveOn(leech: Leech): Promise<void> {
    try {
      await leech.seed({});
    } catch (error) {
      if (this.#leech === leech) this.#breach(`can serve no more: ${messageOf(error)}`);
    }
  }

  #events(): DownloadEvents {
    const { parts } = this.#options;
    const note = (what: string): void => parts.verdict.note(this.name, what);
    return {
      stage: (stage) => note(`is ${stage}`),
      content: (info) => note(`learns that it is ${info.name}`),
      sha1First: () => note('goes by SHA-1 for now'),
      waiting: () => {},
      source: () => {},
      chunk: (piece, peer) =>
        note(`has piece ${piece} from ${endpointText(peer.endpoint)}, ${this.#held.count} in all`),
      retry: (piece, peer, failure) => {
        note(`does not get piece ${piece} from ${endpointText(peer.endpoint)}: ${failure}`);
        if (failure === 'corrupt' && parts.isHonest(peer.endpoint.host)) this.#breach('blames one who told the truth');
      },
      banned: (peer) => {
        note(`bans ${endpointText(peer.endpoint)}`);
        if (parts.isHonest(peer.endpoint.host)) this.#breach(`bans ${peer.endpoint.host}, who did nothing wrong`);
      },
      missing: (ranges) => note(`misses ${ranges.map(({ first, last }) => `${first}-${last}`).join()}`),
    };
  }

  /** Nothing unverified gets to the disk, ever. */
  #judgeWrite(path: string, piece: PieceIndex, bytes: Uint8Array): void {
    const { content, equipment } = this.#options.parts;
    if (equipment.isWatched && !content.isPiece(piece, bytes))
      this.#breach(`writes piece ${piece} to ${path}, unverified`);
    if (!this.#held.add(piece)) this.#breach(`writes piece ${piece} again`);
    this.#reach(this.#marks, this.#held.count);
  }

  #passOn(): void {
    this.#passedOn++;
    this.#reach(this.#relayMarks, this.#passedOn);
  }

  #reach(marks: { readonly count: number; readonly act: () => void }[], reached: number): void {
    const { clock } = this.#options.parts;
    for (const mark of marks.filter(({ count }) => count <= reached)) {
      marks.splice(marks.indexOf(mark), 1);
      // Not in the middle of what the program is doing.
      clock.at(clock.now(), mark.act);
    }
  }

  /** What its disk holds, after a crash of any kind. */
  #look(): void {
    const { content } = this.#options.parts;
    this.#held = new Bitfield(content.pieceCount);
    const file = this.disk.files.get(this.path) ?? this.disk.files.get(`${this.path}.part`);
    if (file === undefined) return;
    for (let i = 0; i < content.pieceCount; i++) {
      const truth = content.pieceOf(pieceIndex(i));
      const offset = content.geometry.pieceOffsetInFile(pieceIndex(i));
      const bytes = file.bytes.subarray(offset, offset + truth.length);
      if (Buffer.compare(bytes, truth) === 0) this.#held.add(pieceIndex(i));
    }
  }

  #conversationWith(remote: Endpoint): Conversation {
    const { parts } = this.#options;
    return new Conversation({
      who: `${this.name} > ${remote.host}`,
      verdict: parts.verdict,
      content: parts.content,
      holds: (piece) => this.#held.has(piece),
      isLiar: false,
      wants: (piece) => !this.#held.has(piece),
      relays: this.#relays,
    });
  }

  #breach(what: string): void {
    this.#options.parts.verdict.breach(this.name, what);
  }
}
