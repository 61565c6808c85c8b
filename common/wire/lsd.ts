/** Local service discovery (BEP 14): a datagram to a multicast group that says who has, or wants, what. Both directions. */
import { fromHex, looseText, toHex, utf8 } from '../base/bytes.ts';
import { endpointText, type Endpoint, type WireHash } from '../base/ids.ts';
import { MAX_LSD_DATAGRAM_BYTES } from '../base/limits.ts';

/** The groups of BEP 14. */
export const LSD_GROUPS: readonly Endpoint[] = [
  { host: '239.192.152.143', port: 6771 },
  { host: 'ff15::efc0:988f', port: 6771 },
];

export interface LsdAnnounce {
  /** TCP port of the sender, whose address is that of the datagram. */
  readonly port: number;
  readonly wireHashes: readonly WireHash[];
  /** What the sender knows its own datagrams by; aria2 sends none. */
  readonly cookie?: string;
}

/** Undefined for what is something else. Names of headers are read in any case; unknown headers are passed over. */
export function decodeLsd(bytes: Uint8Array): LsdAnnounce | undefined {
  if (bytes.length > MAX_LSD_DATAGRAM_BYTES) return undefined;
  const [first = '', ...lines] = looseText(bytes).split('\r\n');
  if (!/^BT-SEARCH \* HTTP\/1\.\d$/i.test(first)) return undefined;
  let port = 0;
  let cookie: string | undefined;
  const wireHashes: WireHash[] = [];
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^:]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    const key = name.toLowerCase();
    if (key === 'port') port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
    else if (key === 'cookie') cookie = value;
    else if (key === 'infohash' && value.length === 40) {
      const hash = fromHex(value);
      if (hash !== undefined) wireHashes.push(hash as WireHash);
    }
  }
  if (port === 0 || port > 65_535 || wireHashes.length === 0) return undefined;
  return { port, wireHashes, ...(cookie === undefined ? {} : { cookie }) };
}

/** For one group, which the datagram names. One hash in each, as others do. */
export function encodeLsd(group: Endpoint, announce: LsdAnnounce): Uint8Array {
  const lines = ['BT-SEARCH * HTTP/1.1', `Host: ${endpointText(group)}`, `Port: ${announce.port}`];
  for (const hash of announce.wireHashes) lines.push(`Infohash: ${toHex(hash)}`);
  if (announce.cookie !== undefined) lines.push(`cookie: ${announce.cookie}`);
  return utf8(`${lines.join('\r\n')}\r\n\r\n\r\n`);
}
