/**
 * A script and all that it imports of this tree as one file that Node runs by itself: simulations run a third faster so
 * than through a loader that renames and wraps what it loads.
 */
import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** What is simulated, as opposed to the simulation itself. */
const PROGRAMS = ['common', 'leecher', 'seeder', 'tracker'];
const SIMULATION = join('common', 'sim') + sep;

/** Takes the programs from another copy of this tree, and the simulated network from this one. */
function programsOf(copy: string): Plugin {
  const other = resolve(copy);
  return {
    name: 'programs',
    setup: (bundle) => {
      bundle.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
        const wanted = resolve(resolveDir, path);
        const within = [ROOT, other].map((root) => relative(root, wanted)).find((name) => !name.startsWith('..'));
        if (within === undefined || !PROGRAMS.includes(within.split(sep)[0]!)) return undefined;
        if (within.startsWith(SIMULATION)) return { path: join(ROOT, within) };
        if (!existsSync(join(other, within))) throw new Error(`${copy} has no ${within}`);
        return { path: join(other, within) };
      });
    },
  };
}

/** Writes `entry`, a path below the root, to `outfile`, with the programs of `copy` if one is given. */
export async function oneFile(entry: string, outfile: string, copy?: string): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: [join(ROOT, entry)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'warning',
    plugins: copy === undefined ? [] : [programsOf(copy)],
    // Packages of the old module format ask for modules of Node's by `require`.
    banner: {
      js: "import { createRequire as madeRequire } from 'node:module'; const require = madeRequire(import.meta.url);",
    },
  });
}
