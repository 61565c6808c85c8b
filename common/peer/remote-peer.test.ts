import { describe, expect, it } from 'vitest';
import { Bitfield } from '../base/bitfield.ts';
import type { PieceIndex } from '../base/ids.ts';
import { BLOCK_BYTES, DEFAULT_REQUEST_QUEUE, MAX_ENDPOINTS_PER_PEER, MAX_OUTSTANDING_BYTES } from '../base/limits.ts';
import { SessionProbe } from '../fixtures/sessions.ts';
import { encodeBare, MESSAGE } from '../wire/peer-messages.ts';
import { MetadataExchange } from './metadata-exchange.ts';
import { RemotePeer } from './remote-peer.ts';

const REMOTE = { host: '10.0.0.9', port: 50_000 };
const at = (port: number) => ({ host: '10.0.0.9', port });

function remotePeer(dialled?: { host: string; port: number }) {
  const probe = SessionProbe.open({ fast: true, extended: true });
  const { session } = probe;
  const metadata = new MetadataExchange({
    extensions: session.extensions,
    say: session.say,
    info: () => undefined,
    isCongested: () => false,
    onData: () => undefined,
    onRejected: () => undefined,
    offend: () => undefined,
  });
  return { probe, peer: new RemotePeer({ id: 1, session, metadata, dialled, line: { remote: REMOTE } }) };
}

describe('where a peer is', () => {
  it('is where it was dialled, and other places are remembered besides', () => {
    const { peer } = remotePeer(at(1));
    expect(peer.learnEndpoint(at(2))).toBe(true);
    expect(peer.endpoint).toEqual(at(1));
    expect(peer.endpoints).toEqual([at(1), at(2)]);
    expect([peer.isAt(at(2)), peer.isAt(at(3))]).toEqual([true, false]);
  });

  it('is where it called from, until it says where it listens', () => {
    const { peer } = remotePeer();
    expect([peer.endpoint, peer.endpoints, peer.isAt(REMOTE)]).toEqual([REMOTE, [], false]);
    peer.learnEndpoint(at(6881));
    expect([peer.endpoint, peer.endpoints]).toEqual([at(6881), [at(6881)]]);
  });

  it('is remembered for a few places only', () => {
    const { peer } = remotePeer(at(1));
    for (let port = 1; port <= MAX_ENDPOINTS_PER_PEER; port++) expect(peer.learnEndpoint(at(port))).toBe(true);
    expect(peer.learnEndpoint(at(99))).toBe(false);
    expect(peer.learnEndpoint(at(1))).toBe(true);
    expect(peer.endpoints).toHaveLength(MAX_ENDPOINTS_PER_PEER);
  });
});

describe('what a peer can take', () => {
  it('is a number of requests and of bytes, less what is open', () => {
    const { peer, probe } = remotePeer();
    expect([peer.roomForRequests, peer.roomForBytes]).toEqual([DEFAULT_REQUEST_QUEUE, MAX_OUTSTANDING_BYTES]);
    peer.request(2 as PieceIndex, 0, BLOCK_BYTES);
    expect([peer.roomForRequests, peer.roomForBytes]).toEqual([
      DEFAULT_REQUEST_QUEUE - 1,
      MAX_OUTSTANDING_BYTES - BLOCK_BYTES,
    ]);
    peer.cancel(2 as PieceIndex, 0, BLOCK_BYTES);
    expect(peer.roomForBytes).toBe(MAX_OUTSTANDING_BYTES);
    expect(probe.takeSaid().map(({ name }) => name)).toEqual(['request', 'cancel']);
  });

  it('is never less than nothing', () => {
    const { peer } = remotePeer();
    for (let piece = 0; piece < 300; piece++) peer.request(piece as PieceIndex, 0, 65_536);
    expect([peer.roomForRequests, peer.roomForBytes]).toEqual([0, 0]);
  });

  it('is known from what it says', () => {
    const { peer, probe } = remotePeer();
    expect([peer.blockBytes, peer.metadataBytes, peer.isChokingUs]).toEqual([BLOCK_BYTES, undefined, true]);
    probe.take(encodeBare(MESSAGE.unchoke));
    probe.take(encodeBare(MESSAGE.haveAll));
    expect(peer.isChokingUs).toBe(false);
    expect(peer.pieces).toEqual(Bitfield.full(9));
    expect(peer.client).toBe('-LT2080-');
  });
});

it('what is asked of a peer goes over its session', () => {
  const { peer, probe } = remotePeer();
  peer.setInterested(true);
  peer.requestHashes({ root: new Uint8Array(32), baseLayer: 2, index: 0, length: 2, proofLayers: 1 });
  peer.requestMetadata(0);
  peer.close('banned');
  expect(probe.takeSaid().map(({ name }) => name)).toEqual(['interested', 'hashRequest']);
  expect(probe.takeTold()).toEqual(['closed banned']);
});
