import { hash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../common/base/bytes.ts';
import { treeHeightOf } from '../../common/content/geometry.ts';
import { writeInfo, type TorrentFormat } from '../../common/content/info-writer.ts';
import { foldNodes, leavesOf } from '../../common/content/merkle.ts';
import { generate } from '../../common/fixtures/generate.ts';
import { peerDescribing, v1PeerOf } from './describing-peer.ts';
import { Gate } from './gate.ts';
import { PATIENT, sandbox, type Running, type Sandbox } from './processes.ts';
import { sha256Of } from './shared-file.ts';
import { chunksOf, KIB } from './swarm.ts';
import { NO_TRACKER } from './tracker-client.ts';

const PIECE = 64 * KIB;
const CHUNKS = 24;
const ALL = Array.from({ length: CHUNKS }, (_, i) => i);
const BYTES = generate(CHUNKS * PIECE - 77, 11);
const SHA256 = hash('sha256', BYTES);
/** Handshakes, the description, requests. */
const TALK = 8 * KIB;

/** An info dictionary whose SHA-1 is of `BYTES`, and whose SHA-256 of `merkle`. */
function infoOf(format: TorrentFormat, merkle: Uint8Array): Uint8Array {
  const root = foldNodes(leavesOf(merkle), 0, treeHeightOf(BYTES.length));
  const files = [{ path: ['shared.bin'], lengthBytes: BYTES.length, root }];
  const sha1s = concatBytes(
    ALL.map((i) => new Uint8Array(hash('sha1', BYTES.subarray(i * PIECE, (i + 1) * PIECE), 'buffer'))),
  );
  const written = writeInfo({ format, name: 'shared.bin', isDirectory: false, pieceBytes: PIECE, files, sha1s });
  if (!written.ok) throw new Error(written.reason);
  return written.value.infoBytes;
}

const leech = (box: Sandbox, magnet: string, ...more: readonly string[]): Running =>
  box.start('leecher', [
    ...[magnet, '-t', NO_TRACKER, '-o', box.path('copy.bin'), '--host', '127.0.0.1'],
    ...['--min-seeders', '1', ...more],
  ]);

describe('a hybrid of which nobody gives the piece layers', PATIENT, () => {
  it('is checked by SHA-1 as it comes, and by SHA-256 before it has its name; killed, it goes on', async () => {
    const box = sandbox();
    const { port, magnet } = await v1PeerOf({
      info: infoOf('hybrid', BYTES),
      content: { bytes: BYTES, pieceBytes: PIECE },
    });
    const gate = await Gate.to(`127.0.0.1:${port}`, TALK + 10 * PIECE);
    const first = leech(box, magnet(gate.port), '--json');
    await first.event('chunk', 8);
    await first.kill();
    expect(existsSync(box.path('copy.bin'))).toBe(false);
    expect(first.stderr.match(/they are checked by SHA-1 as they come/g)).toHaveLength(1);
    const kept = chunksOf(first);

    // One chunk was damaged meanwhile: nothing on the disk is trusted.
    const part = readFileSync(box.path('copy.bin.part'));
    part[kept[3]! * PIECE + 5]! ^= 1;
    writeFileSync(box.path('copy.bin.part'), part);
    const again = leech(box, magnet(port), '--json');
    await again.endsWith(0);
    expect(sha256Of(box.path('copy.bin'))).toBe(SHA256);
    const fetched = chunksOf(again);
    expect(kept.filter((chunk) => fetched.includes(chunk))).toEqual([kept[3]]);

    const there = await leech(box, magnet(port)).endsWith(0);
    expect(there.stderr).toContain('was there already, whole and right');
  });

  it('[fault 23] and whose SHA-256 is of something else is never complete: 32', async () => {
    const box = sandbox();
    const info = infoOf('hybrid', generate(BYTES.length, 12));
    const { port, magnet } = await v1PeerOf({ info, content: { bytes: BYTES, pieceBytes: PIECE } });
    for (let run = 0; run < 2; run++) {
      const { stderr } = await leech(box, magnet(port)).endsWith(32);
      expect(stderr).toContain('the chunks of shared.bin have the right SHA-1, but together not the right SHA-256');
      expect(existsSync(box.path('copy.bin'))).toBe(false);
    }
    // Not even when all of it is there.
    writeFileSync(box.path('copy.bin'), BYTES);
    const { stderr } = await leech(box, magnet(port)).endsWith(13);
    expect(stderr).toContain('have the right SHA-1 and not the right SHA-256');
  });
});

it('pure v2 cannot begin without the hashes: 4, and it says so', PATIENT, async () => {
  const magnet = await peerDescribing(infoOf('v2', BYTES));
  const { stderr } = await leech(sandbox(), magnet, '--wait', '3').endsWith(4);
  expect(stderr).toContain('shared.bin was described, but none of the 1 connected gave the hashes of its chunks');
});
