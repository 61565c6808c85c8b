import { describe, expect, it } from 'vitest';
import { instant } from '../common/base/ids.ts';
import { MAX_KNOWN_ENDPOINTS } from '../common/base/limits.ts';
import { FakePeer } from '../common/fixtures/fake-peer.ts';
import { failures, SourceBook } from './source-book.ts';

const at = instant;

describe('source book', () => {
  it('counts the time a source was connected, over all its connections and up to now', () => {
    const book = new SourceBook();
    const [first, second] = [new FakePeer(1), Object.assign(new FakePeer(2), { endpoint: new FakePeer(1).endpoint })];
    book.arrived(first, at(1_000));
    book.left(first, 'reset', at(3_000));
    book.arrived(second, at(10_000));
    book.entryOf(second).receivedBytes = 1;
    expect(book.report([second], at(10_500)).map(({ connectedMs }) => connectedMs)).toEqual([2_500]);
    expect(book.report([second], at(11_000)).map(({ connectedMs }) => connectedMs)).toEqual([3_000]);
    book.left(second, 'ended', at(11_500));
    expect(book.entryOf(first)).toMatchObject({ endpoint: '10.0.0.1:7000', connectedMs: 3_500, leftBecause: 'ended' });
  });

  it('a source that is back has not left', () => {
    const book = new SourceBook();
    const peer = new FakePeer(1);
    book.arrived(peer, at(0));
    book.left(peer, 'reset', at(1));
    book.arrived(peer, at(2));
    expect(book.entryOf(peer).leftBecause).toBeUndefined();
  });

  it('reports whoever gave bytes or failed, most verified bytes first', () => {
    const book = new SourceBook();
    const peers = [1, 2, 3, 4].map((id) => new FakePeer(id));
    for (const peer of peers) book.arrived(peer, at(0));
    book.entryOf(peers[0]!).receivedBytes = 5;
    book.entryOf(peers[1]!).failed.stalled++;
    Object.assign(book.entryOf(peers[3]!), { receivedBytes: 9, bytes: 9 });
    const report = book.report(peers, at(1));
    expect(report.map(({ endpoint }) => endpoint)).toEqual(['10.0.0.4:7000', '10.0.0.1:7000', '10.0.0.2:7000']);
    expect(report.map(failures)).toEqual([0, 0, 1]);
  });

  it('[fault 36] all lied when every source did; who never gave anything is none', () => {
    const book = new SourceBook();
    const [liar, other, idle] = [new FakePeer(1), new FakePeer(2), new FakePeer(3)];
    for (const peer of [liar, other, idle]) book.arrived(peer, at(0));
    expect(book.areAllBanned).toBe(false);
    book.entryOf(liar).failed.corrupt = 2;
    book.left(liar, 'banned', at(1));
    expect(book.areAllBanned).toBe(true);
    book.entryOf(other).receivedBytes = 1;
    expect(book.areAllBanned).toBe(false);
    book.entryOf(other).isBanned = true;
    expect(book.areAllBanned).toBe(true);
  });

  it('remembers no more endpoints than its bound, and goes on', () => {
    const book = new SourceBook();
    for (let port = 1; port <= MAX_KNOWN_ENDPOINTS + 5; port++) {
      const peer = Object.assign(new FakePeer(port), { endpoint: { host: '10.0.0.1', port } });
      book.arrived(peer, at(0));
      book.entryOf(peer).receivedBytes = 1;
      book.left(peer, 'ended', at(1));
    }
    expect(book.report([], at(2))).toHaveLength(MAX_KNOWN_ENDPOINTS);
  });
});
