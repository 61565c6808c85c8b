import { describe, expect, it } from 'vitest';
import { Bitfield } from '../base/bitfield.ts';
import { concatBytes, fromHex } from '../base/bytes.ts';
import { after, type PieceIndex } from '../base/ids.ts';
import {
  HANDSHAKE_BYTES,
  HANDSHAKE_TIMEOUT_MS,
  IDLE_TIMEOUT_MS,
  KEEP_ALIVE_MS,
  MAX_PEER_OFFENCES,
} from '../base/limits.ts';
import {
  GEOMETRY,
  handshakeOf,
  INFO,
  knownTorrent,
  messagesOf,
  OTHER_HASH,
  OUR_ID,
  PEER_ID,
  SessionProbe,
  START,
  WIRE_HASH,
} from '../fixtures/sessions.ts';
import { vectors } from '../fixtures/vectors.ts';
import { decodeExtendedHandshake } from '../wire/extended.ts';
import { encodeBare, encodeBitfield, encodeKeepAlive, HANDSHAKE_HEAD_BYTES, MESSAGE } from '../wire/peer-messages.ts';
import { Torrent } from './torrent.ts';

const FULL = { fast: true, extended: true };
const BARE = { fast: false, extended: false };
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('an accepted connection', () => {
  it('says nothing until it knows the torrent, then its whole handshake before the peer id has come', () => {
    const probe = new SessionProbe({ torrent: knownTorrent() });
    const theirs = handshakeOf(FULL);
    probe.session.start();
    probe.take(theirs.subarray(0, HANDSHAKE_HEAD_BYTES - 1));
    expect(probe.takeSent()).toHaveLength(0);
    probe.take(theirs.subarray(HANDSHAKE_HEAD_BYTES - 1, HANDSHAKE_HEAD_BYTES));
    expect(probe.takeSent()).toEqual(handshakeOf(FULL, WIRE_HASH, OUR_ID));
    expect(probe.session.isOpen).toBe(false);
    probe.take(theirs.subarray(HANDSHAKE_HEAD_BYTES));
    expect(probe.takeTold()).toEqual(['open']);
    expect(probe.session.remoteId).toEqual(PEER_ID);
  });

  it('is open after the handshake byte by byte, and reads what came right behind it', () => {
    const whole = concatBytes([handshakeOf(BARE), encodeBare(MESSAGE.interested)]);
    const slow = new SessionProbe({ torrent: knownTorrent() });
    for (const byte of whole) slow.take(Uint8Array.of(byte));
    const quick = new SessionProbe({ torrent: knownTorrent() });
    quick.take(whole);
    expect(slow.takeTold()).toEqual(['open', 'interestChanged true']);
    expect(quick.takeTold()).toEqual(['open', 'interestChanged true']);
    expect(quick.takeSent()).toEqual(slow.takeSent());
  });

  it('for a torrent that is not here is closed without a word', () => {
    const probe = new SessionProbe({ torrent: knownTorrent() });
    probe.take(handshakeOf(FULL, OTHER_HASH));
    expect(probe.takeTold()).toEqual(['closed unknown-torrent']);
    expect(probe.takeSent()).toHaveLength(0);
  });

  it.each([
    ['HTTP', ascii('GET / HTTP/1.1\r\n\r\n')],
    ['TLS', Uint8Array.of(0x16, 3, 1)],
    ['an encrypted handshake', Uint8Array.of(0x9c)],
    ['another protocol of the same name length', ascii('\u0013BitTorrent protocoL')],
  ])('[fault 28] with %s is closed at once and without a word', (_, bytes) => {
    const probe = new SessionProbe({ torrent: knownTorrent() });
    probe.take(bytes);
    expect(probe.takeTold()).toEqual(['closed not-bittorrent']);
    expect(probe.takeSent()).toHaveLength(0);
    probe.take(handshakeOf(FULL));
    expect(probe.takeTold()).toEqual([]);
  });

  it('[fault 28] whose handshake is trickled is closed after ten seconds', () => {
    const probe = new SessionProbe({ torrent: knownTorrent() });
    const theirs = handshakeOf(FULL);
    expect(probe.session.nextDue).toBe(after(START, HANDSHAKE_TIMEOUT_MS));
    for (let i = 0; i < 9; i++) {
      probe.now = after(START, i * 1000);
      probe.take(theirs.subarray(i, i + 1));
      probe.session.tick(probe.now);
    }
    expect(probe.session.isClosed).toBe(false);
    probe.session.tick(after(START, HANDSHAKE_TIMEOUT_MS));
    expect(probe.takeTold()).toEqual(['closed handshake-timeout']);
  });

  it('[fault 40] that offers to upgrade to v2 is answered as any other', () => {
    const probe = new SessionProbe({ torrent: knownTorrent() });
    const theirs = handshakeOf(BARE);
    theirs[27]! |= 0x10;
    probe.take(theirs);
    expect(probe.takeTold()).toEqual(['open']);
    expect(probe.takeSent()[27]! & 0x10).toBe(0);
  });
});

describe('a dialled connection', () => {
  it('speaks first, and is open when the other has answered', () => {
    const probe = new SessionProbe({ side: 'dialled', torrent: knownTorrent() });
    probe.session.start();
    expect(probe.takeSent()).toEqual(handshakeOf(FULL, WIRE_HASH, OUR_ID));
    probe.take(handshakeOf(FULL));
    expect(probe.takeTold()).toEqual(['open']);
  });

  it('that is answered for another torrent is closed', () => {
    const probe = new SessionProbe({ side: 'dialled', torrent: knownTorrent() });
    probe.session.start();
    probe.take(handshakeOf(FULL, OTHER_HASH));
    expect(probe.takeTold()).toEqual(['closed unknown-torrent']);
  });

  it('[fault 44] to ourselves is closed at either end', () => {
    for (const side of ['dialled', 'accepted'] as const) {
      const probe = new SessionProbe({ side, torrent: knownTorrent() });
      probe.take(handshakeOf(FULL, WIRE_HASH, OUR_ID));
      expect(probe.takeTold()).toEqual(['closed self']);
    }
  });
});

describe('the first messages', () => {
  const firstOf = (traits: { fast: boolean; extended: boolean }, torrent: Torrent) => {
    const probe = new SessionProbe({ torrent, isUploadOnly: () => true });
    probe.take(handshakeOf(traits));
    return messagesOf(probe.takeSent().subarray(HANDSHAKE_BYTES));
  };

  it('are the extended handshake and what we have', () => {
    const said = firstOf(FULL, knownTorrent());
    expect(said.map(({ name }) => name)).toEqual(['extended', 'haveAll']);
    expect(said[0]!.payload[0]).toBe(0);
    const handshake = decodeExtendedHandshake(said[0]!.payload.subarray(1));
    expect(handshake).toMatchObject({
      ok: true,
      value: { listenPort: 7001, metadataBytes: INFO.length, uploadOnly: true, requestQueue: 500 },
    });
  });

  it.each([
    ['all, to a peer without extensions', BARE, Bitfield.full(9), ['bitfield']],
    ['nothing, to a peer without extensions', BARE, new Bitfield(9), []],
    ['nothing, to a peer with fast only', { fast: true, extended: false }, new Bitfield(9), ['haveNone']],
  ])('of a peer that has %s', (_, traits, offered, expected) => {
    expect(firstOf(traits, knownTorrent(offered)).map(({ name }) => name)).toEqual(expected);
  });

  it('before the content is known name no size, and say that we have nothing', () => {
    const said = firstOf(FULL, new Torrent({ v2: WIRE_HASH }));
    expect(said.map(({ name }) => name)).toEqual(['extended', 'haveNone']);
    const handshake = decodeExtendedHandshake(said[0]!.payload.subarray(1));
    expect(handshake.ok && handshake.value.metadataBytes).toBe(undefined);
  });
});

describe('content that becomes known on the way', () => {
  function learning(says: Uint8Array): SessionProbe {
    const torrent = new Torrent({ v2: WIRE_HASH });
    const probe = SessionProbe.open(FULL, torrent);
    probe.take(says);
    expect(probe.session.pieces).toBeUndefined();
    expect(probe.takeTold()).toEqual([]);
    const offered = new Bitfield(GEOMETRY.pieceCount);
    offered.add(3 as PieceIndex);
    torrent.learn({ info: INFO, geometry: GEOMETRY, isPrivate: false }, offered);
    probe.session.contentLearned();
    return probe;
  }

  it('[fault 31] makes sense of the bitfield that came before it', () => {
    const probe = learning(encodeBitfield(Uint8Array.of(0b01000000, 0b10000000)));
    expect(probe.takeTold()).toEqual(['piecesChanged 1,8']);
  });

  it('[fault 31] shows that the bitfield that came before it cannot be', () => {
    const probe = learning(encodeBitfield(Uint8Array.of(0xff, 0xff)));
    expect(probe.takeTold()).toEqual(['closed bad-message']);
  });

  it('is told to the peer: the size of the dictionary, and each piece we have', () => {
    const probe = learning(encodeBare(MESSAGE.haveAll));
    const said = probe.takeSaid();
    expect(said.map(({ name }) => name)).toEqual(['extended', 'have']);
    const handshake = decodeExtendedHandshake(said[0]!.payload.subarray(1));
    expect(handshake.ok && handshake.value.metadataBytes).toBe(INFO.length);
    probe.session.contentLearned();
    expect(probe.takeSaid()).toEqual([]);
  });
});

describe('time', () => {
  it('without a word from us calls for a keep-alive', () => {
    const probe = SessionProbe.open(FULL);
    probe.session.tick(after(START, KEEP_ALIVE_MS - 1));
    expect(probe.takeSent()).toHaveLength(0);
    probe.session.tick(after(START, KEEP_ALIVE_MS));
    expect(probe.takeSent()).toEqual(encodeKeepAlive());
    probe.session.tick(after(START, KEEP_ALIVE_MS + 1));
    expect(probe.takeSent()).toHaveLength(0);
  });

  it('in which data was sent needs none', () => {
    const probe = SessionProbe.open(FULL);
    probe.session.noteSent(after(START, 30_000));
    probe.session.tick(after(START, KEEP_ALIVE_MS));
    expect(probe.takeSent()).toHaveLength(0);
    expect(probe.session.nextDue).toBe(after(START, 30_000 + KEEP_ALIVE_MS));
  });

  it('without a word from the peer ends the connection, and its keep-alives keep it', () => {
    const probe = SessionProbe.open(FULL);
    probe.now = after(START, 100_000);
    probe.take(encodeKeepAlive());
    probe.session.tick(after(START, IDLE_TIMEOUT_MS));
    expect(probe.session.isOpen).toBe(true);
    probe.session.tick(after(START, 100_000 + IDLE_TIMEOUT_MS));
    expect(probe.takeTold()).toEqual(['closed idle']);
  });
});

describe('the end', () => {
  it('is told once, and nothing is said or heard after it', () => {
    const probe = SessionProbe.open(FULL);
    probe.session.close('stopped');
    probe.session.close('idle');
    probe.session.say.unchoke();
    probe.take(encodeBare(MESSAGE.interested));
    probe.session.tick(after(START, 1e9));
    probe.session.contentLearned();
    expect(probe.takeTold()).toEqual(['closed stopped']);
    expect(probe.takeSent()).toHaveLength(0);
  });

  it('comes with one offence too many', () => {
    const probe = SessionProbe.open(FULL);
    for (let i = 0; i < MAX_PEER_OFFENCES; i++) expect(probe.session.offend()).toBe(true);
    expect(probe.session.offend()).toBe(false);
    expect(probe.takeTold()).toEqual(['closed offences']);
  });
});

it('the handshake of another implementation is taken', () => {
  const theirs = fromHex(vectors.wire['handshake_v2_only']!)!;
  const probe = new SessionProbe({ torrent: knownTorrent() });
  probe.take(concatBytes([theirs.subarray(0, 28), WIRE_HASH, theirs.subarray(48)]));
  expect(probe.takeTold()).toEqual(['open']);
  expect(probe.session.extensions.supported).toBe(true);
  expect(probe.session.say.fast).toBe(true);
});
