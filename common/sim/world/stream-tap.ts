import type { Endpoint } from '../../base/ids.ts';
import { MIB, SEND_BUFFER_HIGH_BYTES, SEND_QUEUE_FULL_BYTES } from '../../base/limits.ts';
import type { Dialer, DialResult, Listener, TcpHandler, TcpPort } from '../../base/ports.ts';
import type { Conversation } from './conversation.ts';

/** Who listens in on a connection with this endpoint; undefined for nobody. */
export type ConversationMaker = (remote: Endpoint) => Conversation;

/** What may be queued on a stream: what makes us stop reading, and what was said in the turn that went over it. */
const LONGEST_QUEUE_BYTES = SEND_QUEUE_FULL_BYTES + SEND_BUFFER_HIGH_BYTES + MIB;

/** A stream with a listener on the line. */
class TappedStream implements TcpPort {
  readonly #stream: TcpPort;
  readonly #conversation: Conversation;

  constructor(stream: TcpPort, conversation: Conversation) {
    this.#stream = stream;
    this.#conversation = conversation;
  }

  get local(): Endpoint {
    return this.#stream.local;
  }

  get remote(): Endpoint {
    return this.#stream.remote;
  }

  get queuedBytes(): number {
    return this.#stream.queuedBytes;
  }

  start(handler: TcpHandler): void {
    this.#stream.start({
      onBytes: (view) => {
        this.#conversation.received(view);
        handler.onBytes(view);
      },
      onDrain: () => handler.onDrain(),
      onClosed: (cause) => handler.onClosed(cause),
    });
  }

  write(parts: readonly Uint8Array[], flushed?: () => void): void {
    for (const part of parts) this.#conversation.sent(part);
    this.#stream.write(parts, flushed);
    this.#conversation.judgeQueue(this.#stream.queuedBytes, LONGEST_QUEUE_BYTES);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  end(): void {
    this.#stream.end();
  }

  destroy(): void {
    this.#stream.destroy();
  }
}

/** The ports of one program for its peers, with a listener on every line; as they are when `make` is undefined. */
export const tapped = (
  ports: { readonly dialer: Dialer; readonly listener: Listener },
  make: ConversationMaker | undefined,
): { readonly dialer: Dialer; readonly listener: Listener } =>
  make === undefined ? ports : { dialer: tapDialer(ports.dialer, make), listener: tapListener(ports.listener, make) };

const tapDialer = (dialer: Dialer, make: ConversationMaker): Dialer => ({
  dial: async (to: Endpoint, timeoutMs: number): Promise<DialResult> => {
    const result = await dialer.dial(to, timeoutMs);
    return result.ok ? { ok: true, stream: new TappedStream(result.stream, make(to)) } : result;
  },
});

const tapListener = (listener: Listener, make: ConversationMaker): Listener => ({
  local: listener.local,
  onConnection: (accept) => listener.onConnection((stream) => accept(new TappedStream(stream, make(stream.remote)))),
  close: () => listener.close(),
});
