import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, utf8 } from '../../common/base/bytes.ts';
import type { PeerId, WireHash } from '../../common/base/ids.ts';
import { generate } from '../../common/fixtures/generate.ts';
import { encodeHandshake } from '../../common/wire/peer-messages.ts';
import { PATIENT } from './processes.ts';
import { sha256Of } from './shared-file.ts';
import { CHUNK, swarmForAll } from './swarm.ts';
import { TrackerClient } from './tracker-client.ts';

const HTTP = utf8('GET /announce HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.0\r\n\r\n');
const NOISE = generate(5000, 77);
const HUGE = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x07);

describe('processes that hear what makes no sense', PATIENT, () => {
  const swarm = swarmForAll(3 * CHUNK);

  /** Says it to the first seeder; resolves when that hangs up. */
  function hungUp(bytes: Uint8Array): Promise<void> {
    const port = Number(swarm().seeders[0]!.address.split(':')[1]);
    return new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
      socket.resume().on('error', () => undefined);
      socket.on('close', () => resolve());
    });
  }
  const handshake = (infoHash: string): Uint8Array =>
    encodeHandshake({
      flags: { extended: true, fast: true, upgrade: false },
      wireHash: fromHex(infoHash)!.subarray(0, 20) as WireHash,
      peerId: utf8('-XX0000-000000000000') as PeerId,
    });
  const known = (): Uint8Array => handshake(swarm().infoHash);

  it.each([
    ['HTTP', () => HTTP],
    ['noise', () => NOISE],
    ['a length of 4 GiB', () => HUGE],
    ['a handshake for other content', () => handshake('00'.repeat(20))],
    ['a length of 4 GiB after the handshake', () => concatBytes([known(), HUGE])],
    ['HTTP after the handshake', () => concatBytes([known(), HTTP])],
    ['noise after the handshake', () => concatBytes([known(), NOISE])],
  ])('[fault 28] [fault 29] a seeder hangs up on %s', async (_what, bytes) => {
    await hungUp(bytes());
  });

  it('[fault 1] [fault 2] a tracker is silent about datagrams that are none of its own', async () => {
    const client = new TrackerClient(swarm().tracker.url);
    for (const bytes of [
      HTTP,
      NOISE.subarray(0, 1400),
      HUGE,
      new Uint8Array(0),
      new Uint8Array(98),
      new Uint8Array(16).fill(0xff),
    ]) {
      await client.throwAt(bytes);
    }
    expect(await client.scrape(swarm().infoHash)).toMatchObject({ seeders: 3 });
  });

  it('[fault 55] all of them serve as before, though nobody reads what they say any more', async () => {
    for (const { process } of [...swarm().seeders, swarm().tracker]) {
      expect(process.stderr).not.toMatch(/unexpected|\n\s+at /);
      process.stopReading('stdout');
      process.stopReading('stderr');
    }
    await swarm().leech('copy.bin').endsWith(0);
    expect(sha256Of(swarm().box.path('copy.bin'))).toBe(swarm().file.sha256);
    // What the seeders log now goes nowhere.
    for (const { process } of swarm().seeders) process.signal('SIGTERM');
    for (const { process } of swarm().seeders) await process.endsWith(0);
  });
});
