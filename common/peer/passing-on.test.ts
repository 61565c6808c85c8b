import { describe, expect, it } from 'vitest';
import { Bitfield } from '../base/bitfield.ts';
import { equalBytes, utf8 } from '../base/bytes.ts';
import { pieceIndex } from '../base/ids.ts';
import { KIB } from '../base/limits.ts';
import { foldNodes, rootOfBytes } from '../content/merkle.ts';
import { generate } from '../fixtures/generate.ts';
import { GEOMETRY, knownTorrent, SessionProbe } from '../fixtures/sessions.ts';
import { encodeExtended, encodeHave } from '../wire/peer-messages.ts';
import { PassingOn, type RelayParty } from './passing-on.ts';
import { partHashesOf } from './relay.ts';
import { RelayTalk } from './relay-talk.ts';

const PIECE_BYTES = 256 * KIB;
const PIECE = pieceIndex(3);
const BYTES = generate(PIECE_BYTES, 3);
const PARTS = partHashesOf(BYTES)!;
const HELLO = encodeExtended(0, utf8('d1:md11:lt_donthavei7e9:tk_comingi8e8:tk_partsi9eee'));
const NAMES = new Map([
  [7, "don't have"],
  [8, 'coming'],
  [9, 'parts'],
]);

/** A peer of ours. */
class Party implements RelayParty {
  readonly probe = SessionProbe.open({ fast: true, extended: true }, knownTorrent(new Bitfield(GEOMETRY.pieceCount)));
  readonly relayTalk: RelayTalk;
  readonly rejected: number[] = [];
  more = 0;

  constructor(passingOn: () => PassingOn, speaks = true) {
    if (speaks) this.probe.take(HELLO);
    this.relayTalk = new RelayTalk({
      session: this.probe.session,
      isComing: (piece) => passingOn().relay.has(piece),
      reject: (piece) => this.rejected.push(piece),
    });
  }

  moreIsReady(): void {
    this.more++;
  }

  heard(): string[] {
    return this.probe.takeSaid().map(({ payload }) => `${NAMES.get(payload[0]!)} ${payload[4]}`);
  }
}

function setUp() {
  const parties: Party[] = [];
  const passingOn = new PassingOn({ parties: () => parties, pieceBytes: () => PIECE_BYTES });
  const join = (speaks = true): Party => {
    const party = new Party(() => passingOn, speaks);
    parties.push(party);
    return party;
  };
  return { passingOn, parties, join };
}

const lease = (begin = 0, bytes = BYTES) => ({ begin, bytes, end: begin + bytes.length, release: () => undefined });

describe('a piece on its way', () => {
  it('is told once its first part is verified, to who lacks it; what comes then is served', () => {
    const { passingOn, join } = setUp();
    const [lacks, has, mute] = [join(), join(), join(false)];
    has.probe.take(encodeHave(PIECE));
    passingOn.relay.open(PIECE, PARTS, BYTES);
    passingOn.advance(PIECE, 64 * KIB);
    expect([lacks.heard(), has.heard(), mute.heard()]).toEqual([['coming 3'], [], []]);
    expect([lacks.relayTalk.offerOf(PIECE), has.relayTalk.offerOf(PIECE)]).toEqual(['offered', 'none']);
    passingOn.advance(PIECE, 128 * KIB);
    expect([lacks.heard(), lacks.more, passingOn.relay.readyBytes(PIECE)]).toEqual([[], 1, 128 * KIB]);
  });

  it('that does not come is taken back from who was told of it, and what waits for it is rejected', () => {
    const { passingOn, join } = setUp();
    const one = join();
    passingOn.relay.open(PIECE, PARTS, BYTES);
    passingOn.advance(PIECE, 64 * KIB);
    const late = join();
    let freed = 0;
    passingOn.end(PIECE, () => freed++);
    passingOn.end(PIECE, () => freed++);
    expect([one.heard(), one.rejected, freed]).toEqual([['coming 3', "don't have 3"], [3], 2]);
    expect([late.heard(), late.rejected]).toEqual([[], []]);
    expect(one.relayTalk.offerOf(PIECE)).toBe('withdrawn');
    // It may come from somebody else.
    passingOn.relay.open(PIECE, PARTS, BYTES);
    passingOn.advance(PIECE, 64 * KIB);
    expect([one.heard(), late.heard(), one.relayTalk.offerOf(PIECE)]).toEqual([['coming 3'], ['coming 3'], 'offered']);
  });

  it('that has come is not taken back', () => {
    const { passingOn, join } = setUp();
    const one = join();
    passingOn.relay.open(PIECE, PARTS, BYTES);
    passingOn.advance(PIECE, 64 * KIB);
    passingOn.relay.settle(PIECE);
    passingOn.end(PIECE, () => undefined);
    expect([one.heard(), one.rejected]).toEqual([['coming 3'], []]);
  });
});

describe('before blocks of a piece', () => {
  it('whoever may pass it on is told what its parts hash to, once, if others want it', () => {
    const { passingOn, join } = setUp();
    const one = join();
    passingOn.explain(one, PIECE, lease());
    expect([passingOn.isWanted(PIECE), passingOn.isWanted(PIECE, one), one.heard()]).toEqual([true, false, []]);
    join();
    passingOn.explain(one, PIECE, lease());
    passingOn.explain(one, PIECE, lease());
    const said = one.probe.takeSaid();
    expect(said).toHaveLength(1);
    expect([...said[0]!.payload.subarray(0, 5)]).toEqual([9, 0, 0, 0, 3]);
    expect(equalBytes(foldNodes(said[0]!.payload.subarray(5), 2, 4), rootOfBytes(BYTES, 16))).toBe(true);
  });

  it('the hashes that are known will do: a part is at hand, of a piece on its way or of what is known', () => {
    const { passingOn, join } = setUp();
    const one = join();
    join();
    const part = lease(0, BYTES.subarray(0, 64 * KIB));
    passingOn.explain(one, PIECE, part);
    passingOn.explain(one, PIECE, lease(64 * KIB, BYTES.subarray(64 * KIB)));
    expect(one.heard()).toEqual([]);
    passingOn.relay.know(PIECE, PARTS);
    passingOn.explain(one, PIECE, part);
    expect(one.heard()).toEqual(['parts 3']);
  });

  it('nothing is said of a piece that is not whole, or too short to be cut', () => {
    const { passingOn, join } = setUp();
    const one = join();
    join();
    // The end of a file.
    passingOn.explain(one, PIECE, lease(0, BYTES.subarray(0, 200_000)));
    const short = new PassingOn({ parties: () => [join()], pieceBytes: () => 64 * KIB });
    short.explain(one, PIECE, lease(0, BYTES.subarray(0, 64 * KIB)));
    expect(one.heard()).toEqual([]);
  });
});
