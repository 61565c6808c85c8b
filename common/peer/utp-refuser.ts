/**
 * Says no to uTP (BEP 29) on the port where TCP is spoken. libtorrent dials by uTP first, and gives up on silence only
 * after about four seconds; a RESET sends it to TCP within one. Since its UDP and TCP ports have one number, whoever
 * calls can also be called back, which is quicker than the two dials it has ahead of it: one by TCP in encrypted form,
 * and one in plain.
 */
import { type Endpoint, endpointText } from '../base/ids.ts';
import { CALL_BACK_BURST, CALL_BACKS_PER_SECOND, UTP_RESET_BURST, UTP_RESETS_PER_SECOND } from '../base/limits.ts';
import type { Clock, Log, Meter, UdpBinder, UdpPort } from '../base/ports.ts';
import { decodeUtpSyn, encodeUtpReset } from '../wire/utp.ts';
import { TokenBucket } from './token-bucket.ts';

export interface UtpRefuserOptions {
  readonly clock: Clock;
  readonly udp: UdpBinder;
  /** Where TCP is listened on. */
  readonly local: Endpoint;
  readonly log: Log;
  readonly meter: Meter;
  /** Someone asked for a connection, and may be listening for TCP there. The address may be forged. */
  readonly onCaller: (endpoint: Endpoint) => void;
}

/** Ports below are those of services that are no peers: a forged SYN must not make us knock there. */
const FIRST_PEER_PORT = 1024;

export class UtpRefuser {
  readonly #clock: Clock;
  readonly #meter: Meter;
  readonly #port: UdpPort;
  readonly #onCaller: (endpoint: Endpoint) => void;
  readonly #resets: TokenBucket;
  readonly #calls: TokenBucket;

  private constructor(options: UtpRefuserOptions, port: UdpPort) {
    const { clock, meter } = options;
    this.#clock = clock;
    this.#meter = meter;
    this.#port = port;
    this.#onCaller = options.onCaller;
    const now = clock.now();
    this.#resets = new TokenBucket({ perSecond: UTP_RESETS_PER_SECOND, burst: UTP_RESET_BURST, now });
    this.#calls = new TokenBucket({ perSecond: CALL_BACKS_PER_SECOND, burst: CALL_BACK_BURST, now });
    port.onDatagram((bytes, from) => {
      this.#take(bytes, from);
    });
  }

  /** Undefined when the UDP port is another's: peers that speak uTP then only take longer to come. Never rejects. */
  static async open(options: UtpRefuserOptions): Promise<UtpRefuser | undefined> {
    const { udp, local, log } = options;
    try {
      return new UtpRefuser(options, await udp.bind(local));
    } catch (error) {
      log.debug('uTP is not refused: the UDP port is taken', { at: endpointText(local), reason: String(error) });
      return undefined;
    }
  }

  close(): Promise<void> {
    return this.#port.close();
  }

  /** The source may be forged: what is sent there is no longer than what came, and there is a limit to it. */
  #take(bytes: Uint8Array, from: Endpoint): void {
    const syn = decodeUtpSyn(bytes);
    if (syn === undefined || from.port === 0) return;
    const now = this.#clock.now();
    if (!this.#resets.take(1, now)) return;
    this.#meter.count('utp_refused');
    this.#port.send(encodeUtpReset(syn, Math.floor(now * 1000)), from);
    if (from.port >= FIRST_PEER_PORT && this.#calls.take(1, now)) this.#onCaller(from);
  }
}
