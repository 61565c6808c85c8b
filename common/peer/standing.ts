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
  state:
    | 'unmet' /* it called us and is known for its strikes; nobody said that it can be dialled */
    | 'idle'
    | 'dialling'
    | 'connected'
    | 'dismissed'; /* never to be dialled again */
  failures: number;
  strikes: number;
  notBefore: Instant;
}

const isBanned = (record: Record): boolean => record.strikes >= CORRUPT_PIECES_BEFORE_BAN;
const mayBeDialled = (record: Record): boolean => record.state === 'idle' && !isBanned(record);

export class Standing {
  /** By endpoint text. BOUNDED: by MAX_KNOWN_ENDPOINTS; the one that failed most often makes room for another. */
  readonly #records = new Map<string, Record>();
  /** When the next endpoint becomes due; undefined when that has to be looked up. It is asked far more often than it changes. */
  #nextDue: Instant | undefined = NEVER;

  /** Takes up an endpoint to be dialled; false when it is known already, or there is no room. */
  meet(endpoint: Endpoint, now: Instant): boolean {
    const record = this.#find(endpoint);
    if (record !== undefined && record.state !== 'unmet') return false;
    if (record === undefined) return this.#add(endpoint, 'idle', now) !== undefined;
    record.state = 'idle';
    record.notBefore = now;
    this.#changed();
    return true;
  }

  /** The tracker named it again: a peer that had gone may be back, so the pause is cut to the first step. */
  renew(endpoint: Endpoint, now: Instant): void {
    const record = this.#find(endpoint);
    if (record === undefined || record.state !== 'idle' || record.failures === 0) return;
    record.notBefore = Math.min(record.notBefore, after(now, REDIAL_FIRST_MS)) as Instant;
    this.#changed();
  }

  /** Endpoints that may be dialled now, at most `most`: first those that failed least, so that the dead delay nobody. */
  due(now: Instant, most: number): Endpoint[] {
    if (most === 0 || this.nextDue > now) return [];
    const found: Record[] = [];
    for (const record of this.#records.values()) {
      if (mayBeDialled(record) && record.notBefore <= now) found.push(record);
    }
    if (found.length > most) found.sort((a, b) => a.failures - b.failures || a.notBefore - b.notBefore);
    return found.slice(0, most).map((record) => record.endpoint);
  }

  /** When the next endpoint becomes due. */
  get nextDue(): Instant {
    if (this.#nextDue !== undefined) return this.#nextDue;
    let earliest: Instant = NEVER;
    for (const record of this.#records.values()) {
      if (mayBeDialled(record) && record.notBefore < earliest) earliest = record.notBefore;
    }
    this.#nextDue = earliest;
    return earliest;
  }

  #changed(): void {
    this.#nextDue = undefined;
  }

  dialling(endpoint: Endpoint): void {
    this.#enter(endpoint, 'dialling');
  }

  /** A session with it is open, whoever dialled. */
  connected(endpoint: Endpoint): void {
    this.#enter(endpoint, 'connected');
  }

  /** A connection did good: the next failure starts from the first pause. */
  proved(endpoint: Endpoint): void {
    const record = this.#find(endpoint);
    if (record !== undefined) record.failures = 0;
  }

  /** A dial failed or a connection ended: it may be dialled again after a pause. */
  failed(endpoint: Endpoint, now: Instant): void {
    const record = this.#enter(endpoint, 'idle');
    if (record === undefined) return;
    const pauseMs = Math.min(REDIAL_LAST_MS, REDIAL_FIRST_MS * 2 ** Math.min(record.failures, 16));
    record.failures++;
    record.notBefore = after(now, pauseMs);
    this.#changed();
  }

  /** Never dialled again: it is us, or there is nothing to exchange with it. */
  dismiss(endpoint: Endpoint): void {
    this.#enter(endpoint, 'dismissed');
  }

  /** It sent a corrupt piece; true when that was one too many. */
  strike(endpoint: Endpoint, now: Instant): boolean {
    const record = this.#find(endpoint) ?? this.#add(endpoint, 'unmet', now);
    if (record === undefined) return true;
    record.strikes++;
    this.#changed();
    return isBanned(record);
  }

  /** It lied where there is no doubt: no second chance. */
  ban(endpoint: Endpoint, now: Instant): void {
    const record = this.#find(endpoint) ?? this.#add(endpoint, 'unmet', now);
    if (record !== undefined) record.strikes = CORRUPT_PIECES_BEFORE_BAN;
    this.#changed();
  }

  isBanned(endpoint: Endpoint): boolean {
    const record = this.#find(endpoint);
    return record !== undefined && isBanned(record);
  }

  #find(endpoint: Endpoint): Record | undefined {
    return this.#records.get(endpointText(endpoint));
  }

  /** Moves a record on; who was never met, or is dismissed, stays so. */
  #enter(endpoint: Endpoint, state: 'idle' | 'dialling' | 'connected' | 'dismissed'): Record | undefined {
    const record = this.#find(endpoint);
    if (record === undefined || record.state === 'unmet' || record.state === 'dismissed') return undefined;
    record.state = state;
    this.#changed();
    return record;
  }

  #add(endpoint: Endpoint, state: 'unmet' | 'idle', now: Instant): Record | undefined {
    if (this.#records.size >= MAX_KNOWN_ENDPOINTS && !this.#makeRoom()) return undefined;
    const record: Record = { endpoint, state, failures: 0, strikes: 0, notBefore: now };
    this.#records.set(endpointText(endpoint), record);
    this.#changed();
    return record;
  }

  /** Forgets the endpoint that failed most often. Those in use, and those that lied, are kept. */
  #makeRoom(): boolean {
    let worst: string | undefined;
    let most = 0;
    for (const [key, { state, strikes, failures }] of this.#records) {
      if (state !== 'idle' || strikes > 0 || failures <= most) continue;
      worst = key;
      most = failures;
    }
    return worst !== undefined && this.#records.delete(worst);
  }
}
