/** A peer that gives an info dictionary to whoever asks, and nothing else (BEP 9, BEP 10). Tests only. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { readU32, utf8 } from '../../common/base/bytes.ts';
import { wireHashOf, type InfoHashV2, type PeerId } from '../../common/base/ids.ts';
import { HANDSHAKE_BYTES } from '../../common/base/limits.ts';
import { formatMagnet } from '../../common/content/magnet.ts';
import { sha256 } from '../../common/content/merkle.ts';
import {
  decodeExtendedHandshake,
  decodeMetadataMessage,
  encodeExtendedHandshake,
  encodeMetadataMessage,
} from '../../common/wire/extended.ts';
import { encodeBare, encodeExtended, encodeHandshake, MESSAGE } from '../../common/wire/peer-messages.ts';

/** The number by which we want to be asked for metadata. */
const OUR_METADATA = 1;

/** Serves an info dictionary of one block, whatever is in it; the magnet link that leads to it. */
export async function peerDescribing(info: Uint8Array): Promise<string> {
  const infoHashV2 = sha256(info) as unknown as InfoHashV2;
  const hello = encodeHandshake({
    flags: { extended: true, fast: true, upgrade: false },
    wireHash: wireHashOf(infoHashV2),
    peerId: utf8('-XX0000-111111111111') as PeerId,
  });
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(hello);
    const ids = new Map([['ut_metadata', OUR_METADATA]]);
    socket.write(encodeExtended(0, encodeExtendedHandshake({ ids, metadataBytes: info.length })));
    socket.write(encodeBare(MESSAGE.haveAll));
    listen(socket, info);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return formatMagnet({ infoHashV2, trackers: [], peers: [{ host: '127.0.0.1', port }] });
}

function listen(socket: Socket, info: Uint8Array): void {
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
      if (message[0] !== MESSAGE.extended) continue;
      const payload = message.subarray(2);
      if (message[1] === 0) {
        const shaken = decodeExtendedHandshake(payload);
        if (shaken.ok) theirMetadata = shaken.value.ids.get('ut_metadata') ?? 0;
      } else if (message[1] === OUR_METADATA) {
        const asked = decodeMetadataMessage(payload);
        if (!asked.ok || asked.value.type !== 'request') continue;
        const answer = { type: 'data', block: asked.value.block, totalBytes: info.length, data: info } as const;
        socket.write(encodeExtended(theirMetadata, encodeMetadataMessage(answer)));
      }
    }
  });
}
