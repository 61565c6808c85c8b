import { describe, expect, it } from 'vitest';
import { readSource } from './source-text.ts';

const read = (text: string): ReturnType<typeof readSource> => readSource('common/base/sample.ts', text);

describe('the views of a source', () => {
  it('keeps positions, so that a finding has the right line', () => {
    const text = "const a = 'one'; // two\n/* three\nfour */ const b = `five ${six} seven`;\n";
    const source = read(text);
    for (const view of [source.code, source.uncommented, source.comments]) {
      expect(view).toHaveLength(text.length);
      expect(view.split('\n')).toHaveLength(text.split('\n').length);
    }
    expect(source.lineCount).toBe(3);
  });

  it('takes comments out of code and keeps them apart', () => {
    const source = read('a(); // one\nb(); /* two\n three */ c();');
    expect(source.code).not.toMatch(/one|two|three/);
    expect(source.code).toMatch(/a\(\);\s+b\(\);\s+c\(\);/);
    expect(source.comments).toMatch(/one[^]*two[^]*three/);
    expect(source.comments).not.toMatch(/[abc]\(/);
  });

  it('takes quoted text out of code, and a comment sign within quotes is no comment', () => {
    const source = read("x(\"// not a comment\", 'it\\'s any', `a${b({ c: `d` })}e`); y();");
    expect(source.code).not.toMatch(/comment|any|a\$|d|e`/);
    expect(source.code).toMatch(/b\(\{ c: /);
    expect(source.code).toContain('y();');
    expect(source.uncommented).toContain('// not a comment');
  });

  it('knows a regular expression from a division', () => {
    expect(read('const r = /[/\'"]/g; setTimeout();').code).toContain('setTimeout');
    expect(read("const q = a / b; const s = 'any' + c / d;").code).toContain('c / d');
    expect(read("return /'/.test(x) ? total / 2 : y;").code).toContain('total / 2 : y');
    expect(read('f(x) / 2; // rest').code).not.toContain('rest');
  });

  it('reads an unended comment, quote and template to the end', () => {
    for (const text of ['a /* b', "a 'b", 'a `b', 'a `b ${c', '//']) expect(read(text).code).toHaveLength(text.length);
  });
});

describe('imports', () => {
  const specifiers = (text: string): string[] => read(text).imports.map((one) => one.specifier);

  it('finds every form, over several lines too, with the names the other file gave', () => {
    const source = read(`
import bare from 'one';
import * as all from 'two';
import { a, type B, c as d } from './three.ts';
import type {
  E,
} from "./four.ts";
import './five.ts';
export { f } from './six.ts';
export * from './seven.ts';
const g = await import('./eight.ts');
type H = import('./nine.ts').H;
`);
    const from = source.imports.toSorted((x, y) => x.line - y.line);
    expect(from.map((one) => one.specifier)).toEqual([
      'one',
      'two',
      './three.ts',
      './four.ts',
      './five.ts',
      './six.ts',
      './seven.ts',
      './eight.ts',
      './nine.ts',
    ]);
    expect(from.map((one) => one.line)).toEqual([2, 3, 4, 5, 8, 9, 10, 11, 12]);
    expect(from[2]!.names).toEqual(['a', 'B', 'c']);
    expect(from[3]!.names).toEqual(['E']);
    expect(from.filter((one) => one.handsOn).map((one) => one.specifier)).toEqual(['./six.ts', './seven.ts']);
  });

  it('finds none in comments and quoted text', () => {
    expect(specifiers("// import { a } from './a.ts';\nconst s = `import b from './b.ts'; import('./c.ts')`;")).toEqual(
      [],
    );
  });

  it('does not run two statements together', () => {
    expect(specifiers("export { a };\nimport { b } from './b.ts';")).toEqual(['./b.ts']);
  });
});
