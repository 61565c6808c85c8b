import type { Instant } from '../common/base/ids.ts';
import type { SourceKey } from './source.ts';

interface Bucket {
  tokens: number;
  filledAt: Instant;
}

/**
 * A token bucket per source: `perMinute` publishes on average, and as many at once.
 *
 * BOUNDED: by `sources`; when they are as many, those who have been quiet for a minute are forgotten, which changes
 * nothing for them, and if none was, a new source has to wait.
 */
export class PublishQuota {
  readonly #perMinute: number;
  readonly #sources: number;
  readonly #buckets = new Map<SourceKey, Bucket>();

  constructor(options: { readonly perMinute: number; readonly sources: number }) {
    this.#perMinute = options.perMinute;
    this.#sources = options.sources;
  }

  /** Whether the source may publish once more now; it is counted if so. */
  take(source: SourceKey, now: Instant): boolean {
    const bucket = this.#buckets.get(source) ?? this.#open(source, now);
    if (bucket === undefined) return false;
    bucket.tokens = this.#filled(bucket, now);
    bucket.filledAt = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #open(source: SourceKey, now: Instant): Bucket | undefined {
    if (this.#buckets.size >= this.#sources) {
      for (const [key, other] of this.#buckets) {
        if (this.#filled(other, now) === this.#perMinute) this.#buckets.delete(key);
      }
      if (this.#buckets.size >= this.#sources) return undefined;
    }
    const bucket = { tokens: this.#perMinute, filledAt: now };
    this.#buckets.set(source, bucket);
    return bucket;
  }

  #filled(bucket: Bucket, now: Instant): number {
    const grown = ((now - bucket.filledAt) / 60_000) * this.#perMinute;
    return Math.min(this.#perMinute, bucket.tokens + grown);
  }
}
