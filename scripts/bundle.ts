/**
 * The last step of the build: each command in one file, `dist/bin/NAME.js`, with what the commands share beside it.
 *
 * Node finds, reads and links each module of a program for itself. For the 170 of ours and those of the packages this
 * took more than half of the time from the command line to the first datagram, and a flash crowd starts many at once.
 */
import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** What is started by its file's name: the commands, and the worker threads, which are looked for beside them. */
export const BUNDLES: Readonly<Record<string, string>> = {
  tracker: 'tracker/main.js',
  seeder: 'seeder/main.js',
  leecher: 'leecher/main.js',
  'tracker-worker': 'tracker/tracker-worker.js',
  'hasher-worker': 'common/host/hasher-worker.js',
};

/** Makes `dist/bin` of what the compiler left in `dist` below `root`. Rejects when something cannot be resolved. */
export async function bundle(root: string): Promise<void> {
  const outdir = join(root, 'dist', 'bin');
  const made = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(Object.entries(BUNDLES).map(([name, main]) => [name, join(root, 'dist', main)])),
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    metafile: true,
    legalComments: 'linked',
    logLevel: 'warning',
    chunkNames: 'shared-[hash]',
    // Packages of the old module format ask for modules of Node's by `require`.
    banner: {
      js: "import { createRequire as madeRequire } from 'node:module'; const require = madeRequire(import.meta.url);",
    },
  });
  const current = new Set(Object.keys(made.metafile.outputs).map((path) => basename(path)));
  for (const name of readdirSync(outdir)) if (!current.has(name)) rmSync(join(outdir, name));
}

const here = fileURLToPath(import.meta.url);
if (argv[1] === here) await bundle(dirname(dirname(here)));
