import { Bitfield } from '../../base/bitfield.ts';
import { readU32 } from '../../base/bytes.ts';
import type { PieceIndex } from '../../base/ids.ts';
import { BLOCK_BYTES, MAX_LARGE_REQUEST_BYTES, MAX_OUTSTANDING_REQUESTS } from '../../base/limits.ts';
import { type BlockRef, decodeBlockRef, type HandshakeFlags, MESSAGE } from '../../wire/peer-messages.ts';
import type { SimContent } from './content.ts';
import { MessageReader } from './message-reader.ts';
import { type RelayRecord, RelayWatch } from './relay-watch.ts';
import { SideTalk } from './side-talk.ts';
import type { Verdict } from './verdict.ts';

export interface ConversationOptions {
  readonly who: string;
  readonly verdict: Verdict;
  readonly content: SimContent;
  /** Whether our program has the piece for certain, at this moment. */
  readonly holds: (piece: PieceIndex) => boolean;
  /** What our program is made to send may be false: its store lies. */
  readonly isLiar: boolean;
  readonly wants: (piece: PieceIndex) => boolean;
  /** What our program passes on before it has it. */
  readonly relays: RelayRecord;
}

const keyOf = ({ piece, begin, length }: BlockRef): string => `${piece}+${begin}/${length}`;

/**
 * Listens in on one connection at the end of a program of ours, and tells what our program must never say:
 * an answer that nobody asked for, or twice; a block that is false; a piece it does not have and did not say is on its
 * way; a request while choked, for what it has, for what the other has not, or for the same again (BEP 3, 6, 52).
 *
 * BOUNDED: by what the two programs keep open, and the other's floods.
 */
export class Conversation {
  readonly #options: ConversationOptions;
  readonly #ours: MessageReader;
  readonly #theirs: MessageReader;
  readonly #relay: RelayWatch;
  readonly #side: SideTalk;
  /** What they asked for, and how many answers they have still to get. */
  readonly #asked = new Map<string, number>();
  /** What we asked for: open, or no longer wanted. */
  readonly #open = new Map<string, 'open' | 'cancelled'>();
  readonly #theirPieces: Bitfield;
  /** Our program has written since bytes came last: what it says of what came before has been said. */
  #hasSpoken = false;
  /** What they took back since then: our program may have asked for it before it met that, and not written that yet. */
  readonly #justLost = new Set<PieceIndex>();
  /** Blocks that came since then: what it asks for again in between, it may take one of them for. */
  readonly #justCame = new Set<string>();
  #isFast = { ours: false, theirs: false };
  #isChoked = true;
  /** Since the last bytes came: our program may not have met the choke among them when it asked. */
  #wasUnchoked = false;
  #sending: BlockRef | undefined;

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#theirPieces = new Bitfield(options.content.pieceCount);
    this.#relay = new RelayWatch({
      ...options,
      onTheirs: {
        gain: (piece) => void this.#theirPieces.add(piece),
        loss: (piece) => void (this.#theirPieces.remove(piece) && this.#justLost.add(piece)),
      },
    });
    this.#side = new SideTalk({ ...options, others: this.#relay });
    this.#ours = new MessageReader({
      handshake: (flags) => void (this.#isFast.ours = flags.fast),
      message: (id, payload) => this.#heedOurs(id, payload),
      blockStart: (ref) => this.#heedOurBlock(ref),
      blockBytes: (offset, view) => this.#judgeBlock(offset, view),
    });
    this.#theirs = new MessageReader({
      handshake: (flags: HandshakeFlags) => void (this.#isFast.theirs = flags.fast),
      message: (id, payload) => this.#heedTheirs(id, payload),
      blockStart: (ref) => {
        options.relays.cameOf(ref.piece);
        this.#open.delete(keyOf(ref));
        this.#justCame.add(keyOf(ref));
      },
      blockBytes: () => {},
    });
  }

  /** Our program writes this. */
  sent(bytes: Uint8Array): void {
    this.#hasSpoken = true;
    if (!this.#ours.push(bytes)) this.#breach('what it sends is no message');
  }

  /** Our program is about to be given this. */
  received(bytes: Uint8Array): void {
    this.#wasUnchoked = !this.#isChoked;
    if (this.#hasSpoken) {
      this.#justLost.clear();
      this.#justCame.clear();
    }
    this.#hasSpoken = false;
    this.#theirs.push(bytes);
  }

  /** What our program has written and the network has not taken. */
  judgeQueue(queuedBytes: number, mostBytes: number): void {
    if (queuedBytes > mostBytes) this.#breach(`${queuedBytes} bytes are queued on one stream`);
  }

  get #fast(): boolean {
    return this.#isFast.ours && this.#isFast.theirs;
  }

  #breach(what: string): void {
    this.#options.verdict.breach(this.#options.who, what);
  }

  /* ---- what they say ---- */

  #heedTheirs(id: number, payload: Uint8Array): void {
    const count = this.#options.content.pieceCount;
    switch (id) {
      case MESSAGE.choke:
        this.#isChoked = true;
        if (!this.#fast) this.#open.clear();
        break;
      case MESSAGE.unchoke:
        this.#isChoked = false;
        this.#wasUnchoked = true;
        break;
      case MESSAGE.have:
        if (payload.length === 4) this.#theirPieces.add(readU32(payload, 0) as PieceIndex);
        break;
      case MESSAGE.haveAll:
        for (let piece = 0; piece < count; piece++) this.#theirPieces.add(piece as PieceIndex);
        break;
      case MESSAGE.bitfield:
        for (const piece of Bitfield.fromWire(payload, count) ?? []) this.#theirPieces.add(piece);
        break;
      case MESSAGE.request:
        if (payload.length === 12) this.#expectAnswer(keyOf(decodeBlockRef(payload)));
        break;
      case MESSAGE.reject:
        if (payload.length === 12) this.#open.delete(keyOf(decodeBlockRef(payload)));
        break;
      default:
        this.#side.heedTheirs(id, payload);
    }
  }

  #expectAnswer(key: string): void {
    this.#asked.set(key, (this.#asked.get(key) ?? 0) + 1);
  }

  /* ---- what we say ---- */

  #heedOurs(id: number, payload: Uint8Array): void {
    switch (id) {
      case MESSAGE.choke:
        // Without the fast extension a choke is the answer to all that waits (BEP 3).
        if (!this.#fast) this.#asked.clear();
        break;
      case MESSAGE.have:
        this.#relay.heedHave(readU32(payload, 0));
        this.#judgeOffer([readU32(payload, 0) as PieceIndex]);
        break;
      case MESSAGE.haveAll:
        this.#judgeOffer(Bitfield.full(this.#options.content.pieceCount));
        break;
      case MESSAGE.bitfield:
        this.#judgeOffer(Bitfield.fromWire(payload, this.#options.content.pieceCount));
        break;
      case MESSAGE.request:
        this.#judgeRequest(decodeBlockRef(payload));
        break;
      case MESSAGE.cancel:
        this.#open.set(keyOf(decodeBlockRef(payload)), 'cancelled');
        break;
      case MESSAGE.reject:
        if (!this.#fast) this.#breach('a reject to a peer that does not know the message');
        this.#answer(decodeBlockRef(payload), 'rejects');
        break;
      default:
        this.#side.heedOurs(id, payload);
    }
  }

  #judgeOffer(pieces: Iterable<PieceIndex> | undefined): void {
    if (pieces === undefined) return this.#breach('a bitfield that does not fit the content');
    for (const piece of pieces) {
      if (!this.#options.holds(piece)) return this.#breach(`offers piece ${piece}, which it does not have`);
    }
  }

  #judgeRequest(ref: BlockRef): void {
    const { content, wants } = this.#options;
    const key = keyOf(ref);
    const piece = ref.piece as PieceIndex;
    if (this.#isChoked && !this.#wasUnchoked) this.#breach(`asks for ${key} while it is choked`);
    if (!this.#theirPieces.has(piece) && !this.#justLost.has(piece))
      return this.#breach(`asks for ${key}, which the other does not have`);
    const end = ref.begin + ref.length;
    const isSound = ref.length > 0 && ref.begin % BLOCK_BYTES === 0 && end <= content.geometry.pieceSize(piece);
    if (!isSound || ref.length > MAX_LARGE_REQUEST_BYTES) this.#breach(`asks for ${key}, which is no block`);
    if (this.#open.get(key) === 'open') this.#breach(`asks for ${key} twice`);
    if (!wants(piece)) this.#breach(`asks for ${key}, which it has`);
    this.#open.set(key, this.#justCame.has(key) ? 'cancelled' : 'open');
    const count = [...this.#open.values()].filter((state) => state === 'open').length;
    if (count > MAX_OUTSTANDING_REQUESTS) this.#breach(`has ${count} requests open`);
  }

  #heedOurBlock(ref: BlockRef): void {
    this.#sending = ref;
    this.#answer(ref, 'sends');
    if (!this.#options.holds(ref.piece as PieceIndex) && !this.#relay.passesOn(ref.piece))
      this.#breach(`sends of piece ${ref.piece}, which it does not have`);
  }

  #answer(ref: BlockRef, how: string): void {
    const key = keyOf(ref);
    const due = this.#asked.get(key) ?? 0;
    if (due === 0) return this.#breach(`${how} ${key}, for which no answer is due`);
    if (due === 1) this.#asked.delete(key);
    else this.#asked.set(key, due - 1);
  }

  #judgeBlock(offset: number, view: Uint8Array): void {
    const { content, isLiar } = this.#options;
    const { piece, begin } = this.#sending!;
    if (isLiar || piece >= content.pieceCount) return;
    if (content.isBlock(piece as PieceIndex, begin + offset, view)) return;
    this.#breach(`sends false bytes of piece ${piece} at ${begin + offset}`);
  }
}
