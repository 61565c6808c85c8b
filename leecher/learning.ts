/** What a download must learn from peers before it can begin: the info dictionary, then the piece layers. */
import type { Instant } from '../common/base/ids.ts';
import type { Clock } from '../common/base/ports.ts';
import type { Info } from '../common/content/info.ts';
import type { PieceLayers } from '../common/content/piece-roots.ts';
import type { Peer } from '../common/peer/peer.ts';
import type { HashRequest } from '../common/wire/hash-request.ts';
import { LayerFetch } from './layer-fetch.ts';
import { MetadataFetch } from './metadata-fetch.ts';

export interface LearningOptions {
  readonly clock: Clock;
  /** The info dictionary that hashes to what is wanted, parsed; undefined for any other bytes. Throws when it is invalid. */
  readonly recognise: (info: Uint8Array) => Info | undefined;
  /** A .torrent file brings both, or the info dictionary alone. */
  readonly known?: { readonly info: Info; readonly layers: PieceLayers };
  readonly onInfo: (info: Info) => void;
  readonly onLayers: (layers: PieceLayers) => void;
  /** A peer gave metadata or hashes that are not the content's. */
  readonly onLiar: (peer: Peer) => void;
  /** It got further than it ever was. */
  readonly onStep: () => void;
}

export class Learning {
  readonly #options: LearningOptions;
  /** BOUNDED: by the connections. */
  readonly #peers = new Map<number, Peer>();
  readonly #metadata: MetadataFetch;
  #info: Info | undefined;
  #layers: LayerFetch | undefined;
  #isOver = false;

  constructor(options: LearningOptions) {
    this.#options = options;
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

  get nextDue(): Instant {
    return this.#layers?.nextDue ?? this.#metadata.nextDue;
  }

  tick(now: Instant): void {
    if (this.#isOver) return;
    if (this.#layers === undefined) this.#metadata.tick(now);
    else this.#layers.tick(now);
  }

  peerReady(peer: Peer): void {
    if (this.#isOver) return;
    this.#peers.set(peer.id, peer);
    if (this.#layers === undefined) this.metadataOffered(peer);
    else if (peer.takesHashRequests) this.#layers.addPeer(peer.id, this.#now());
  }

  /** The peer offers the info dictionary, perhaps only now. */
  metadataOffered(peer: Peer): void {
    if (this.#layers !== undefined || peer.metadataBytes === undefined || !this.#peers.has(peer.id)) return;
    this.#metadata.addPeer(peer.id, peer.metadataBytes, this.#now());
  }

  peerGone(peer: Peer): void {
    this.#peers.delete(peer.id);
    if (this.#layers !== undefined) this.#layers.removePeer(peer.id, this.#now());
    else this.#metadata.removePeer(peer.id, this.#now());
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
    const taken = this.#layers?.take(peer.id, request, hashes, this.#now());
    if (taken === 'false') this.#options.onLiar(peer);
    else if (taken === 'right') this.#step();
  }

  hashesRejected(peer: Peer, request: HashRequest): void {
    this.#layers?.rejected(peer.id, request, this.#now());
  }

  #now(): Instant {
    return this.#options.clock.now();
  }

  #learnInfo(info: Info, known: PieceLayers): void {
    this.#layers = new LayerFetch({
      geometry: info.geometry,
      known,
      ask: (peer, request) => {
        this.#peers.get(peer)?.requestHashes(request);
      },
    });
    this.#options.onInfo(info);
    for (const peer of this.#peers.values()) if (peer.takesHashRequests) this.#layers.addPeer(peer.id, this.#now());
    this.#step();
  }

  #step(): void {
    this.#options.onStep();
    if (this.#layers?.isComplete !== true || this.#isOver) return;
    this.#isOver = true;
    this.#options.onLayers(this.#layers.layers);
  }
}
