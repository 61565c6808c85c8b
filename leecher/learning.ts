/**
 * What a download must learn from peers before it can begin: the info dictionary, then the piece layers. A hybrid can do
 * without the layers, which v1 clients do not have: when nobody gives them it begins, and takes what comes later.
 */
import { after, NEVER, type Instant } from '../common/base/ids.ts';
import type { Clock } from '../common/base/ports.ts';
import type { Info } from '../common/content/info.ts';
import type { PieceLayers } from '../common/content/piece-roots.ts';
import type { Peer } from '../common/peer/peer.ts';
import type { HashRequest } from '../common/wire/hash-request.ts';
import { LayerFetch } from './layer-fetch.ts';
import { MetadataFetch } from './metadata-fetch.ts';
import { Proof, type ProofOptions } from './proof.ts';

export interface LearningOptions {
  readonly clock: Clock;
  /** The info dictionary that hashes to what is wanted, parsed; undefined for any other bytes. Throws when it is invalid. */
  readonly recognise: (info: Uint8Array) => Info | undefined;
  /** A .torrent file brings both, or the info dictionary alone. */
  readonly known?: { readonly info: Info; readonly layers: PieceLayers };
  /** Of a hybrid: after so long with nobody to ask for the layers, it begins without them. */
  readonly layersPatienceMs: number;
  readonly onInfo: (info: Info) => void;
  /** It can begin: all layers are here or, of a hybrid, those that could be had. */
  readonly onProof: (proof: Proof) => void;
  /** The layer of a root, in hex, became known after that: from a peer, or from the pieces themselves. */
  readonly onLayer: (key: string, layer: Uint8Array) => void;
  readonly onForged: ProofOptions['onForged'];
  /** A peer gave metadata or hashes that are not the content's. */
  readonly onLiar: (peer: Peer) => void;
  /** It got further than it ever was. */
  readonly onStep: () => void;
}

/** Peers that are asked and say nothing are waited for so many times as long as peers that cannot be asked. */
const SILENCE_FACTOR = 3;
/** How soon to look again, when nobody who is there has anything. */
const LOOK_AGAIN_MS = 1_000;

export class Learning {
  readonly #options: LearningOptions;
  /** BOUNDED: by the connections. */
  readonly #peers = new Map<number, Peer>();
  readonly #metadata: MetadataFetch;
  #layers: LayerFetch | undefined;
  /** The last time that anything was learned. */
  #learnedAt: Instant;
  /** Since when nobody could be asked for the layers. */
  #hopelessSince: Instant | undefined;
  #lookAt: Instant = NEVER;
  #info: Info | undefined;
  #proof: Proof | undefined;
  #isOver = false;

  constructor(options: LearningOptions) {
    this.#options = options;
    this.#learnedAt = options.clock.now();
    this.#metadata = new MetadataFetch({
      isTrue: (bytes) => {
        this.#info = options.recognise(bytes);
        return this.#info !== undefined;
      },
      ask: (peer, block) => {
        this.#peers.get(peer)?.requestMetadata(block);
      },
    });
  }

  /** Takes what is known already. */
  start(): void {
    const { known } = this.#options;
    if (known !== undefined) this.#learnInfo(known.info, known.layers);
  }

  /** Since it could begin. */
  get proof(): Proof | undefined {
    return this.#proof;
  }

  /** The info dictionary is known, and nobody gave the layers yet. */
  get lacksLayers(): boolean {
    return this.#layers !== undefined && !this.#layers.isComplete;
  }

  get nextDue(): Instant {
    if (this.#isOver) return NEVER;
    return this.#layers === undefined
      ? this.#metadata.nextDue
      : (Math.min(this.#layers.nextDue, this.#lookAt) as Instant);
  }

  tick(now: Instant): void {
    if (this.#isOver) return;
    if (this.#layers === undefined) return this.#metadata.tick(now);
    this.#layers.tick(now);
    this.#weigh();
    if (this.#lookAt > now) return;
    if (this.#isAnythingThere) this.#begin();
    else this.#lookAt = after(now, LOOK_AGAIN_MS);
  }

  /** Nothing is to be learned any more. */
  stop(): void {
    this.#isOver = true;
  }

  peerReady(peer: Peer): void {
    if (this.#isOver) return;
    this.#peers.set(peer.id, peer);
    if (this.#layers === undefined) return this.metadataOffered(peer);
    if (peer.takesHashRequests) this.#layers.addPeer(peer.id, this.#now());
    this.#weigh();
  }

  /** The peer offers the info dictionary, perhaps only now. */
  metadataOffered(peer: Peer): void {
    if (this.#layers !== undefined || peer.metadataBytes === undefined || !this.#peers.has(peer.id)) return;
    this.#metadata.addPeer(peer.id, peer.metadataBytes, this.#now());
  }

  peerGone(peer: Peer): void {
    this.#peers.delete(peer.id);
    if (this.#layers === undefined) return this.#metadata.removePeer(peer.id, this.#now());
    this.#layers.removePeer(peer.id, this.#now());
    this.#weigh();
  }

  metadata(peer: Peer, block: number, totalBytes: number, view: Uint8Array): void {
    if (this.#layers !== undefined || this.#isOver) return;
    const taken = this.#metadata.take(peer.id, block, totalBytes, view, this.#now());
    if (taken.kind === 'false') this.#options.onLiar(peer);
    else if (taken.kind === 'further') this.#options.onStep();
    else if (taken.kind === 'whole') this.#learnInfo(this.#info!, new Map());
  }

  metadataRejected(peer: Peer): void {
    if (this.#layers === undefined && !this.#isOver) this.#metadata.rejected(peer.id, this.#now());
  }

  hashes(peer: Peer, request: HashRequest, hashes: Uint8Array): void {
    if (this.#isOver) return;
    const taken = this.#layers?.take(peer.id, request, hashes, this.#now());
    if (taken === 'false') this.#options.onLiar(peer);
    else if (taken === 'right') this.#step();
  }

  hashesRejected(peer: Peer, request: HashRequest): void {
    this.#layers?.rejected(peer.id, request, this.#now());
    this.#weigh();
  }

  #now(): Instant {
    return this.#options.clock.now();
  }

  #learnInfo(info: Info, known: PieceLayers): void {
    this.#info = info;
    this.#layers = new LayerFetch({
      geometry: info.geometry,
      known,
      ask: (peer, request) => {
        this.#peers.get(peer)?.requestHashes(request);
      },
      onLayer: (key, layer) => {
        this.#proof?.learn(key, layer);
      },
    });
    this.#options.onInfo(info);
    for (const peer of this.#peers.values()) if (peer.takesHashRequests) this.#layers.addPeer(peer.id, this.#now());
    this.#step();
  }

  #step(): void {
    this.#learnedAt = this.#now();
    this.#options.onStep();
    if (this.#layers?.isComplete === true) this.#begin();
    else this.#weigh();
  }

  /** With what is known; what comes after that, goes to the proof. */
  #begin(): void {
    if (this.#isOver) return;
    this.#isOver = !this.lacksLayers;
    this.#lookAt = NEVER;
    if (this.#proof !== undefined) return;
    const { onProof, onLayer, onForged } = this.#options;
    this.#proof = new Proof({
      info: this.#info!,
      layers: this.#layers!.layers,
      onLayer: (key, layer) => {
        this.#layers!.settled(key, this.#now());
        this.#isOver ||= !this.lacksLayers;
        onLayer(key, layer);
      },
      onForged,
    });
    onProof(this.#proof);
  }

  /** When to do without the layers: soon if there is nobody to ask, later if those who are asked say nothing. */
  #weigh(): void {
    if (this.#layers === undefined || this.#proof !== undefined || this.#info?.v1 === undefined) return;
    const { layersPatienceMs } = this.#options;
    if (this.#layers.isAsking) this.#hopelessSince = undefined;
    else this.#hopelessSince ??= this.#now();
    const hopelessAt = this.#hopelessSince === undefined ? NEVER : after(this.#hopelessSince, layersPatienceMs);
    const silentAt = after(this.#learnedAt, layersPatienceMs * SILENCE_FACTOR);
    const dueAt = Math.min(hopelessAt, silentAt) as Instant;
    if (this.#lookAt === NEVER || dueAt > this.#now()) this.#lookAt = dueAt;
  }

  /** Somebody has pieces, from whom to begin. */
  get #isAnythingThere(): boolean {
    for (const { pieces } of this.#peers.values()) if (pieces !== undefined && pieces.count > 0) return true;
    return false;
  }
}
