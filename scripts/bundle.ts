/**
 * The last step of the build: each command in one file, `dist/bin/NAME.cjs`, with what V8 makes of it beside it, and
 * `dist/bin/NAME.start.cjs`, which runs it.
 *
 * Node finds, reads, compiles and links each module of a program for itself. For the 170 of ours and those of the
 * packages this took more than half of the time from the command line to the first datagram, and a flash crowd starts
 * many at once.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import process, { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { build, type BuildOptions, type Metafile } from 'esbuild';
import { cachePath, HEAD, keepUnplayed, TAIL } from '../common/host/compiled-script.ts';
import { rehearse } from './rehearsal.ts';

const COMMANDS: Readonly<Record<string, string>> = {
  tracker: 'tracker/main.js',
  seeder: 'seeder/main.js',
  leecher: 'leecher/main.js',
};

/**
 * Worker threads, which are looked for beside the commands. They are short, and keep nothing compiled. No modules, since
 * a thread that begins with one takes 10 ms longer to start.
 */
const WORKERS: Readonly<Record<string, string>> = {
  'hasher-worker': 'common/host/hasher-worker.js',
  'tracker-worker': 'tracker/tracker-worker.js',
};

/** What is started by its file's name. */
export const BUNDLES: readonly string[] = [
  ...Object.keys(COMMANDS).map((name) => `${name}.cjs.cache`),
  ...Object.keys(WORKERS).map((name) => `${name}.cjs`),
];

const COMMON: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  legalComments: 'linked',
  logLevel: 'warning',
};

/** Makes `dist/bin` of what the compiler left in `dist` below `root`. Rejects when something cannot be resolved. */
export async function bundle(root: string): Promise<void> {
  const outdir = join(root, 'dist', 'bin');
  const from = (mains: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(mains).map(([name, main]) => [name, join(root, 'dist', main)]));
  const common = {
    ...COMMON,
    absWorkingDir: root,
    outdir,
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    metafile: true,
    sourcemap: true,
  } as const;
  const workers = await build({ ...common, entryPoints: from(WORKERS) });
  const programs = await build({
    ...common,
    entryPoints: from(COMMANDS),
    define: { 'import.meta.url': 'moduleUrl' },
    banner: { js: `${HEAD} const moduleUrl = require('node:url').pathToFileURL(__filename).href;` },
    footer: { js: TAIL.trim() },
  });
  const made = [...namesOf(workers.metafile), ...namesOf(programs.metafile)];
  for (const name of Object.keys(COMMANDS)) {
    escapeAll(join(outdir, `${name}.cjs`));
    await writeStarter(root, 'run', name);
    await writeStarter(root, 'rehearse', name);
    made.push(`${name}.start.cjs`, basename(cachePath(`${name}.cjs`)));
  }
  await rehearse(outdir).catch((error: unknown) => {
    // Where no socket may be opened, say. The commands are right without it, and start later.
    process.stderr.write(`build: the commands could not be rehearsed, so they start more slowly: ${String(error)}\n`);
    for (const name of Object.keys(COMMANDS)) keepUnplayed(join(outdir, `${name}.cjs`));
  });
  for (const name of readdirSync(outdir)) if (!made.includes(name)) rmSync(join(outdir, name));
}

/** `NAME.start.cjs`, which runs the program, and `NAME.rehearsal.cjs`, which keeps what is compiled by then, too. */
async function writeStarter(root: string, act: 'run' | 'rehearse', name: string): Promise<void> {
  const kind = act === 'run' ? 'start' : 'rehearsal';
  const contents = `
    import { ${act} } from './compiled-script.js';
    ${act}({ path: __dirname + '/${name}.cjs', directory: __dirname, require });`;
  await build({
    ...COMMON,
    stdin: { contents, resolveDir: join(root, 'dist', 'common', 'host') },
    format: 'cjs',
    outfile: join(root, 'dist', 'bin', `${name}.${kind}.cjs`),
  });
}

/** Leaves nothing in a program but ASCII: what is not stands in comments, strings and expressions, where an escape will do. */
function escapeAll(path: string): void {
  const text = readFileSync(path, 'utf8');
  const escaped = text.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  writeFileSync(path, escaped);
}

const namesOf = ({ outputs }: Metafile): string[] => Object.keys(outputs).map((path) => basename(path));

const here = fileURLToPath(import.meta.url);
if (argv[1] === here) await bundle(dirname(dirname(here)));
