/** Peer exchange, ut_pex (BEP 11): which peers the sender met and lost since its last message. Both directions. */
import { addressBytes, addressText } from '../base/address.ts';
import { concatBytes, readU16, writeU16 } from '../base/bytes.ts';
import { decoded, malformed, type Decoded } from '../base/errors.ts';
import type { Endpoint } from '../base/ids.ts';
import { MAX_EXTENDED_DEPTH, MAX_EXTENDED_ITEMS, MAX_EXTENDED_MESSAGE_BYTES, MAX_PEX_TAKEN } from '../base/limits.ts';
import { asBytes, bencodeDict, decodeBencode, dictGet, encodeBencode, type BNode } from './bencode.ts';
import type { BencodeReason } from './bencode-scan.ts';

/** One flag byte for each peer that was met. */
export const PEX_FLAG = {
  prefersEncryption: 0x01,
  /** It wants nothing. */
  uploadOnly: 0x02,
  speaksUtp: 0x04,
  holepunch: 0x08,
  /** The sender has dialled it. */
  reachable: 0x10,
} as const;

export interface PexContact {
  readonly endpoint: Endpoint;
  readonly flags: number;
}

export interface PexMessage {
  readonly added: readonly PexContact[];
  readonly dropped: readonly Endpoint[];
}

export type PexReason = BencodeReason | 'it is no dictionary' | 'it has contacts of an impossible length';

/**
 * Payload of a ut_pex message. Of more contacts than MAX_PEX_TAKEN in one list the first are read. Nothing has to be
 * there: aria2 sends an empty dictionary.
 */
export function decodePex(payload: Uint8Array): Decoded<PexMessage, PexReason> {
  const limits = { depth: MAX_EXTENDED_DEPTH, items: MAX_EXTENDED_ITEMS, bytes: MAX_EXTENDED_MESSAGE_BYTES };
  const result = decodeBencode(payload, limits, { anyKeyOrder: true });
  if (!result.ok) return result;
  const root = result.value;
  if (root.kind !== 'dict') return malformed('it is no dictionary');
  const [added, added6, dropped, dropped6] = [
    readContacts(root, 'added', 4),
    readContacts(root, 'added6', 16),
    readContacts(root, 'dropped', 4),
    readContacts(root, 'dropped6', 16),
  ];
  if (added === undefined || added6 === undefined || dropped === undefined || dropped6 === undefined) {
    return malformed('it has contacts of an impossible length');
  }
  return decoded({
    added: [...withFlags(added, dictGet(root, 'added.f')), ...withFlags(added6, dictGet(root, 'added6.f'))],
    dropped: [...dropped, ...dropped6],
  });
}

/** Payload of a ut_pex message. */
export function encodePex({ added, dropped }: PexMessage): Uint8Array {
  const isV4 = ({ host }: Endpoint): boolean => !host.includes(':');
  const added4 = added.filter(({ endpoint }) => isV4(endpoint));
  const added6 = added.filter(({ endpoint }) => !isV4(endpoint));
  return encodeBencode(
    bencodeDict([
      ['added', compact(added4.map(({ endpoint }) => endpoint))],
      // One byte for each, or libtorrent pays no heed to any of them.
      ['added.f', Uint8Array.from(added4, ({ flags }) => flags)],
      ['added6', compact(added6.map(({ endpoint }) => endpoint))],
      ['added6.f', Uint8Array.from(added6, ({ flags }) => flags)],
      ['dropped', compact(dropped.filter((endpoint) => isV4(endpoint)))],
      ['dropped6', compact(dropped.filter((endpoint) => !isV4(endpoint)))],
    ]),
  );
}

function readContacts(root: BNode, key: string, addressLength: 4 | 16): Endpoint[] | undefined {
  const bytes = asBytes(dictGet(root, key)) ?? new Uint8Array(0);
  const stride = addressLength + 2;
  if (bytes.length % stride !== 0) return undefined;
  const contacts: Endpoint[] = [];
  for (let at = 0; at < bytes.length && contacts.length < MAX_PEX_TAKEN; at += stride) {
    const host = addressText(bytes.subarray(at, at + addressLength));
    contacts.push({ host, port: readU16(bytes, at + addressLength) });
  }
  return contacts;
}

/** Without flags, or with too few, nothing is known of the rest. */
function withFlags(endpoints: readonly Endpoint[], node: BNode | undefined): PexContact[] {
  const flags = asBytes(node);
  return endpoints.map((endpoint, i) => ({ endpoint, flags: flags?.[i] ?? 0 }));
}

const compact = (endpoints: readonly Endpoint[]): Uint8Array =>
  concatBytes(
    endpoints.map(({ host, port }) => {
      const address = addressBytes(host)!;
      const bytes = new Uint8Array(address.length + 2);
      bytes.set(address);
      writeU16(bytes, address.length, port);
      return bytes;
    }),
  );
