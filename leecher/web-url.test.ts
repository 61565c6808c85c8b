import { describe, expect, it } from 'vitest';
import { parseTorrent } from '../common/content/metainfo.ts';
import type { Info } from '../common/content/info.ts';
import { LooseDocument } from '../common/fixtures/loose-bencode.ts';
import { torrentFixture } from '../common/fixtures/vectors.ts';
import { fileUrlOf, shownUrl, webAddressOf, webSourcesOf } from './web-url.ts';

function parsed(bytes: Uint8Array): Info {
  const result = parseTorrent(bytes);
  if (!result.ok) throw new Error(result.reason);
  return result.value.info;
}

const infoOf = (name: string): Info => parsed(torrentFixture(name));

const single = infoOf('s1572869.v2.torrent');
const multi = infoOf('multi.hybrid.torrent');

describe('the URL of a file', () => {
  const file = single.geometry.files[0]!;

  it.each([
    ['http://h/files/', 'http://h/files/s1572869.bin'],
    ['http://h/a.bin', 'http://h/a.bin'],
    ['http://h/get?id=5', 'http://h/get?id=5'],
    ['http://h/?d=/', 'undefined'],
  ])('of a single-file torrent at %s is %s', (base, url) => {
    expect(String(fileUrlOf(base, single, file))).toBe(url);
  });

  it.each(['http://h/files/', 'http://h/files'])('of a directory at %s has its name and the path', (base) => {
    const urls = multi.geometry.files.map((each) => fileUrlOf(base, multi, each));
    expect(urls[0]).toBe('http://h/files/multi/B-upper.bin');
    expect(urls).toContain('http://h/files/multi/dir/sub/d.txt');
    expect(fileUrlOf('http://h/?x', multi, multi.geometry.files[0]!)).toBeUndefined();
  });

  it('escapes the name as it was written, byte by byte', () => {
    const named = (text: string, path: string): string | undefined =>
      fileUrlOf('http://h/', single, { ...file, path: [path], rawPath: [new TextEncoder().encode(text)] });
    expect(named('ä b?c#d%/e', 'ä b_c#d%_e')).toBe('http://h/%C3%A4%20b%3Fc%23d%25%2Fe');
    expect(named('..', '_')).toBe('http://h/%2E%2E');
    expect(fileUrlOf('http://h/', single, { ...file, path: ['real name'] })).toBe('http://h/real%20name');
  });

  it('in a directory is made of the names that were given, not of those that are harmless here', () => {
    const torrent = new LooseDocument(torrentFixture('multi.v1.torrent'));
    torrent.set(['info', 'files', 4, 'path'], ['di:r', 'c?.bin']);
    const renamed = parsed(torrent.bytes);
    expect(renamed.geometry.files[4]!.path).toEqual(['di_r', 'c_.bin']);
    expect(fileUrlOf('http://h/', renamed, renamed.geometry.files[4]!)).toBe('http://h/multi/di%3Ar/c%3F.bin');
    expect(renamed.geometry.files[3]!.rawPath).toBeUndefined();
  });
});

describe('a URL taken apart', () => {
  it.each([
    ['http://h/a?b#c', { secure: false, host: 'h', port: 80, target: '/a?b', authorization: undefined }],
    ['HTTPS://H.:8443', { secure: true, host: 'h', port: 8443, target: '/' }],
    ['https://[::FFFF:127.0.0.1]/', { host: '127.0.0.1', port: 443 }],
    ['http://0x7f.1/', { host: '127.0.0.1' }],
    ['http://me:s%C3%A9@h/', { host: 'h', authorization: `Basic ${Buffer.from('me:sé').toString('base64')}` }],
    ['http://me%ff@h/', { authorization: `Basic ${Buffer.from('me%ff:').toString('base64')}` }],
  ])('%s', (text, parts) => {
    expect(webAddressOf(text)).toMatchObject(parts);
  });

  it('is nothing when it is no URL of the web', () => {
    expect(['ftp://h/', 'file:///etc/passwd', 'http://', 'x'].map((text) => webAddressOf(text))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('may be relative to another', () => {
    expect(webAddressOf('../b', 'http://h/x/y/a')?.url).toBe('http://h/x/b');
    expect(webAddressOf('//other/b', 'https://h/x')?.url).toBe('https://other/b');
  });

  it('is shown without what may be a secret', () => {
    expect(shownUrl('https://me:pass@h:8443/a%20b?token=5#x')).toBe('https://h:8443/a%20b');
  });
});

describe('[fault 27] web seeds of a link', () => {
  const choose = (linked: readonly string[], more: { trackerHosts?: string[]; allowLocal?: boolean } = {}) =>
    webSourcesOf({ typed: [], linked, trackerHosts: [], allowLocal: false, ...more });

  it('do not lead to this machine or link', () => {
    expect(choose(['http://127.0.0.1/', 'http://localhost:1/', 'http://[::1]/', 'http://169.254.169.254/x'])).toEqual(
      [],
    );
    expect(choose(['http://far/', 'http://10.0.0.1/'])).toEqual([
      { url: 'http://far/', nearest: 'private', isTyped: false },
      { url: 'http://10.0.0.1/', nearest: 'private', isTyped: false },
    ]);
  });

  it('do when the user says so, or uses a tracker there', () => {
    const url = 'http://127.0.0.1:8080/';
    expect(choose([url], { allowLocal: true })).toEqual([{ url, nearest: 'local', isTyped: false }]);
    expect(choose([url], { trackerHosts: ['127.0.0.1'] })).toEqual([{ url, nearest: 'local', isTyped: false }]);
    expect(choose([url], { trackerHosts: ['127.0.0.2'] })).toEqual([]);
  });

  it('are used as they are when the user typed them, and once', () => {
    const url = 'http://127.0.0.1:8080/';
    expect(webSourcesOf({ typed: [url, url], linked: [url], trackerHosts: [], allowLocal: false })).toEqual([
      { url, nearest: 'local', isTyped: true },
    ]);
  });
});
