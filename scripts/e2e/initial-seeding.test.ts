import { connect, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { readU32, utf8 } from '../../common/base/bytes.ts';
import { wireHashOf, type InfoHashV2, type PeerId } from '../../common/base/ids.ts';
import { HANDSHAKE_BYTES } from '../../common/base/limits.ts';
import { encodeBare, encodeHandshake, MESSAGE } from '../../common/wire/peer-messages.ts';
import { PATIENT, sandbox } from './processes.ts';
import { SharedFile } from './shared-file.ts';
import { CHUNK, startSeeder, type Seeder } from './swarm.ts';
import { NO_TRACKER } from './tracker-client.ts';

/** A leecher with nothing; what the seeder says first of what it holds: the id of that message. */
async function firstWordTo(seeder: Seeder, name: string): Promise<number> {
  const [host, port] = seeder.address.split(':');
  const socket = connect(Number(port), host);
  onTestFinished(() => {
    socket.destroy();
  });
  const infoHash = new Uint8Array(Buffer.from(seeder.infoHash, 'hex')) as InfoHashV2;
  const flags = { extended: false, fast: true, upgrade: false };
  socket.write(encodeHandshake({ flags, wireHash: wireHashOf(infoHash), peerId: utf8(name) as PeerId }));
  socket.write(encodeBare(MESSAGE.haveNone));
  return firstMessage(socket);
}

/** The socket stays open: who has left is not counted. */
async function firstMessage(socket: Socket): Promise<number> {
  let unread = Buffer.alloc(0);
  for await (const part of socket.iterator({ destroyOnReturn: false })) {
    unread = Buffer.concat([unread, part as Buffer]);
    if (unread.length < HANDSHAKE_BYTES + 5) continue;
    expect(readU32(unread, HANDSHAKE_BYTES)).toBeGreaterThan(0);
    return unread[HANDSHAKE_BYTES + 4]!;
  }
  throw new Error('the seeder hung up');
}

it(
  'a seeder that may be the only one shows all to a single leecher, and to the next what nobody else has',
  PATIENT,
  async () => {
    const box = sandbox();
    const file = SharedFile.of(box.path('file.bin'), 40 * CHUNK);
    const alone = await startSeeder(box, file.path, NO_TRACKER);
    expect(await firstWordTo(alone, '-XX0000-aaaaaaaaaaaa')).toBe(MESSAGE.haveAll);
    expect(await firstWordTo(alone, '-XX0000-bbbbbbbbbbbb')).toBe(MESSAGE.haveNone);
    const backed = await startSeeder(box, file.path, NO_TRACKER, '--webseed', 'http://127.0.0.1:9/');
    await firstWordTo(backed, '-XX0000-aaaaaaaaaaaa');
    expect(await firstWordTo(backed, '-XX0000-bbbbbbbbbbbb')).toBe(MESSAGE.haveAll);
  },
);
