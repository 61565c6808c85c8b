import { isIPv6 } from '../base/address.ts';
import type { Endpoint, Instant } from '../base/ids.ts';
import { after, NEVER } from '../base/ids.ts';
import {
  CONNECTION_ID_REUSE_MS,
  MAX_TRACKER_CALLS,
  TRACKER_RETRY_FIRST_MS,
  TRACKER_RETRY_LAST_MS,
} from '../base/limits.ts';
import type { Random } from '../base/ports.ts';
import { catalogueErrorCode } from '../wire/catalogue-errors.ts';
import type { ConnectionId } from '../wire/tracker-header.ts';
import {
  ACTION_CONNECT,
  ACTION_ERROR,
  RESPONSE_HEADER_BYTES,
  responseAction,
  responseTransactionId,
} from '../wire/tracker-header.ts';
import type { AddressBytes } from '../wire/tracker-packets.ts';
import { decodeConnectResponse, decodeErrorText, encodeConnectRequest } from '../wire/tracker-packets.ts';
import type { TrackerCall } from './calls.ts';

export type CallResult<A> =
  | { readonly ok: true; readonly answer: A }
  | { readonly ok: false; readonly failure: CallFailure; readonly text: string };

export type CallFailure =
  | 'silent' /* it does not even answer a connect */
  | 'unanswered' /* it answers, but not this call: it may not know it */
  | 'refused' /* it answered an error, whose text is given */
  | 'malformed' /* it answered what is no answer */
  | 'cancelled' /* we gave up */
  | 'unreachable'; /* we have no socket that reaches it */

interface Call {
  readonly request: TrackerCall<unknown>;
  readonly tries: number;
  readonly askedAt: Instant;
  readonly done: (result: CallResult<unknown>) => void;
  /** What it was last sent with; undefined while it waits for a connection id. */
  sentWith: ConnectionId | undefined;
  /** Whether a connection id was got anew for its sake. */
  reconnected: boolean;
  /** Times it was sent in vain, and times a connect was sent in vain while it waited. */
  silences: number;
  connectSilences: number;
  due: Instant;
}

/**
 * One address of a tracker, as its client (BEP 15).
 *
 * - A connection id is used for a minute, by all calls. A call that is met with silence or an error under an id from
 *   before gets a new one, once: the tracker may have been restarted.
 * - A call is repeated after 1, 2, 4 … s under the same transaction id, so that a late answer still counts.
 * - An answer must come from the tracker's address and port and carry the transaction id and the action of a call
 *   under way, or be an error. Whatever else comes is passed over, and the waiting goes on.
 *
 * BOUNDED: by MAX_TRACKER_CALLS calls under way.
 */
export class Exchange {
  readonly #tracker: Endpoint;
  readonly #random: Random;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #calls = new Map<number, Call>();
  #id: ConnectionId | undefined;
  #idAt: Instant = NEVER;
  #connect: { readonly transactionId: number; silences: number; due: Instant } | undefined;

  constructor(options: {
    /** Canonical. */
    readonly tracker: Endpoint;
    readonly random: Random;
    /** Hands a datagram to the network, for the tracker. */
    readonly send: (bytes: Uint8Array) => void;
  }) {
    this.#tracker = options.tracker;
    this.#random = options.random;
    this.#send = options.send;
  }

  /** When `wake` should be called. */
  get nextDue(): Instant {
    let due = this.#connect?.due ?? NEVER;
    for (const call of this.#calls.values()) if (call.due < due) due = call.due;
    return due;
  }

  /** It has answered a connect, be it long ago. */
  get isConnected(): boolean {
    return this.#id !== undefined;
  }

  get callsUnderWay(): number {
    return this.#calls.size;
  }

  /** Begins a call; `done` is called exactly once, never during this call. `tries` counts the first sending. */
  ask<A>(request: TrackerCall<A>, tries: number, now: Instant, done: (result: CallResult<A>) => void): void {
    if (this.#calls.size >= MAX_TRACKER_CALLS) throw new Error('more calls to one tracker than there is a use for');
    const call: Call = {
      request,
      tries,
      askedAt: now,
      // The answer that `done` is called with was decoded by this very request.
      done: done as (result: CallResult<unknown>) => void,
      sentWith: undefined,
      reconnected: false,
      silences: 0,
      connectSilences: 0,
      due: NEVER,
    };
    const transactionId = this.#freeTransactionId();
    this.#calls.set(transactionId, call);
    this.#sendCall(transactionId, call, now);
  }

  /** Takes a datagram that has come in, from wherever. */
  take(bytes: Uint8Array, from: Endpoint, now: Instant): void {
    if (from.port !== this.#tracker.port || from.host !== this.#tracker.host) return;
    if (bytes.length < RESPONSE_HEADER_BYTES) return;
    const transactionId = responseTransactionId(bytes);
    const action = responseAction(bytes);
    if (transactionId === this.#connect?.transactionId) {
      this.#takeConnected(bytes, action, now);
      return;
    }
    const call = this.#calls.get(transactionId);
    if (call === undefined) return;
    if (action === ACTION_ERROR) this.#takeError(transactionId, call, decodeErrorText(bytes), now);
    else if (action === call.request.action) {
      const answer = call.request.decode(bytes, this.#addressBytes);
      if (answer.ok) this.#finish(transactionId, call, { ok: true, answer: answer.value });
      else this.#fail(transactionId, call, 'malformed', `its answer has no sense: ${answer.reason}`);
    }
  }

  /** Repeats what is due and gives up what was tried often enough. */
  wake(now: Instant): void {
    if (this.#connect !== undefined && this.#connect.due <= now) this.#connectInVain(this.#connect, now);
    for (const [transactionId, call] of [...this.#calls])
      if (call.due <= now) this.#callInVain(transactionId, call, now);
  }

  /** Gives up every call. */
  cancelAll(): void {
    this.#connect = undefined;
    for (const [transactionId, call] of [...this.#calls]) this.#fail(transactionId, call, 'cancelled', 'cancelled');
  }

  get #addressBytes(): AddressBytes {
    return isIPv6(this.#tracker.host) ? 16 : 4;
  }

  #freeTransactionId(): number {
    let id = this.#random.below(2 ** 32);
    while (this.#calls.has(id)) id = this.#random.below(2 ** 32);
    return id;
  }

  #sendCall(transactionId: number, call: Call, now: Instant): void {
    if (this.#id !== undefined && now - this.#idAt > CONNECTION_ID_REUSE_MS) this.#id = undefined;
    call.sentWith = this.#id;
    if (this.#id !== undefined) {
      call.due = after(now, pauseMs(call.silences));
      this.#send(call.request.encode(this.#id, transactionId));
      return;
    }
    call.due = NEVER;
    if (this.#connect !== undefined) return;
    this.#connect = { transactionId: this.#freeTransactionId(), silences: 0, due: after(now, pauseMs(0)) };
    this.#send(encodeConnectRequest(this.#connect.transactionId));
  }

  #takeConnected(bytes: Uint8Array, action: number, now: Instant): void {
    const waiting = [...this.#calls].filter(([, call]) => call.sentWith === undefined);
    if (action === ACTION_ERROR) {
      this.#connect = undefined;
      for (const [id, call] of waiting) this.#fail(id, call, 'refused', decodeErrorText(bytes));
    }
    const connected = action === ACTION_CONNECT ? decodeConnectResponse(bytes) : undefined;
    if (connected?.ok !== true) return;
    this.#connect = undefined;
    this.#id = connected.value;
    this.#idAt = now;
    for (const [transactionId, call] of waiting) {
      call.connectSilences = 0;
      this.#sendCall(transactionId, call, now);
    }
  }

  #connectInVain(connect: { readonly transactionId: number; silences: number; due: Instant }, now: Instant): void {
    connect.silences++;
    let stillWanted = false;
    for (const [transactionId, call] of [...this.#calls]) {
      if (call.sentWith !== undefined) continue;
      call.connectSilences++;
      if (call.connectSilences >= call.tries) this.#fail(transactionId, call, 'silent', 'no answer');
      else stillWanted = true;
    }
    if (!stillWanted) {
      this.#connect = undefined;
      return;
    }
    connect.due = after(now, pauseMs(connect.silences));
    this.#send(encodeConnectRequest(connect.transactionId));
  }

  #callInVain(transactionId: number, call: Call, now: Instant): void {
    call.silences++;
    if (this.#reconnects(transactionId, call, now)) return;
    if (call.silences >= call.tries) this.#fail(transactionId, call, 'unanswered', 'no answer to this request');
    else this.#sendCall(transactionId, call, now);
  }

  #takeError(transactionId: number, call: Call, text: string, now: Instant): void {
    // It is already being tried anew.
    if (call.sentWith === undefined) return;
    // A catalogue's error comes from behind the check of the connection id.
    const mayBeTheId = catalogueErrorCode(text) === undefined;
    if (mayBeTheId && this.#reconnects(transactionId, call, now)) return;
    this.#fail(transactionId, call, 'refused', text);
  }

  /** Tries once more under a new connection id, if the call went out under one from before it. */
  #reconnects(transactionId: number, call: Call, now: Instant): boolean {
    if (call.reconnected || call.sentWith === undefined) return false;
    const isOld = call.sentWith !== this.#id || this.#idAt < call.askedAt;
    if (!isOld) return false;
    call.reconnected = true;
    if (call.sentWith === this.#id) this.#id = undefined;
    this.#sendCall(transactionId, call, now);
    return true;
  }

  #fail(transactionId: number, call: Call, failure: CallFailure, text: string): void {
    this.#finish(transactionId, call, { ok: false, failure, text });
  }

  #finish(transactionId: number, call: Call, result: CallResult<unknown>): void {
    if (this.#calls.delete(transactionId)) call.done(result);
  }
}

/** 1, 2, 4 … s instead of the 15 × 2^n of BEP 15: our trackers are near. */
const pauseMs = (silences: number): number =>
  Math.min(TRACKER_RETRY_LAST_MS, TRACKER_RETRY_FIRST_MS * 2 ** Math.min(silences, 16));
