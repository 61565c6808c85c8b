/**
 * Run once before the tests: builds when a source is newer than what was built of it. Worker threads load a file
 * by its address, and the tests that start the three commands start them as a user does; both need `dist`.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUNDLES, bundle } from './bundle.ts';
import { forTests, isTest } from './floors.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const ROOMS = ['tracker', 'seeder', 'leecher', 'common'];

const ageOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? -1;

/** What of `rooms` below `root` is built, as paths below `root`. */
function sources(root: string, rooms: readonly string[]): string[] {
  return rooms
    .flatMap((room) =>
      readdirSync(join(root, room), { recursive: true, encoding: 'utf8' }).map((name) => join(room, name)),
    )
    .filter((path) => path.endsWith('.ts') && !isTest(path) && !forTests(path.replaceAll('\\', '/')));
}

/** Sources of `rooms` below `root` whose built file in `dist` is missing or older, as paths below `root`. */
export function staleSources(root: string, rooms: readonly string[]): string[] {
  return sources(root, rooms).filter(
    (path) => ageOf(join(root, path)) > ageOf(join(root, 'dist', path.replace(/\.ts$/, '.js'))),
  );
}

/** Whether one of these files of `dist/bin` is missing, or older than a source. */
export function isStaleBundle(root: string, rooms: readonly string[], names: readonly string[]): boolean {
  const oldest = Math.min(...names.map((name) => ageOf(join(root, 'dist', 'bin', name))));
  return sources(root, rooms).some((path) => ageOf(join(root, path)) > oldest);
}

export async function setup(): Promise<void> {
  if (staleSources(ROOT, ROOMS).length > 0) {
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const build = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: ROOT, encoding: 'utf8' });
    // A type error does not stop the compiler from writing, nor the tests from running: `npm run typecheck` reports it.
    const left = staleSources(ROOT, ROOMS);
    if (left.length > 0) throw new Error(`the build left ${left.join(', ')} behind:\n${build.stdout}${build.stderr}`);
  }
  if (isStaleBundle(ROOT, ROOMS, BUNDLES)) await bundle(ROOT);
}
