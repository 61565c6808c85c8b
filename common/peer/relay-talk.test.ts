import { describe, expect, it } from 'vitest';
import { Bitfield } from '../base/bitfield.ts';
import { concatBytes, utf8 } from '../base/bytes.ts';
import { pieceIndex, type WireHash } from '../base/ids.ts';
import { MAX_COMING_PIECES } from '../base/limits.ts';
import { GEOMETRY, INFO, knownTorrent, SessionProbe, type Said } from '../fixtures/sessions.ts';
import { encodeExtended, encodeHave } from '../wire/peer-messages.ts';
import { RelayTalk } from './relay-talk.ts';
import { Torrent } from './torrent.ts';

const FAST = { fast: true, extended: true };
const IDS = '11:lt_donthavei21e9:tk_comingi22e8:tk_partsi23e';
const [ONE, TWO] = [pieceIndex(1), pieceIndex(2)];
const hello = (text: string): Uint8Array => encodeExtended(0, utf8(text));
const said = ({ name, payload }: Said): string => `${name} ${[...payload].join(' ')}`;

/** What is said to a peer that said this of itself. */
function setUp(extended: string, torrent = knownTorrent(new Bitfield(GEOMETRY.pieceCount))) {
  const probe = SessionProbe.open(FAST, torrent);
  probe.take(hello(extended));
  const coming = new Set<number>();
  const rejected: number[] = [];
  const talk = new RelayTalk({
    session: probe.session,
    isComing: (piece) => coming.has(piece),
    reject: (piece) => rejected.push(piece),
  });
  return { probe, talk, coming, rejected, heard: (): string[] => probe.takeSaid().map(said) };
}

describe('what a peer is told of pieces on their way to us', () => {
  it('is under its own numbers: that one comes, what its parts hash to, and that it does not come after all', () => {
    const { talk, coming, rejected, heard } = setUp(`d1:md${IDS}ee`);
    coming.add(ONE);
    talk.tell(ONE);
    expect(talk.offerOf(ONE)).toBe('offered');
    talk.explain(ONE, Uint8Array.of(7, 8, 9));
    coming.delete(ONE);
    talk.takeBack(ONE);
    expect(heard()).toEqual(['extended 22 0 0 0 1', 'extended 23 0 0 0 1 7 8 9', 'extended 21 0 0 0 1']);
    expect(rejected).toEqual([1]);
    expect(talk.offerOf(ONE)).toBe('withdrawn');
  });

  it.each([
    ['that does not speak of that', 'd1:mdee'],
    ['that takes no word of what is lost', 'd1:md9:tk_comingi22e8:tk_partsi23eee'],
    ['that takes no hashes', 'd1:md11:lt_donthavei21e9:tk_comingi22eee'],
    ['that wants nothing', `d1:md${IDS}e11:upload_onlyi1ee`],
  ])('is nothing to one %s', (_, extended) => {
    const { talk, coming, heard } = setUp(extended);
    coming.add(ONE);
    talk.tell(ONE);
    talk.takeBack(ONE);
    expect([talk.wants(ONE), talk.needsHashes(ONE), talk.offerOf(ONE)]).toEqual([false, false, 'none']);
    expect(heard()).toEqual([]);
  });

  it('is nothing of a piece that it has, or that is on its way to it too', () => {
    const { talk, probe, heard } = setUp(`d1:md${IDS}ee`);
    probe.take(encodeHave(1));
    probe.take(encodeExtended(8, Uint8Array.of(0, 0, 0, 2)));
    for (const piece of [ONE, TWO]) {
      talk.tell(piece);
      expect([talk.wants(piece), talk.offerOf(piece)]).toEqual([false, 'none']);
    }
    expect(heard()).toEqual([]);
  });

  it('is nothing on a v1 connection, nor before the content is known, nor once it is closed', () => {
    const v1 = new Torrent({ v1: new Uint8Array(20).fill(0xaa) as WireHash });
    v1.learn({ info: INFO, geometry: GEOMETRY, isPrivate: false }, new Bitfield(GEOMETRY.pieceCount));
    expect(setUp(`d1:md${IDS}ee`, v1).talk.wants(ONE)).toBe(false);
    const unknown = new Torrent({ v2: new Uint8Array(20).fill(0xaa) as WireHash });
    expect(setUp(`d1:md${IDS}ee`, unknown).talk.wants(ONE)).toBe(false);
    const { talk, probe, rejected, heard } = setUp(`d1:md${IDS}ee`);
    talk.tell(ONE);
    probe.session.close('stopped');
    heard();
    talk.takeBack(ONE);
    talk.tell(TWO);
    expect([talk.wants(TWO), heard(), rejected]).toEqual([false, [], []]);
  });

  it('is not taken back under a number that it has taken back; what it asked for is rejected all the same', () => {
    const { talk, probe, rejected, heard } = setUp(`d1:md${IDS}ee`);
    talk.tell(ONE);
    probe.take(hello('d1:md11:lt_donthavei0eee'));
    heard();
    talk.takeBack(ONE);
    expect([heard(), rejected]).toEqual([[], [1]]);
  });

  it('is taken back once, and not when it comes anew and is nothing to the peer any more', () => {
    const { talk, probe, coming, rejected, heard } = setUp(`d1:md${IDS}ee`);
    coming.add(ONE);
    talk.tell(ONE);
    talk.takeBack(ONE);
    talk.takeBack(ONE);
    expect([heard(), rejected]).toEqual([['extended 22 0 0 0 1', 'extended 21 0 0 0 1'], [1]]);
    probe.take(encodeHave(1));
    talk.tell(ONE);
    talk.takeBack(ONE);
    expect([heard(), rejected, talk.offerOf(ONE)]).toEqual([[], [1], 'withdrawn']);
  });

  it('is over when the piece is here', () => {
    const { talk, coming, rejected, heard } = setUp(`d1:md${IDS}ee`);
    coming.add(ONE);
    talk.tell(ONE);
    talk.settle(ONE);
    heard();
    talk.takeBack(ONE);
    expect([talk.offerOf(ONE), heard(), rejected]).toEqual(['none', [], []]);
  });

  it('are the hashes of a piece once, as far as that is remembered', () => {
    const { talk, heard } = setUp(`d1:md${IDS}ee`);
    expect(talk.needsHashes(ONE)).toBe(true);
    talk.explain(ONE, new Uint8Array(64));
    expect(talk.needsHashes(ONE)).toBe(false);
    for (let i = 0; i < MAX_COMING_PIECES - 1; i++) talk.explain(pieceIndex(100 + i), new Uint8Array(64));
    expect(talk.needsHashes(ONE)).toBe(false);
    talk.explain(TWO, new Uint8Array(64));
    expect([talk.needsHashes(ONE), talk.needsHashes(TWO)]).toEqual([true, false]);
    expect(heard()).toHaveLength(MAX_COMING_PIECES + 1);
  });
});

describe('a request for a piece that was on its way', () => {
  const request = concatBytes([Uint8Array.of(0, 0, 0, 13, 6), Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x40, 0)]);

  it('and does not come is rejected, and no offence', () => {
    const { probe } = setUp(`d1:md${IDS}ee`);
    probe.session.say.unchoke();
    probe.offerElse = 'withdrawn';
    for (let i = 0; i < 100; i++) probe.take(request);
    expect(probe.session.isOpen).toBe(true);
    expect(probe.takeSaid().filter(({ name }) => name === 'reject')).toHaveLength(100);
    probe.offerElse = 'none';
    for (let i = 0; i < 100; i++) probe.take(request);
    expect(probe.session.isOpen).toBe(false);
  });
});
