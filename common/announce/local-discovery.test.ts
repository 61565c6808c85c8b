import { describe, expect, it } from 'vitest';
import { looseText } from '../base/bytes.ts';
import { endpointText, instant, type Endpoint, type WireHash } from '../base/ids.ts';
import { LSD_INTERVAL_MS, LSD_LEAST_INTERVAL_MS } from '../base/limits.ts';
import type { MulticastBinder, MulticastPort } from '../base/ports.ts';
import { silentLog } from '../fixtures/nodes.ts';
import { VirtualClock } from '../sim/clock.ts';
import { SeededRandom } from '../sim/random.ts';
import { decodeLsd, encodeLsd, LSD_GROUPS } from '../wire/lsd.ts';
import { LocalDiscovery } from './local-discovery.ts';

const HASH = new Uint8Array(20).fill(0xaa) as WireHash;
const OTHER = new Uint8Array(20).fill(0xbb) as WireHash;

type Receive = (bytes: Uint8Array, from: Endpoint) => void;

/** One network that carries each datagram to all that joined the group, the sender too. */
class Ether implements MulticastBinder {
  readonly sent: string[] = [];
  readonly members: { readonly group: string; receive: Receive }[] = [];
  /** Groups that cannot be joined. */
  refused: readonly string[] = [];

  async join(group: Endpoint): Promise<MulticastPort> {
    const key = endpointText(group);
    if (this.refused.includes(key)) throw new Error('ENODEV');
    const member = { group: key, receive: (() => undefined) as Receive };
    this.members.push(member);
    return {
      group,
      send: (bytes) => {
        this.sent.push(looseText(bytes));
        this.deliver(key, bytes, '10.0.0.1');
      },
      onDatagram: (receive) => (member.receive = receive),
      close: async () => void this.members.splice(this.members.indexOf(member), 1),
    };
  }

  deliver(group: string, bytes: Uint8Array, host: string): void {
    for (const member of this.members) if (member.group === group) member.receive(bytes, { host, port: 50_000 });
  }
}

const GROUP = LSD_GROUPS[0]!;

function scene(hashes: readonly WireHash[] = [HASH]) {
  const clock = new VirtualClock({ startAt: instant(1_000) });
  const ether = new Ether();
  const met: string[] = [];
  let seed = 1;
  const make = (): LocalDiscovery =>
    new LocalDiscovery({
      clock,
      random: new SeededRandom({ seed: seed++ }),
      multicast: ether,
      log: silentLog,
      port: 7001,
      wireHashes: () => hashes,
      onPeers: (endpoints) => void met.push(...endpoints.map(endpointText)),
    });
  const hear = (wireHash: WireHash, host = '10.0.0.7'): void =>
    ether.deliver(endpointText(GROUP), encodeLsd(GROUP, { port: 7601, wireHashes: [wireHash] }), host);
  return { clock, ether, met, make, hear };
}

describe('local discovery', () => {
  it('says what is here in both groups, at the start and every five minutes', async () => {
    const { clock, ether, make } = scene();
    await make().start();
    expect(ether.sent).toHaveLength(2);
    const announce = decodeLsd(new TextEncoder().encode(ether.sent[0]));
    expect(announce).toMatchObject({ port: 7001, wireHashes: [HASH] });
    await clock.runFor(LSD_INTERVAL_MS);
    expect(ether.sent).toHaveLength(4);
  });

  it('says each name of a hybrid in a datagram of its own', async () => {
    const { ether, make } = scene([HASH, OTHER]);
    await make().start();
    expect(ether.sent).toHaveLength(4);
  });

  it('says news within a minute, and no oftener', async () => {
    const { clock, ether, make } = scene();
    const discovery = make();
    await discovery.start();
    for (let i = 0; i < 5; i++) discovery.announce();
    expect(ether.sent).toHaveLength(2);
    await clock.runFor(LSD_LEAST_INTERVAL_MS);
    expect(ether.sent).toHaveLength(4);
  });

  it('hears of peers of the same content, by the port that they name', async () => {
    const { make, met, hear } = scene();
    await make().start();
    hear(HASH);
    hear(OTHER);
    expect(met).toEqual(['10.0.0.7:7601']);
  });

  it('knows its own voice, and hears others on the same machine', async () => {
    const { make, met } = scene();
    await make().start();
    expect(met).toEqual([]);
    await make().start();
    expect(new Set(met)).toEqual(new Set(['10.0.0.1:7001']));
  });

  it('is silent and deaf about what is private', async () => {
    const { ether, make, met, hear } = scene([]);
    await make().start();
    hear(HASH);
    expect(ether.sent).toEqual([]);
    expect(met).toEqual([]);
  });

  it('does with one group, or none, where the machine has no more', async () => {
    const { ether, make } = scene();
    ether.refused = [endpointText(LSD_GROUPS[1]!)];
    await make().start();
    expect(ether.sent).toHaveLength(1);
    ether.refused = LSD_GROUPS.map(endpointText);
    await make().start();
    expect(ether.sent).toHaveLength(1);
  });

  it('says nothing after the end and leaves the groups', async () => {
    const { clock, ether, make } = scene();
    const discovery = make();
    await discovery.start();
    await discovery.stop();
    discovery.announce();
    await clock.runFor(2 * LSD_INTERVAL_MS);
    expect(ether.sent).toHaveLength(2);
    expect(ether.members).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
