import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { metainfoFixture } from '../common/fixtures/torrent-content.ts';
import { vectors } from '../common/fixtures/vectors.ts';
import { catalogueItem } from '../common/announce/catalogue-item.ts';
import { factLines } from './facts.ts';

const local = { host: '0.0.0.0', port: 7000 };

function factsOf(name: string, advertise?: string): Map<string, string> {
  const { info } = metainfoFixture(name);
  const held = Bitfield.full(info.geometry.pieceCount);
  const lines = factLines({
    info,
    held,
    local,
    advertise,
    trackers: ['udp://10.0.0.1:6969'],
    webSeeds: ['http://h/d/'],
  });
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]));
}

describe('facts', () => {
  it.each(['multi.v2', 'multi.hybrid', 'multi.v1', 's1572869.v2', 's1572869.hybrid', 's1572869.v1'])(
    '%s: has each hash under a name of its own, and all of them in the link',
    (name) => {
      const { btih, btmh } = vectors.torrents[`${name}.torrent`]!;
      const facts = factsOf(name);
      expect(facts.get('info hash')).toBe(btmh?.slice(4));
      expect(facts.get('info hash v1')).toBe(btih ?? undefined);
      const magnet = facts.get('magnet')!;
      expect(magnet.includes('urn:btih:')).toBe(btih !== null);
      expect(magnet.includes('urn:btmh:1220')).toBe(btmh !== null);
      expect(facts.get('get it with')).toBe(`node leecher.js '${magnet}'`);
    },
  );

  it('count the bytes of files and not of padding', () => {
    const sizeBytes = metainfoFixture('multi.v2').info.geometry.totalBytes;
    for (const name of ['multi.v2', 'multi.hybrid', 'multi.v1']) {
      expect(factsOf(name).get('size')).toBe(`${sizeBytes}`);
      expect(factsOf(name).get('files')).toBe('10');
      expect(catalogueItem(metainfoFixture(name).info)).toMatchObject({ sizeBytes, multiFile: true, name: 'multi' });
    }
    expect(factsOf('s1572869.v2').has('files')).toBe(false);
  });

  it('have the address that others are to use in the link', () => {
    const facts = factsOf('s1572869.v2', '10.1.2.3');
    expect(facts.get('listening')).toBe('10.1.2.3:7000');
    expect(facts.get('magnet')).toContain('x.pe=10.1.2.3:7000');
  });

  it('name the web servers that have it, in the link', () => {
    expect(factsOf('s1572869.v2').get('magnet')).toContain('&ws=http%3a%2f%2fh%2fd%2f');
  });
});
