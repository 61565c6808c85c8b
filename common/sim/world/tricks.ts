import { utf8 } from '../../base/bytes.ts';
import { pieceIndex, type WireHash } from '../../base/ids.ts';
import { BLOCK_BYTES, KIB, MAX_HASHES_PER_REQUEST } from '../../base/limits.ts';
import { answerCount } from '../../content/hash-requests.ts';
import { encodeExtendedHandshake, encodeMetadataMessage } from '../../wire/extended.ts';
import { decodeHashRequest, HASH_REQUEST_BYTES } from '../../wire/hash-request.ts';
import { type BlockRef, encodeBare, encodeBlockRef, encodeHave, MESSAGE } from '../../wire/peer-messages.ts';
import { partHashesOf } from '../../peer/relay.ts';
import type { JunkLine, TrickAnswers } from './junk-line.ts';

/** What a junk peer does on one connection. */
export type Trick = (line: JunkLine) => TrickAnswers;

const FLOOD = 1_500;
/** The numbers for ut_metadata: that of the liar, and that of our programs. */
const METADATA_ID = 7;
const THEIR_METADATA_ID = 2;
/** The numbers for what is said of pieces on their way: those of the liar, and those of our programs. */
const RELAY_IDS = new Map([
  ['lt_donthave', 27],
  ['tk_coming', 28],
  ['tk_parts', 29],
]);
const THEIR_RELAY_ID = [7, 8] as const;
const THEIR_PARTS_ID = 9;

const noise = (line: JunkLine, most: number): Uint8Array => line.random.bytes(1 + line.random.below(most));

const anyBlock = (line: JunkLine): BlockRef => ({
  piece: line.random.below(line.content.pieceCount),
  begin: BLOCK_BYTES * line.random.below(4),
  length: BLOCK_BYTES,
});

/** After both handshakes. */
const afterHandshake = (line: JunkLine, act: () => void, fast = true): TrickAnswers => {
  line.greet({ fast, extended: false });
  return { onHandshake: act };
};

const poseAndAnswer = (line: JunkLine, onRequest: (ref: BlockRef) => void): TrickAnswers => {
  line.poseAsSeeder();
  return { onRequest };
};

/** Every way to be a bad peer that the scenarios know, by name. The numbers are items of the list of faults. */
export const TRICKS: Readonly<Record<string, Trick>> = {
  /* 28 */
  noise: (line) => {
    line.say(noise(line, 4 * KIB));
    return {};
  },
  web: (line) => {
    line.say(utf8('GET /announce HTTP/1.1\r\nHost: shoal\r\n\r\n'));
    return {};
  },
  mute: () => ({}),
  'half a handshake': (line) => {
    line.say(utf8('\u0013BitTorrent protocol'));
    return {};
  },
  'another torrent': (line) => {
    line.greet({ fast: true, extended: true }, line.random.bytes(20) as WireHash);
    return {};
  },
  'hangs up': (line) => afterHandshake(line, () => line.hangUp()),
  'cuts off': (line) => afterHandshake(line, () => line.cutOff()),
  /* 29, 30, 31 */
  'noise after the handshake': (line) => afterHandshake(line, () => line.say(noise(line, 4 * KIB))),
  'endless message': (line) =>
    afterHandshake(line, () => line.say(Uint8Array.of(0xff, 0xff, 0xff, 0xff, line.random.below(24)))),
  'wrong lengths': (line) => afterHandshake(line, () => line.message(line.random.below(24), noise(line, 64))),
  'bad bitfield': (line) =>
    afterHandshake(line, () => line.message(MESSAGE.bitfield, new Uint8Array(1 + line.random.below(64)).fill(0xff))),
  'bad have': (line) =>
    afterHandshake(line, () => line.say(encodeHave(line.content.pieceCount + line.random.below(1_000)))),
  /* 32, 33: floods, and never reads what comes of it */
  'request flood': (line) =>
    afterHandshake(line, () => {
      line.say(encodeBare(MESSAGE.haveNone), encodeBare(MESSAGE.interested));
      line.stopReading();
      for (let i = 0; i < FLOOD; i++) {
        const { piece, begin, length } = anyBlock(line);
        line.say(encodeBlockRef(MESSAGE.request, piece, begin, length));
      }
    }),
  'mad requests': (line) =>
    afterHandshake(line, () => {
      line.say(encodeBare(MESSAGE.interested));
      for (let i = 0; i < 100; i++) {
        const [piece, begin, length] = [line.random.next(), line.random.next(), line.random.next()];
        line.say(encodeBlockRef(line.random.chance(0.5) ? MESSAGE.request : MESSAGE.cancel, piece, begin, length));
      }
    }),
  /* 34 */
  'unasked blocks': (line) =>
    afterHandshake(line, () => {
      line.say(encodeBare(MESSAGE.haveAll), encodeBare(MESSAGE.unchoke));
      for (let i = 0; i < 100; i++) line.block(anyBlock(line), noise(line, 256));
    }),
  'blocks of another length': (line) =>
    poseAndAnswer(line, (ref) => line.block(ref, line.random.bytes(1 + line.random.below(ref.length)))),
  'answers twice': (line) =>
    poseAndAnswer(line, (ref) => {
      const data = line.content.pieceOf(pieceIndex(ref.piece)).slice(ref.begin, ref.begin + ref.length);
      line.block(ref, data);
      line.block(ref, data);
    }),
  /* 35 */
  'false blocks': (line) => poseAndAnswer(line, (ref) => line.block(ref, line.random.bytes(ref.length))),
  'rejects all': (line) =>
    poseAndAnswer(line, (ref) => line.say(encodeBlockRef(MESSAGE.reject, ref.piece, ref.begin, ref.length))),
  'chokes at once': (line) =>
    poseAndAnswer(line, () => line.say(encodeBare(MESSAGE.choke), encodeBare(MESSAGE.unchoke))),
  'never answers': (line) => poseAndAnswer(line, () => {}),
  /* 37, 38 */
  'hash request flood': (line) =>
    afterHandshake(line, () => {
      for (let i = 0; i < 400; i++) line.message(MESSAGE.hashRequest, line.random.bytes(HASH_REQUEST_BYTES));
    }),
  /* 39 */
  'unasked hashes': (line) =>
    afterHandshake(line, () => {
      for (let i = 0; i < 80; i++) line.message(MESSAGE.hashes, line.random.bytes(HASH_REQUEST_BYTES + 64));
    }),
  'false hashes': (line) => {
    line.poseAsSeeder();
    return {
      onMessage: (id, payload) => {
        if (id !== MESSAGE.hashRequest || payload.length < HASH_REQUEST_BYTES) return;
        const asked = answerCount(decodeHashRequest(payload, 0));
        // Junk peers ask one another, too.
        if (!Number.isInteger(asked) || asked < 2 || asked > MAX_HASHES_PER_REQUEST) return;
        const count = asked - (line.random.chance(0.3) ? 1 : 0);
        const hashes = line.random.chance(0.3) ? new Uint8Array(32 * count) : line.random.bytes(32 * count);
        const answer = new Uint8Array(HASH_REQUEST_BYTES + hashes.length);
        answer.set(payload.subarray(0, HASH_REQUEST_BYTES));
        answer.set(hashes, HASH_REQUEST_BYTES);
        line.message(MESSAGE.hashes, answer);
      },
    };
  },
  /* 26, 41 */
  'false metadata': (line) => lieAboutMetadata(line, line.content.description.info.infoBytes.length),
  'metadata without end': (line) => lieAboutMetadata(line, 5_000_000 + line.random.below(100_000_000)),
  'mad extensions': (line) => {
    line.greet({ fast: true, extended: true });
    const dict = line.random.chance(0.5) ? utf8('l'.repeat(5_000)) : line.random.bytes(20_000);
    return { onHandshake: () => line.message(MESSAGE.extended, dict) };
  },
  /* 35, 39, about pieces that are passed on before they are whole */
  'true parts, then false blocks': (line) =>
    relayAndAnswer(line, (ref) => {
      tellParts(line, ref.piece, partHashesOf(line.content.pieceOf(pieceIndex(ref.piece)))?.hashes);
      const data = line.content.pieceOf(pieceIndex(ref.piece)).slice(ref.begin, ref.begin + ref.length);
      line.block(ref, line.random.chance(0.2) ? line.random.bytes(data.length) : data);
    }),
  'false parts': (line) =>
    relayAndAnswer(line, (ref) => {
      tellParts(line, ref.piece, line.random.bytes(32 * 2 ** (1 + line.random.below(6))));
      line.block(ref, line.content.pieceOf(pieceIndex(ref.piece)).slice(ref.begin, ref.begin + ref.length));
    }),
  'promises and takes back': (line) => {
    line.greet({ fast: true, extended: true });
    const promise = (): void => {
      for (let i = 0; i < 20; i++) {
        const piece = line.random.below(line.content.pieceCount + (i % 10 === 0 ? 1 : 0));
        line.message(MESSAGE.extended, Uint8Array.of(THEIR_RELAY_ID[line.random.below(2)]!, 0, 0, 0, piece));
      }
    };
    return {
      onHandshake: () => {
        greetAsRelay(line);
        line.say(encodeBare(MESSAGE.haveNone), encodeBare(MESSAGE.unchoke), encodeBare(MESSAGE.interested));
      },
      // Before that nobody could tell what the numbers mean.
      onMessage: (id, payload) => {
        if (id === MESSAGE.extended && payload[0] === 0) promise();
      },
      onRequest: (ref) => {
        const data = line.content.pieceOf(pieceIndex(ref.piece)).slice(ref.begin, ref.begin + ref.length);
        if (line.random.chance(0.5)) line.block(ref, data);
        if (line.random.chance(0.1)) promise();
      },
    };
  },
  'asks for what is on its way, and does not read': (line) => {
    line.greet({ fast: true, extended: true });
    return {
      onHandshake: () => {
        greetAsRelay(line);
        line.say(encodeBare(MESSAGE.haveNone), encodeBare(MESSAGE.interested));
      },
      onMessage: (id, payload) => {
        if (id !== MESSAGE.extended || payload[0] !== RELAY_IDS.get('tk_coming')) return;
        const piece = payload[4]!;
        for (let i = 0; i < 64; i++)
          line.say(
            encodeBlockRef(MESSAGE.request, piece, (i * BLOCK_BYTES) % line.content.geometry.pieceBytes, 16_384),
          );
        if (line.random.chance(0.3)) line.stopReading();
      },
    };
  },
  /* 40 */
  'an old client': (line) =>
    afterHandshake(line, () => line.say(encodeBare(MESSAGE.interested), encodeBare(MESSAGE.notInterested)), false),
};

const greetAsRelay = (line: JunkLine): void =>
  line.message(MESSAGE.extended, Uint8Array.of(0, ...encodeExtendedHandshake({ ids: RELAY_IDS })));

/** Poses as one that has everything and speaks of parts. */
function relayAndAnswer(line: JunkLine, onRequest: (ref: BlockRef) => void): TrickAnswers {
  line.greet({ fast: true, extended: true });
  return {
    onHandshake: () => {
      greetAsRelay(line);
      line.say(encodeBare(MESSAGE.haveAll), encodeBare(MESSAGE.unchoke));
    },
    onRequest,
  };
}

const tellParts = (line: JunkLine, piece: number, hashes: Uint8Array = new Uint8Array()): void =>
  line.message(MESSAGE.extended, Uint8Array.of(THEIR_PARTS_ID, 0, 0, 0, piece, ...hashes));

/** Offers an info dictionary of this size, and gives noise. */
function lieAboutMetadata(line: JunkLine, totalBytes: number): TrickAnswers {
  line.greet({ fast: true, extended: true });
  const ids = new Map([['ut_metadata', METADATA_ID]]);
  return {
    onHandshake: () => {
      line.message(MESSAGE.extended, Uint8Array.of(0, ...encodeExtendedHandshake({ ids, metadataBytes: totalBytes })));
      line.say(encodeBare(MESSAGE.haveNone));
    },
    onMessage: (id, payload) => {
      if (id !== MESSAGE.extended || payload[0] !== METADATA_ID) return;
      const sizeBytes = Math.min(BLOCK_BYTES, totalBytes);
      const data = encodeMetadataMessage({ type: 'data', block: 0, totalBytes, data: line.random.bytes(sizeBytes) });
      line.message(MESSAGE.extended, Uint8Array.of(THEIR_METADATA_ID, ...data));
    },
  };
}
