import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../base/bytes.ts';
import type { InfoHashV1, InfoHashV2 } from '../base/ids.ts';
import { vectors } from '../fixtures/vectors.ts';
import { formatMagnet, parseMagnet, withoutLocalUrls, type Magnet } from './magnet.ts';

function parsed(text: string): Magnet {
  const result = parseMagnet(text);
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}

const V2 = `xt=urn:btmh:1220${'ab'.repeat(32)}`;
const V1 = `xt=urn:btih:${'cd'.repeat(20)}`;
const reasonOf = (text: string) => {
  const result = parseMagnet(text);
  return result.ok ? undefined : result.reason;
};

describe('a magnet link', () => {
  it('of a v2 torrent is read and written as by another client', () => {
    const magnet = parsed(vectors.magnets.v2);
    expect(`1220${toHex(magnet.infoHashV2!)}`).toBe(vectors.torrents['s1572869.v2.torrent']!.btmh);
    expect(magnet).toMatchObject({
      name: 's1572869.bin',
      trackers: ['udp://10.0.0.1:6969/announce'],
      peers: [],
      webSeeds: [],
    });
    expect(magnet.infoHashV1).toBeUndefined();
    expect(formatMagnet(magnet)).toBe(vectors.magnets.v2);
  });

  it('of a hybrid has both hashes', () => {
    const magnet = parsed(vectors.magnets.hybrid);
    const { btih, btmh } = vectors.torrents['s1572869.hybrid.torrent']!;
    expect([toHex(magnet.infoHashV1!), `1220${toHex(magnet.infoHashV2!)}`]).toEqual([btih, btmh]);
    expect(formatMagnet(magnet)).toBe(vectors.magnets.hybrid);
  });

  it('may have its v1 hash in base32, in either case', () => {
    const { base32, hex } = vectors.magnets.btih_base32;
    for (const text of [base32, base32.toLowerCase()]) {
      expect(toHex(parsed(`magnet:?xt=urn:btih:${text}`).infoHashV1!)).toBe(hex);
    }
  });

  it('may have numbered and upper-case keys, several of each, and what nobody knows', () => {
    const magnet = parsed(`MAGNET:?XT.1=URN:BTMH:1220${'AB'.repeat(32)}&tr.1=udp://a:1&tr.2=udp://b:2&tr=udp://a:1&zz=1&so=0-2&xt=urn:sha1:x`); // prettier-ignore
    expect(toHex(magnet.infoHashV2!)).toBe('ab'.repeat(32));
    expect(magnet.trackers).toEqual(['udp://a:1', 'udp://b:2']);
  });

  it('may name peers by address, and only so', () => {
    const peers = [
      '1.2.3.4:5',
      '[2001:DB8::0:1]:6',
      '[::ffff:9.9.9.9]:7',
      '9.9.9.9:7',
      'host.example:8',
      '1.2.3.4:0',
      '1.2.3.4:65536',
      '01.2.3.4:5',
      '1.2.3.4',
      '[1.2.3.4]:5',
      '2001:db8::1:6',
      '',
    ];
    expect(parsed(`magnet:?${V2}&${peers.map((peer) => `x.pe=${peer}`).join('&')}`).peers).toEqual([
      { host: '1.2.3.4', port: 5 },
      { host: '2001:db8::1', port: 6 },
      { host: '9.9.9.9', port: 7 },
    ]);
  });

  it('[fault 24] names the content harmlessly', () => {
    expect(parsed(`magnet:?${V2}&dn=..%2F..%2fa+b%E2%80%AE%00`).name).toBe('.._.._a b_');
    expect(parsed(`magnet:?${V2}&dn=caf%C3%A9%20%ff`).name).toBe('café _');
    expect(parsed(`magnet:?${V2}&dn=100%&dn=x`).name).toBe('100%');
    expect(parsed(`magnet:?${V2}&dn=%zz%4`).name).toBe('%zz%4');
    expect(parsed(`magnet:?${V2}&dn=`).name).toBeUndefined();
  });

  it('is bounded in what is taken from it', () => {
    const many = Array.from(
      { length: 300 },
      (_, i) => `tr=udp://t${i}:1&ws=http://w${i}&x.pe=10.0.${i >> 8}.${i & 255}:1`,
    );
    const magnet = parsed(`magnet:?${V2}&${many.join('&')}`);
    expect([magnet.trackers.length, magnet.webSeeds.length, magnet.peers.length]).toEqual([64, 64, 64]);
    expect(reasonOf(`magnet:?${V2}&dn=${'x'.repeat(70_000)}`)).toBe('it is too long');
  });
});

describe('[fault 27] a magnet link that is none', () => {
  it.each(vectors.magnets.must_reject)('%s is refused', (text) => {
    expect(reasonOf(text)).toBe('it has an info hash that is none');
  });

  it.each([
    ['', 'it is no magnet link'],
    ['http://x/?xt=urn:btih:00', 'it is no magnet link'],
    [`magnet:${V2}`, 'it is no magnet link'],
    ['magnet:?', 'it has no info hash'],
    ['magnet:?xt', 'it has no info hash'],
    ['magnet:?dn=x&xt=urn:sha1:YNCKHTQCWBTRNJIV4WNAE52SJUQCZO5C', 'it has no info hash'],
    ['magnet:?xt=urn:btih:', 'it has an info hash that is none'],
    [`magnet:?xt=urn:btih:${'g'.repeat(40)}`, 'it has an info hash that is none'],
    [`magnet:?xt=urn:btih:${'ab'.repeat(32)}`, 'it has an info hash that is none'],
    [`magnet:?xt=urn:btih:${'A'.repeat(31)}1`, 'it has an info hash that is none'],
    [`magnet:?xt=urn:btih:${'A'.repeat(31)}=`, 'it has an info hash that is none'],
    [`magnet:?${V1}&xt=urn:btmh:${'cd'.repeat(20)}`, 'it has an info hash that is none'],
    [`magnet:?${V1}&xt=urn:btih:${'ce'.repeat(20)}`, 'it has more than one info hash of a kind'],
    [`magnet:?${V2}&xt.2=urn:btmh:1220${'ac'.repeat(32)}`, 'it has more than one info hash of a kind'],
  ])('%s: %s', (text, reason) => {
    expect(reasonOf(text)).toBe(reason);
  });

  it('may have the same hash twice', () => {
    expect(reasonOf(`magnet:?${V1}&${V1.toUpperCase().replace('XT=URN:BTIH', 'xt=urn:btih')}`)).toBeUndefined();
  });

  it('leads to no file, and to this machine only when that is wanted', () => {
    const urls = ['file:///etc/passwd', 'udp://127.0.0.1:1', 'http://169.254.169.254/', 'udp://ok.example:1'];
    const magnet = parsed(`magnet:?${V2}&${urls.map((url) => `tr=${encodeURIComponent(url)}&ws=${url}`).join('&')}`);
    expect(magnet.trackers).toEqual(urls.slice(1));
    expect(withoutLocalUrls(magnet).trackers).toEqual(['udp://ok.example:1']);
    expect(magnet.webSeeds).toEqual(['http://169.254.169.254/']);
    expect(withoutLocalUrls(magnet).webSeeds).toEqual([]);
  });

  it('of any text is judged without an error', () => {
    const part = fc.constantFrom(
      'magnet:?',
      'xt=urn:btih:',
      'ab'.repeat(20),
      V2,
      '&',
      '%',
      'tr=',
      'x.pe=[::1]:1',
      '=',
      '+',
    );
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.array(part).map((parts) => `magnet:?${parts.join('')}`)); // prettier-ignore
    fc.assert(
      fc.property(text, (link) => {
        parseMagnet(link);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('writing a magnet link', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

  it('that is read again gives what was written', () => {
    const magnet = fc.record({
      infoHashV2: bytes(32).map((hash) => hash as InfoHashV2),
      infoHashV1: bytes(20).map((hash) => hash as InfoHashV1),
      name: fc.stringMatching(/^[a-zA-Z0-9_+&%=#é日 -]{0,20}[a-z]é$/),
      trackers: fc.constantFrom([], ['udp://10.0.0.1:6969/announce?a=b&c=%20+'], ['http://a/', 'https://b/']),
      peers: fc.constantFrom([], [{ host: '10.0.0.1', port: 1 }], [{ host: 'fd00::1', port: 65_535 }]),
      webSeeds: fc.constantFrom([], ['https://w.example/a b'.replace(' ', '%20')]),
    });
    fc.assert(
      fc.property(magnet, (value) => {
        expect(parsed(formatMagnet(value))).toEqual(value);
      }),
    );
  });

  it('needs no more than a hash', () => {
    const infoHashV2 = fromHex('ab'.repeat(32)) as InfoHashV2;
    expect(formatMagnet({ infoHashV2 })).toBe(`magnet:?${V2}`);
  });
});
