import { createSocket, type RemoteInfo } from 'node:dgram';
import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { generate } from '../../common/fixtures/generate.ts';
import {
  decodeRequest,
  encodeAnnounceResponse,
  encodeConnectResponse,
  type AnnounceRequest,
} from '../../common/wire/tracker-packets.ts';
import { PATIENT, sandbox } from './processes.ts';
import { startSeeder } from './swarm.ts';
import { NO_TRACKER } from './tracker-client.ts';

const NOBODY = new Uint8Array(0);

interface Listening {
  readonly url: string;
  /** The first announce that is like this. */
  readonly heard: (isIt: (announce: AnnounceRequest) => boolean) => Promise<AnnounceRequest>;
}

/** A tracker that names nobody and remembers what it was told (BEP 15). */
async function listeningTracker(): Promise<Listening> {
  const announces: AnnounceRequest[] = [];
  const waiting = new Set<() => void>();
  const socket = createSocket('udp4');
  socket.on('message', (bytes: Buffer, from: RemoteInfo) => {
    const request = decodeRequest(new Uint8Array(bytes));
    if (!request.ok) return;
    const { value } = request;
    const say = (answer: Uint8Array): void => socket.send(answer, from.port, from.address);
    if (value.kind === 'connect') say(encodeConnectResponse(value.transactionId, new Uint8Array(8).fill(7)));
    if (value.kind !== 'announce') return;
    announces.push(value);
    for (const look of waiting) look();
    say(encodeAnnounceResponse(value.transactionId, { intervalS: 1800, leechers: 0, seeders: 0, peers: NOBODY }));
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    socket.close();
  });
  const heard: Listening['heard'] = (isIt) =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = announces.find(isIt);
        if (found !== undefined) resolve(found);
      };
      waiting.add(look);
      look();
    });
  return { url: `udp://127.0.0.1:${socket.address().port}`, heard };
}

it('who has the files it wanted, and serves them, tells trackers that it is paused (BEP 21)', PATIENT, async () => {
  const box = sandbox();
  mkdirSync(box.path('shared'));
  for (const [i, name] of ['a.bin', 'b.bin'].entries())
    writeFileSync(box.path('shared', name), generate(300_000, i + 1));
  const seeder = await startSeeder(box, box.path('shared'), NO_TRACKER);
  const tracker = await listeningTracker();
  const leecher = box.start('leecher', [
    ...[seeder.infoHash, '-t', tracker.url, '--peer', seeder.address, '--host', '127.0.0.1', '-o', box.path('copy')],
    ...['--min-seeders', '1', '--files', 'a.bin', '--seed'],
  ]);
  expect(await tracker.heard(({ event }) => event === 'started')).toBeDefined();
  const paused = await tracker.heard(({ event }) => event === 'paused');
  expect(paused.leftBytes).toBe(300_000);
  await leecher.stop('SIGINT', 0);
  expect(await tracker.heard(({ event }) => event === 'stopped')).toBeDefined();
});
