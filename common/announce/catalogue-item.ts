/** What the catalogues of trackers are to say of content. */
import type { Info } from '../content/info.ts';
import type { CatalogueItem } from '../wire/catalogue-entry.ts';

export const catalogueItem = (info: Info): CatalogueItem => ({
  infoHashV2: info.infoHashV2,
  infoHashV1: info.infoHashV1,
  multiFile: info.isDirectory,
  unlisted: false,
  pieceBytes: info.geometry.pieceBytes,
  sizeBytes: contentBytesOf(info),
  infoBytes: info.infoBytes.length,
  name: info.name,
});

/** Bytes of the files, without padding. */
export const contentBytesOf = ({ geometry }: Info): number =>
  geometry.files.reduce((sum, file) => sum + (file.isPad ? 0 : file.lengthBytes), 0);
