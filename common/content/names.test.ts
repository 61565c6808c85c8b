import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import { MAX_NAME_BYTES } from '../base/limits.ts';
import { PathNamer, safeName } from './names.ts';

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }),
  fc.array(fc.constantFrom('.', ' ', '/', '\\', 'con', 'LPT1', '\u202e', 'a', '\u{1f600}', '\0'), { maxLength: 300 }).map((parts) => parts.join('')), // prettier-ignore
);

describe('[fault 24] a name from outside', () => {
  it.each([
    ['plain name-1.tar.gz', 'plain name-1.tar.gz'],
    ['.hidden', '.hidden'],
    ['héllo wörld 日本語 \u{1f600}.bin', 'héllo wörld 日本語 \u{1f600}.bin'],
    ['', '_'],
    ['.', '_'],
    ['..', '_'],
    ['...', '_'],
    [' . . ', '_'],
    ['../../etc/passwd', '.._.._etc_passwd'],
    ['..\\..\\boot.ini', '.._.._boot.ini'],
    ['/etc/passwd', '_etc_passwd'],
    ['C:\\Windows', 'C__Windows'],
    ['c:name', 'c_name'],
    ['file.txt:stream', 'file.txt_stream'],
    ['a\0b', 'a_b'],
    ['a\nb\u001b[2Jc', 'a_b_[2Jc'],
    ['a\u0085b\u2028c', 'a_b_c'],
    ['what?*"<>|', 'what______'],
    ['name. . .', 'name'],
    ['name ', 'name'],
    ['photo\u202egpj.exe', 'photogpj.exe'],
    ['\ufeffa\u200bb\u2066c\u061cd', 'abcd'],
    ['con', '_on'],
    ['CON.txt', '_ON.txt'],
    ['nul .tar.gz', '_ul .tar.gz'],
    ['com1', '_om1'],
    ['LPT¹.log', '_PT¹.log'],
    ['CONIN$', '_ONIN$'],
    ['console', 'console'],
    ['com10', 'com10'],
    ['\u202econ', '_on'],
  ])('%j becomes %j', (name, safe) => {
    expect(safeName(name)).toBe(safe);
    expect(safeName(utf8(name))).toBe(safe);
  });

  it('that is no UTF-8 keeps what is', () => {
    expect(safeName(Uint8Array.of(0x61, 0xff, 0x62))).toBe('a_b');
    expect(safeName('a\ud800b')).toBe('a_b');
  });

  it('is cut to what file systems take, with its extension, between characters', () => {
    expect(safeName(`${'x'.repeat(300)}.tar.gz`)).toBe(`${'x'.repeat(237)}.gz`);
    expect(utf8(safeName(`${'\u{1f600}'.repeat(100)}.bin`))).toHaveLength(240);
    expect(safeName(`${'\u{1f600}'.repeat(100)}x.bin`)).toBe(`${'\u{1f600}'.repeat(59)}.bin`);
    expect(safeName(`a.${'y'.repeat(300)}`)).toBe(`a.${'y'.repeat(238)}`);
    expect(safeName('z'.repeat(240))).toBe('z'.repeat(240));
    expect(safeName(`con${' '.repeat(300)}x`)).toBe('_on');
  });

  it('is harmless whatever it was, and stays as it is the second time', () => {
    fc.assert(
      fc.property(hostile, (name) => {
        const safe = safeName(name);
        expect(safe).not.toMatch(/^\.*$|[/\\:*?"<>|]|[. ]$|^(?:con|lpt1)(?:\.|$)/i);
        // oxlint-disable-next-line no-control-regex
        expect(safe).not.toMatch(/[\u0000-\u001f\u007f\u202a-\u202e]/);
        expect(utf8(safe).length).toBeLessThanOrEqual(MAX_NAME_BYTES);
        expect(safeName(safe)).toBe(safe);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the paths of a torrent', () => {
  const namer = (...paths: string[]) => {
    const paths_ = new PathNamer();
    return paths.map((path) => paths_.place(path.split('/').map(utf8)).join('/'));
  };

  it('stay as they are when they are harmless', () => {
    const paths = ['a', 'dir/a', 'dir/b', 'dir/sub/a', 'dir2/a'];
    expect(namer(...paths)).toEqual(paths);
  });

  it('[fault 24] never meet, in case, in hidden marks, or in what was replaced', () => {
    expect(namer('a?.txt', 'a*.txt', 'A_.TXT', 'a_ (2).txt', 'a?.txt')).toEqual([
      'a_.txt',
      'a_ (2).txt',
      'A_ (3).TXT',
      'a_ (2) (2).txt',
      'a_ (4).txt',
    ]);
  });

  it('keep the files of one directory together, and apart from a directory of a like name', () => {
    expect(namer('D/x', 'd/x', 'D/y', 'd')).toEqual(['D/x', 'd (2)/x', 'D/y', 'd (3)']);
  });

  it('stay short when they are numbered', () => {
    const long = `${'x'.repeat(300)}.bin`;
    const [first, second] = namer(long, long);
    expect(second).not.toBe(first);
    expect(second).toHaveLength(MAX_NAME_BYTES);
    expect(second!.endsWith(' (2).bin')).toBe(true);
  });

  it('of very many equal names are found in time', () => {
    const names = new PathNamer();
    const paths = new Set(Array.from({ length: 20_000 }, () => names.place([utf8('same')])[0]));
    expect(paths.size).toBe(20_000);
  });

  it('are all different, whatever they were', () => {
    const component = fc.constantFrom('a', 'A', 'a?', 'a*', 'a (2)', '..', '.', '_', 'con', '_on').map(utf8);
    const path = fc.array(component, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(path, { maxLength: 30 }), (paths) => {
        const names = new PathNamer();
        const placed = paths.map((raw) => names.place(raw).join('/').toLowerCase());
        expect(new Set(placed).size).toBe(paths.length);
        // No file has the path of a directory.
        for (const one of placed) expect(placed.some((other) => other.startsWith(`${one}/`))).toBe(false);
      }),
    );
  });
});
