import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex, utf8 } from '../base/bytes.ts';
import { MAX_HTTP_PARAMETERS } from '../base/limits.ts';
import { vectors } from '../fixtures/vectors.ts';
import { escapeBytes, queryParameters, unescapeBytes, withQuery } from './http-query.ts';

const vector = vectors.http_announce_info_hash_escaping;
const bytes = fc.uint8Array({ maxLength: 64 });

describe('bytes in a query', () => {
  it('are escaped as libtorrent and Transmission do', () => {
    expect(escapeBytes(fromHex(vector.raw_hex)!)).toBe(vector.libtorrent_and_transmission_style);
    expect(escapeBytes(Uint8Array.of(0, 0x20, 0x2b, 0x7e, 0xff))).toBe('%00%20%2b~%ff');
  });

  it.each([vector.libtorrent_and_transmission_style, vector.aria2_style])('are read from %s', (text) => {
    expect(toHex(unescapeBytes(text))).toBe(vector.raw_hex);
  });

  it('may stand for themselves where another client leaves them', () => {
    expect(unescapeBytes("()!*~'-._ +")).toEqual(utf8("()!*~'-._ +"));
    expect(toHex(unescapeBytes('\u00e9\u00ff'))).toBe('e9ff');
  });

  it.each([
    ['%', '25'],
    ['%4', '2534'],
    ['%zz', '257a7a'],
    ['%%41', '2541'],
    ['%41%', '4125'],
    ['%+1', '252b31'],
    ['€', 'e282ac'],
    ['', ''],
  ])('are read from %j as well as can be', (text, hex) => {
    expect(toHex(unescapeBytes(text))).toBe(hex);
  });

  it('survive the journey, whatever they are', () => {
    fc.assert(
      fc.property(bytes, (raw) => {
        const text = escapeBytes(raw);
        expect(text).toMatch(/^[!-~]*$/);
        expect(unescapeBytes(text)).toEqual(raw);
      }),
    );
  });

  it('never throw, whatever the text is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(unescapeBytes(text).length).toBeLessThanOrEqual(3 * text.length);
        expect([...queryParameters(text)].length).toBeLessThanOrEqual(MAX_HTTP_PARAMETERS);
      }),
    );
  });
});

describe('a query', () => {
  it('is pairs between ampersands, in order, values still escaped', () => {
    expect([...queryParameters('a=1&b=%26&a=2&c=&=x&d&e=f=g')]).toEqual([
      ['a', '1'],
      ['b', '%26'],
      ['a', '2'],
      ['c', ''],
      ['e', 'f=g'],
    ]);
    expect([...queryParameters('')]).toEqual([]);
  });

  it('is not read past its hundredth part', () => {
    expect([...queryParameters('a=1&'.repeat(1000))]).toHaveLength(MAX_HTTP_PARAMETERS);
  });

  it('goes behind one that is there', () => {
    expect(withQuery('/announce', 'a=1')).toBe('/announce?a=1');
    expect(withQuery('/announce?key=x', 'a=1')).toBe('/announce?key=x&a=1');
  });
});
