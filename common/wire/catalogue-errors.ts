/** How a catalogue says no: an error answer of BEP 15 with the text `tk <code> <words>`. */

export const CATALOGUE_ERROR_CODES = [
  'unknown-operation',
  'malformed',
  'zero-port',
  'bad-name',
  'not-seeding',
  'full',
  'slow-down',
] as const;
export type CatalogueErrorCode = (typeof CATALOGUE_ERROR_CODES)[number];

export const catalogueErrorText = (code: CatalogueErrorCode, words: string): string => `tk ${code} ${words}`;

/** The code in an error's text; undefined when the text is not a catalogue's. */
export function catalogueErrorCode(text: string): CatalogueErrorCode | undefined {
  const [mark, code] = text.split(' ', 2);
  return mark === 'tk' ? CATALOGUE_ERROR_CODES.find((known) => known === code) : undefined;
}

export interface CatalogueFault {
  readonly ok: false;
  readonly reason: CatalogueErrorCode;
  /** The error's text for the client. */
  readonly text: string;
}

/** A request of the catalogue, or what to answer instead. */
export type ReceivedCatalogue<T> = { readonly ok: true; readonly value: T } | CatalogueFault;

export const fault = (code: CatalogueErrorCode, words: string): CatalogueFault => ({
  ok: false,
  reason: code,
  text: catalogueErrorText(code, words),
});
