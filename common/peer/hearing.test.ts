import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bitfield } from '../base/bitfield.ts';
import { concatBytes, writeU32 } from '../base/bytes.ts';
import { after, type PieceIndex } from '../base/ids.ts';
import { MAX_PEER_OFFENCES, MIB } from '../base/limits.ts';
import { GEOMETRY, knownTorrent, SessionProbe, START, WIRE_HASH } from '../fixtures/sessions.ts';
import {
  encodeBare,
  encodeBitfield,
  encodeBlockHeader,
  encodeBlockRef,
  encodeHashes,
  encodeHashMessage,
  encodeHave,
  MESSAGE,
} from '../wire/peer-messages.ts';
import { Torrent } from './torrent.ts';

const FAST = { fast: true, extended: true };
const SLOW = { fast: false, extended: false };
const request = (piece: number, begin = 0, length = 16_384): Uint8Array =>
  encodeBlockRef(MESSAGE.request, piece, begin, length);
const block = (piece: number, begin: number, length: number): Uint8Array =>
  concatBytes([encodeBlockHeader(piece, begin, length), new Uint8Array(length)]);

/** A message of any id and length. */
function message(id: number, payloadBytes: number): Uint8Array {
  const bytes = new Uint8Array(5 + payloadBytes);
  writeU32(bytes, 0, 1 + payloadBytes);
  bytes[4] = id;
  return bytes;
}

describe('what the peer has', () => {
  it('may be said all at once, and again: aria2 repeats its bitfield', () => {
    const probe = SessionProbe.open(FAST);
    probe.take(encodeBitfield(Uint8Array.of(0b10000000, 0)));
    probe.take(encodeBitfield(Uint8Array.of(0b11000000, 0b10000000)));
    probe.take(encodeBare(MESSAGE.haveAll));
    probe.take(encodeBare(MESSAGE.haveNone));
    expect(probe.takeTold()).toEqual([
      'piecesChanged 0',
      'piecesChanged 0,1,8',
      'piecesChanged 0,1,2,3,4,5,6,7,8',
      'piecesChanged ',
    ]);
  });

  it('grows by haves, and a have of a known piece is no news', () => {
    const probe = SessionProbe.open(FAST);
    for (const piece of [8, 8, 0]) probe.take(encodeHave(piece));
    expect(probe.takeTold()).toEqual(['have 8', 'have 0']);
  });

  it.each([
    ['[fault 31] a bitfield that is too short', encodeBitfield(Uint8Array.of(0))],
    ['[fault 31] a bitfield that is too long', encodeBitfield(new Uint8Array(3))],
    ['[fault 31] a bitfield with a spare bit', encodeBitfield(Uint8Array.of(0, 0b01000000))],
    ['[fault 31] a have out of range', encodeHave(9)],
    ['[fault 31] a have of a negative piece', encodeHave(0xffffffff)],
  ])('%s ends the connection', (_, bytes) => {
    const probe = SessionProbe.open(FAST);
    probe.take(bytes);
    expect(probe.takeTold()).toEqual(['closed bad-message']);
  });
});

describe('a message that cannot be', () => {
  const ids = Object.values(MESSAGE).filter((id) => id !== MESSAGE.extended && id !== MESSAGE.hashes);
  it.each(ids)('[fault 30] with id %d and a wrong length ends the connection', (id) => {
    for (const payloadBytes of [0, 1, 2, 3, 4, 11, 12, 13, 47, 49, 200_000]) {
      const probe = SessionProbe.open(FAST);
      probe.take(message(id, payloadBytes));
      const wasTaken = probe.session.isOpen;
      const right = { 0: 0, 1: 0, 2: 0, 3: 0, 4: 4, 5: 2, 6: 12, 8: 12, 9: 2, 13: 4, 14: 0, 15: 0, 16: 12, 17: 4 };
      const isRight = payloadBytes === (right as Record<number, number>)[id];
      const isBlock = id === MESSAGE.piece && payloadBytes > 8 && payloadBytes < 16_384;
      expect(wasTaken).toBe(isRight || isBlock);
      if (!wasTaken) expect(probe.takeTold()).toEqual(['closed bad-message']);
    }
  });

  it.each([
    ['[fault 29] of 4 GiB', Uint8Array.of(0xff, 0xff, 0xff, 0xff, MESSAGE.piece)],
    ['[fault 29] of more than 1 MiB', message(MESSAGE.extended, MIB)],
    ['[fault 29] of a block of more than 16 KiB', block(0, 0, 16_385)],
    ['[fault 41] of an extended handshake of 10 MB', message(MESSAGE.extended, 10_000_000)],
    ['[fault 39] of hashes that are no whole number of hashes', message(MESSAGE.hashes, 48 + 31)],
    ['[fault 39] of more hashes than were asked for', message(MESSAGE.hashes, 48 + 32 * 512)],
  ])('%s ends the connection', (_, bytes) => {
    const probe = SessionProbe.open(FAST);
    probe.take(bytes);
    expect(probe.takeTold()).toEqual(['closed bad-message']);
  });

  it('[fault 41] with a nested or broken extended handshake is ignored, and counted', () => {
    for (const text of ['l'.repeat(1000) + 'e'.repeat(1000), 'd1:md', 'i1e', '']) {
      const payload = new TextEncoder().encode(`\0${text}`);
      const bytes = message(MESSAGE.extended, payload.length);
      bytes.set(payload, 5);
      const probe = SessionProbe.open(FAST);
      for (let i = 0; i < MAX_PEER_OFFENCES; i++) probe.take(bytes);
      expect(probe.takeTold()).toEqual([]);
      probe.take(bytes);
      expect(probe.takeTold()).toEqual(['closed offences']);
    }
  });

  it('[fault 30] with an id that nobody knows is ignored at a sane length only', () => {
    const probe = SessionProbe.open(FAST);
    for (const id of [10, 11, 12, 18, 24, 99, 255]) probe.take(message(id, 1_000));
    for (const id of [MESSAGE.port, MESSAGE.suggest, MESSAGE.allowedFast]) {
      probe.take(message(id, id === MESSAGE.port ? 2 : 4));
    }
    expect(probe.takeTold()).toEqual([]);
    expect(probe.takeSaid()).toEqual([]);
    probe.take(message(99, 1_024));
    expect(probe.takeTold()).toEqual(['closed bad-message']);
  });

  it('[fault 28] made of random bytes never throws', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }), fc.boolean(), (parts, known) => {
        const probe = SessionProbe.open(FAST, known ? knownTorrent() : new Torrent({ v2: WIRE_HASH }));
        for (const part of parts) probe.take(part);
        expect(probe.told.filter((line) => line.startsWith('closed')).length).toBe(probe.session.isClosed ? 1 : 0);
      }),
    );
  });

  it('[fault 28] made of plausible messages with random content never throws', () => {
    const anyMessage = fc
      .tuple(fc.constantFrom(...Object.values(MESSAGE), 99), fc.uint8Array({ maxLength: 120 }))
      .map(([id, body]) => {
        const bytes = message(id, body.length);
        bytes.set(body, 5);
        return bytes;
      });
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 30 }), (messages) => {
        const probe = SessionProbe.open(FAST);
        for (const bytes of messages) probe.take(bytes);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a request of the peer', () => {
  const unchoked = (traits = FAST): SessionProbe => {
    const probe = SessionProbe.open(traits);
    probe.session.say.unchoke();
    probe.takeSent();
    return probe;
  };

  it('that is fine is told', () => {
    const probe = unchoked();
    probe.take(request(8, 16_384, 16_384));
    expect(probe.takeTold()).toEqual(['requested 8 16384 16384']);
    expect(probe.takeSaid()).toEqual([]);
  });

  it('that is cancelled is told', () => {
    const probe = unchoked();
    probe.take(encodeBlockRef(MESSAGE.cancel, 8, 0, 16_384));
    expect(probe.takeTold()).toEqual(['requestCancelled 8 0 16384']);
  });

  it.each([
    ['out of range', 9, 0, 16_384],
    ['of a negative piece', 0xffffffff, 0, 16_384],
    ['of no length', 0, 0, 0],
    ['of more than 16 KiB', 0, 0, 16_385],
    ['across the end of a piece', 0, 65_535, 2],
  ])('[fault 32] %s is rejected, and the connection closed after fifty', (_, piece, begin, length) => {
    const probe = unchoked();
    for (let i = 0; i < MAX_PEER_OFFENCES; i++) probe.take(request(piece, begin, length));
    const said = probe.takeSaid();
    expect(said).toHaveLength(MAX_PEER_OFFENCES);
    expect(said[0]).toEqual({ name: 'reject', payload: request(piece, begin, length).subarray(5) });
    expect(probe.takeTold()).toEqual([]);
    probe.take(request(piece, begin, length));
    expect(probe.takeTold()).toEqual(['closed offences']);
  });

  it('[fault 32] for a piece that is not offered is rejected', () => {
    const probe = SessionProbe.open(FAST, knownTorrent(new Bitfield(GEOMETRY.pieceCount)));
    probe.session.say.unchoke();
    probe.takeSent();
    probe.take(request(0));
    expect(probe.takeSaid().map(({ name }) => name)).toEqual(['reject']);
  });

  it('[fault 32] while choked is rejected, and the connection closed after fifty, from its very start', () => {
    const probe = SessionProbe.open(FAST);
    for (let i = 0; i < MAX_PEER_OFFENCES; i++) probe.take(request(0, i));
    expect(probe.takeSaid().every(({ name }) => name === 'reject')).toBe(true);
    expect(probe.session.isOpen).toBe(true);
    probe.take(request(0));
    expect(probe.takeTold()).toEqual(['closed offences']);
  });

  it('[fault 32] that crossed our choke on the way is rejected and forgiven, for a while', () => {
    const probe = unchoked();
    probe.session.say.choke(START);
    probe.takeSent();
    for (let i = 0; i < 200; i++) probe.take(request(0, i));
    expect(probe.takeSaid()).toHaveLength(200);
    probe.now = after(START, 10_000);
    for (let i = 0; i <= MAX_PEER_OFFENCES; i++) probe.take(request(0, i));
    expect(probe.takeTold()).toEqual(['closed offences']);
  });

  it('[fault 32] without the fast extension that cannot be met gets no answer at all', () => {
    const probe = SessionProbe.open(SLOW);
    for (let i = 0; i < 10; i++) probe.take(request(9));
    probe.take(request(0));
    expect(probe.takeSaid()).toEqual([]);
    expect(probe.session.isOpen).toBe(true);
  });
});

describe('a block', () => {
  function asking(): SessionProbe {
    const probe = SessionProbe.open(FAST);
    probe.session.say.request({ piece: 2, begin: 16_384, length: 100 });
    return probe;
  }

  it('that was asked for is passed on', () => {
    const probe = asking();
    const bytes = block(2, 16_384, 100);
    probe.take(bytes.subarray(0, 53));
    probe.take(bytes.subarray(53));
    expect(probe.takeTold()).toEqual(['blockData 2 16384 0 40', 'blockData 2 16384 40 60', 'block 2 16384 100']);
  });

  it.each([
    ['of another piece', block(3, 16_384, 100)],
    ['of another place', block(2, 0, 100)],
    ['that is shorter than asked', block(2, 16_384, 99)],
    ['that is longer than asked', block(2, 16_384, 101)],
    ['past the end of everything', block(0xffffffff, 0xffffffff, 100)],
    ['whose numbers add up to the same place', block(1, 16_384 + 2 ** 27, 100)],
  ])('[fault 34] %s is dropped, and the connection closed after fifty', (_, bytes) => {
    const probe = asking();
    for (let i = 0; i < MAX_PEER_OFFENCES; i++) probe.take(bytes);
    expect(probe.takeTold()).toEqual([]);
    probe.take(bytes);
    expect(probe.takeTold()).toEqual(['closed offences']);
  });

  it('[fault 34] that comes twice is taken once', () => {
    const probe = asking();
    probe.take(concatBytes([block(2, 16_384, 100), block(2, 16_384, 100)]));
    expect(probe.takeTold()).toEqual(['blockData 2 16384 0 100', 'block 2 16384 100']);
  });

  it('whose taker closes the connection on it is the last thing that is told', () => {
    const probe = asking();
    probe.onEvent = (name) => {
      if (name === 'blockData') probe.session.close('stopped');
    };
    probe.take(concatBytes([block(2, 16_384, 100), encodeHave(1)]));
    expect(probe.takeTold()).toEqual(['closed stopped', 'blockData 2 16384 0 100']);
  });

  it('that is refused is told once', () => {
    const probe = asking();
    const reject = encodeBlockRef(MESSAGE.reject, 2, 16_384, 100);
    probe.take(concatBytes([encodeBlockRef(MESSAGE.reject, 2, 16_384, 99), reject, reject]));
    expect(probe.takeTold()).toEqual(['rejected 2 16384 100']);
  });
});

describe('a choke', () => {
  function asking(traits: typeof FAST): SessionProbe {
    const probe = SessionProbe.open(traits);
    probe.take(encodeBare(MESSAGE.unchoke));
    for (const begin of [0, 16_384]) probe.session.say.request({ piece: 2, begin, length: 16_384 });
    probe.session.say.cancel({ piece: 2, begin: 16_384, length: 16_384 });
    probe.takeTold();
    probe.take(encodeBare(MESSAGE.choke));
    return probe;
  }

  it('without the fast extension refuses all that is open', () => {
    const probe = asking(SLOW);
    expect(probe.session.remoteIsChoking).toBe(true);
    expect(probe.takeTold()).toEqual(['choked', 'rejected 2 0 16384']);
  });

  it('with it leaves that to the rejects that follow', () => {
    const probe = asking(FAST);
    expect(probe.takeTold()).toEqual(['choked']);
    probe.take(block(2, 0, 16_384));
    expect(probe.takeTold().at(-1)).toBe('block 2 0 16384');
  });
});

describe('hashes', () => {
  const asked = { root: new Uint8Array(32).fill(5), baseLayer: 2, index: 0, length: 4, proofLayers: 1 };

  it('that were asked for are passed on, and so is their reject', () => {
    const probe = SessionProbe.open(FAST);
    probe.session.say.requestHashes(asked);
    probe.session.say.requestHashes({ ...asked, index: 4 });
    probe.take(encodeHashes(asked, new Uint8Array(4 * 32)));
    probe.take(encodeHashMessage(MESSAGE.hashReject, { ...asked, index: 4 }));
    expect(probe.takeTold()).toEqual(['hashes 0 128', 'hashesRejected 4']);
  });

  it('[fault 39] that nobody asked for are dropped, and the connection closed after fifty', () => {
    const probe = SessionProbe.open(FAST);
    probe.session.say.requestHashes(asked);
    const unasked = [
      encodeHashes({ ...asked, index: 4 }, new Uint8Array(4 * 32)),
      encodeHashes({ ...asked, root: new Uint8Array(32) }, new Uint8Array(4 * 32)),
      encodeHashMessage(MESSAGE.hashReject, { ...asked, length: 8 }),
    ];
    for (let i = 0; i < MAX_PEER_OFFENCES; i++) probe.take(unasked[i % 3]!);
    expect(probe.takeTold()).toEqual([]);
    probe.take(unasked[0]!);
    expect(probe.takeTold()).toEqual(['closed offences']);
  });

  it('that are asked of us are told, choked or not', () => {
    const probe = SessionProbe.open(FAST);
    probe.take(encodeHashMessage(MESSAGE.hashRequest, { ...asked, index: 0xffffffff }));
    expect(probe.takeTold()).toEqual(['hashesRequested 4294967295 4']);
  });
});

it('interest and choking are told as they change', () => {
  const probe = SessionProbe.open(FAST);
  for (const id of [MESSAGE.interested, MESSAGE.notInterested, MESSAGE.unchoke, MESSAGE.choke]) {
    probe.take(encodeBare(id));
  }
  expect(probe.takeTold()).toEqual(['interestChanged true', 'interestChanged false', 'unchoked', 'choked']);
});

describe('a piece that is on its way to the peer', () => {
  const extended = (id: number, piece: number, more = 0): Uint8Array => {
    const bytes = message(MESSAGE.extended, 5 + more);
    bytes[5] = id;
    writeU32(bytes, 6, piece);
    return bytes;
  };
  const [lost, coming, parts] = [7, 8, 9].map((id) => (piece: number, more?: number) => extended(id, piece, more));

  it('can be had like any other; once it is there, that is told apart', () => {
    const probe = SessionProbe.open(FAST);
    for (const bytes of [coming!(3), coming!(3), encodeHave(4), coming!(4)]) probe.take(bytes);
    expect([...probe.session.pieces!]).toEqual([3, 4]);
    expect([3, 4].map((piece) => probe.session.isComing(piece as PieceIndex))).toEqual([true, false]);
    for (const bytes of [encodeHave(3), encodeHave(3)]) probe.take(bytes);
    expect(probe.takeTold()).toEqual(['coming 3', 'have 4', 'have 3 was coming']);
    expect(probe.session.isComing(3 as PieceIndex)).toBe(false);
  });

  it('and does not come is gone, as is one that it had (BEP 54)', () => {
    const probe = SessionProbe.open(FAST);
    for (const bytes of [coming!(3), encodeHave(4), lost!(3), lost!(4), coming!(4)]) probe.take(bytes);
    expect(probe.takeTold()).toEqual(['coming 3', 'have 4', 'piecesChanged 4', 'piecesChanged ', 'coming 4']);
  });

  it('makes no seed of it before it is there', () => {
    const probe = SessionProbe.open(FAST);
    for (let piece = 0; piece < GEOMETRY.pieceCount - 1; piece++) probe.take(encodeHave(piece));
    probe.take(coming!(8));
    expect([probe.session.pieces!.isFull, probe.session.remoteIsSeed]).toEqual([true, false]);
    probe.take(encodeHave(8));
    expect(probe.session.remoteIsSeed).toBe(true);
  });

  it('[fault 31] that cannot be is an offence', () => {
    const probe = SessionProbe.open(FAST);
    for (const bytes of [coming!(9), coming!(0xffffffff), lost!(9)]) probe.take(bytes);
    for (let i = 3; i < MAX_PEER_OFFENCES; i++) probe.take(extended(8, 0, 1));
    expect(probe.takeTold()).toEqual([]);
    probe.take(coming!(9));
    expect(probe.takeTold()).toEqual(['closed offences']);
  });

  it('[fault 39] may have hashes of any kind: who fetches it judges them', () => {
    const probe = SessionProbe.open(FAST);
    for (const bytes of [parts!(3, 64), parts!(0xffffffff, 2_048), parts!(3, 96)]) probe.take(bytes);
    expect(probe.takeTold()).toEqual(['parts 3 64', 'parts 4294967295 2048']);
  });
});
