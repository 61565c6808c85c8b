/** What the user's word stands for: files and catalogues are asked. */
import { CatalogueClient, type CatalogueReply } from '../common/announce/catalogue-client.ts';
import type { TrackerAddress } from '../common/announce/tracker-address.ts';
import { utf8 } from '../common/base/bytes.ts';
import { ShoalError } from '../common/base/errors.ts';
import { after } from '../common/base/ids.ts';
import { MAX_CATALOGUE_QUERY_BYTES, MAX_TORRENT_BYTES } from '../common/base/limits.ts';
import type { CommandHost } from '../common/host/command.ts';
import { realDisk } from '../common/host/disk.ts';
import { readWholeFile } from '../common/host/replace-file.ts';
import type { Machine } from './assembly.ts';
import { entryLines, entryObject, nothingFound } from './catalogue-choice.ts';
import type { Options } from './command.ts';
import { chooseByName } from './what.ts';

export async function readTorrent(path: string): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readWholeFile(realDisk, path, MAX_TORRENT_BYTES);
  } catch (error) {
    throw new ShoalError(
      'FILE_ACCESS',
      `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (bytes !== undefined) return bytes;
  if ((await realDisk.status(path))?.isFile === true) {
    throw new ShoalError('TORRENT_UNREADABLE', `${path} cannot be used: it is longer than allowed`);
  }
  throw new ShoalError('FILE_ACCESS', `there is no ${path} that could be a .torrent file`);
}

/** A tracker that does not answer is waited for: nobody should have to guess for what. */
export async function askCatalogues(
  machine: Machine,
  host: Pick<CommandHost, 'err' | 'verbosity'>,
  trackers: readonly TrackerAddress[],
  query: string | undefined,
  sayAfterMs = 0,
): Promise<CatalogueReply> {
  const { clock } = machine;
  const say = (): void => {
    if (host.verbosity >= 0) host.err(`asking ${trackers.map(({ url }) => url).join(', ')} what there is`);
  };
  const cancel = clock.at(after(clock.now(), sayAfterMs), say);
  const client = new CatalogueClient({ ...machine, trackers });
  try {
    // A longer name than a query may be is looked for among everything.
    const isShort = query !== undefined && utf8(query).length <= MAX_CATALOGUE_QUERY_BYTES;
    return await client.list(isShort ? { query } : {});
  } finally {
    cancel();
    await client.close();
  }
}

/** Whoever wants a list has it at once, or is told why not. */
const LIST_PATIENCE_MS = 1_000;

/** `--list`. */
export async function list(
  options: Options,
  host: CommandHost,
  machine: Machine,
  trackers: readonly TrackerAddress[],
): Promise<number> {
  const found = await askCatalogues(machine, host, trackers, options.what, LIST_PATIENCE_MS);
  const entries = chooseByName(found.entries, options.what);
  if (entries.length === 0) throw nothingFound(options.what, found.trackers);
  if (options.json) for (const entry of entries) host.out(JSON.stringify(entryObject(entry)));
  else for (const line of entryLines(entries)) host.out(line);
  return 0;
}
