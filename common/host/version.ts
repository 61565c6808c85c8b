import { readFileSync } from 'node:fs';

/** The version in this package's package.json, which is the nearest one above this file, built or not. */
export function projectVersion(): string {
  for (const up of ['../../package.json', '../../../package.json']) {
    try {
      const text = readFileSync(new URL(up, import.meta.url), 'utf8');
      const found = JSON.parse(text) as { readonly name?: unknown; readonly version?: unknown };
      if (found.name === 'shoal' && typeof found.version === 'string') return found.version;
    } catch {
      // Not there: one further up.
    }
  }
  return 'unknown';
}
