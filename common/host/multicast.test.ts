import { describe, expect, it } from 'vitest';
import type { MulticastPort } from '../base/ports.ts';
import { HostMulticast } from './multicast.ts';

const GROUP = '239.192.152.143';

const meter = { count: () => undefined };
const join = (port: number): Promise<MulticastPort> =>
  new HostMulticast({ host: '127.0.0.1', meter }).join({ host: GROUP, port });

describe('a multicast group', () => {
  it('carries a datagram to all of its members on this machine, the sender too', async () => {
    const one = await join(0);
    const other = await join(one.group.port);
    const heard = [one, other].map(
      (port) =>
        new Promise<string>((resolve) => {
          port.onDatagram((bytes, from) => {
            resolve(`${from.host} ${new TextDecoder().decode(bytes)}`);
          });
        }),
    );
    one.send(new TextEncoder().encode('hello'));
    expect(await Promise.all(heard)).toEqual(['127.0.0.1 hello', '127.0.0.1 hello']);
    await Promise.all([one.close(), other.close(), one.close()]);
    one.send(new Uint8Array(1));
  });

  it('that is none cannot be joined', async () => {
    await expect(new HostMulticast({ host: '0.0.0.0', meter }).join({ host: '10.0.0.1', port: 0 })).rejects.toThrow();
  });

  it('of a family in which nobody listens is not joined', async () => {
    const multicast = new HostMulticast({ host: '127.0.0.1', meter });
    await expect(multicast.join({ host: 'ff15::efc0:988f', port: 0 })).rejects.toThrow('other family');
  });
});
