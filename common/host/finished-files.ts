import { type Clock, StoreError } from '../base/ports.ts';
import type { FinishedStore, PiecePlaces, PlacedFile, TargetShape } from '../base/target-ports.ts';
import type { Disk } from './disk.ts';
import { printable } from './escape.ts';
import { type SharedFile, SourceStore, SourceTree } from './source-tree.ts';
import { storeError } from './store-error.ts';
import { TreePaths } from './tree-paths.ts';

interface Finished {
  readonly path: string;
  readonly places: PiecePlaces;
  readonly shape: TargetShape;
  readonly disk: Disk;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * A finished download to be served from, as a seeder serves files: what they are now is what they must stay. Rejects
 * with a `StoreError`: `changed` when a chosen file is not there in its size.
 */
export async function openFinished(finished: Finished): Promise<FinishedStore> {
  const { path, places, shape, disk, clock } = finished;
  const paths = new TreePaths({ disk, root: path });
  const files: (SharedFile | undefined)[] = [];
  for (const file of places.files) {
    const isStored = !file.isPad && shape.isChosen(file);
    files.push(isStored ? await asItIs(shape.isDirectory ? paths.pathOf(file.path) : path, file, disk) : undefined);
  }
  return new FinishedFiles({ files: new SourceTree({ files, disk, clock }), pieces: places });
}

async function asItIs(path: string, file: PlacedFile, disk: Disk): Promise<SharedFile> {
  const status = await disk.status(path).catch((error: unknown) => {
    throw storeError(error, 'look at', path);
  });
  if (status?.isFile !== true || status.sizeBytes !== file.lengthBytes) {
    throw new StoreError('changed', `${printable(path)} is not the file that it was`);
  }
  const { sizeBytes, mtimeNs, inode, device } = status;
  return { path, identity: { sizeBytes, mtimeNs, inode, device } };
}

class FinishedFiles extends SourceStore implements FinishedStore {
  readonly #tree: SourceTree;

  constructor(options: { readonly files: SourceTree; readonly pieces: PiecePlaces }) {
    super(options);
    this.#tree = options.files;
  }

  check(): Promise<void> {
    return this.#tree.check();
  }
}
