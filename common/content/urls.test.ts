import { describe, expect, it } from 'vitest';
import { isLocalAddress, isLocalUrl, isWithin, reachOf, trackerUrl, webSeedUrl } from './urls.ts';

describe('[fault 27] the URL of a tracker', () => {
  it.each([
    'udp://tracker.example:6969',
    'udp://10.0.0.1:6969/announce?x=1',
    'UDP://[fe80::1]:1/',
    'http://tracker.example/announce',
    'https://t/a',
  ])('%s is taken as it is', (url) => {
    expect(trackerUrl(url)).toBe(url);
    expect(trackerUrl(` ${url}\n`)).toBe(url);
  });

  it.each([
    '',
    'x',
    'file:///etc/passwd',
    'ftp://x',
    'javascript:alert(1)',
    'gopher://x',
    'udp://',
    'udp:///announce',
    'http://',
    'udp://a b:1',
    'udp://a\u001b[2J:1',
    'udp://a:99999',
    `udp://a:1/${'x'.repeat(3000)}`,
  ])('%j is refused', (url) => {
    expect(trackerUrl(url)).toBeUndefined();
  });

  it('is refused when it is no text', () => {
    expect(trackerUrl(Uint8Array.of(0xff))).toBeUndefined();
    expect(trackerUrl(undefined)).toBeUndefined();
    expect(webSeedUrl('udp://a:1')).toBeUndefined();
  });
});

describe('[fault 27] a URL that leads to this machine or this link', () => {
  it.each([
    'udp://127.0.0.1:6969',
    'udp://127.1:6969',
    'udp://2130706433:6969',
    'udp://0x7f.1:6969',
    'udp://0.0.0.0:1',
    'udp://localhost:1',
    'udp://LOCALHOST.:1',
    'http://x.localhost/',
    'udp://[::1]:1',
    'udp://[::]:1',
    'udp://[::ffff:127.0.0.1]:1',
    'udp://[fe80::1]:1',
    'http://169.254.169.254/latest/meta-data',
    'udp://user@127.0.0.1:1',
  ])('%s is seen', (url) => {
    expect(isLocalUrl(url)).toBe(true);
  });

  it.each(['udp://10.0.0.1:1', 'udp://192.168.1.1:1', 'udp://[fd00::1]:1', 'udp://tracker.example:1', 'udp://[::2]:1'])(
    '%s is none',
    (url) => {
      expect(isLocalUrl(url)).toBe(false);
    },
  );

  it('is found by the address a name resolves to as well', () => {
    expect(['127.0.0.1', '::1', '169.254.1.1', 'fe80::1%eth0', '::ffff:127.0.0.1'].map(isLocalAddress)).toEqual(
      Array.from({ length: 5 }, () => true),
    );
    expect(['8.8.8.8', 'example.org', '2001:db8::1', ''].map(isLocalAddress)).toEqual([false, false, false, false]);
  });
});

describe('how near an address is', () => {
  it.each([
    ['127.0.0.1', 'local'],
    ['0.0.0.0', 'local'],
    ['169.254.169.254', 'local'],
    ['::1', 'local'],
    ['::', 'local'],
    ['fe80::1', 'local'],
    ['::ffff:127.0.0.1', 'local'],
    ['::127.0.0.1', 'local'],
    ['64:ff9b::7f00:1', 'local'],
    ['2002:7f00:1::1', 'local'],
    ['10.1.2.3', 'private'],
    ['172.31.0.1', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fd00::1', 'private'],
    ['fec0::1', 'private'],
    ['::10.0.0.1', 'private'],
    ['172.32.0.1', 'public'],
    ['8.8.8.8', 'public'],
    ['2001:db8::1', 'public'],
    ['64:ff9b::808:808', 'public'],
  ] as const)('%s is %s', (address, reach) => {
    expect(reachOf(address)).toBe(reach);
  });

  it('is compared', () => {
    expect([isWithin('local', 'private'), isWithin('private', 'private'), isWithin('public', 'local')]).toEqual([
      false,
      true,
      true,
    ]);
  });
});
