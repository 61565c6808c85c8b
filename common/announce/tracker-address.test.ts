import { describe, expect, it } from 'vitest';
import { parseTrackerUrl } from './tracker-address.ts';

describe('a tracker’s URL', () => {
  it.each([
    ['udp://127.0.0.1:6969', '127.0.0.1', 6969, ''],
    ['udp://Tracker.Example.org:80/announce', 'tracker.example.org', 80, '/announce'],
    ['UDP://[2001:DB8::1]:6969/', '2001:db8::1', 6969, '/'],
    ['udp://t:1?x=1#y', 't', 1, '?x=1'],
    ['udp://a_b.c-d:65535', 'a_b.c-d', 65_535, ''],
  ])('reads %s', (url, host, port, urlPath) => {
    expect(parseTrackerUrl(url)).toEqual({ url, host, port, urlPath });
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
    'http://host:6969',
    'file:///etc/passwd',
    ' udp://host:6969',
    `udp://host:1/${'a'.repeat(600)}`,
  ])('[fault 27] refuses %j', (url) => {
    expect(parseTrackerUrl(url)).toBeUndefined();
  });
});
