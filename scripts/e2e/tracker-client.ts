/** A stock client of a tracker, as far as a test needs one (BEP 15). Tests only. */
import { createSocket } from 'node:dgram';
import { onTestFinished } from 'vitest';
import { fromHex } from '../../common/base/bytes.ts';
import { wireHashOf, type InfoHashV2, type PeerId } from '../../common/base/ids.ts';
import {
  decodeAnnounceResponse,
  decodeConnectResponse,
  decodeScrapeResponse,
  encodeAnnounceRequest,
  encodeConnectRequest,
  encodeScrapeRequest,
  type AnnounceAnswer,
  type SwarmCounts,
} from '../../common/wire/tracker-packets.ts';
import { responseTransactionId } from '../../common/wire/tracker-header.ts';

const RETRY_MS = 1_000;
const TRIES = 30;
const POLL_MS = 100;

/** Where nobody answers. */
export const NO_TRACKER = 'udp://127.0.0.1:1';

export class TrackerClient {
  readonly #port: number;
  #transactionId = 1;

  constructor(url: string) {
    this.#port = Number(new URL(url).port);
  }

  /** Registers a peer at this port that has everything, for as long as a stock client lives. */
  announceSeeder(infoHash: string, port: number): Promise<AnnounceAnswer> {
    return this.#announce(infoHash, port, 'started');
  }

  withdrawSeeder(infoHash: string, port: number): Promise<AnnounceAnswer> {
    return this.#announce(infoHash, port, 'stopped');
  }

  async scrape(infoHash: string): Promise<SwarmCounts> {
    const answer = await this.#ask((id, transactionId) => encodeScrapeRequest(id, transactionId, [wireHash(infoHash)]));
    const counts = decodeScrapeResponse(answer);
    if (!counts.ok) throw new Error(counts.reason);
    return counts.value[0]!;
  }

  /** Asks again until the tracker knows so many seeders. */
  async untilSeeders(infoHash: string, count: number): Promise<void> {
    for (let left = 300; left > 0; left--) {
      if ((await this.scrape(infoHash)).seeders === count) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new Error(`the tracker does not come to know ${count} seeders`);
  }

  async #announce(infoHash: string, port: number, event: 'started' | 'stopped'): Promise<AnnounceAnswer> {
    const answer = await this.#ask((id, transactionId) =>
      encodeAnnounceRequest(id, transactionId, {
        infoHash: wireHash(infoHash),
        peerId: new TextEncoder().encode(`-XX0000-${String(port).padStart(12, '0')}`) as PeerId,
        downloadedBytes: 0,
        leftBytes: 0,
        uploadedBytes: 0,
        event,
        key: port,
        wanted: 0,
        port,
        ttlS: undefined,
        urlPath: '',
      }),
    );
    const decoded = decodeAnnounceResponse(answer, 4);
    if (!decoded.ok) throw new Error(decoded.reason);
    return decoded.value;
  }

  async #ask(request: (id: ConnectionIdOf, transactionId: number) => Uint8Array): Promise<Uint8Array> {
    const connected = decodeConnectResponse(await this.send((transactionId) => encodeConnectRequest(transactionId)));
    if (!connected.ok) throw new Error(connected.reason);
    return this.send((transactionId) => request(connected.value, transactionId));
  }

  /** Sends until there is an answer to it: a datagram may be lost on a loaded machine. */
  send(request: (transactionId: number) => Uint8Array): Promise<Uint8Array> {
    const transactionId = this.#transactionId++;
    const bytes = request(transactionId);
    const socket = createSocket('udp4');
    return new Promise<Uint8Array>((resolve, reject) => {
      let tries = 0;
      const post = (): void => {
        if (tries++ < TRIES) socket.send(bytes, this.#port, '127.0.0.1');
        else reject(new Error(`the tracker at port ${this.#port} does not answer`));
      };
      const timer = setInterval(post, RETRY_MS);
      socket.on('message', (answer) => {
        if (responseTransactionId(answer) === transactionId) resolve(answer);
      });
      socket.on('error', reject);
      socket.once('close', () => clearInterval(timer));
      post();
    }).finally(() => socket.close());
  }

  /** Sends a datagram as it is and waits for nothing. */
  throwAt(bytes: Uint8Array): Promise<void> {
    const socket = createSocket('udp4');
    return new Promise((resolve) => {
      socket.send(bytes, this.#port, '127.0.0.1', () => socket.close(resolve));
    });
  }
}

/** A tracker that hears and never answers. */
export class DeafTracker {
  readonly #socket = createSocket('udp4');
  /** Resolves at the first datagram. */
  readonly heard = new Promise<void>((resolve) => this.#socket.once('message', () => resolve()));

  static async open(): Promise<DeafTracker> {
    const tracker = new DeafTracker();
    await new Promise<void>((resolve) => tracker.#socket.bind(0, '127.0.0.1', resolve));
    onTestFinished(() => new Promise((resolve) => tracker.#socket.close(() => resolve())));
    return tracker;
  }

  get url(): string {
    return `udp://127.0.0.1:${this.#socket.address().port}`;
  }
}

type ConnectionIdOf = Parameters<typeof encodeScrapeRequest>[0];

/** The 20 bytes that stand for 64 hex digits on the wire (BEP 52). */
const wireHash = (infoHash: string): ReturnType<typeof wireHashOf> => wireHashOf(fromHex(infoHash) as InfoHashV2);
