/** The chunks that a seeder was assigned, as `--chunks` names them. */
import { Bitfield } from '../common/base/bitfield.ts';
import { decoded, malformed, type Decoded } from '../common/base/errors.ts';
import type { PieceIndex } from '../common/base/ids.ts';

const SHARE = /^(\d{1,9})\/(\d{1,9})$/;
const RUN = /^(\d{1,9})(?:-(\d{1,9}))?$/;

/**
 * `0-127`, `0-63,128-191`, `5`, or `2/3`: the second of three shares that differ by a chunk at most. Chunks count from
 * 0; both ends of a run belong to it. The reason of a refusal says what is wrong with the text.
 */
export function parseAssignment(spec: string, pieceCount: number): Decoded<Bitfield> {
  const share = SHARE.exec(spec.trim());
  return share === null ? runsOf(spec, pieceCount) : shareOf(Number(share[1]), Number(share[2]), pieceCount);
}

function shareOf(number: number, of: number, pieceCount: number): Decoded<Bitfield> {
  if (number < 1 || number > of) return malformed(`share ${number} of ${of} does not exist: the first is 1/${of || 1}`);
  const first = Math.floor(((number - 1) * pieceCount) / of);
  const end = Math.floor((number * pieceCount) / of);
  if (first === end) return malformed(`share ${number}/${of} of ${pieceCount} chunks is empty`);
  const held = new Bitfield(pieceCount);
  for (let piece = first; piece < end; piece++) held.add(piece as PieceIndex);
  return decoded(held);
}

function runsOf(spec: string, pieceCount: number): Decoded<Bitfield> {
  const held = new Bitfield(pieceCount);
  for (const part of spec.split(',')) {
    const run = RUN.exec(part.trim());
    if (run === null)
      return malformed(`'${part.trim()}' is neither a chunk, a run such as 0-127, nor a share such as 2/3`);
    const first = Number(run[1]);
    const last = Number(run[2] ?? run[1]);
    if (last < first) return malformed(`the run ${first}-${last} ends before it begins`);
    if (last >= pieceCount)
      return malformed(`there is no chunk ${last}: the last of ${pieceCount} is ${pieceCount - 1}`);
    for (let piece = first; piece <= last; piece++) held.add(piece as PieceIndex);
  }
  return decoded(held);
}

/** `0-63, 128-191`: the runs of a set. */
export function assignmentText(held: Bitfield): string {
  const runs: string[] = [];
  for (let first = held.next(0); first >= 0;) {
    let last = first;
    while (held.has((last + 1) as PieceIndex)) last++;
    runs.push(first === last ? `${first}` : `${first}-${last}`);
    first = held.next(last + 1);
  }
  return runs.join(',');
}
