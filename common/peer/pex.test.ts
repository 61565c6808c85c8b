import { describe, expect, it } from 'vitest';
import { after, endpointText, type Endpoint, instant } from '../base/ids.ts';
import { MAX_PEX_CONTACTS, MAX_PEX_TAKEN, PEX_INTERVAL_MS, PEX_LEAST_INTERVAL_MS } from '../base/limits.ts';
import type { PexContact, PexMessage } from '../wire/pex.ts';
import { isPlausible, PexTalk } from './pex.ts';

const START = instant(5_000);
const OWN = { host: '10.0.0.1', port: 7001 };
const at = (n: number): Endpoint => ({ host: `10.0.${n >> 8}.${n & 255}`, port: 7001 });
const contacts = (...numbers: number[]): PexContact[] => numbers.map((n) => ({ endpoint: at(n), flags: 0 }));
const hosts = (list: readonly PexContact[] = []): string[] => list.map(({ endpoint }) => endpointText(endpoint));
const anyone = (): boolean => true;
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 2);

describe('what a peer is told', () => {
  it('is all at first, then what changed, no more than once a minute', () => {
    const talk = new PexTalk();
    expect(hosts(talk.next(contacts(2, 3), START, anyone)?.added)).toEqual(['10.0.0.2:7001', '10.0.0.3:7001']);
    expect(talk.next(contacts(3, 4), after(START, PEX_INTERVAL_MS - 1), anyone)).toBeUndefined();
    const news = talk.next(contacts(3, 4), after(START, PEX_INTERVAL_MS), anyone);
    expect(hosts(news?.added)).toEqual(['10.0.0.4:7001']);
    expect(news?.dropped).toEqual([at(2)]);
  });

  it('is nothing when there is no news, and then at once when there is', () => {
    const talk = new PexTalk();
    expect(talk.next([], START, anyone)).toBeUndefined();
    expect(talk.next(contacts(2), after(START, 1), anyone)?.added).toHaveLength(1);
    expect(talk.next(contacts(2), after(START, 10 * PEX_INTERVAL_MS), anyone)).toBeUndefined();
    expect(talk.next(contacts(2, 3), after(START, 10 * PEX_INTERVAL_MS + 1), anyone)?.added).toHaveLength(1);
  });

  it('is nothing of those who do not suit, until they do', () => {
    const talk = new PexTalk();
    const isThird = ({ host }: Endpoint): boolean => host === at(3).host;
    expect(hosts(talk.next(contacts(2, 3), START, isThird)?.added)).toEqual(['10.0.0.3:7001']);
    expect(hosts(talk.next(contacts(2, 3), after(START, PEX_INTERVAL_MS), anyone)?.added)).toEqual(['10.0.0.2:7001']);
  });

  it('is at most fifty met and fifty lost; the rest comes a minute later', () => {
    const talk = new PexTalk();
    let now = START;
    for (const count of [MAX_PEX_CONTACTS, MAX_PEX_CONTACTS, 20]) {
      expect(talk.next(contacts(...range(120)), now, anyone)?.added).toHaveLength(count);
      now = after(now, PEX_INTERVAL_MS);
    }
    for (const count of [MAX_PEX_CONTACTS, MAX_PEX_CONTACTS, 20]) {
      expect(talk.next([], now, anyone)?.dropped).toHaveLength(count);
      now = after(now, PEX_INTERVAL_MS);
    }
  });
});

describe('what a peer tells', () => {
  const take = (message: PexMessage, talk = new PexTalk(), now = START): string[] =>
    hosts(talk.take(message, { now, from: '10.0.0.9', own: OWN }));

  it('is taken once each, without ourselves and what cannot be', () => {
    const added = [...contacts(2, 3, 2, 1), { endpoint: { host: '10.0.0.4', port: 0 }, flags: 0 }];
    expect(take({ added, dropped: [] })).toEqual(['10.0.0.2:7001', '10.0.0.3:7001']);
  });

  it('is taken up to a limit', () => {
    expect(take({ added: contacts(...range(1_000)), dropped: [] })).toHaveLength(MAX_PEX_TAKEN);
  });

  it('too often is not listened to', () => {
    const talk = new PexTalk();
    const message = { added: contacts(2), dropped: [] };
    expect(take(message, talk)).toHaveLength(1);
    expect(take(message, talk, after(START, PEX_LEAST_INTERVAL_MS - 1))).toEqual([]);
    expect(take(message, talk, after(START, PEX_LEAST_INTERVAL_MS))).toHaveLength(1);
  });
});

describe('an address of hearsay', () => {
  it.each([
    ['192.168.1.7', true],
    ['8.8.8.8', true],
    ['fd00::1', true],
    ['2001:db8::1', true],
    ['127.0.0.1', false],
    ['127.9.9.9', false],
    ['::1', false],
    ['0.0.0.0', false],
    ['0.1.2.3', false],
    ['::', false],
    ['224.0.0.1', false],
    ['239.1.2.3', false],
    ['255.255.255.255', false],
    ['ff02::1', false],
    ['fe80::1', false],
    ['no address', false],
  ])('%s from a peer elsewhere: %s', (host, expected) => {
    expect(isPlausible({ host, port: 1 }, '10.0.0.9')).toBe(expected);
  });

  it('of this machine is believed from this machine', () => {
    expect(isPlausible({ host: '127.0.0.2', port: 1 }, '127.0.0.1')).toBe(true);
    expect(isPlausible({ host: '::1', port: 1 }, '127.0.0.1')).toBe(true);
  });

  it('without a port is none', () => {
    expect(isPlausible({ host: '8.8.8.8', port: 0 }, '10.0.0.9')).toBe(false);
  });
});
