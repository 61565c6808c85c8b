import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable, printableJson, quoted } from './escape.ts';

describe('escape', () => {
  it.each([
    ['plain text, Ümläut, 漢字, 😀', 'plain text, Ümläut, 漢字, 😀'],
    ['\u001b[2J', '\\x1b[2J'],
    ['a\r\nb\tc\0', 'a\\x0d\\x0ab\\x09c\\x00'],
    ['\u007f\u009b31m', '\\x7f\\x9b31m'],
    ['exe.\u202egpj', 'exe.\\u202egpj'],
    ['\ud800x', '\\ud800x'],
    ['x\udc00', 'x\\udc00'],
    ['\u2028', '\\u2028'],
  ])('makes %j printable', (text, expected) => {
    expect(printable(text)).toBe(expected);
  });

  it('leaves no control character, and JSON as the value it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // eslint-disable-next-line no-control-regex
        expect(printable(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
        const json = printableJson(JSON.stringify({ text }));
        // eslint-disable-next-line no-control-regex
        expect(json).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
        expect(JSON.parse(json)).toEqual({ text });
      }),
    );
  });

  it('quotes what somebody said', () => {
    expect(quoted('a "b" \u0007')).toBe('"a \\"b\\" \\x07"');
  });
});
