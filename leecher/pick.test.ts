import { describe, expect, it } from 'vitest';
import type { InfoHashV2 } from '../common/base/ids.ts';
import type { CatalogueEntry } from '../common/wire/catalogue-entry.ts';
import { pick } from './pick.ts';

const entry = (name: string): CatalogueEntry =>
  ({ name, sizeBytes: 1, seeders: 1, infoHashV2: new Uint8Array(32) as InfoHashV2 }) as CatalogueEntry;
const CHOICES = [entry('one'), entry('two')];

function user(answer: string, isTty = true) {
  const lines: string[] = [];
  return {
    lines,
    stdinIsTty: isTty,
    stderrIsTty: true,
    err: (line: string) => void lines.push(line),
    ask: async () => answer,
  };
}

describe('a choice', () => {
  it('is made by number', async () => {
    const asked = user('2');
    expect((await pick(CHOICES, asked)).name).toBe('two');
    expect(asked.lines.map((line) => line.trim().slice(0, 6))).toEqual(['1  one', '2  two']);
  });

  it.each(['', '0', '3', 'x'])('is none when the answer is "%s"', async (answer) => {
    await expect(pick(CHOICES, user(answer))).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('is left to the command line where nobody can answer', async () => {
    await expect(pick(CHOICES, user('1', false))).rejects.toThrow('2 things match');
  });
});
