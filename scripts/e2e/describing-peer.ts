/**
 * A peer that gives an info dictionary to whoever asks (BEP 9, BEP 10), perhaps the content with it, and never a hash:
 * most other programs know v1 alone. Tests only.
 */
import { hash } from 'node:crypto';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { concatBytes, readU32, utf8 } from '../../common/base/bytes.ts';
import { wireHashOf, type InfoHashV1, type InfoHashV2, type PeerId, type WireHash } from '../../common/base/ids.ts';
import { HANDSHAKE_BYTES } from '../../common/base/limits.ts';
import { formatMagnet } from '../../common/content/magnet.ts';
import { sha256 } from '../../common/content/merkle.ts';
import {
  decodeExtendedHandshake,
  decodeMetadataMessage,
  encodeExtendedHandshake,
  encodeMetadataMessage,
} from '../../common/wire/extended.ts';
import {
  encodeBare,
  encodeBlockHeader,
  encodeExtended,
  encodeHandshake,
  MESSAGE,
} from '../../common/wire/peer-messages.ts';

/** The number by which we want to be asked for metadata. */
const OUR_METADATA = 1;

/** What it speaks of. */
interface Told {
  /** An info dictionary of one block. */
  readonly info: Uint8Array;
  /** The content, and how it is cut; without it, it says that it has all and gives nothing. */
  readonly content?: { readonly bytes: Uint8Array; readonly pieceBytes: number };
}

/** Serves an info dictionary, whatever is in it; the magnet link that leads to it. */
export async function peerDescribing(info: Uint8Array): Promise<string> {
  const infoHashV2 = sha256(info) as unknown as InfoHashV2;
  const port = await listen(wireHashOf(infoHashV2), { info });
  return formatMagnet({ infoHashV2, trackers: [], peers: [{ host: '127.0.0.1', port }] });
}

/** Serves the v1 half of a hybrid; the magnet link of both halves that leads to it, by whatever port. */
export async function v1PeerOf(told: Required<Told>): Promise<{
  readonly port: number;
  readonly magnet: (port: number) => string;
}> {
  const infoHashV1 = new Uint8Array(hash('sha1', told.info, 'buffer')) as InfoHashV1;
  const infoHashV2 = sha256(told.info) as unknown as InfoHashV2;
  const port = await listen(wireHashOf(infoHashV1), told);
  const magnet = (by: number): string =>
    formatMagnet({ infoHashV2, infoHashV1, trackers: [], peers: [{ host: '127.0.0.1', port: by }] });
  return { port, magnet };
}

async function listen(wireHash: WireHash, told: Told): Promise<number> {
  const hello = encodeHandshake({
    flags: { extended: true, fast: true, upgrade: false },
    wireHash,
    peerId: utf8('-XX0000-111111111111') as PeerId,
  });
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(hello);
    const ids = new Map([['ut_metadata', OUR_METADATA]]);
    socket.write(encodeExtended(0, encodeExtendedHandshake({ ids, metadataBytes: told.info.length })));
    socket.write(encodeBare(MESSAGE.haveAll));
    socket.write(encodeBare(MESSAGE.unchoke));
    answer(socket, told);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function answer(socket: Socket, told: Told): void {
  let unread = Buffer.alloc(0);
  let greeted = false;
  let theirMetadata = 0;
  socket.on('data', (part: Buffer) => {
    unread = Buffer.concat([unread, part]);
    if (!greeted && unread.length >= HANDSHAKE_BYTES) {
      greeted = true;
      unread = unread.subarray(HANDSHAKE_BYTES);
    }
    while (greeted && unread.length >= 4 && unread.length >= 4 + readU32(unread, 0)) {
      const message = unread.subarray(4, 4 + readU32(unread, 0));
      unread = unread.subarray(4 + message.length);
      if (message[0] === MESSAGE.request) socket.write(blockOf(told, message));
      if (message[0] !== MESSAGE.extended) continue;
      const payload = message.subarray(2);
      if (message[1] === 0) {
        const shaken = decodeExtendedHandshake(payload);
        if (shaken.ok) theirMetadata = shaken.value.ids.get('ut_metadata') ?? 0;
      } else if (message[1] === OUR_METADATA) {
        const asked = decodeMetadataMessage(payload);
        if (!asked.ok || asked.value.type !== 'request') continue;
        const { info } = told;
        const data = { type: 'data', block: asked.value.block, totalBytes: info.length, data: info } as const;
        socket.write(encodeExtended(theirMetadata, encodeMetadataMessage(data)));
      }
    }
  });
}

/** `piece` for a `request`; nothing when it has nothing. */
function blockOf({ content }: Told, request: Uint8Array): Uint8Array {
  if (content === undefined) return new Uint8Array(0);
  const [piece, begin, length] = [readU32(request, 1), readU32(request, 5), readU32(request, 9)];
  const from = piece * content.pieceBytes + begin;
  return concatBytes([encodeBlockHeader(piece, begin, length), content.bytes.subarray(from, from + length)]);
}
