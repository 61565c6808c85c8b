/** What `node leecher.js` accepts. */
import { parseTrackerUrl, TRACKER_URL_HINT } from '../common/announce/tracker-address.ts';
import { webSeedUrl } from '../common/content/urls.ts';
import { defineCommand, type OptionsOf } from '../common/host/option-spec.ts';
import { SERVING_OPTIONS } from '../common/host/serving-options.ts';
import { PROGRESS_CHOICES } from '../common/host/progress.ts';
import { parsePeer, PEER_HINT } from './peer-option.ts';
import type { SeedBounds } from './seed-goal.ts';

export const command = defineCommand({
  name: 'shoal-leecher',
  summary: 'Downloads from many seeders at once, and writes nothing that is not verified.',
  usage:
    '[WHAT] [-t URL]... [-o PATH] [--min-seeders 3] [--wait 30] [--timeout 90] [--files GLOB]... [--seed] [--list] [--force] [--json]',
  examples: [
    ['node leecher.js', 'get the one thing that the tracker on this machine has'],
    ['node leecher.js image.iso -o /srv/images/', 'get image.iso into a directory'],
    ["node leecher.js 'magnet:?xt=urn:btmh:1220…'", 'get what a magnet link stands for'],
    ['node leecher.js --list', 'see what there is'],
  ],
  positional: {
    name: 'what',
    describe: 'a name, an info hash, a magnet link or a .torrent file; without it: what there is',
  },
  logLevel: 'warn',
  options: {
    tracker: {
      kind: 'text',
      alias: 't',
      many: true,
      valueName: 'URL',
      describe: 'tracker to ask; may be repeated, all are used (default udp://127.0.0.1:6969, or those of the link)',
      check: (value) => (parseTrackerUrl(value) === undefined ? TRACKER_URL_HINT : undefined),
    },
    peer: {
      kind: 'text',
      many: true,
      valueName: 'HOST:PORT',
      describe: 'a peer to ask, beside those that trackers name; may be repeated',
      check: (value) => (parsePeer(value) === undefined ? PEER_HINT : undefined),
    },
    lsd: { kind: 'flag', describe: 'look for peers on the local network too (BEP 14)' },
    output: { kind: 'text', alias: 'o', valueName: 'PATH', describe: 'file to write, or an existing directory' },
    files: {
      kind: 'text',
      many: true,
      valueName: 'GLOB',
      describe: "take only the files that match, such as '*.txt' or 'docs/**'; may be repeated",
    },
    minSeeders: {
      kind: 'integer',
      min: 1,
      default: 3,
      valueName: 'N',
      describe: 'begin when so many sources with needed chunks are connected',
    },
    wait: { kind: 'seconds', min: 0, default: 30, valueName: 'SECONDS', describe: 'how long to wait for them' },
    timeout: {
      kind: 'seconds',
      min: 1,
      default: 90,
      valueName: 'SECONDS',
      describe: 'give up after so long without progress',
    },
    port: {
      kind: 'integer',
      alias: 'p',
      min: 0,
      max: 65_535,
      default: 0,
      valueName: 'PORT',
      describe: 'TCP port to serve others on; 0 takes any free one',
    },
    host: { kind: 'text', default: '0.0.0.0', valueName: 'ADDR', describe: 'address to listen on and to connect from' },
    webseed: {
      kind: 'text',
      many: true,
      valueName: 'URL',
      describe: 'web server that has the content too; ends in / when the name is to be added; may be repeated',
      check: (value) => (webSeedUrl(value) === undefined ? 'an address such as http://HOST/PATH' : undefined),
    },
    allowLocalUrls: {
      kind: 'flag',
      describe: 'use web seeds that a link names on this machine or link; those of --webseed are always used',
    },
    seed: { kind: 'flag', describe: 'go on serving when it is complete, until stopped' },
    seedRatio: {
      kind: 'decimal',
      min: 0.01,
      valueName: 'R',
      describe: 'go on serving until so many times its size is sent',
    },
    seedTime: { kind: 'seconds', valueName: 'DURATION', describe: 'go on serving for so long, such as 90, 10m or 2h' },
    ...SERVING_OPTIONS,
    list: { kind: 'flag', describe: 'print what the trackers have, and end' },
    force: { kind: 'flag', describe: 'replace an existing file that is not this content' },
    json: { kind: 'flag', describe: 'one JSON object per event on standard output' },
    progress: {
      kind: 'choice',
      choices: PROGRESS_CHOICES,
      default: 'auto',
      describe: 'how progress is shown on standard error',
    },
  },
});

export type Options = OptionsOf<typeof command>;

/** Undefined: it ends when it is complete. */
export function seedBoundsOf({ seed, seedRatio, seedTime }: Options): SeedBounds | undefined {
  if (!seed && seedRatio === undefined && seedTime === undefined) return undefined;
  return { ratio: seedRatio, timeMs: seedTime === undefined ? undefined : seedTime * 1000 };
}
