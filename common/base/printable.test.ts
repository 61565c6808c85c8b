import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printableText } from './printable.ts';

describe('printable text', () => {
  it('is left as it is when it is harmless', () => {
    for (const text of ['', 'Shoal 0.1.0', 'qBittorrent/4.6', 'naïve 🐟 файл']) expect(printableText(text)).toBe(text);
  });

  it('has no control, direction or zero-width characters', () => {
    expect(printableText('a\u001b[2Jb\r\n\u0000c\u007f\u009b')).not.toMatch(/\p{Cc}/u);
    expect(printableText('x\u{202e}gpj.exe')).toBe('x\u{fffd}gpj.exe');
    expect(printableText('a\u{200b}b\u{2066}c\u{2028}d\u{ad}\u{feff}')).toBe(
      'a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}\u{fffd}',
    );
    expect(printableText('\ud800lone')).toBe('\u{fffd}lone');
  });

  it('is cut between characters, with a sign that it was', () => {
    expect(printableText('🐟'.repeat(5), 4)).toBe('🐟🐟🐟…');
    expect(printableText('🐟'.repeat(4), 4)).toBe('🐟🐟🐟🐟');
  });

  it('of anything at all is short and clean', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const clean = printableText(text, 20);
        expect(Array.from(clean).length).toBeLessThanOrEqual(20);
        expect(clean).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }),
    );
  });
});
