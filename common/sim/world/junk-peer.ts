import { Announcer } from '../../announce/announcer.ts';
import { type Endpoint, endpointText, type PeerId } from '../../base/ids.ts';
import { DIAL_TIMEOUT_MS } from '../../base/limits.ts';
import type { TcpPort } from '../../base/ports.ts';
import type { SimHost } from '../host.ts';
import { JunkLine } from './junk-line.ts';
import { storyLog, type WorldParts } from './parts.ts';
import { TRICKS } from './tricks.ts';

export interface JunkPeerOptions {
  readonly parts: WorldParts;
  readonly name: string;
  readonly host: SimHost;
  readonly port: number;
  /** Names of tricks, from which each connection draws one; all of them when none is named. */
  readonly tricks: readonly string[];
}

/** A peer that announces itself as any other, and then does what no peer should: on each connection another trick. */
export class JunkPeer {
  readonly name: string;
  readonly host: SimHost;
  readonly #options: JunkPeerOptions;
  readonly #tricks: readonly string[];
  readonly #dialled = new Set<string>();
  #announcer: Announcer | undefined;

  constructor(options: JunkPeerOptions) {
    this.#options = options;
    this.name = options.name;
    this.host = options.host;
    this.#tricks = options.tricks.length > 0 ? options.tricks : Object.keys(TRICKS);
  }

  async start(): Promise<void> {
    const { parts, name, host, port } = this.#options;
    const { clock, random, udp } = host;
    const { resolver, trackers, content } = parts;
    const listener = await host.listeners.listen({ host: '::', port });
    listener.onConnection((stream) => this.#play(stream));
    this.#announcer = new Announcer({
      ...{ clock, random, udp, resolver, trackers, port },
      http: parts.httpOf(host),
      log: storyLog(parts, name),
      peerId: random.bytes(20) as PeerId,
      wireHash: content.wireHashes[0]!,
      // Whatever it says it is.
      progress: () => ({
        downloadedBytes: 0,
        uploadedBytes: 0,
        leftBytes: random.chance(0.5) ? 0 : content.totalBytes,
        partialSeed: false,
      }),
      onPeers: (endpoints) => {
        for (const endpoint of endpoints) void this.#dial(endpoint);
      },
    });
    void this.#announcer.start();
  }

  /** Its connections are left as they are. */
  async stop(): Promise<void> {
    await this.#announcer?.stop();
    this.host.kill();
  }

  /** Each time it hears of somebody it calls, but not all the time. */
  async #dial(endpoint: Endpoint): Promise<void> {
    const { host } = this.#options;
    if (host.addresses.includes(endpoint.host)) return;
    if (this.#dialled.has(endpointText(endpoint)) && host.random.chance(0.5)) return;
    this.#dialled.add(endpointText(endpoint));
    const result = await host.dialer.dial(endpoint, DIAL_TIMEOUT_MS);
    if (result.ok) this.#play(result.stream);
  }

  #play(stream: TcpPort): void {
    const { parts, host } = this.#options;
    const name = this.#tricks[host.random.below(this.#tricks.length)]!;
    parts.verdict.note(this.name, `plays '${name}' with ${endpointText(stream.remote)}`);
    const random = host.random.fork();
    const line = new JunkLine({ stream, random, content: parts.content, peerId: random.bytes(20) });
    line.start(TRICKS[name]!(line));
  }
}
