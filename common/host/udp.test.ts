import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { describeUdpContract } from '../sim/contracts/udp.ts';
import { HostUdpBinder } from './udp.ts';

const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

describeUdpContract('the machine', () => ({
  binder: new HostUdpBinder({ meter: { count: () => {} } }),
  host: '127.0.0.1',
  hostV6: hasIPv6 ? '::1' : undefined,
  run: (promise) => promise,
}));

describe('HostUdpBinder', () => {
  it('says what could not be bound, where, and what to do', async () => {
    const binder = new HostUdpBinder({ meter: { count: () => {} } });
    const taken = await binder.bind({ host: '127.0.0.1', port: 0 });
    const { port } = taken.local;
    await expect(binder.bind(taken.local)).rejects.toThrow(
      `cannot listen on UDP 127.0.0.1:${port}: port ${port} is taken: choose another with -p (EADDRINUSE)`,
    );
    await taken.close();
  });

  it('counts what it could not send', async () => {
    let failures = 0;
    const binder = new HostUdpBinder({ meter: { count: (name) => (failures += name === 'udp_send_failed' ? 1 : 0) } });
    const bound = await binder.bind({ host: '127.0.0.1', port: 0 });
    bound.send(Uint8Array.of(1), { host: '127.0.0.1', port: 0 });
    expect(failures).toBe(1);
    await bound.close();
  });
});
