import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { canonicalAddress } from '../base/address.ts';
import type { Endpoint } from '../base/ids.ts';
import { endpointText } from '../base/ids.ts';
import { READ_BUFFER_BYTES } from '../base/limits.ts';
import type { Dialer, DialFailure, DialResult } from '../base/ports.ts';
import { errnoOf } from './errno.ts';
import { HostTcpStream } from './tcp-stream.ts';

/** Opens TCP connections, from `localHost` when one is given. */
export class HostDialer implements Dialer {
  readonly #localHost: string | undefined;
  /**
   * All dialled sockets read into this one buffer, so that a download makes no garbage of its own size. It is free
   * again when the callback returns: the loop fills it and calls back in one step, for one socket at a time.
   */
  readonly #readBuffer = new Uint8Array(READ_BUFFER_BYTES);

  constructor(options: { readonly localHost: string | undefined }) {
    this.#localHost = options.localHost;
  }

  dial(to: Endpoint, timeoutMs: number): Promise<DialResult> {
    return new Promise((resolve) => {
      let stream: HostTcpStream | undefined;
      let socket: Socket;
      try {
        socket = this.#connect(to, (bytes) => stream?.receive(bytes));
      } catch {
        // A port or an address that is none.
        resolve({ ok: false, failure: 'unreachable' });
        return;
      }
      // Nothing may be read before the stream is started.
      socket.pause();
      const settle = (result: DialResult): void => {
        clearTimeout(timer);
        if (!result.ok) socket.destroy();
        resolve(result);
      };
      const timer = setTimeout(() => settle({ ok: false, failure: 'timeout' }), timeoutMs);
      // This one stays for the life of the socket; a promise settles once.
      socket.on('error', (error) => settle({ ok: false, failure: failureOf(error) }));
      socket.once('connect', () => {
        stream = HostTcpStream.of(socket);
        settle(isUsable(stream) ? { ok: true, stream } : { ok: false, failure: 'refused' });
      });
    });
  }

  #connect(to: Endpoint, receive: (bytes: Uint8Array) => void): Socket {
    if (canonicalAddress(to.host) === undefined) throw new Error('only IP addresses are dialled');
    const buffer = this.#readBuffer;
    return connect({
      host: to.host,
      port: to.port,
      ...(this.#localHost === undefined ? {} : { localAddress: this.#localHost }),
      onread: {
        buffer,
        callback: (count) => {
          receive(buffer.subarray(0, count));
          return true;
        },
      },
    });
  }
}

/** A dial to a free port of this machine can meet itself, since the kernel may choose that very port as the source. */
function isUsable(stream: HostTcpStream | undefined): stream is HostTcpStream {
  return stream !== undefined && endpointText(stream.local) !== endpointText(stream.remote);
}

function failureOf(error: Error): DialFailure {
  switch (errnoOf(error)) {
    case 'ECONNREFUSED':
    case 'ECONNRESET':
      return 'refused';
    case 'ETIMEDOUT':
      return 'timeout';
    default:
      return 'unreachable';
  }
}
