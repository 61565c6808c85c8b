/**
 * The last step of the build: each command in one file, `dist/bin/NAME.cjs`, with what V8 makes of it beside it, and
 * `dist/bin/NAME.js`, which runs it.
 *
 * Node finds, reads, compiles and links each module of a program for itself. For the 170 of ours and those of the
 * packages this took more than half of the time from the command line to the first datagram, and a flash crowd starts
 * many at once.
 */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { build, type BuildOptions, type Metafile } from 'esbuild';
import { cacheOf, cachePath } from '../common/host/compiled-script.ts';

const COMMANDS: Readonly<Record<string, string>> = {
  tracker: 'tracker/main.js',
  seeder: 'seeder/main.js',
  leecher: 'leecher/main.js',
};

/** Worker threads, which are looked for beside the commands. They are short, and keep nothing compiled. */
const WORKERS: Readonly<Record<string, string>> = {
  'hasher-worker': 'common/host/hasher-worker.js',
  'tracker-worker': 'tracker/tracker-worker.js',
};

/** What is started by its file's name. */
export const BUNDLES: Readonly<Record<string, string>> = { ...COMMANDS, ...WORKERS };

const STARTER = `import { runBeside } from './starter.js';\nrunBeside(import.meta.url);\n`;

const COMMON: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  legalComments: 'linked',
  logLevel: 'warning',
};

/** Makes `dist/bin` of what the compiler left in `dist` below `root`. Rejects when something cannot be resolved. */
export async function bundle(root: string): Promise<void> {
  const outdir = join(root, 'dist', 'bin');
  const from = (mains: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(mains).map(([name, main]) => [name, join(root, 'dist', main)]));
  const common = { ...COMMON, absWorkingDir: root, outdir, metafile: true } as const;
  const starter = { starter: join(root, 'dist', 'common', 'host', 'compiled-script.js') };
  const modules = await build({ ...common, entryPoints: { ...from(WORKERS), ...starter }, format: 'esm' });
  const programs = await build({
    ...common,
    entryPoints: from(COMMANDS),
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    define: { 'import.meta.url': 'moduleUrl' },
    banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
  });
  const made = [...namesOf(modules.metafile), ...namesOf(programs.metafile)];
  for (const name of Object.keys(COMMANDS)) {
    const path = join(outdir, `${name}.cjs`);
    writeFileSync(cachePath(path), cacheOf(path));
    writeFileSync(join(outdir, `${name}.js`), STARTER);
    made.push(basename(cachePath(path)), `${name}.js`);
  }
  for (const name of readdirSync(outdir)) if (!made.includes(name)) rmSync(join(outdir, name));
}

const namesOf = ({ outputs }: Metafile): string[] => Object.keys(outputs).map((path) => basename(path));

const here = fileURLToPath(import.meta.url);
if (argv[1] === here) await bundle(dirname(dirname(here)));
