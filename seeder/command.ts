/** What `node seeder.js` accepts. */
import { parseTrackerUrl, TRACKER_URL_HINT } from '../common/announce/tracker-address.ts';
import { DEFAULT_PIECE_BYTES, MAX_PIECE_BYTES, MIN_PIECE_BYTES } from '../common/base/limits.ts';
import { webSeedUrl } from '../common/content/urls.ts';
import { defineCommand, type OptionsOf } from '../common/host/option-spec.ts';
import { SERVING_OPTIONS } from '../common/host/serving-options.ts';

export const command = defineCommand({
  name: 'shoal-seeder',
  summary: 'Serves the chunks of files to whoever a tracker sends.',
  usage: '-f PATH... [-p PORT] [-t URL]... [--format v2|hybrid|v1] [--chunks SPEC] [--chunk-size 512KiB] [--name NAME]',
  examples: [
    ['node seeder.js -f image.iso', 'share image.iso on port 7000 through the tracker on this machine'],
    ['node seeder.js -f image.iso -p 7001 --chunks 2/3', 'share the second third of its chunks'],
    ['node seeder.js -f image.iso -t udp://10.0.0.1:6969', 'announce to a tracker elsewhere'],
    ['node seeder.js -f photos --format hybrid', 'share a directory with older clients too'],
    ['node seeder.js --torrent linux.torrent -f ~/linux', 'share what a torrent that is there already describes'],
  ],
  options: {
    file: {
      kind: 'text',
      alias: 'f',
      required: true,
      many: true,
      valueName: 'PATH',
      describe: 'file or directory to share; several become one torrent, called as the directory they have in common',
    },
    port: {
      kind: 'integer',
      alias: 'p',
      min: 0,
      max: 65_535,
      default: 7000,
      valueName: 'PORT',
      describe: 'TCP port; 0 takes any free one',
    },
    tracker: {
      kind: 'text',
      alias: 't',
      many: true,
      valueName: 'URL',
      describe:
        'tracker to announce to; may be repeated, all are used (default udp://127.0.0.1:6969, or those of --torrent)',
      check: (value) => (parseTrackerUrl(value) === undefined ? TRACKER_URL_HINT : undefined),
    },
    chunks: {
      kind: 'text',
      valueName: 'SPEC',
      describe: 'the range to serve: 0-127, 0-63,128-191, or 2/3 for the second of three shares; all without it',
    },
    chunkSize: {
      kind: 'size',
      min: MIN_PIECE_BYTES,
      max: MAX_PIECE_BYTES,
      default: DEFAULT_PIECE_BYTES,
      valueName: 'SIZE',
      describe: 'bytes in a chunk, a power of two',
      check: (value) => (Number.isInteger(Math.log2(value)) ? undefined : 'a power of two such as 512KiB or 1MiB'),
    },
    format: {
      kind: 'choice',
      choices: ['v2', 'hybrid', 'v1'],
      default: 'v2',
      describe: 'kind of torrent: v2 by SHA-256, v1 by SHA-1 for clients that know no other, hybrid for both',
    },
    name: { kind: 'text', valueName: 'NAME', describe: "what it is called; the file's or directory's name without it" },
    torrent: {
      kind: 'text',
      valueName: 'FILE',
      describe: 'serve what this .torrent file describes, from -f; --format, --name, --chunk-size are its own then',
    },
    webseed: {
      kind: 'text',
      many: true,
      valueName: 'URL',
      describe:
        'web server that has it too, for the magnet link and --save-torrent: a directory, ending in /, or the file',
      check: (value) => (webSeedUrl(value) === undefined ? 'an address such as http://HOST/DIRECTORY/' : undefined),
    },
    saveTorrent: { kind: 'text', valueName: 'FILE', describe: 'write a .torrent file' },
    host: { kind: 'text', default: '0.0.0.0', valueName: 'ADDR', describe: 'address to listen on' },
    lsd: { kind: 'flag', describe: 'tell the local network too what is here (BEP 14), for peers without a tracker' },
    advertise: {
      kind: 'text',
      valueName: 'HOST',
      describe: 'address that others reach this seeder by, for the magnet link, where it is another one',
    },
    ...SERVING_OPTIONS,
  },
});

export type Options = OptionsOf<typeof command>;
