import { describe, expect, it } from 'vitest';
import {
  httpTarget,
  isNearAddress,
  mayCall,
  outsideTracker,
  parseTrackerUrl,
  trackerIdentity,
} from './tracker-address.ts';

describe('a tracker’s URL', () => {
  it.each([
    ['udp://127.0.0.1:6969', 'udp', '127.0.0.1', 6969, ''],
    ['udp://Tracker.Example.org:80/announce', 'udp', 'tracker.example.org', 80, '/announce'],
    ['UDP://[2001:DB8::1]:6969/', 'udp', '2001:db8::1', 6969, '/'],
    ['udp://t:1?x=1#y', 'udp', 't', 1, '?x=1'],
    ['udp://a_b.c-d:65535', 'udp', 'a_b.c-d', 65_535, ''],
    ['http://tracker.example/announce', 'http', 'tracker.example', 80, '/announce'],
    ['HTTPS://Tracker.example/a/b?passkey=1', 'https', 'tracker.example', 443, '/a/b?passkey=1'],
    ['http://[::1]:6969/announce', 'http', '::1', 6969, '/announce'],
    ['http://t#x', 'http', 't', 80, ''],
    [`http://t/${'a'.repeat(600)}`, 'http', 't', 80, `/${'a'.repeat(600)}`],
  ])('reads %s', (url, scheme, host, port, urlPath) => {
    expect(parseTrackerUrl(url)).toEqual({ url, scheme, host, port, urlPath, isFromOutside: false });
    expect(outsideTracker(url)).toMatchObject({ host, isFromOutside: true });
  });

  it.each([
    '',
    'udp://',
    'udp://host',
    'udp://host:',
    'udp://host:0',
    'udp://host:65536',
    'udp://host:12x',
    'udp://:6969',
    'udp://user@host:6969',
    'udp://2001:db8::1:6969',
    'udp://[host]:6969',
    'udp://ho st:6969',
    'udp://host:6969/a b',
    'udp://-host:1',
    'http://',
    'http://host:0/announce',
    'http://user:secret@host/announce',
    'http://host/a\r\nb',
    'http://hé/announce',
    'ws://host:6969',
    'wss://host/announce',
    'file:///etc/passwd',
    ' udp://host:6969',
    `udp://host:1/${'a'.repeat(600)}`,
    `http://host/${'a'.repeat(3000)}`,
  ])('[fault 27] refuses %j', (url) => {
    expect(parseTrackerUrl(url)).toBeUndefined();
    expect(outsideTracker(url)).toBeUndefined();
  });

  it.each([
    ['http://t', '/'],
    ['http://t?x=1', '/?x=1'],
    ['http://t/announce?x=1#y', '/announce?x=1'],
  ])('of %s asks for %s', (url, target) => {
    expect(httpTarget(parseTrackerUrl(url)!)).toBe(target);
  });

  it('names one tracker in several ways', () => {
    const same = (a: string, b: string): boolean =>
      trackerIdentity(parseTrackerUrl(a)!) === trackerIdentity(parseTrackerUrl(b)!);
    expect(same('udp://T:1/announce', 'udp://t:1')).toBe(true);
    expect(same('http://T/announce', 'HTTP://t:80/announce#x')).toBe(true);
    expect(same('http://t/a', 'http://t/b')).toBe(false);
    expect(same('http://t:1/', 'udp://t:1/')).toBe(false);
    expect(same('http://t:443/', 'https://t/')).toBe(false);
  });

  it.each([
    ['http://t/announce', '169.254.169.254', false],
    ['http://t/latest/meta-data/', '169.254.169.254', false],
    ['http://t/announce', 'fe80::1', false],
    ['http://t/reboot', '127.0.0.1', false],
    ['http://t/x/announce', '192.168.1.1', false],
    ['http://t/announcement', '10.0.0.1', false],
    ['http://t?announce', '::1', false],
    ['https://t/admin', 'fd00::1', false],
    ['http://t/announce', '127.0.0.1', true],
    ['http://t/announce?key=1', '::1', true],
    ['http://t/announce.php', '192.168.1.1', true],
    ['http://t/anything', '203.0.113.1', true],
    ['http://t/anything', '2001:db8::1', true],
    ['udp://t:1/anything', '127.0.0.1', true],
  ])('[fault 27] of a link, %s at %s: may be called %s', (url, host, allowed) => {
    expect(mayCall(outsideTracker(url)!, host)).toBe(allowed);
    expect(mayCall(parseTrackerUrl(url)!, host)).toBe(true);
  });

  it.each([
    ...['127.0.0.1', '0.0.0.0', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.0.1', '100.64.0.1', '169.254.1.1'],
    ...['::1', '::', 'fe80::1', 'fc00::1', 'fdff::1', '::ffff:10.0.0.1'],
  ])('knows that %s is near', (host) => {
    expect(isNearAddress(host)).toBe(true);
  });

  it.each([
    '8.8.8.8',
    '172.32.0.1',
    '172.15.0.1',
    '192.169.0.1',
    '100.128.0.1',
    '11.0.0.1',
    '2001:db8::1',
    'fe00::1',
    'x',
  ])('knows that %s is not', (host) => {
    expect(isNearAddress(host)).toBe(false);
  });
});
