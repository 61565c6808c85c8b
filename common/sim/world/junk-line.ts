import { concatBytes } from '../../base/bytes.ts';
import type { CloseCause, TcpPort } from '../../base/ports.ts';
import {
  type BlockRef,
  decodeBlockRef,
  encodeBare,
  encodeBlockHeader,
  encodeHandshake,
  MESSAGE,
} from '../../wire/peer-messages.ts';
import type { SeededRandom } from '../random.ts';
import type { SimContent } from './content.ts';
import { MessageReader } from './message-reader.ts';

/** What a trick does when the other says something. */
export interface TrickAnswers {
  /** Its handshake is here; ours may still have to be sent. */
  readonly onHandshake?: () => void;
  readonly onRequest?: (ref: BlockRef) => void;
  readonly onMessage?: (id: number, payload: Uint8Array) => void;
}

/** One connection of a junk peer: what it hears, and words to say that are mostly well formed. */
export class JunkLine {
  readonly random: SeededRandom;
  readonly content: SimContent;
  readonly #stream: TcpPort;
  readonly #peerId: Uint8Array;
  #isOpen = true;

  constructor(options: {
    readonly stream: TcpPort;
    readonly random: SeededRandom;
    readonly content: SimContent;
    /** 20 bytes. */
    readonly peerId: Uint8Array;
  }) {
    this.#stream = options.stream;
    this.random = options.random;
    this.content = options.content;
    this.#peerId = options.peerId;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Begins to listen. */
  start(answers: TrickAnswers): void {
    const reader = new MessageReader({
      handshake: () => answers.onHandshake?.(),
      message: (id, payload) => {
        if (id === MESSAGE.request && payload.length === 12) this.#heedRequest(decodeBlockRef(payload), answers);
        else answers.onMessage?.(id, payload);
      },
      blockStart: () => {},
      blockBytes: () => {},
    });
    this.#stream.start({
      onBytes: (view) => void reader.push(view),
      onDrain: () => {},
      onClosed: (_cause: CloseCause) => {
        this.#isOpen = false;
      },
    });
  }

  /** Another junk peer may ask for anything. */
  #heedRequest(ref: BlockRef, answers: TrickAnswers): void {
    const { pieceCount, geometry } = this.content;
    if (ref.piece < pieceCount && ref.begin + ref.length <= geometry.pieceBytes) answers.onRequest?.(ref);
  }

  say(...parts: readonly Uint8Array[]): void {
    if (this.#isOpen) this.#stream.write([concatBytes(parts)]);
  }

  greet(options: { readonly fast: boolean; readonly extended: boolean }, wireHash = this.content.wireHashes[0]!): void {
    const flags = { ...options, upgrade: false };
    this.say(
      encodeHandshake({ flags, wireHash, peerId: this.#peerId as Parameters<typeof encodeHandshake>[0]['peerId'] }),
    );
  }

  /** Poses as one that has everything and serves everyone. */
  poseAsSeeder(): void {
    this.greet({ fast: true, extended: false });
    this.say(encodeBare(MESSAGE.haveAll), encodeBare(MESSAGE.unchoke));
  }

  block(ref: BlockRef, data: Uint8Array): void {
    this.say(encodeBlockHeader(ref.piece, ref.begin, data.length), data);
  }

  /** A length, an id and anything: a message that says its length right. */
  message(id: number, payload: Uint8Array): void {
    const head = new Uint8Array(5);
    new DataView(head.buffer).setUint32(0, 1 + payload.length);
    head[4] = id;
    this.say(head, payload);
  }

  stopReading(): void {
    this.#stream.pause();
  }

  hangUp(): void {
    this.#stream.end();
  }

  cutOff(): void {
    this.#stream.destroy();
  }
}
