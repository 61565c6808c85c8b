import { describeRandomContract } from '../sim/contracts/random.ts';
import { HostRandom } from './random.ts';

describeRandomContract('the secure source', () => new HostRandom());
