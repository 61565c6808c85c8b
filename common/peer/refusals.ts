import { type Endpoint, endpointText } from '../base/ids.ts';
import { MAX_KNOWN_ENDPOINTS } from '../base/limits.ts';

/** How often those we dialled hung up before they said anything. BOUNDED: by MAX_KNOWN_ENDPOINTS. */
export class Refusals {
  readonly #counts = new Map<string, number>();

  of(endpoint: Endpoint): number {
    return this.#counts.get(endpointText(endpoint)) ?? 0;
  }

  note(endpoint: Endpoint): void {
    const count = this.of(endpoint) + 1;
    if (count > 1 || this.#counts.size < MAX_KNOWN_ENDPOINTS) this.#counts.set(endpointText(endpoint), count);
  }
}
