import { describeClockContract } from '../sim/contracts/clock.ts';
import { HostClock } from './clock.ts';

describeClockContract('the clock of the machine', () => ({ clock: new HostClock(), run: (promise) => promise }));
