/**
 * Fetches the piece layers of files from peers by hash requests (BEP 52). Every answer proves itself up to the root of
 * its file, so a wrong one has exactly one sender and costs nothing but its time.
 *
 * BOUNDED: by 32 bytes for each piece, and by HASHES_PER_REQUEST hashes for each request under way.
 */
import { toHex } from '../common/base/bytes.ts';
import { after, NEVER, type Instant } from '../common/base/ids.ts';
import { HASH_REQUEST_TIMEOUT_MS } from '../common/base/limits.ts';
import type { ContentFile, Geometry } from '../common/content/geometry.ts';
import { layerRequests, verifyHashes } from '../common/content/hash-requests.ts';
import { DIGEST_BYTES } from '../common/content/merkle.ts';
import type { HashRequest } from '../common/wire/hash-request.ts';

/** Requests under way to one peer, as libtorrent does. */
const REQUESTS_PER_PEER = 2;

interface Task {
  readonly file: ContentFile;
  readonly request: HashRequest;
  /** Peers that would not or could not answer; they are asked again when nobody else is left. */
  readonly refusedBy: Set<number>;
  askedOf: number | undefined;
  dueAt: Instant;
}

export type HashesTaken = 'unasked' | 'right' | 'false';

export class LayerFetch {
  readonly #ask: (peer: number, request: HashRequest) => void;
  /** Layers as they fill, by root in hex. */
  readonly #layers = new Map<string, Uint8Array>();
  readonly #tasks = new Set<Task>();
  /** Requests under way by peer. BOUNDED: by the connections. */
  readonly #peers = new Map<number, number>();

  constructor(options: {
    readonly geometry: Geometry;
    /** Layers known already, by root in hex: a .torrent file may bring them. */
    readonly known: ReadonlyMap<string, Uint8Array>;
    readonly ask: (peer: number, request: HashRequest) => void;
  }) {
    this.#ask = options.ask;
    const { pieceBytes, files } = options.geometry;
    for (const file of files) {
      if (file.root === undefined || file.lengthBytes <= pieceBytes) continue;
      const key = toHex(file.root);
      const known = options.known.get(key);
      if (known !== undefined) this.#layers.set(key, known);
      if (this.#layers.has(key)) continue;
      this.#layers.set(key, new Uint8Array(file.pieceCount * DIGEST_BYTES));
      for (const request of layerRequests(file, pieceBytes)) {
        this.#tasks.add({ file, request, refusedBy: new Set(), askedOf: undefined, dueAt: NEVER });
      }
    }
  }

  get isComplete(): boolean {
    return this.#tasks.size === 0;
  }

  /** The verified layers of all files larger than a piece, by root in hex. Only when complete. */
  get layers(): ReadonlyMap<string, Uint8Array> {
    return this.#layers;
  }

  addPeer(peer: number, now: Instant): void {
    if (!this.#peers.has(peer)) this.#peers.set(peer, 0);
    this.#askAll(now);
  }

  removePeer(peer: number, now: Instant): void {
    this.#peers.delete(peer);
    for (const task of this.#tasks) {
      task.refusedBy.delete(peer);
      if (task.askedOf === peer) task.askedOf = undefined;
    }
    this.#askAll(now);
  }

  take(peer: number, request: HashRequest, hashes: Uint8Array, now: Instant): HashesTaken {
    const task = this.#find(peer, request);
    if (task === undefined) return 'unasked';
    const verified = verifyHashes(task.request, hashes, task.file);
    this.#release(task);
    if (!verified.ok) {
      task.refusedBy.add(peer);
      this.#askAll(now);
      return 'false';
    }
    this.#tasks.delete(task);
    this.#layers.get(toHex(task.file.root!))!.set(verified.value.base, task.request.index * DIGEST_BYTES);
    this.#askAll(now);
    return 'right';
  }

  rejected(peer: number, request: HashRequest, now: Instant): void {
    const task = this.#find(peer, request);
    if (task === undefined) return;
    this.#release(task);
    task.refusedBy.add(peer);
    // A second round at once would only be refused again: it waits like an answer that does not come.
    if (this.#isRefusedByAll(task)) task.dueAt = after(now, HASH_REQUEST_TIMEOUT_MS);
    this.#askAll(now);
  }

  get nextDue(): Instant {
    let earliest: Instant = NEVER;
    for (const task of this.#tasks) if (task.dueAt < earliest) earliest = task.dueAt;
    return earliest;
  }

  tick(now: Instant): void {
    for (const task of this.#tasks) {
      if (task.dueAt > now) continue;
      if (task.askedOf !== undefined) task.refusedBy.add(task.askedOf);
      this.#release(task);
      if (this.#isRefusedByAll(task)) task.refusedBy.clear();
    }
    this.#askAll(now);
  }

  #isRefusedByAll(task: Task): boolean {
    for (const peer of this.#peers.keys()) if (!task.refusedBy.has(peer)) return false;
    return true;
  }

  #find(peer: number, request: HashRequest): Task | undefined {
    const root = toHex(request.root);
    for (const task of this.#tasks) {
      if (task.askedOf !== peer || task.request.index !== request.index) continue;
      if (task.request.baseLayer === request.baseLayer && toHex(task.request.root) === root) return task;
    }
    return undefined;
  }

  #release(task: Task): void {
    if (task.askedOf !== undefined) {
      const open = this.#peers.get(task.askedOf);
      if (open !== undefined) this.#peers.set(task.askedOf, open - 1);
    }
    task.askedOf = undefined;
    task.dueAt = NEVER;
  }

  #askAll(now: Instant): void {
    let idle = [...this.#peers.values()].filter((open) => open < REQUESTS_PER_PEER).length;
    for (const task of this.#tasks) {
      if (idle === 0) return;
      if (task.askedOf !== undefined || task.dueAt !== NEVER) continue;
      const peer = this.#leastBusy(task);
      if (peer === undefined) continue;
      const open = this.#peers.get(peer)! + 1;
      this.#peers.set(peer, open);
      if (open === REQUESTS_PER_PEER) idle--;
      task.askedOf = peer;
      task.dueAt = after(now, HASH_REQUEST_TIMEOUT_MS);
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
