import { describe, expect, it } from 'vitest';
import { fromHex } from '../base/bytes.ts';
import { endpointText } from '../base/ids.ts';
import type { MulticastBinder } from '../base/ports.ts';
import { CountingMeter, silentLog, World } from '../fixtures/nodes.ts';
import { Nearby } from './nearby.ts';

const LOCAL = { host: '10.0.0.1', port: 7001 };
const SYN = fromHex('4100a1b200000064000000000010000000010000')!;

async function open(multicast: MulticastBinder | undefined) {
  const world = new World();
  const { clock, udp, random } = world.network.addHost(LOCAL.host);
  const met: string[] = [];
  const nearby = await Nearby.open({
    clock,
    random,
    udp,
    multicast,
    local: LOCAL,
    log: silentLog,
    meter: new CountingMeter(),
    wireHashes: () => [],
    onPeers: (endpoints) => void met.push(...endpoints.map(endpointText)),
  });
  return { world, nearby, met };
}

describe('whoever is nearby', () => {
  it('is met when it calls by uTP, and no more after the end', async () => {
    const { world, nearby, met } = await open(undefined);
    const caller = await world.network.addHost('10.0.0.2').udp.bind({ host: '10.0.0.2', port: 9_000 });
    caller.send(SYN, LOCAL);
    await world.clock.runFor(10);
    expect(met).toEqual(['10.0.0.2:9000']);
    await nearby.close();
    caller.send(SYN, LOCAL);
    await world.clock.runFor(10);
    expect(met).toHaveLength(1);
  });

  it('is asked for on the local network when that is wanted, and no more after the end', async () => {
    const joined: string[] = [];
    const { world, nearby } = await open({
      join: async (group) => {
        joined.push(endpointText(group));
        return {
          group,
          send: () => undefined,
          onDatagram: () => undefined,
          close: async () => void joined.splice(joined.indexOf(endpointText(group)), 1),
        };
      },
    });
    expect(joined).toHaveLength(2);
    await nearby.close();
    expect(joined).toEqual([]);
    expect(world.clock.pending).toBe(0);
  });
});
