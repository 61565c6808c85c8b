/** How much a process may send and take in, over all its streams. Streams without a limit are handed on as they are. */
import type { Clock, Dialer, Listener, TcpPort } from '../base/ports.ts';
import type { RangeClient } from '../base/web-ports.ts';
import { reachOf } from '../content/urls.ts';
import { DownloadThrottle } from './download-throttle.ts';
import { LimitedRanges } from './limited-ranges.ts';
import { LimitedStream } from './limited-stream.ts';
import { UploadThrottle } from './upload-throttle.ts';

/** Undefined: no limit. */
export interface RateLimits {
  readonly upBytesPerSecond: number | undefined;
  readonly downBytesPerSecond: number | undefined;
}

export interface BandwidthOptions {
  readonly clock: Clock;
  readonly limits: RateLimits;
  /** For peers on this machine, this link or a private network; undefined: they count with the others. */
  readonly lan: RateLimits | undefined;
}

interface Throttles {
  readonly up: UploadThrottle | undefined;
  readonly down: DownloadThrottle | undefined;
}

export class Bandwidth {
  readonly #clock: Clock;
  readonly #far: Throttles;
  readonly #near: Throttles;

  constructor({ clock, limits, lan }: BandwidthOptions) {
    this.#clock = clock;
    this.#far = throttlesOf(limits, clock);
    this.#near = lan === undefined ? this.#far : throttlesOf(lan, clock);
  }

  dialer(dialer: Dialer): Dialer {
    if (this.#isUnlimited) return dialer;
    return {
      dial: async (to, timeoutMs) => {
        const result = await dialer.dial(to, timeoutMs);
        return result.ok ? { ok: true, stream: this.#limited(result.stream) } : result;
      },
    };
  }

  listener(listener: Listener): Listener {
    if (this.#isUnlimited) return listener;
    return {
      local: listener.local,
      onConnection: (accept) => {
        listener.onConnection((stream) => {
          accept(this.#limited(stream));
        });
      },
      close: () => listener.close(),
    };
  }

  rangeClient(client: RangeClient): RangeClient {
    if (this.#far.down === undefined && this.#near.down === undefined) return client;
    return new LimitedRanges({ client, throttleFor: (host) => this.#throttlesFor(host).down });
  }

  get #isUnlimited(): boolean {
    return [this.#far, this.#near].every(({ up, down }) => up === undefined && down === undefined);
  }

  #throttlesFor(host: string): Throttles {
    return reachOf(host) === 'public' ? this.#far : this.#near;
  }

  #limited(stream: TcpPort): TcpPort {
    const { up, down } = this.#throttlesFor(stream.remote.host);
    if (up === undefined && down === undefined) return stream;
    return new LimitedStream({ stream, up, down, clock: this.#clock });
  }
}

function throttlesOf({ upBytesPerSecond, downBytesPerSecond }: RateLimits, clock: Clock): Throttles {
  return {
    up: upBytesPerSecond === undefined ? undefined : new UploadThrottle({ bytesPerSecond: upBytesPerSecond, clock }),
    down:
      downBytesPerSecond === undefined
        ? undefined
        : new DownloadThrottle({ bytesPerSecond: downBytesPerSecond, clock }),
  };
}
