import { canonicalAddress, isIPv6 } from '../base/address.ts';
import { messageOf } from '../base/errors.ts';
import type { HttpAnswer, HttpClient, HttpFailure } from '../base/http-ports.ts';
import { HTTP_TRACKER_TIMEOUT_MS, MAX_HTTP_REDIRECTS, MAX_HTTP_TRACKER_ANSWER_BYTES } from '../base/limits.ts';
import type { Resolver } from '../base/ports.ts';
import type { CallFailure, CallResult } from './exchange.ts';
import type { TrackerAddress } from './tracker-address.ts';
import { httpTarget, isNearAddress, mayCall, parseTrackerUrl } from './tracker-address.ts';

const FAILURES: Readonly<Record<HttpFailure, CallFailure>> = {
  silent: 'silent',
  unreachable: 'unreachable',
  unfit: 'malformed',
  cancelled: 'cancelled',
};

/** Where a request goes, and how far it has come. */
interface Step {
  readonly tracker: TrackerAddress;
  readonly address: string;
  readonly target: string;
  readonly redirects: number;
}

const failed = (failure: CallFailure, text: string): CallResult<never> => ({ ok: false, failure, text });

/** Carries requests to HTTP trackers and follows their redirects, though not wherever they like. */
export class HttpCaller {
  readonly #http: HttpClient;
  readonly #resolver: Resolver;
  /** Calls under way. BOUNDED: by those who call, one at a time each. */
  readonly #calls = new Set<AbortController>();
  #closed = false;

  constructor(options: { readonly http: HttpClient; readonly resolver: Resolver }) {
    this.#http = options.http;
    this.#resolver = options.resolver;
  }

  /** The body of a tracker's answer, whatever its status: many refuse with one of 4xx and say why. Never rejects. */
  async get(tracker: TrackerAddress, address: string, target: string): Promise<CallResult<Uint8Array>> {
    if (this.#closed) return failed('cancelled', 'cancelled');
    const call = new AbortController();
    this.#calls.add(call);
    const result = await this.#take({ tracker, address, target, redirects: 0 }, call.signal);
    this.#calls.delete(call);
    return result;
  }

  /** Gives up all calls that are under way. */
  cancelAll(): void {
    for (const call of this.#calls) call.abort();
  }

  /** The same for good. */
  close(): void {
    this.#closed = true;
    this.cancelAll();
  }

  async #take(step: Step, stop: AbortSignal): Promise<CallResult<Uint8Array>> {
    const { tracker, address, target } = step;
    const answer = await this.#http.get(
      {
        secure: tracker.scheme === 'https',
        address: { host: address, port: tracker.port },
        name: tracker.host,
        target,
        maxBytes: MAX_HTTP_TRACKER_ANSWER_BYTES,
        timeoutMs: HTTP_TRACKER_TIMEOUT_MS,
      },
      stop,
    );
    if (stop.aborted) return failed('cancelled', 'cancelled');
    if (!answer.ok) return failed(FAILURES[answer.failure], answer.text);
    if (answer.status >= 300 && answer.status < 400) return this.#follow(step, answer, stop);
    if (answer.body.length > 0) return { ok: true, answer: answer.body };
    return failed(answer.status >= 500 ? 'unanswered' : 'refused', `HTTP status ${answer.status} and nothing else`);
  }

  async #follow(
    step: Step,
    { status, location }: HttpAnswer & { readonly ok: true },
    stop: AbortSignal,
  ): Promise<CallResult<Uint8Array>> {
    if (step.redirects === MAX_HTTP_REDIRECTS) return failed('refused', 'it redirects without end');
    const next = location === undefined ? undefined : redirected(step, location);
    if (next === undefined) return failed('refused', `HTTP status ${status}, and no address to follow`);
    const addresses = await this.#resolver.resolve(next.host).catch(messageOf);
    if (stop.aborted) return failed('cancelled', 'cancelled');
    if (typeof addresses === 'string') return failed('silent', `it redirects: ${addresses}`);
    const usable = addresses
      .flatMap((one) => canonicalAddress(one) ?? [])
      .filter((one) => mayCall(next, one) && (!isNearAddress(one) || isNearAddress(step.address)));
    // The answer names peers of the family that asks (BEP 7).
    const address = usable.find((one) => isIPv6(one) === isIPv6(step.address));
    if (address === undefined) return failed('refused', `it redirects to ${next.host}, where it is not followed`);
    return this.#take({ tracker: next, address, target: httpTarget(next), redirects: step.redirects + 1 }, stop);
  }
}

/** Undefined when it is no address, or leaves TLS. */
function redirected({ tracker, target }: Step, location: string): TrackerAddress | undefined {
  const host = isIPv6(tracker.host) ? `[${tracker.host}]` : tracker.host;
  const base = `${tracker.scheme}://${host}:${tracker.port}${target}`;
  const next = URL.canParse(location, base) ? parseTrackerUrl(new URL(location, base).href) : undefined;
  if (next === undefined || next.scheme === 'udp') return undefined;
  if (tracker.scheme === 'https' && next.scheme === 'http') return undefined;
  return { ...next, isFromOutside: tracker.isFromOutside };
}
