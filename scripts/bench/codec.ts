/**
 * How fast bytes become values and the other way round, on one thread: `npm run bench:codec [-- RUNS]`, medians. The
 * limit beside the frames is what copying the same bytes takes.
 */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { copyBytes } from '../../common/base/copy-bytes.ts';
import type { PeerId, WireHash } from '../../common/base/ids.ts';
import { KIB, MAX_TORRENT_BYTES, MIB } from '../../common/base/limits.ts';
import { concatBytes } from '../../common/base/bytes.ts';
import { parseTorrent } from '../../common/content/metainfo.ts';
import { decodeBencode, encodeBencode } from '../../common/wire/bencode.ts';
import type { ConnectionId } from '../../common/wire/tracker-header.ts';
import { FrameReader, type FrameSink } from '../../common/wire/peer-frames.ts';
import { encodeBlockHeader, encodeBlockRef, encodeHave, MESSAGE } from '../../common/wire/peer-messages.ts';
import {
  decodeAnnounceResponse,
  decodeRequest,
  encodeAnnounceRequest,
  encodeAnnounceResponse,
} from '../../common/wire/tracker-packets.ts';

const RUNS = Number(process.argv[2] ?? 5);
const TURN_MS = 300;
/** As the socket gives them. */
const READ_BYTES = 256 * KIB;

interface Trial {
  readonly what: string;
  readonly unit: string;
  /** How many units one call is worth. */
  readonly worth: number;
  readonly act: () => void;
}

/** Units per second. */
function rate({ worth, act }: Trial): number {
  const begin = performance.now();
  let calls = 0;
  let now = begin;
  for (; now - begin < TURN_MS; now = performance.now()) for (let i = 0; i < 8; i++, calls++) act();
  return (calls * worth * 1000) / (now - begin);
}

const buffer = new Uint8Array(new SharedArrayBuffer(8 * MIB));

/** Takes blocks as a download does: each byte is copied to its place. */
const sink: FrameSink = {
  bounds: () => ({ min: 1, max: MIB }),
  keepAlive: () => undefined,
  message: () => true,
  blockStart: () => true,
  blockBytes: (offset, view) => {
    copyBytes(buffer, view, offset);
  },
  blockEnd: () => true,
};

/** The stream of blocks of this size, in the reads in which it would come. */
function blocks(blockBytes: number): Trial {
  const parts: Uint8Array[] = [];
  for (let begin = 0; begin < 8 * MIB; begin += blockBytes) {
    parts.push(encodeBlockHeader(1, begin, blockBytes), new Uint8Array(blockBytes).fill(begin));
  }
  const reader = new FrameReader(sink);
  const reads = readsOf(concatBytes(parts));
  const act = (): void => {
    for (const read of reads) reader.push(read);
  };
  return { what: `frames: blocks of ${blockBytes / KIB} KiB`, unit: 'GiB/s', worth: 8 / 1024, act };
}

function smallMessages(): Trial {
  const parts: Uint8Array[] = [];
  for (let piece = 0; piece < 5_000; piece++) {
    parts.push(encodeHave(piece), encodeBlockRef(MESSAGE.request, piece, 0, 16 * KIB));
  }
  const reader = new FrameReader(sink);
  const reads = readsOf(concatBytes(parts));
  const act = (): void => {
    for (const read of reads) reader.push(read);
  };
  return { what: 'frames: have and request in turn', unit: 'million/s', worth: 0.01, act };
}

function readsOf(bytes: Uint8Array): Uint8Array[] {
  const reads: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += READ_BYTES) reads.push(bytes.subarray(at, at + READ_BYTES));
  return reads;
}

function copying(): Trial {
  const bytes = new Uint8Array(8 * MIB).fill(7);
  const act = (): void => {
    for (let at = 0; at < bytes.length; at += READ_BYTES) copyBytes(buffer, bytes.subarray(at, at + READ_BYTES), at);
  };
  return { what: 'copying as many bytes', unit: 'GiB/s', worth: 8 / 1024, act };
}

function torrents(): Trial[] {
  const file = new URL('../../common/fixtures/torrents/many.hybrid.torrent', import.meta.url);
  const bytes = new Uint8Array(readFileSync(file));
  const worth = bytes.length / MIB;
  const limits = { bytes: MAX_TORRENT_BYTES, depth: 100, items: 10_000_000 };
  const dict = new Map(Array.from({ length: 500 }, (_, index) => [`file ${index}`, new Map([['length', index]])]));
  const size = encodeBencode(dict).length;
  return [
    { what: 'bencode: scan of a hybrid of many files', unit: 'MiB/s', worth, act: () => decodeBencode(bytes, limits) },
    { what: 'the same as a torrent, all of it judged', unit: 'MiB/s', worth, act: () => parseTorrent(bytes) },
    { what: 'bencode: encoding 500 entries', unit: 'MiB/s', worth: size / MIB, act: () => encodeBencode(dict) },
  ];
}

function trackerPackets(): Trial[] {
  const id = new Uint8Array(8).fill(3) as unknown as ConnectionId;
  const announce = {
    infoHash: new Uint8Array(20).fill(1) as WireHash,
    peerId: new Uint8Array(20).fill(2) as PeerId,
    downloadedBytes: 1,
    leftBytes: 2 ** 40,
    uploadedBytes: 2,
    event: 'started',
    key: 5,
    wanted: 50,
    port: 6881,
    ttlS: 90,
    urlPath: '/announce',
  } as const;
  const request = encodeAnnounceRequest(id, 1, announce);
  const answer = { intervalS: 30, leechers: 1, seeders: 2, peers: new Uint8Array(50 * 6).fill(9) };
  const response = encodeAnnounceResponse(1, answer);
  const [unit, worth] = ['million/s', 1e-6];
  return [
    { what: 'tracker: an announce read', unit, worth, act: () => decodeRequest(request) },
    { what: 'tracker: an announce written', unit, worth, act: () => encodeAnnounceRequest(id, 1, announce) },
    { what: 'tracker: an answer of 50 peers read', unit, worth, act: () => decodeAnnounceResponse(response, 4) },
    { what: 'tracker: an answer of 50 peers written', unit, worth, act: () => encodeAnnounceResponse(1, answer) },
  ];
}

const trials = [
  copying(),
  ...[16, 128, 512].map((kib) => blocks(kib * KIB)),
  smallMessages(),
  ...torrents(),
  ...trackerPackets(),
];
const rates = new Map<Trial, number[]>(trials.map((trial) => [trial, []]));
// The first round only warms up; then all in turn, so that a slow moment of the machine falls on all alike.
for (let run = 0; run <= RUNS; run++) for (const trial of trials) rates.get(trial)!.push(rate(trial));

console.log(`one thread of ${cpus()[0]!.model}, Node ${process.versions.node}\n`);
console.log('| what | median (range) |\n| --- | --- |');
for (const [{ what, unit }, [, ...all]] of rates) {
  const sorted = all.toSorted((a, b) => a - b);
  const [low, middle, high] = [sorted[0]!, sorted[sorted.length >> 1]!, sorted.at(-1)!].map((one) =>
    one.toPrecision(3),
  );
  console.log(`| ${what} | ${middle} (${low}-${high}) ${unit} |`);
}
