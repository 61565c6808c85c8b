import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { exitCodeOf, messageOf } from '../common/base/errors.ts';
import type { InfoHashV2 } from '../common/base/ids.ts';
import { parseInfo } from '../common/content/info.ts';
import { sha256 } from '../common/content/merkle.ts';
import { MALFORMED_TORRENTS, type MalformedTorrent } from '../common/fixtures/malformed.ts';
import { temporaryDirectory } from '../common/fixtures/temporary.ts';
import { decodeBencode, dictGet } from '../common/wire/bencode.ts';
import { recognise } from './recognise.ts';

const LEECHER = fileURLToPath(new URL('../leecher.js', import.meta.url));

/** Some of each sort: the reader is tested with all of them, here it is how the command ends. */
const SOME = MALFORMED_TORRENTS.filter(({ reason }, i, all) => {
  const isFirst = all.findIndex((other) => other.reason === reason) === i;
  return reason === 'it is longer than allowed' || reason === 'it has too many values' || (isFirst && i % 4 === 0);
});

describe('the leecher with a malformed .torrent file', () => {
  it.each(SOME)('ends with code 26 and one line: $kind', async ({ make, reason }) => {
    const path = join(temporaryDirectory(), 'X.torrent');
    writeFileSync(path, make());
    // Little memory: what is judged must not be held in a multiple of its size.
    const child = spawn(process.execPath, ['--max-old-space-size=256', LEECHER, path], { env: {} });
    const texts = { stdout: '', stderr: '' };
    child.stdout.on('data', (bytes: Buffer) => (texts.stdout += bytes.toString()));
    child.stderr.on('data', (bytes: Buffer) => (texts.stderr += bytes.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    expect({ code, ...texts }).toEqual({
      code: 26,
      stdout: '',
      stderr: `shoal-leecher: ${path} cannot be used: ${reason}\n`,
    });
  });
});

/** The info dictionary of a torrent, where the rest of it is in order and it is not. */
function malformedInfo({ make }: MalformedTorrent): Uint8Array | undefined {
  const torrent = decodeBencode(make(), { depth: 100, items: 1e6 });
  const info = torrent.ok ? dictGet(torrent.value, 'info')?.raw.slice() : undefined;
  return info === undefined || parseInfo(info).ok ? undefined : info;
}

describe('the leecher with a malformed info dictionary from a peer', () => {
  const infos = MALFORMED_TORRENTS.flatMap((torrent) => {
    const info = malformedInfo(torrent);
    return info === undefined ? [] : [{ ...torrent, info }];
  });

  it('knows very many', () => {
    expect(infos.length).toBeGreaterThanOrEqual(60);
  });

  it.each(infos)('ends with code 10 and one line: $kind', ({ info, reason }) => {
    let thrown: unknown;
    try {
      recognise(info, { infoHashV2: sha256(info) as unknown as InfoHashV2 });
    } catch (error) {
      thrown = error;
    }
    expect(exitCodeOf(thrown)).toBe(10);
    expect(messageOf(thrown)).toMatch(/^the description of [0-9a-f]{64} is invalid: [^\n]+$/);
    expect(messageOf(thrown)).toContain(reason);
  });
});
