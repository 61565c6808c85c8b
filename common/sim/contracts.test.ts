import { instant } from '../base/ids.ts';
import { KIB } from '../base/limits.ts';
import { VirtualClock } from './clock.ts';
import { describeClockContract } from './contracts/clock.ts';
import { describeHasherContract } from './contracts/hasher.ts';
import { describeRandomContract } from './contracts/random.ts';
import { describeStoreContract, STORED } from './contracts/store.ts';
import { describeTcpContract } from './contracts/tcp.ts';
import { describeUdpContract } from './contracts/udp.ts';
import { SimHasher } from './hasher.ts';
import type { LinkTraits } from './link.ts';
import { CALM } from './link.ts';
import { SimNetwork } from './network.ts';
import { SeededRandom } from './random.ts';
import { SimStore } from './store.ts';

const DAY_MS = 86_400_000;

/** Slow, jittery and cut into small pieces, but nothing fails. */
const ROUGH: LinkTraits = {
  ...CALM,
  latencyMs: 15,
  jitterMs: 20,
  bytesPerSecond: 10_000_000,
  segmentBytes: 5_000,
  windowBytes: 50 * KIB,
};

const makeClock = (): VirtualClock => new VirtualClock({ startAt: instant(1_000) });

const makeNetwork = (clock: VirtualClock, seed: number, traits: LinkTraits): SimNetwork =>
  new SimNetwork({ clock, random: new SeededRandom({ seed }), traits });

describeClockContract('the virtual clock', () => {
  const clock = makeClock();
  return { clock, run: (promise) => clock.run(promise, DAY_MS) };
});

describeRandomContract('the seeded source', () => new SeededRandom({ seed: 7 }));

describeHasherContract('the simulated hasher', () => {
  const clock = makeClock();
  return { hasher: new SimHasher({ clock, delayMs: 3 }), run: (promise) => clock.run(promise, DAY_MS) };
});

describeStoreContract('the simulated store', () => {
  const clock = makeClock();
  const { lengthBytes, pieceBytes } = STORED;
  const store = new SimStore({
    clock,
    pieceSize: (piece) => Math.min(pieceBytes, lengthBytes - piece * pieceBytes),
    readMs: 2,
    writeMs: 5,
  });
  return Promise.resolve({ store, run: (promise) => clock.run(promise, DAY_MS) });
});

for (const [name, traits] of [
  ['a calm simulated network', CALM],
  ['a rough simulated network', ROUGH],
] as const) {
  describeUdpContract(name, () => {
    const clock = makeClock();
    const host = makeNetwork(clock, 11, traits).addHost('10.0.0.1', '2001:db8:1::1');
    return {
      binder: host.udp,
      host: '10.0.0.1',
      hostV6: '2001:db8:1::1',
      run: (promise) => clock.run(promise, DAY_MS),
    };
  });

  describeTcpContract(name, () => {
    const clock = makeClock();
    const network = makeNetwork(clock, 12, traits);
    const [server, client] = [network.addHost('10.0.0.1'), network.addHost('10.0.0.2')];
    return {
      listeners: server.listeners,
      dialer: client.dialer,
      clock,
      host: '10.0.0.1',
      run: (promise) => clock.run(promise, DAY_MS),
    };
  });
}
