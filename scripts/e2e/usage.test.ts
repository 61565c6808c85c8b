import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../common/base/bytes.ts';
import { peerDescribing } from './describing-peer.ts';
import { PATIENT, sandbox, type Command } from './processes.ts';
import { NO_TRACKER } from './tracker-client.ts';

const COMMANDS = ['tracker', 'seeder', 'leecher'] as const;

describe('the commands', PATIENT, () => {
  it.each(COMMANDS)('%s explains itself on standard output', async (command) => {
    const box = sandbox();
    const [help, short, version] = await Promise.all(
      ['--help', '-h', '--version'].map((word) => box.start(command, [word]).exit),
    );
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help!.stdout).toContain(`Usage: shoal-${command} `);
    expect(short!.stdout).toBe(help!.stdout);
    expect(version).toMatchObject({ code: 0, stderr: '' });
    expect(version!.stdout).toMatch(new RegExp(`^shoal-${command} \\d+\\.\\d+\\.\\d+\\n$`));
  });

  it.each<readonly [Command, readonly string[], readonly string[]]>([
    ['tracker', ['--colour'], ['--colour']],
    ['tracker', ['-p', '65536'], ['--port', '65536', '65535']],
    ['tracker', ['-p', '1', '-p', '2'], ['--port', '2 times', 'one value']],
    ['tracker', ['--ttl', 'soon'], ['--ttl', 'soon']],
    ['seeder', [], ['--file']],
    ['seeder', ['-f', 'x', '-t', 'ftp://127.0.0.1/'], ['--tracker', 'ftp://127.0.0.1/', 'udp://HOST:PORT']],
    ['seeder', ['-f', 'x', '--chunk-size', '100KiB'], ['--chunk-size', '100KiB', 'power of two']],
    ['seeder', ['-f', 'x', '--format', 'v3'], ['--format', 'v3', 'v2']],
    ['leecher', ['--min-seeder', '3'], ['--min-seeder', '--min-seeders']],
    ['leecher', ['--min-seeders', '0'], ['--min-seeders', '0', '1']],
    ['leecher', ['--min-seeders', 'many'], ['--min-seeders', 'many']],
    ['leecher', ['--wait', '-1'], ['--wait', '-1']],
    ['leecher', ['--progress', 'loud'], ['--progress', 'loud', 'plain']],
    ['leecher', ['-t', '127.0.0.1:6969'], ['--tracker', '127.0.0.1:6969', 'udp://HOST:PORT']],
    ['leecher', ['--seed-ratio', '0'], ['--seed-ratio', '0', 'at least 0.01']],
    ['leecher', ['--seed-ratio', 'much'], ['--seed-ratio', 'much', '1.5']],
    ['leecher', ['--seed-time', 'long'], ['--seed-time', 'long', '2m']],
    ['leecher', ['--bwlimit', '512'], ['--bwlimit', '512', '10M:off', 'at least 1K']],
    ['seeder', ['-f', 'x', '--bwlimit-lan', 'fast'], ['--bwlimit-lan', 'fast', '10M:off']],
    ['seeder', ['-f', 'x', '--upload-slots', '0'], ['--upload-slots', '0', '1']],
    ['leecher', ['--unchoke-interval', '0'], ['--unchoke-interval', '0', '1']],
    ['leecher', ['--max-connections', 'all'], ['--max-connections', 'all']],
    ['leecher', ['one', 'two'], ['two']],
  ])('%s %j is a usage error that says what would be right', async (command, words, says) => {
    const { stdout, stderr } = await sandbox().start(command, words).endsWith(2);
    expect(stdout).toBe('');
    for (const word of says) expect(stderr).toContain(word);
    expect(stderr).toMatch(new RegExp(`^shoal-${command}: `));
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('take a value from the environment unless a flag gives it', async () => {
    const box = sandbox();
    const wrong = await box.start('leecher', [], { SHOAL_MIN_SEEDERS: 'few' }).endsWith(2);
    expect(wrong.stderr).toContain('SHOAL_MIN_SEEDERS');
    const tracker = box.start('tracker', ['--host', '127.0.0.1', '-p', '0'], { SHOAL_PORT: '1' });
    await tracker.line(/^tracker udp:\/\/127\.0\.0\.1:(?!1$)\d+$/);
  });
});

describe('what is wanted', PATIENT, () => {
  it.each<readonly [string, string, number, string]>([
    ['a magnet link without a hash', 'magnet:?dn=x', 26, 'magnet'],
    ['a magnet link with half a hash', 'magnet:?xt=urn:btmh:12207f14', 26, 'magnet'],
    ['a .torrent file that is none', 'garbage.torrent', 26, 'garbage.torrent'],
    ['a .torrent file that is not there', 'nowhere.torrent', 15, 'nowhere.torrent'],
  ])('cannot be %s', async (_what, word, exitCode, says) => {
    const box = sandbox();
    writeFileSync(box.path('garbage.torrent'), 'd4:infoi0ee');
    const { stderr } = await box.start('leecher', [word, '-t', NO_TRACKER]).endsWith(exitCode);
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('cannot be content whose description is invalid: 10', async () => {
    const magnet = await peerDescribing(utf8('d12:meta versioni2e4:name1:xe'));
    const { stderr } = await sandbox().start('leecher', [magnet, '-t', NO_TRACKER]).endsWith(10);
    expect(stderr).toMatch(/^shoal-leecher: the description of .* is invalid: /m);
  });
});
