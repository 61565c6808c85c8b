import type { Instant, WireHash } from '../common/base/ids.ts';
import type { Lock } from '../common/base/memory-ports.ts';
import type { Announcement, AnnounceOutcome, RegistryView, SwarmState } from './registry.ts';
import type { Role } from './role.ts';

/**
 * A registry whose words other threads use too: each call has them for itself.
 *
 * BOUNDED: what it remembers, beside the registry, are the swarms that a single call left without seeders.
 */
export class GuardedRegistry implements RegistryView {
  readonly #lock: Lock;
  readonly #registry: RegistryView;
  readonly #barren: (infoHash: WireHash) => void;
  readonly #barrenSwarms: WireHash[] = [];
  #nextDue: Instant;

  constructor(options: {
    readonly lock: Lock;
    /** Makes the registry, which must tell of swarms without seeders as it is asked to here. */
    readonly registry: (barren: (infoHash: WireHash) => void) => RegistryView;
    /** Called like that of the registry, but when the words are free again. */
    readonly barren: (infoHash: WireHash) => void;
  }) {
    this.#lock = options.lock;
    this.#barren = options.barren;
    this.#registry = options.registry((infoHash) => this.#barrenSwarms.push(infoHash));
    this.#lock.acquire();
    this.#nextDue = this.#registry.nextDue;
    this.#lock.release();
  }

  get peers(): number {
    return this.#registry.peers;
  }
  get swarms(): number {
    return this.#registry.swarms;
  }
  get expiredPeers(): number {
    return this.#registry.expiredPeers;
  }

  /** As it was after the last call of this thread; the others look after what they did themselves. */
  get nextDue(): Instant {
    return this.#nextDue;
  }

  sweep(now: Instant, budget: number): void {
    // Every request asks for it, and mostly there is nothing to do.
    if (this.#nextDue > now) return;
    this.#lock.acquire();
    try {
      this.#registry.sweep(now, budget);
    } finally {
      this.#release();
    }
  }

  announce(one: Announcement, now: Instant, into: Uint8Array): AnnounceOutcome {
    this.#lock.acquire();
    try {
      return this.#registry.announce(one, now, into);
    } finally {
      this.#release();
    }
  }

  beat(infoHash: Uint8Array, address: Uint8Array, port: number, now: Instant): boolean {
    this.#lock.acquire();
    try {
      return this.#registry.beat(infoHash, address, port, now);
    } finally {
      this.#release();
    }
  }

  remove(infoHash: Uint8Array, address: Uint8Array, port: number, now: Instant): boolean {
    this.#lock.acquire();
    try {
      return this.#registry.remove(infoHash, address, port, now);
    } finally {
      this.#release();
    }
  }

  roleOf(infoHash: Uint8Array, address: Uint8Array, port: number, now: Instant): Role | undefined {
    this.#lock.acquire();
    try {
      return this.#registry.roleOf(infoHash, address, port, now);
    } finally {
      this.#release();
    }
  }

  state(infoHash: Uint8Array, addressBytes: number): SwarmState {
    this.#lock.acquire();
    try {
      return this.#registry.state(infoHash, addressBytes);
    } finally {
      this.#release();
    }
  }

  #release(): void {
    this.#nextDue = this.#registry.nextDue;
    this.#lock.release();
    // Whoever is told of them may ask the registry.
    while (this.#barrenSwarms.length > 0) this.#barren(this.#barrenSwarms.pop()!);
  }
}
