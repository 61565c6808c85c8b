import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../base/bytes.ts';
import { endpointText } from '../base/ids.ts';
import { CALL_BACK_BURST, UTP_RESET_BURST } from '../base/limits.ts';
import type { UdpPort } from '../base/ports.ts';
import { CountingMeter, silentLog, World } from '../fixtures/nodes.ts';
import type { SimHost } from '../sim/host.ts';
import { UtpRefuser } from './utp-refuser.ts';

const HERE = { host: '10.0.0.1', port: 7001 };
const SYN = fromHex('4100a1b200000064000000000010000000010000')!;

interface Scene {
  readonly world: World;
  readonly home: SimHost;
  readonly meter: CountingMeter;
  readonly refuser: UtpRefuser | undefined;
  readonly caller: UdpPort;
  readonly answers: string[];
  readonly called: string[];
}

async function open(isTaken = false, port = 9_000): Promise<Scene> {
  const world = new World();
  const home = world.network.addHost(HERE.host);
  const meter = new CountingMeter();
  if (isTaken) await home.udp.bind(HERE);
  const called: string[] = [];
  const refuser = await UtpRefuser.open({
    clock: home.clock,
    udp: home.udp,
    local: HERE,
    log: silentLog,
    meter,
    onCaller: (endpoint) => void called.push(endpointText(endpoint)),
  });
  const caller = await world.network.addHost('10.0.0.2').udp.bind({ host: '10.0.0.2', port });
  const answers: string[] = [];
  caller.onDatagram((bytes) => void answers.push(toHex(bytes)));
  return { world, home, meter, refuser, caller, answers, called };
}

describe('who dials by uTP', () => {
  it('is told at once that it is not spoken here', async () => {
    const { world, caller, answers, meter } = await open();
    caller.send(SYN, HERE);
    await world.clock.runFor(10);
    expect(answers).toHaveLength(1);
    expect(answers[0]).toMatch(/^3100a1b2.{16}0000000000000001$/);
    expect(meter.of('utp_refused')).toBe(1);
  });

  it('can be called back by TCP, unless from a port that no peer has', async () => {
    const { world, caller, called } = await open();
    caller.send(SYN, HERE);
    await world.clock.runFor(10);
    expect(called).toEqual(['10.0.0.2:9000']);
    const other = await open(false, 25);
    other.caller.send(SYN, HERE);
    await other.world.clock.runFor(10);
    expect(other.answers).toHaveLength(1);
    expect(other.called).toEqual([]);
  });

  it('and sends something else is told nothing', async () => {
    const { world, caller, answers, called } = await open();
    for (const bytes of [SYN.subarray(0, 19), Uint8Array.of(), Uint8Array.from([0x01, ...SYN.subarray(1)])]) {
      caller.send(bytes, HERE);
    }
    await world.clock.runFor(10);
    expect(answers).toEqual([]);
    expect(called).toEqual([]);
  });

  it('in a flood is answered to a limit, and again later', async () => {
    const { world, caller, answers, called } = await open();
    for (let i = 0; i < UTP_RESET_BURST + 50; i++) caller.send(SYN, HERE);
    await world.clock.runFor(10);
    expect(answers.length).toBeGreaterThanOrEqual(UTP_RESET_BURST);
    expect(answers.length).toBeLessThan(UTP_RESET_BURST + 10);
    expect(called).toHaveLength(CALL_BACK_BURST);
    answers.length = 0;
    await world.clock.runFor(1_000);
    caller.send(SYN, HERE);
    await world.clock.runFor(10);
    expect(answers).toHaveLength(1);
  });
});

describe('the UDP port', () => {
  it('that is taken is no error', async () => {
    expect((await open(true)).refuser).toBeUndefined();
  });

  it('is free again once it is closed', async () => {
    const { home, refuser } = await open();
    await refuser!.close();
    await (await home.udp.bind(HERE)).close();
  });
});
