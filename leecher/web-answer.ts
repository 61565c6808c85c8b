/** What a web server's answer to a ranged GET means (RFC 9110, BEP 19): use it, go elsewhere, wait, or give it up. */
import { WEB_RETRY_LONGEST_MS } from '../common/base/limits.ts';
import type { RangeEnd, RangeHead } from '../common/base/web-ports.ts';

export interface WebFailure {
  readonly kind:
    | 'failed' /* the network, or the server for the moment */
    | 'busy' /* it asks for a pause */
    | 'missing' /* it has no such file, now */
    | 'unfit'; /* it is not what is wanted, and will not be */
  readonly text: string;
  /** Asked for by the server. */
  readonly pauseMs?: number;
}

export type WebVerdict =
  | { readonly kind: 'ranged' /* the body is what was asked for */ }
  | { readonly kind: 'whole' /* the body is the whole file */ }
  | { readonly kind: 'moved'; readonly location: string }
  | { readonly kind: 'refused'; readonly failure: WebFailure };

export interface WantedRange {
  readonly firstByte: number;
  readonly lastByte: number;
  /** Of the whole file. */
  readonly fileBytes: number;
}

const MOVED: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const MISSING: ReadonlySet<number> = new Set([401, 403, 404, 410, 416, 451]);

export function judgeHead(head: RangeHead, wanted: WantedRange): WebVerdict {
  const { status, location } = head;
  if (MOVED.has(status)) {
    return location === undefined ? refused('unfit', 'it moved nowhere') : { kind: 'moved', location };
  }
  if (status === 429 || status === 503) {
    const pauseMs = retryAfterMs(head);
    const failure: WebFailure = { kind: 'busy', text: `it answered ${status}` };
    return { kind: 'refused', failure: pauseMs === undefined ? failure : { ...failure, pauseMs } };
  }
  if (MISSING.has(status)) return refused('missing', `it answered ${status}`);
  if (status !== 200 && status !== 206) return refused(status >= 500 ? 'failed' : 'missing', `it answered ${status}`);
  const coding = head.contentEncoding?.trim().toLowerCase() ?? '';
  if (coding !== '' && coding !== 'identity') return refused('unfit', 'it encodes what it sends');
  return status === 206 ? judgeRange(head, wanted) : judgeWhole(head, wanted);
}

function judgeRange(head: RangeHead, wanted: WantedRange): WebVerdict {
  const [, first, last, total] =
    /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/i.exec(head.contentRange?.trim() ?? '') ?? [];
  if (first === undefined) return refused('unfit', 'it does not say which bytes it sends');
  if (total !== '*' && Number(total) !== wanted.fileBytes) return refused('unfit', OTHER_LENGTH);
  if (Number(first) !== wanted.firstByte || Number(last) !== wanted.lastByte) {
    return refused('unfit', 'it sends other bytes than those asked for');
  }
  const lengthBytes = wanted.lastByte - wanted.firstByte + 1;
  if ((head.contentLength ?? lengthBytes) !== lengthBytes) return refused('unfit', 'it contradicts itself in lengths');
  return { kind: 'ranged' };
}

function judgeWhole(head: RangeHead, wanted: WantedRange): WebVerdict {
  if ((head.contentLength ?? wanted.fileBytes) !== wanted.fileBytes) return refused('unfit', OTHER_LENGTH);
  return { kind: 'whole' };
}

const OTHER_LENGTH = 'its file has another length';

const refused = (kind: WebFailure['kind'], text: string): WebVerdict => ({ kind: 'refused', failure: { kind, text } });

/** Seconds, or a date, which is counted from the date of the answer: our own clock may be wrong (RFC 9110, 10.2.3). */
function retryAfterMs({ retryAfter, date }: RangeHead): number | undefined {
  if (retryAfter === undefined) return undefined;
  const isSeconds = /^\s*\d{1,9}\s*$/.test(retryAfter);
  const pauseMs = isSeconds ? Number(retryAfter) * 1000 : dateMs(retryAfter) - dateMs(date);
  return Number.isNaN(pauseMs) ? undefined : Math.max(0, Math.min(WEB_RETRY_LONGEST_MS, pauseMs));
}

/** As it must be written (RFC 9110, 5.6.7); NaN for anything else, of which `Date.parse` takes a lot. */
function dateMs(text = ''): number {
  const isDate = /^\s*[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT\s*$/.test(text);
  return isDate ? Date.parse(text) : Number.NaN;
}

const END_TEXTS: Readonly<Record<RangeEnd, string>> = {
  whole: 'it ended before its end',
  unreachable: 'it cannot be reached',
  cut: 'the connection was cut',
  timeout: 'it is silent',
  unfit: 'it does not speak HTTP, or is not who it should be',
};

/** When the body ended before all that was wanted had come. */
export const failureOfEnd = (end: RangeEnd): WebFailure => ({
  kind: end === 'unfit' ? 'unfit' : 'failed',
  text: END_TEXTS[end],
});
