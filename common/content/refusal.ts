import { decoded, malformed, type Decoded } from '../base/errors.ts';
import type { BencodeReason } from '../wire/bencode-scan.ts';

/** What is wrong with an info dictionary, to be shown after the name of the torrent. */
export type InfoReason =
  | BencodeReason
  | 'it is no dictionary'
  | 'its protocol version is no number'
  | 'it is of a protocol version newer than 2'
  | 'it has neither a v1 nor a v2 part'
  | 'it has no name'
  | 'its piece length is not a power of two from 16 KiB to 128 MiB'
  | 'its piece length is not from 1 byte to 128 MiB'
  | 'it has no content'
  | 'it has more content than can be counted'
  | 'it has too many files'
  | 'it has too many pieces'
  | 'it has a path that is too long'
  | 'it has a file of no valid length'
  | 'it has a link with content'
  // v2: BEP 52
  | 'it has no file tree'
  | 'its file tree is a file'
  | 'its file tree has an entry that is neither a file nor a directory'
  | 'its file tree has a file that is a directory too'
  | 'its file tree has padding'
  | 'it has a file of no valid pieces root'
  | 'it has files of different lengths with the same pieces root'
  // v1: BEP 3
  | 'its v1 part has no piece hashes'
  | 'its v1 part has piece hashes of the wrong length'
  | 'its v1 part has the wrong number of piece hashes'
  | 'its v1 part does not have either a length or files'
  | 'its v1 part has an entry that is no file'
  | 'its v1 part has a file of no valid path'
  // hybrid: BEP 52
  | 'its v1 and v2 parts have different files'
  | 'its v1 and v2 parts place files differently';

/** What is wrong with a .torrent file. */
export type TorrentReason =
  | InfoReason
  | 'it has no info dictionary'
  | 'its piece layers are no dictionary'
  | 'it has a piece layer of no file'
  | 'it lacks the piece layer of a file'
  | 'it has a piece layer of the wrong length'
  | 'it has a piece layer that does not match its file';

/** Carries a reason from deep inside a parser to its edge, and no further. */
class Refusal<Reason extends string> extends Error {
  readonly reason: Reason;

  constructor(reason: Reason) {
    super(reason);
    this.name = 'Refusal';
    this.reason = reason;
  }
}

/** Ends the parse under way with a reason; only inside `attempt`. */
export function refuse(reason: InfoReason): never {
  throw new Refusal(reason);
}

/** Runs a parser to its value or to its `refuse`. */
export function attempt<T>(parse: () => T): Decoded<T, InfoReason> {
  try {
    return decoded(parse());
  } catch (error) {
    if (error instanceof Refusal) return malformed((error as Refusal<InfoReason>).reason);
    throw error;
  }
}
