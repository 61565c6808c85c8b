/** Hash requests and their answers (BEP 52): what may be asked, what to ask, and whether an answer proves itself. */
import { equalBytes } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import { malformed, type Decoded } from '../base/errors.ts';
import { HASHES_PER_REQUEST, MAX_HASHES_PER_REQUEST } from '../base/limits.ts';
import type { HashRequest } from '../wire/hash-request.ts';
import { treeHeightOf, type ContentFile } from './geometry.ts';
import { DIGEST_BYTES, foldNodes, sha256, zeroSubtree } from './merkle.ts';

export type HashRequestFault =
  | 'file of one block' /* its root is its only hash */
  | 'base layer above the tree'
  | 'length not a power of two'
  | 'too many hashes'
  | 'index not a multiple of the length'
  | 'past the end of the layer'
  | 'too many proof layers';

/**
 * Why a request about a tree of this height is to be rejected; undefined when it can be answered. Its root is known
 * to the caller. All numbers are unsigned, and may be anything up to 2^32 - 1.
 *
 * Length 1 is allowed: libtorrent asks so for the last chunk of a layer, although BEP 52 wants two at least.
 */
export function hashRequestFault(request: HashRequest, treeHeight: number): HashRequestFault | undefined {
  const { baseLayer, index, length, proofLayers } = request;
  if (treeHeight === 0) return 'file of one block';
  if (baseLayer >= treeHeight) return 'base layer above the tree';
  if (length > MAX_HASHES_PER_REQUEST) return 'too many hashes';
  if (length === 0 || (length & (length - 1)) !== 0) return 'length not a power of two';
  if (index % length !== 0) return 'index not a multiple of the length';
  if (index + length > 2 ** (treeHeight - baseLayer)) return 'past the end of the layer';
  if (proofLayers > treeHeight - baseLayer - 1) return 'too many proof layers';
  return undefined;
}

/** Height of the smallest subtree that holds all nodes asked for. */
export const subtreeHeight = (request: HashRequest): number => request.baseLayer + Math.log2(request.length);

/**
 * Proof hashes in the answer: `proofLayers` counts those inside the subtree asked for, which are left out since they
 * follow from it (BEP 52). With length 1 the first of them is the node's own sibling.
 */
export const uncleCount = (request: HashRequest): number =>
  Math.max(0, request.proofLayers - (Math.log2(request.length) - 1));

/** Hashes in the answer. */
export const answerCount = (request: HashRequest): number => request.length + uncleCount(request);

/**
 * What to ask for the piece layer of a file: request `i` is for `most` pieces (a power of two) from `most`·i on, counted
 * within the file, and its answer proves itself up to the root. Nothing for a file not larger than a piece, whose root
 * says it all.
 */
export function layerRequests(file: ContentFile, pieceBytes: number, most: number = HASHES_PER_REQUEST): HashRequest[] {
  if (file.root === undefined || file.lengthBytes <= pieceBytes) return [];
  const pieceCount = Math.ceil(file.lengthBytes / pieceBytes);
  const baseLayer = treeHeightOf(pieceBytes);
  const requests: HashRequest[] = [];
  for (let index = 0; index < pieceCount; index += most) {
    const rest = Math.min(most, pieceCount - index);
    // Never 1: the form of the answer to that is in dispute.
    const length = Math.max(2, 2 ** Math.ceil(Math.log2(rest)));
    requests.push({ root: file.root, baseLayer, index, length, proofLayers: file.treeHeight - baseLayer - 1 });
  }
  return requests;
}

export type HashesFault =
  | 'wrong number of hashes'
  | 'no proof up to the root'
  | 'zeros where there is data'
  | 'no padding where there is none'
  | 'another root';

/** What of a file the check of hashes needs; a `ContentFile` has it. */
export interface TreeShape {
  readonly root?: Digest | undefined;
  readonly leafCount: number;
  readonly treeHeight: number;
}

/**
 * Checks the answer to a request of our own against the root of the file. Answers with the nodes that cover data,
 * from `request.index` on, without padding: a copy.
 *
 * The chain must reach the root: nothing is taken on trust, so nothing need be taken back.
 */
export function verifyHashes(
  request: HashRequest,
  hashes: Uint8Array,
  file: TreeShape,
): Decoded<{ readonly base: Uint8Array }, HashesFault> {
  if (hashes.length !== answerCount(request) * DIGEST_BYTES) return malformed('wrong number of hashes');
  if (subtreeHeight(request) + uncleCount(request) !== file.treeHeight) return malformed('no proof up to the root');
  const nodes = hashes.subarray(0, request.length * DIGEST_BYTES);
  const layerCount = Math.ceil(file.leafCount / 2 ** request.baseLayer);
  const dataCount = Math.min(request.length, Math.max(0, layerCount - request.index));
  const zeros = zeroSubtree(0);
  const padding = zeroSubtree(request.baseLayer);
  for (let i = 0; i < request.length; i++) {
    const node = nodes.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES);
    if (i < dataCount && equalBytes(node, zeros)) return malformed('zeros where there is data');
    if (i >= dataCount && !equalBytes(node, padding)) return malformed('no padding where there is none');
  }
  const root = climb(request, nodes, hashes.subarray(nodes.length));
  if (file.root === undefined || !equalBytes(root, file.root)) return malformed('another root');
  return { ok: true, value: { base: nodes.slice(0, dataCount * DIGEST_BYTES) } };
}

/** The node at the end of the chain of uncles. */
function climb(request: HashRequest, nodes: Uint8Array, uncles: Uint8Array): Digest {
  let node = foldNodes(nodes, request.baseLayer, subtreeHeight(request));
  let place = request.index / request.length;
  const pair = new Uint8Array(2 * DIGEST_BYTES);
  for (let at = 0; at < uncles.length; at += DIGEST_BYTES) {
    const isRight = place % 2 === 1;
    pair.set(node, isRight ? DIGEST_BYTES : 0);
    pair.set(uncles.subarray(at, at + DIGEST_BYTES), isRight ? 0 : DIGEST_BYTES);
    node = sha256(pair);
    place = Math.floor(place / 2);
  }
  return node;
}
