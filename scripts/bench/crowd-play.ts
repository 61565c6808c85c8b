/** Plays one crowd with one seed after the other, and prints each outcome as a line of JSON: `crowd.ts` reads it. */
import { SimContent } from '../../common/sim/world/content.ts';
import { CrowdRun, type CrowdShape } from './crowd-run.ts';

export interface CrowdOrder {
  readonly shape: CrowdShape;
  readonly lengthBytes: number;
  readonly pieceBytes: number;
  readonly seeds: readonly number[];
}

const { shape, lengthBytes, pieceBytes, seeds } = JSON.parse(process.argv[2]!) as CrowdOrder;
const content = new SimContent({ format: 'v2', name: 'crowd.bin', lengthBytes, pieceBytes, seed: 1 });
for (const seed of seeds) {
  const outcome = await new CrowdRun({ shape, content, seed }).play();
  process.stdout.write(`${JSON.stringify({ seed, ...outcome })}\n`);
}
