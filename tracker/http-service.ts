import { addressBytes } from '../common/base/address.ts';
import { looseText, toHex, utf8 } from '../common/base/bytes.ts';
import type { HttpReply, HttpRequest } from '../common/base/http-ports.ts';
import type { Instant } from '../common/base/ids.ts';
import {
  MAX_CATALOGUE_PAGE_BYTES,
  MAX_CATALOGUE_QUERY_BYTES,
  MAX_DATAGRAM_BYTES,
  MAX_HTTP_TARGET_CHARS,
} from '../common/base/limits.ts';
import { Prefixes } from '../common/base/prefixes.ts';
import type { CatalogueEntry } from '../common/wire/catalogue-entry.ts';
import type { List } from '../common/wire/catalogue-reading.ts';
import { queryParameters, unescapeBytes } from '../common/wire/http-query.ts';
import { encodeScrapeAnswer, parseScrapeQuery } from '../common/wire/http-scrape.ts';
import { encodeAnnounceAnswer, encodeFailure, parseAnnounceQuery } from '../common/wire/http-tracker.ts';
import type { Clerk } from './clerk.ts';
import type { RefusalReason } from './registry.ts';

/** What became of a request: names of counters, all of them fixed. */
export type HttpOutcome =
  | 'http_announce'
  | 'http_scrape'
  | 'http_catalogue'
  | `http_${RefusalReason}`
  | 'http_malformed'
  | 'http_unknown_path'
  | 'http_foreign_host'
  | 'http_wrong_method'
  | 'http_long_target';

export interface HttpHandled {
  readonly outcome: HttpOutcome;
  readonly reply: HttpReply;
}

/**
 * What a tracker says to each HTTP request: announces (BEP 3, 23, 7), scrapes (BEP 48), and the catalogue as JSON.
 * Whoever asks is the address of the connection. A tracker's refusals are answers like any other, status 200, since
 * clients show the reason only then.
 */
export class HttpService {
  readonly #clerk: Clerk;
  readonly #names: ReadonlySet<string>;
  readonly #peers = new Prefixes(new Uint8Array(MAX_DATAGRAM_BYTES));

  constructor(options: {
    readonly clerk: Clerk;
    /** Names by which browsers may ask for the catalogue, beside `localhost` and every IP address. */
    readonly names: readonly string[];
  }) {
    this.#clerk = options.clerk;
    this.#names = new Set(['localhost', ...options.names.map((name) => name.toLowerCase())]);
  }

  /** Never throws. */
  handle(request: HttpRequest, now: Instant): HttpHandled {
    if (request.method !== 'GET') return refused('http_wrong_method', 405, 'only GET');
    if (request.target.length > MAX_HTTP_TARGET_CHARS) return refused('http_long_target', 414, 'too long');
    const address = addressBytes(request.from.host);
    if (address === undefined) return refused('http_malformed', 400, 'from nowhere');
    this.#clerk.sweepAlong(now);
    const { path, query, host } = parts(request);
    switch (path) {
      case '/announce':
        return this.#announce(query, address, now);
      case '/scrape':
        return this.#scrape(query, address);
      case '/catalogue.json':
        return this.#catalogue(query, host);
      default:
        return refused('http_unknown_path', 404, 'there is /announce, /scrape and /catalogue.json');
    }
  }

  #announce(query: string, address: Uint8Array, now: Instant): HttpHandled {
    const parsed = parseAnnounceQuery(query);
    if (!parsed.ok) return answered('http_malformed', encodeFailure(parsed.reason));
    const { infoHash, compact } = parsed.value;
    // No ttl: an HTTP client is told the interval of foreign clients and kept as long as they are.
    const answer = this.#clerk.announce({ ...parsed.value, ttlS: undefined }, address, now, this.#peers);
    if (!answer.ok) return answered(`http_${answer.reason}`, encodeFailure(answer.text));
    const { completed } = this.#clerk.counts([infoHash], address)[0]!;
    return answered('http_announce', encodeAnnounceAnswer({ ...answer, completed }, address.length, compact));
  }

  /** Of all swarms at once there is no scrape: it would be as long as the registry. */
  #scrape(query: string, address: Uint8Array): HttpHandled {
    const hashes = parseScrapeQuery(query);
    if (hashes.length === 0) return answered('http_malformed', encodeFailure('info_hash is missing'));
    return answered('http_scrape', encodeScrapeAnswer(hashes, this.#clerk.counts(hashes, address)));
  }

  /**
   * A page on the web whose name is made to mean this tracker's address would read the catalogue in a visitor's
   * browser (DNS rebinding), but cannot hide its name from the Host header.
   */
  #catalogue(query: string, host: string | undefined): HttpHandled {
    if (!this.#isOurName(host)) return refused('http_foreign_host', 403, 'not under this name');
    const list = parseList(query);
    if (typeof list === 'string') return refused('http_malformed', 400, list);
    const { entries, matches, nextCursor } = this.#clerk.catalogue.list(list, MAX_CATALOGUE_PAGE_BYTES);
    const page = {
      entries: entries.map(entryObject),
      matches,
      nextCursor: nextCursor === 0n ? null : nextCursor.toString(),
    };
    const body = utf8(`${JSON.stringify(page)}\n`);
    return { outcome: 'http_catalogue', reply: { status: 200, type: 'application/json', body } };
  }

  #isOurName(host: string | undefined): boolean {
    const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(host ?? '');
    if (match === null) return false;
    const [, bracketed, plain] = match;
    return (
      addressBytes(bracketed ?? plain!) !== undefined || (plain !== undefined && this.#names.has(plain.toLowerCase()))
    );
  }
}

/** A request through a proxy names the whole URL, whose host then counts (RFC 9112, 3.2.2). */
function parts({ target, host }: HttpRequest): { path: string; query: string; host: string | undefined } {
  const absolute = /^http:\/\/([^/?#]*)(.*)$/is.exec(target);
  const local = absolute === null ? target : absolute[2]!;
  const mark = local.indexOf('?');
  const path = mark < 0 ? local : local.slice(0, mark);
  return { path, query: mark < 0 ? '' : local.slice(mark + 1), host: absolute === null ? host : absolute[1]! };
}

/** What to list, or what is wrong with the question. Here, where people type it, a plus may stand for a space. */
function parseList(query: string): List | string {
  let list: List = { cursor: 0n, max: 0, query: '' };
  for (const [name, value] of queryParameters(query)) {
    const bytes = unescapeBytes(value.replaceAll('+', ' '));
    if (name === 'query') {
      if (bytes.length > MAX_CATALOGUE_QUERY_BYTES) return `a query has at most ${MAX_CATALOGUE_QUERY_BYTES} bytes`;
      list = { ...list, query: looseText(bytes) };
    } else if (name === 'cursor') {
      if (!/^\d{1,16}$/.test(value)) return 'a cursor is what the page before gave';
      list = { ...list, cursor: BigInt(value) };
    }
  }
  return list;
}

/** For programs: sizes in bytes, hashes in hex, and nothing of what there is not. */
function entryObject(entry: CatalogueEntry): object {
  const { name, sizeBytes, pieceBytes, infoHashV2, infoHashV1, multiFile, seeders, leechers } = entry;
  return {
    name,
    size: sizeBytes,
    chunkSize: pieceBytes,
    ...(infoHashV2 === undefined ? {} : { infoHashV2: toHex(infoHashV2) }),
    ...(infoHashV1 === undefined ? {} : { infoHashV1: toHex(infoHashV1) }),
    isDirectory: multiFile,
    seeders,
    leechers,
  };
}

const answered = (outcome: HttpOutcome, body: Uint8Array): HttpHandled => ({
  outcome,
  reply: { status: 200, type: 'text/plain', body },
});
const refused = (outcome: HttpOutcome, status: Exclude<HttpReply['status'], 200>, text: string): HttpHandled => ({
  outcome,
  reply: { status, type: 'text/plain', body: utf8(`${text}\n`) },
});
