/** A file as its seeder describes it: the info dictionary and the hashes that prove its chunks. */
import { toHex } from '../common/base/bytes.ts';
import { ShoalError } from '../common/base/errors.ts';
import { MAX_PIECES } from '../common/base/limits.ts';
import { exactBytes } from '../common/base/format.ts';
import { Geometry } from '../common/content/geometry.ts';
import { parseInfo, type Info } from '../common/content/info.ts';
import { rootOfLayer } from '../common/content/merkle.ts';
import { makeInfo } from '../common/content/metainfo.ts';
import type { PieceLayers } from '../common/content/piece-roots.ts';

export interface Description {
  readonly info: Info;
  readonly layers: PieceLayers;
}

/** How a single file of this size is cut into pieces. Throws USAGE when there would be too many. */
export function cut(name: string, lengthBytes: number, pieceBytes: number): Geometry {
  const count = Math.ceil(lengthBytes / pieceBytes);
  if (count > MAX_PIECES) {
    let enough = pieceBytes;
    while (lengthBytes / enough > MAX_PIECES) enough *= 2;
    throw new ShoalError(
      'USAGE',
      `--chunk-size: ${exactBytes(pieceBytes)} makes ${count} chunks, more than ${MAX_PIECES}; ` +
        `use --chunk-size ${exactBytes(enough)}`,
    );
  }
  return new Geometry({ pieceBytes, files: [{ path: [name], lengthBytes }], layout: 'aligned' });
}

/** The description of a file whose pieces have these roots, 32 bytes each (BEP 52). */
export function describe(geometry: Geometry, roots: Uint8Array): Description {
  const file = geometry.files[0]!;
  const isLarge = file.lengthBytes > geometry.pieceBytes;
  const root = isLarge ? rootOfLayer(roots, geometry.pieceLayerHeight, file.treeHeight) : roots;
  const { lengthBytes } = file;
  const infoBytes = makeInfo({ name: file.path[0]!, lengthBytes, pieceBytes: geometry.pieceBytes, root });
  const parsed = parseInfo(infoBytes);
  if (!parsed.ok) throw new Error(`the description made is not valid: ${parsed.reason}`);
  return { info: parsed.value, layers: new Map(isLarge ? [[toHex(root), roots]] : []) };
}
