import { isIPv6 } from '../base/address.ts';
import type { HttpAnswer, HttpClient, HttpReply, HttpRequest } from '../base/http-ports.ts';
import type { Endpoint } from '../base/ids.ts';
import { after, endpointText } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';

/** How a simulated server answers; undefined: never. */
export type SimHttpHandler = (request: HttpRequest) => HttpAnswer | undefined;

/** What a tracker replies, as its client gets it. */
export const received = (reply: HttpReply): HttpAnswer => ({
  ok: true,
  status: reply.status,
  location: undefined,
  body: reply.body.slice(),
});

export const redirectTo = (location: string | undefined, status = 302): HttpAnswer => ({
  ok: true,
  status,
  location,
  body: new Uint8Array(),
});

/** HTTP without sockets: servers by address, and clients that wait for them. */
export class SimHttp {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #servers = new Map<string, SimHttpHandler>();
  /** `scheme://host header/target` of every request, in order. */
  readonly requests: string[] = [];

  constructor(options: { readonly clock: Clock; readonly delayMs: number }) {
    this.#clock = options.clock;
    this.#delayMs = options.delayMs;
  }

  /** Answers at an address from now on; undefined: nobody listens there any more. */
  serve(at: Endpoint, handler: SimHttpHandler | undefined): void {
    if (handler === undefined) this.#servers.delete(endpointText(at));
    else this.#servers.set(endpointText(at), handler);
  }

  /** The HTTP of a machine with these addresses. */
  clientAt(addresses: readonly string[]): HttpClient {
    return {
      get: (question, stop) => {
        const from = addresses.find((one) => isIPv6(one) === isIPv6(question.address.host));
        const { name, secure, target, address } = question;
        this.requests.push(`${secure ? 'https' : 'http'}://${name}:${address.port}${target}`);
        return new Promise((resolve) => {
          const settle = (answer: HttpAnswer): void => {
            cancelTimeout();
            stop.removeEventListener('abort', cancel);
            resolve(answer);
          };
          const cancel = (): void => settle({ ok: false, failure: 'cancelled', text: 'cancelled' });
          stop.addEventListener('abort', cancel);
          const cancelTimeout = this.#clock.at(after(this.#clock.now(), question.timeoutMs), () =>
            settle({ ok: false, failure: 'silent', text: 'no answer' }),
          );
          this.#clock.at(after(this.#clock.now(), this.#delayMs), () => {
            if (stop.aborted) return;
            const answer = this.#answer(address, from, { method: 'GET', target, host: `${name}:${address.port}` });
            if (answer !== undefined) settle(answer);
          });
        });
      },
    };
  }

  #answer(to: Endpoint, from: string | undefined, rest: Omit<HttpRequest, 'from'>): HttpAnswer | undefined {
    if (from === undefined) return { ok: false, failure: 'unreachable', text: 'no way there' };
    const handler = this.#servers.get(endpointText(to));
    if (handler === undefined) return { ok: false, failure: 'silent', text: 'the connection is refused' };
    return handler({ ...rest, from: { host: from, port: 50_000 } });
  }
}
