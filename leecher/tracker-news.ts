import { ShoalError } from '../common/base/errors.ts';

/** How it stands with one tracker; the announcer's state is one. */
export interface TrackerNote {
  readonly tracker: { readonly url: string };
  readonly status: 'unresolved' | 'silent' | 'refused' | 'working';
  readonly text: string;
  readonly seeders: number;
  readonly leechers: number;
}

/** What the trackers said so far, to explain why nobody came. BOUNDED: by the trackers. */
export class TrackerNews {
  readonly #notes = new Map<string, TrackerNote>();

  /** Whoever was asked and has said nothing yet is silent: the user may not wait as long as a retry takes. */
  constructor(asked: readonly TrackerNote['tracker'][]) {
    for (const tracker of asked) this.take({ tracker, status: 'silent', text: '', seeders: 0, leechers: 0 });
  }

  take(note: TrackerNote): void {
    this.#notes.set(note.tracker.url, note);
  }

  /** The error that fits when not one peer was found; undefined when trackers named some, who could not be reached. */
  whyNobody(): ShoalError | undefined {
    const notes = [...this.#notes.values()];
    const urls = notes.map((note) => note.tracker.url).join(', ');
    if (notes.length === 0) return undefined;
    if (notes.every((note) => note.status === 'unresolved')) {
      return new ShoalError('NAME_UNRESOLVED', `the tracker's name does not resolve: ${urls}; check -t`);
    }
    if (notes.every((note) => note.status === 'unresolved' || note.status === 'silent')) {
      return new ShoalError('NETWORK', `no tracker answers: ${urls}; check that one runs and that -t is right`);
    }
    // The tracker counts this leecher too.
    if (notes.some((note) => note.seeders > 0 || note.leechers > 1)) return undefined;
    const refusals = notes.filter((note) => note.status === 'refused').map((note) => note.text);
    const because = refusals.length > 0 ? ` (${refusals.join('; ')})` : '';
    return new ShoalError('CONTENT_UNKNOWN', `nobody shares this through ${urls}${because}; start a seeder of it`);
  }
}
