/**
 * Tells the peers of a swarm of each other (BEP 11): in rounds, though each peer hears no more than one message a minute.
 * Holds one wake-up while there is anybody to tell.
 */
import { after } from '../base/ids.ts';
import { PEX_ROUND_MS } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';
import type { PexContact } from '../wire/pex.ts';
import type { PexParty } from './pex.ts';

export interface PexRoundsOptions {
  readonly clock: Clock;
  readonly parties: () => readonly PexParty[];
}

export class PexRounds {
  readonly #options: PexRoundsOptions;
  #cancelWake: (() => void) | undefined;

  constructor(options: PexRoundsOptions) {
    this.#options = options;
  }

  /** Someone came who may be told at once. */
  joined(party: PexParty): void {
    if (!party.takesPex) return;
    this.#tell(party, this.#options.parties());
    this.#cancelWake ??= this.#wakeAgain();
  }

  stop(): void {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
  }

  #wakeAgain(): () => void {
    const { clock } = this.#options;
    return clock.at(after(clock.now(), PEX_ROUND_MS), () => {
      this.#round();
    });
  }

  #round(): void {
    const parties = this.#options.parties();
    for (const party of parties) if (party.takesPex) this.#tell(party, parties);
    this.#cancelWake = parties.some(({ takesPex }) => takesPex) ? this.#wakeAgain() : undefined;
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
