import { describe, expect, it } from 'vitest';
import { parsePeer, typedPeers } from './peer-option.ts';

describe('a peer of the command line', () => {
  it.each([
    ['10.0.0.7:7000', { host: '10.0.0.7', port: 7000 }],
    ['[fd00::7]:1', { host: 'fd00::7', port: 1 }],
    ['seeder.example:65535', { host: 'seeder.example', port: 65_535 }],
  ])('is %s', (text, expected) => {
    expect(parsePeer(text)).toEqual(expected);
  });

  it.each([
    '',
    '10.0.0.7',
    ':7000',
    '10.0.0.7:0',
    '10.0.0.7:65536',
    'fd00::7:1',
    'http://a:1',
    'a b:1',
    '[::1]',
    'a:-1',
  ])('is not %s', (text) => {
    expect(parsePeer(text)).toBeUndefined();
  });
});

describe('peers of the command line', () => {
  it('are all addresses of each', async () => {
    const resolver = { resolve: async (host: string) => (host === 'two' ? ['10.0.0.1', 'fd00::1'] : [host]) };
    expect(await typedPeers(['two:7', '10.0.0.9:8'], resolver)).toEqual([
      { host: '10.0.0.1', port: 7 },
      { host: 'fd00::1', port: 7 },
      { host: '10.0.0.9', port: 8 },
    ]);
  });
});
