/** What a seeder tells people and scripts on standard output. */
import { contentBytesOf } from '../common/announce/catalogue-item.ts';
import type { Bitfield } from '../common/base/bitfield.ts';
import { toHex } from '../common/base/bytes.ts';
import { exactBytes } from '../common/base/format.ts';
import { endpointText, type Endpoint } from '../common/base/ids.ts';
import type { Info } from '../common/content/info.ts';
import { formatMagnet } from '../common/content/magnet.ts';
import { assignmentText } from './assignment.ts';

/** A fact a line. */
export function factLines(known: {
  readonly info: Info;
  readonly held: Bitfield;
  /** Where it listens. */
  readonly local: Endpoint;
  /** The address by which others reach it, where that is another one. */
  readonly advertise: string | undefined;
  readonly trackers: readonly string[];
  readonly webSeeds: readonly string[];
}): string[] {
  const { info, held, local, advertise, trackers, webSeeds } = known;
  const { geometry, infoHashV1, infoHashV2 } = info;
  const advertised = advertise === undefined ? undefined : { host: advertise, port: local.port };
  const magnet = formatMagnet({
    ...(infoHashV2 === undefined ? {} : { infoHashV2 }),
    ...(infoHashV1 === undefined ? {} : { infoHashV1 }),
    name: info.name,
    trackers,
    webSeeds,
    peers: advertised === undefined ? [] : [advertised],
  });
  const range = held.isFull ? '' : `, serving ${assignmentText(held)}`;
  return [
    `name: ${info.name}`,
    `size: ${contentBytesOf(info)}`,
    ...(info.isDirectory ? [`files: ${geometry.files.filter((file) => !file.isPad).length}`] : []),
    `chunks: ${geometry.pieceCount} x ${geometry.pieceBytes} (${exactBytes(geometry.pieceBytes)})${range}`,
    ...(infoHashV2 === undefined ? [] : [`info hash: ${toHex(infoHashV2)}`]),
    ...(infoHashV1 === undefined ? [] : [`info hash v1: ${toHex(infoHashV1)}`]),
    `magnet: ${magnet}`,
    `listening: ${endpointText(advertised ?? local)}`,
    `get it with: node leecher.js '${magnet}'`,
  ];
}
