/**
 * Tells the peers of a swarm of each other (BEP 11): in rounds, though each peer hears no more than one message a minute.
 * Holds one wake-up while there is anybody to tell.
 */
import { after, type Instant, NEVER } from '../base/ids.ts';
import { PEX_CROWD_MS, PEX_ROUND_MS } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';
import type { PexContact } from '../wire/pex.ts';
import type { PexParty } from './pex.ts';

export interface PexRoundsOptions {
  readonly clock: Clock;
  readonly parties: () => readonly PexParty[];
}

/** Among more peers than these a newcomer waits for the next round. */
const MOST_TOLD_AT_ONCE = 4;

export class PexRounds {
  readonly #options: PexRoundsOptions;
  #wakeAt: Instant = NEVER;
  #cancelWake: () => void = () => undefined;

  constructor(options: PexRoundsOptions) {
    this.#options = options;
  }

  /**
   * Someone came: told at once of the few there are. While a crowd comes, each would be told of a few others and then of
   * nobody for a while; so all are told soon, of all.
   */
  joined(party: PexParty): void {
    if (!party.takesPex) return;
    const parties = this.#options.parties();
    const isCrowd = parties.length > MOST_TOLD_AT_ONCE;
    if (!isCrowd) this.#tell(party, parties);
    this.#wakeBy(after(this.#options.clock.now(), isCrowd ? PEX_CROWD_MS : PEX_ROUND_MS));
  }

  stop(): void {
    this.#cancelWake();
    this.#wakeAt = NEVER;
  }

  #wakeBy(due: Instant): void {
    if (due >= this.#wakeAt) return;
    this.#cancelWake();
    this.#wakeAt = due;
    this.#cancelWake = this.#options.clock.at(due, () => {
      this.#wakeAt = NEVER;
      this.#round();
    });
  }

  #round(): void {
    const parties = this.#options.parties();
    for (const party of parties) if (party.takesPex) this.#tell(party, parties);
    if (parties.some(({ takesPex }) => takesPex)) this.#wakeBy(after(this.#options.clock.now(), PEX_ROUND_MS));
  }

  #tell(party: PexParty, parties: readonly PexParty[]): void {
    const now = this.#options.clock.now();
    // Among hundreds of peers it costs something to look at them all for each.
    if (!party.mayBeTold(now)) return;
    const others: PexContact[] = [];
    for (const other of parties) {
      const contact = other === party ? undefined : other.pexContact;
      if (contact !== undefined) others.push(contact);
    }
    party.tellPex(others, now);
  }
}
