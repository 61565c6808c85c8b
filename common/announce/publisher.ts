import type { Endpoint } from '../base/ids.ts';
import { CATALOGUE_TRIES, REPUBLISH_BEATS } from '../base/limits.ts';
import type { Log } from '../base/ports.ts';
import type { CatalogueItem } from '../wire/catalogue-entry.ts';
import type { TrackerCaller } from './caller.ts';
import { beatCall, helloCall, publishCall } from './calls.ts';
import type { Subject } from './subject.ts';

/**
 * Keeps a subject's items in the catalogue of one tracker.
 *
 * A tracker that was restarted has forgotten them, and an announce would not show it: it is answered as if nothing had
 * happened. So before each announce a heartbeat asks whether we are still known, and if not, or if that stays open,
 * the items are published again behind the announce. Now and then they are published anyway, for a restart that fell
 * between the two.
 */
export class Publisher {
  readonly #caller: TrackerCaller;
  readonly #subject: Subject;
  readonly #log: Log;
  #catalogue: 'unknown' | 'there' | 'none' = 'unknown';
  /** What the tracker has taken. BOUNDED: by the subject's items. */
  readonly #published = new Set<CatalogueItem>();
  #beats = 0;
  #refusal = '';

  constructor(options: { readonly caller: TrackerCaller; readonly subject: Subject; readonly log: Log }) {
    this.#caller = options.caller;
    this.#subject = options.subject;
    this.#log = options.log;
  }

  /** The tracker may be another one now. */
  reset(): void {
    this.#catalogue = 'unknown';
    this.#published.clear();
  }

  /** To be asked before an announce: whether the tracker has lost us. */
  async isForgotten(tracker: Endpoint): Promise<boolean> {
    if (this.#published.size === 0) return false;
    const { peerId, port, wireHash, key } = this.#subject;
    const beat = { kind: 'heartbeat', peerId, key, port, hashes: [wireHash] } as const;
    const result = await this.#caller.ask(tracker, beatCall(beat), CATALOGUE_TRIES);
    if (result.ok && result.answer.known[0] === true) return false;
    this.#published.clear();
    return result.ok;
  }

  /** To be called behind an announce that was answered: publishes what is not there. */
  async publish(tracker: Endpoint): Promise<void> {
    if (this.#subject.items.length === 0) return;
    if (++this.#beats % REPUBLISH_BEATS === 0) this.reset();
    if (this.#catalogue === 'unknown') await this.#sayHello(tracker);
    if (this.#catalogue !== 'there') return;
    for (const item of this.#subject.items) {
      if (!this.#published.has(item) && !(await this.#publishItem(tracker, item))) return;
    }
  }

  async #sayHello(tracker: Endpoint): Promise<void> {
    const result = await this.#caller.ask(tracker, helloCall(), CATALOGUE_TRIES);
    if (result.ok) this.#catalogue = 'there';
    else if (result.failure !== 'silent' && result.failure !== 'cancelled') this.#catalogue = 'none';
  }

  /** Whether to go on with the next one. */
  async #publishItem(tracker: Endpoint, item: CatalogueItem): Promise<boolean> {
    const { peerId, port, ttlS } = this.#subject;
    const result = await this.#caller.ask(tracker, publishCall({ peerId, port, ttlS, item }), CATALOGUE_TRIES);
    if (result.ok) this.#published.add(item);
    else if (result.failure !== 'refused') return false;
    else if (result.text !== this.#refusal) {
      this.#refusal = result.text;
      this.#log.warn('the tracker does not list this', { name: item.name, reason: result.text });
    }
    return true;
  }
}
