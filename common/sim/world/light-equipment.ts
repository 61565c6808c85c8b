import { after, type Digest, type PieceIndex, pieceIndex } from '../../base/ids.ts';
import type { Clock, Hasher } from '../../base/ports.ts';
import { leavesOf } from '../../content/merkle.ts';
import { SimDisk, SimFile } from '../disk.ts';
import type { SimContent } from './content.ts';
import type { Equipment } from './parts.ts';

const HEAD_BYTES = 16;

const headOf = (bytes: Uint8Array): string => String(bytes.subarray(0, HEAD_BYTES));

/** Machines for benches of many gigabytes: nothing is hashed or kept twice, and nobody listens in. */
export function lightEquipment(content: SimContent): Equipment {
  const known = new KnownPieces(content);
  return {
    isWatched: false,
    hasher: ({ clock, delayMs }) => new ComparingHasher({ clock, delayMs, known }),
    disk: ({ delayMs }) => new SharedDisk({ delayMs, bytes: content.bytes }),
  };
}

/** Finds out which piece bytes are by their head, and compares them with the truth. */
class KnownPieces {
  readonly #content: SimContent;
  readonly #byHead = new Map<string, PieceIndex>();

  constructor(content: SimContent) {
    this.#content = content;
    for (let i = 0; i < content.pieceCount; i++) {
      this.#byHead.set(headOf(content.pieceOf(pieceIndex(i))), pieceIndex(i));
    }
    if (this.#byHead.size < content.pieceCount) throw new Error('two pieces begin with the same bytes');
  }

  /** Undefined for bytes that are no piece. */
  find(bytes: Uint8Array): PieceIndex | undefined {
    const piece = this.#byHead.get(headOf(bytes));
    return piece !== undefined && Buffer.compare(bytes, this.#content.pieceOf(piece)) === 0 ? piece : undefined;
  }

  rootOf(piece: PieceIndex): Digest | undefined {
    return this.#content.checkOf(piece).root;
  }

  sha1Of(piece: PieceIndex): Uint8Array | undefined {
    return this.#content.checkOf(piece).sha1;
  }
}

/** Knows what true bytes hash to; all others get zeros. */
class ComparingHasher implements Hasher {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #known: KnownPieces;

  constructor(options: { readonly clock: Clock; readonly delayMs: number; readonly known: KnownPieces }) {
    this.#clock = options.clock;
    this.#delayMs = options.delayMs;
    this.#known = options.known;
  }

  pieceRoot(bytes: Uint8Array): Promise<Digest> {
    return this.#later(() => {
      const piece = this.#known.find(bytes);
      return (piece === undefined ? undefined : this.#known.rootOf(piece)) ?? (new Uint8Array(32) as Digest);
    });
  }

  leaves(bytes: Uint8Array): Promise<Uint8Array> {
    return this.#later(() => leavesOf(bytes));
  }

  sha1(bytes: Uint8Array): Promise<Uint8Array> {
    return this.#later(() => {
      const piece = this.#known.find(bytes);
      return (piece === undefined ? undefined : this.#known.sha1Of(piece)) ?? new Uint8Array(20);
    });
  }

  #later<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => {
      this.#clock.at(after(this.#clock.now(), this.#delayMs), () => resolve(work()));
    });
  }
}

/** Takes only what was verified, so that all files can be the one that is right. */
class SharedDisk extends SimDisk {
  readonly #bytes: Uint8Array;

  constructor(options: { readonly delayMs: number; readonly bytes: Uint8Array }) {
    super(options);
    this.#bytes = options.bytes;
  }

  override newFile(): SimFile {
    return new SharedFile(this.#bytes);
  }
}

class SharedFile extends SimFile {
  readonly #shared: Uint8Array;

  constructor(bytes: Uint8Array) {
    super();
    this.#shared = bytes;
  }

  override resize(sizeBytes: number): void {
    this.bytes = this.#shared.subarray(0, sizeBytes);
  }

  override growthOf(): number {
    return 0;
  }

  override put(): void {}
}
