import type { Endpoint } from '../base/ids.ts';
import type { Log } from '../base/ports.ts';
import type { AnnounceEvent } from '../wire/tracker-packets.ts';
import type { TrackerCaller } from './caller.ts';
import { announceCall } from './calls.ts';
import { Publisher } from './publisher.ts';
import type { Subject } from './subject.ts';
import type { BeatResult, TrackerLine } from './tracker-line.ts';

/** A tracker that speaks UDP (BEP 15), with its catalogue when it has one. */
export class UdpLine implements TrackerLine {
  readonly #caller: TrackerCaller;
  readonly #subject: Subject;
  readonly #publisher: Publisher;
  readonly #urlPath: string;

  constructor(options: {
    readonly caller: TrackerCaller;
    readonly subject: Subject;
    readonly log: Log;
    readonly urlPath: string;
  }) {
    this.#caller = options.caller;
    this.#subject = options.subject;
    this.#publisher = new Publisher({ caller: options.caller, subject: options.subject, log: options.log });
    this.#urlPath = options.urlPath;
  }

  isForgotten(tracker: Endpoint): Promise<boolean> {
    return this.#publisher.isForgotten(tracker);
  }

  announce(tracker: Endpoint, event: AnnounceEvent, tries: number): Promise<BeatResult> {
    const { wireHash, peerId, port, key, ttlS } = this.#subject;
    const { downloadedBytes, uploadedBytes, leftBytes = Infinity } = this.#subject.progress();
    const call = announceCall({
      ...{ infoHash: wireHash, peerId, port, key, ttlS, event },
      ...{ downloadedBytes, uploadedBytes, leftBytes },
      wanted: event === 'stopped' ? 0 : -1,
      urlPath: this.#urlPath,
    });
    return this.#caller.ask(tracker, call, tries);
  }

  afterAnnounce(tracker: Endpoint): Promise<void> {
    return this.#publisher.publish(tracker);
  }

  /** Without a connection id no announce was ever sent (BEP 15). */
  mayHaveHeard(tracker: Endpoint): boolean {
    return this.#caller.isConnected(tracker);
  }

  reset(): void {
    this.#publisher.reset();
  }
}
