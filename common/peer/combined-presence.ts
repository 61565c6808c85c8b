import { equalBytes } from '../base/bytes.ts';
import type { WireHash } from '../base/ids.ts';
import type { Presence } from './presence.ts';

/** One presence for all names of a torrent: a hybrid is in two swarms (BEP 52). */
export class CombinedPresence implements Presence {
  readonly #make: (wireHash: WireHash) => Presence;
  /** BOUNDED: by the names of a torrent, two. */
  readonly #parts: { readonly wireHash: WireHash; readonly presence: Presence }[] = [];
  #state: 'new' | 'started' | 'stopped' = 'new';

  constructor(options: { readonly wireHashes: readonly WireHash[]; readonly make: (wireHash: WireHash) => Presence }) {
    this.#make = options.make;
    for (const wireHash of options.wireHashes) this.add(wireHash);
  }

  /** A name that was learned later, or is known already. */
  add(wireHash: WireHash): void {
    if (this.#state === 'stopped' || this.#parts.some((part) => equalBytes(part.wireHash, wireHash))) return;
    const presence = this.#make(wireHash);
    this.#parts.push({ wireHash, presence });
    if (this.#state === 'started') void presence.start();
  }

  async start(): Promise<void> {
    this.#state = 'started';
    await Promise.all(this.#parts.map(({ presence }) => presence.start()));
  }

  announceNow(): void {
    for (const { presence } of this.#parts) presence.announceNow();
  }

  completed(): void {
    for (const { presence } of this.#parts) presence.completed();
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    await Promise.all(this.#parts.map(({ presence }) => presence.stop()));
  }
}
