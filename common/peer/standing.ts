/**
 * What we remember of endpoints: who may be dialled, when again, and who lied.
 *
 * A failed dial or a connection that did no good doubles the pause before the next; a corrupt piece is a strike, and
 * CORRUPT_PIECES_BEFORE_BAN strikes ban the endpoint for the life of the process.
 */
import { after, endpointText, type Endpoint, type Instant, NEVER } from '../base/ids.ts';
import { CORRUPT_PIECES_BEFORE_BAN, MAX_KNOWN_ENDPOINTS, REDIAL_FIRST_MS, REDIAL_LAST_MS } from '../base/limits.ts';

interface Record {
  readonly endpoint: Endpoint;
  state: 'idle' | 'dialling' | 'connected';
  failures: number;
  strikes: number;
  notBefore: Instant;
}

export class Standing {
  /** By endpoint text. BOUNDED: by MAX_KNOWN_ENDPOINTS; endpoints beyond it are not taken up. */
  readonly #records = new Map<string, Record>();

  /** Takes up an endpoint to be dialled; false when it is known already, or there is no room. */
  meet(endpoint: Endpoint, now: Instant): boolean {
    const key = endpointText(endpoint);
    if (this.#records.has(key) || this.#records.size >= MAX_KNOWN_ENDPOINTS) return false;
    this.#records.set(key, { endpoint, state: 'idle', failures: 0, strikes: 0, notBefore: now });
    return true;
  }

  /** The tracker named it again: a peer that had gone may be back, so the pause is cut to the first step. */
  renew(endpoint: Endpoint, now: Instant): void {
    const record = this.#records.get(endpointText(endpoint));
    if (record === undefined || record.state !== 'idle' || record.failures === 0) return;
    record.notBefore = Math.min(record.notBefore, after(now, REDIAL_FIRST_MS)) as Instant;
  }

  /** Endpoints that may be dialled now, at most `most`. */
  due(now: Instant, most: number): Endpoint[] {
    const found: Endpoint[] = [];
    for (const record of this.#records.values()) {
      if (found.length >= most) break;
      if (record.state === 'idle' && !isBanned(record) && record.notBefore <= now) found.push(record.endpoint);
    }
    return found;
  }

  /** When the next endpoint becomes due. */
  get nextDue(): Instant {
    let earliest: Instant = NEVER;
    for (const record of this.#records.values()) {
      if (record.state === 'idle' && !isBanned(record) && record.notBefore < earliest) earliest = record.notBefore;
    }
    return earliest;
  }

  dialling(endpoint: Endpoint): void {
    const record = this.#records.get(endpointText(endpoint));
    if (record !== undefined) record.state = 'dialling';
  }

  /** A session with it is open, whoever dialled. */
  connected(endpoint: Endpoint): void {
    const record = this.#records.get(endpointText(endpoint));
    if (record !== undefined) record.state = 'connected';
  }

  /** A connection did good: the next failure starts from the first pause. */
  proved(endpoint: Endpoint): void {
    const record = this.#records.get(endpointText(endpoint));
    if (record !== undefined) record.failures = 0;
  }

  /** A dial failed or a connection ended: it may be dialled again after a pause. */
  failed(endpoint: Endpoint, now: Instant): void {
    const record = this.#records.get(endpointText(endpoint));
    if (record === undefined) return;
    record.state = 'idle';
    const pauseMs = Math.min(REDIAL_LAST_MS, REDIAL_FIRST_MS * 2 ** Math.min(record.failures, 16));
    record.failures++;
    record.notBefore = after(now, pauseMs);
  }

  /** Never dialled again: it is us, or there is nothing to exchange with it. */
  dismiss(endpoint: Endpoint): void {
    const record = this.#records.get(endpointText(endpoint));
    if (record === undefined) return;
    record.state = 'idle';
    record.notBefore = NEVER;
  }

  /** It sent a corrupt piece; true when that was one too many. */
  strike(endpoint: Endpoint, now: Instant): boolean {
    this.meet(endpoint, now);
    const record = this.#records.get(endpointText(endpoint));
    if (record === undefined) return true;
    record.strikes++;
    return isBanned(record);
  }

  /** It lied where there is no doubt: no second chance. */
  ban(endpoint: Endpoint, now: Instant): void {
    this.meet(endpoint, now);
    const record = this.#records.get(endpointText(endpoint));
    if (record !== undefined) record.strikes = CORRUPT_PIECES_BEFORE_BAN;
  }

  isBanned(endpoint: Endpoint): boolean {
    const record = this.#records.get(endpointText(endpoint));
    return record !== undefined && isBanned(record);
  }
}

const isBanned = (record: Record): boolean => record.strikes >= CORRUPT_PIECES_BEFORE_BAN;
