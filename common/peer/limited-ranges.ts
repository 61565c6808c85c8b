import type { RangeCall, RangeClient, RangeHandler, RangeQuestion } from '../base/web-ports.ts';
import type { DownloadThrottle } from './download-throttle.ts';

/** What web servers send, read no faster than it may be. */
export class LimitedRanges implements RangeClient {
  readonly #client: RangeClient;
  readonly #throttleFor: (host: string) => DownloadThrottle | undefined;

  constructor(options: {
    readonly client: RangeClient;
    readonly throttleFor: (host: string) => DownloadThrottle | undefined;
  }) {
    this.#client = options.client;
    this.#throttleFor = options.throttleFor;
  }

  get(question: RangeQuestion, handler: RangeHandler): RangeCall {
    const throttle = this.#throttleFor(question.address.host);
    if (throttle === undefined) return this.#client.get(question, handler);
    const reader = {
      hold: (): void => call.pause(),
      release: (): void => call.resume(),
    };
    throttle.enter(reader);
    const call = this.#client.get(question, {
      onHead: (head) => handler.onHead(head),
      onBytes: (view) => {
        throttle.received(reader, view.length);
        handler.onBytes(view);
      },
      onEnd: (end) => {
        throttle.leave(reader);
        handler.onEnd(end);
      },
    });
    return {
      pause: () => call.pause(),
      resume: () => call.resume(),
      cancel: () => {
        throttle.leave(reader);
        call.cancel();
      },
    };
  }

  close(): void {
    this.#client.close();
  }
}
