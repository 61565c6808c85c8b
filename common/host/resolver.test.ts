import { describe, expect, it } from 'vitest';
import { HostResolver } from './resolver.ts';

describe('HostResolver', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('gives the address %s as itself, in its one spelling [fault 16]', async (text, address) => {
    expect(await new HostResolver().resolve(text)).toEqual([address]);
  });

  it('asks the system for names', async () => {
    const addresses = await new HostResolver().resolve('localhost');
    expect(addresses.length).toBeGreaterThan(0);
    for (const address of addresses) expect(['127.0.0.1', '::1']).toContain(address);
    expect(new Set(addresses).size).toBe(addresses.length);
  });

  // RFC 6761 keeps `.invalid` without addresses for ever; a machine without a network says it cannot tell.
  it.each(['no-such-name.invalid', 'two words', ''])(
    'rejects the name "%s", which it names [fault 56]',
    async (host) => {
      await expect(new HostResolver().resolve(host)).rejects.toMatchObject({
        code: 'NAME_UNRESOLVED',
        message: expect.stringContaining(`the name ${host} `) as string,
      });
    },
  );
});
