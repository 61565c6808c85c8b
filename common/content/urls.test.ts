import { describe, expect, it } from 'vitest';
import { isLocalAddress, isLocalUrl, trackerUrl, webSeedUrl } from './urls.ts';

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
