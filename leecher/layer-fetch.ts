/**
 * Fetches the piece layers of files from peers by hash requests (BEP 52). Every answer proves itself up to the root of
 * its file, so a wrong one has exactly one sender and costs nothing but its time.
 *
 * Very long layers are asked for in long requests, which not everybody answers: one that all refuse, or do not answer in
 * time, is cut into those that everybody understands.
 *
 * BOUNDED: by 32 bytes for each piece, and by MAX_HASHES_PER_REQUEST hashes for each request under way.
 */
import { toHex } from '../common/base/bytes.ts';
import { after, instant, NEVER, type Instant } from '../common/base/ids.ts';
import {
  HASH_REQUEST_TIMEOUT_MS,
  HASHES_PER_REQUEST,
  LONG_LAYER_PIECES,
  MAX_HASHES_PER_REQUEST,
} from '../common/base/limits.ts';
import type { ContentFile, Geometry } from '../common/content/geometry.ts';
import { layerRequests, verifyHashes } from '../common/content/hash-requests.ts';
import { DIGEST_BYTES } from '../common/content/merkle.ts';
import type { HashRequest } from '../common/wire/hash-request.ts';

/** Requests under way to one peer, as libtorrent does. */
const REQUESTS_PER_PEER = 2;
/**
 * After so long a silence another is asked as well: some do not know the message, and a few of them in a row must not
 * take all the time there is. A late answer still counts.
 */
const HASH_REQUEST_PATIENCE_MS = 2_000;

interface Task {
  readonly file: ContentFile;
  readonly request: HashRequest;
  /** Peers that would not or could not answer; they are asked again when nobody else is left. */
  readonly refusedBy: Set<number>;
  askedOf: number | undefined;
  /** When the answer is overdue or, of one that everybody refused, when they are asked again. */
  dueAt: Instant;
}

export type HashesTaken = 'unasked' | 'right' | 'false';

export class LayerFetch {
  readonly #ask: (peer: number, request: HashRequest) => void;
  readonly #onLayer: (key: string, layer: Uint8Array) => void;
  /** Layers as they fill, by root in hex. */
  readonly #layers = new Map<string, Uint8Array>();
  /** Requests that are not answered, of each root in hex. */
  readonly #left = new Map<string, number>();
  /** All that is still to come, by root and index. */
  readonly #tasks = new Map<string, Task>();
  /** Those that nobody is asked for. */
  readonly #free = new Set<Task>();
  /** Those that somebody is asked for, or that everybody refused. */
  readonly #timed = new Set<Task>();
  /** Requests under way by peer. BOUNDED: by the connections. */
  readonly #peers = new Map<number, number>();
  readonly #pieceBytes: number;

  constructor(options: {
    readonly geometry: Geometry;
    /** Layers known already, by root in hex: a .torrent file may bring them. */
    readonly known: ReadonlyMap<string, Uint8Array>;
    readonly ask: (peer: number, request: HashRequest) => void;
    /** The layer of a root, in hex, has come whole. */
    readonly onLayer: (key: string, layer: Uint8Array) => void;
  }) {
    this.#ask = options.ask;
    this.#onLayer = options.onLayer;
    const { pieceBytes, files } = options.geometry;
    this.#pieceBytes = pieceBytes;
    for (const file of files) {
      if (file.root === undefined || file.lengthBytes <= pieceBytes) continue;
      const key = toHex(file.root);
      // Equal files share their root, and so their layer (BEP 52).
      if (this.#layers.has(key)) continue;
      const known = options.known.get(key);
      this.#layers.set(key, known ?? new Uint8Array(file.pieceCount * DIGEST_BYTES));
      if (known !== undefined) continue;
      const most = file.pieceCount > LONG_LAYER_PIECES ? MAX_HASHES_PER_REQUEST : HASHES_PER_REQUEST;
      const requests = layerRequests(file, pieceBytes, most);
      this.#left.set(key, requests.length);
      for (const request of requests) this.#add(file, request);
    }
  }

  get isComplete(): boolean {
    return this.#tasks.size === 0;
  }

  /** The verified layers of files larger than a piece, by root in hex: of all of them when it is complete. */
  get layers(): ReadonlyMap<string, Uint8Array> {
    return new Map([...this.#layers].filter(([key]) => !this.#left.has(key)));
  }

  /** Somebody is asked for something: it may still come. */
  get isAsking(): boolean {
    for (const { askedOf } of this.#timed) if (askedOf !== undefined) return true;
    return false;
  }

  /** The layer of a root is known from elsewhere: nobody is asked for it any more. */
  settled(key: string, now: Instant): void {
    if (!this.#left.delete(key)) return;
    for (const task of this.#tasks.values()) if (toHex(task.request.root) === key) this.#end(task);
    this.#askAll(now);
  }

  addPeer(peer: number, now: Instant): void {
    if (!this.#peers.has(peer)) this.#peers.set(peer, 0);
    for (const task of this.#timed) {
      if (task.refusedBy.has(peer)) continue;
      if (task.askedOf === undefined) this.#release(task);
      else if (task.askedOf !== peer) task.dueAt = instant(Math.min(task.dueAt, now + HASH_REQUEST_PATIENCE_MS));
    }
    this.#askAll(now);
  }

  removePeer(peer: number, now: Instant): void {
    this.#peers.delete(peer);
    for (const task of this.#tasks.values()) {
      task.refusedBy.delete(peer);
      if (task.askedOf === peer) this.#release(task);
    }
    this.#askAll(now);
  }

  take(peer: number, request: HashRequest, hashes: Uint8Array, now: Instant): HashesTaken {
    const task = this.#tasks.get(keyOf(request));
    // One that was asked, and was given up as too slow, may answer late: what proves itself is welcome.
    if (task === undefined || (task.askedOf !== peer && !task.refusedBy.has(peer))) return 'unasked';
    const verified = verifyHashes(task.request, hashes, task.file);
    if (!verified.ok) {
      this.#refuse(task, peer, now);
      return 'false';
    }
    this.#end(task);
    const key = toHex(task.request.root);
    const layer = this.#layers.get(key)!;
    layer.set(verified.value.base, task.request.index * DIGEST_BYTES);
    const left = this.#left.get(key)! - 1;
    this.#left.set(key, left);
    if (left === 0) {
      this.#left.delete(key);
      this.#onLayer(key, layer);
    }
    this.#askAll(now);
    return 'right';
  }

  rejected(peer: number, request: HashRequest, now: Instant): void {
    const task = this.#tasks.get(keyOf(request));
    if (task !== undefined) this.#refuse(task, peer, now);
  }

  get nextDue(): Instant {
    let earliest: Instant = NEVER;
    for (const { dueAt } of this.#timed) if (dueAt < earliest) earliest = dueAt;
    return earliest;
  }

  tick(now: Instant): void {
    for (const task of this.#timed) {
      if (task.dueAt > now) continue;
      if (task.askedOf === undefined) task.refusedBy.clear();
      else task.refusedBy.add(task.askedOf);
      this.#release(task);
      // After so long a silence there is nothing more to wait for.
      if (!this.#isLong(task) && this.#isRefusedByAll(task)) task.refusedBy.clear();
    }
    this.#askAll(now);
  }

  #add(file: ContentFile, request: HashRequest): void {
    const task: Task = { file, request, refusedBy: new Set(), askedOf: undefined, dueAt: NEVER };
    this.#tasks.set(keyOf(request), task);
    this.#free.add(task);
  }

  #isLong({ request }: Task): boolean {
    return request.length > HASHES_PER_REQUEST;
  }

  /** Instead of a long request that nobody would answer: short ones. */
  #cut(task: Task): void {
    const { file, request } = task;
    const end = request.index + request.length;
    this.#end(task);
    const parts = layerRequests(file, this.#pieceBytes).filter(({ index }) => index >= request.index && index < end);
    for (const part of parts) this.#add(file, part);
    const key = toHex(request.root);
    this.#left.set(key, this.#left.get(key)! + parts.length - 1);
  }

  #end(task: Task): void {
    this.#release(task);
    this.#free.delete(task);
    this.#tasks.delete(keyOf(task.request));
  }

  #refuse(task: Task, peer: number, now: Instant): void {
    if (task.askedOf === peer) this.#release(task);
    task.refusedBy.add(peer);
    this.#askAll(now);
  }

  #isRefusedByAll(task: Task): boolean {
    for (const peer of this.#peers.keys()) if (!task.refusedBy.has(peer)) return false;
    return true;
  }

  /** Nobody is asked for it, and somebody may be at once. */
  #release(task: Task): void {
    if (task.askedOf !== undefined) {
      const open = this.#peers.get(task.askedOf);
      if (open !== undefined) this.#peers.set(task.askedOf, open - 1);
    }
    task.askedOf = undefined;
    task.dueAt = NEVER;
    this.#timed.delete(task);
    this.#free.add(task);
  }

  /** Until the answer comes, or for a while when there is nobody to ask: a second round would be refused like the first. */
  #hold(task: Task, now: Instant): void {
    this.#free.delete(task);
    this.#timed.add(task);
    task.dueAt = after(now, this.#hasOther(task) ? HASH_REQUEST_PATIENCE_MS : HASH_REQUEST_TIMEOUT_MS);
  }

  /** Somebody besides the one that is asked could be. */
  #hasOther(task: Task): boolean {
    for (const peer of this.#peers.keys()) if (peer !== task.askedOf && !task.refusedBy.has(peer)) return true;
    return false;
  }

  #askAll(now: Instant): void {
    let idle = [...this.#peers.values()].filter((open) => open < REQUESTS_PER_PEER).length;
    for (const task of this.#free) {
      if (idle === 0) return;
      const peer = this.#leastBusy(task);
      if (peer === undefined) {
        if (!this.#isRefusedByAll(task)) continue;
        if (this.#isLong(task)) this.#cut(task);
        else this.#hold(task, now);
        continue;
      }
      const open = this.#peers.get(peer)! + 1;
      this.#peers.set(peer, open);
      if (open === REQUESTS_PER_PEER) idle--;
      task.askedOf = peer;
      this.#hold(task, now);
      this.#ask(peer, task.request);
    }
  }

  #leastBusy(task: Task): number | undefined {
    let best: number | undefined;
    let fewest = REQUESTS_PER_PEER;
    for (const [peer, open] of this.#peers) {
      if (open >= fewest || task.refusedBy.has(peer)) continue;
      best = peer;
      fewest = open;
    }
    return best;
  }
}

/** One layer is asked for of each root, in spans of which no two are the same. */
const keyOf = (request: HashRequest): string => `${toHex(request.root)} ${request.index} ${request.length}`;
