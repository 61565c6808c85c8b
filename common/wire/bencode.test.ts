import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes, toHex, utf8 } from '../base/bytes.ts';
import { MAX_BENCODE_DEPTH, MAX_BENCODE_ITEMS } from '../base/limits.ts';
import { torrentFixture, vectors } from '../fixtures/vectors.ts';
import {
  asBigInt,
  asBytes,
  asInt,
  asText,
  bencodeDict,
  decodeBencode,
  dictEntries,
  dictGet,
  encodeBencode,
  listItems,
  type BencodeValue,
  type BNode,
} from './bencode.ts';

const LIMITS = { depth: MAX_BENCODE_DEPTH, items: 100_000 };

const decode = (text: string | Uint8Array) => decodeBencode(typeof text === 'string' ? utf8(text) : text, LIMITS);

function read(text: string | Uint8Array): BNode {
  const result = decode(text);
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}

/** A decoded value as the encoder takes it. */
function valueOf(node: BNode): BencodeValue {
  switch (node.kind) {
    case 'integer':
      return asBigInt(node)!;
    case 'bytes':
      return asBytes(node)!;
    case 'list':
      return [...listItems(node)].map(valueOf);
    case 'dict':
      return bencodeDict([...dictEntries(node)].map(([key, value]) => [key, valueOf(value)]));
  }
}

const keyed = (child: fc.Arbitrary<BencodeValue>) =>
  fc
    .uniqueArray(fc.tuple(fc.uint8Array({ maxLength: 5 }), child), { maxLength: 5, selector: ([key]) => toHex(key) })
    .map((entries) => bencodeDict(entries));

const anyValue = fc.letrec<{ value: BencodeValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.uint8Array({ maxLength: 20 }),
    fc.array(tie('value'), { maxLength: 5 }),
    keyed(tie('value')),
  ),
})).value;

describe('reading bencode', () => {
  it('reads integers, strings, lists and dictionaries', () => {
    const node = read('d1:ai-42e2:bb4:spam1:cli1e0:ee');
    expect(asInt(dictGet(node, 'a'), -100)).toBe(-42);
    expect(asText(dictGet(node, 'bb'))).toBe('spam');
    expect([...listItems(dictGet(node, 'c'))].map((item) => item.kind)).toEqual(['integer', 'bytes']);
    expect(dictGet(node, 'b')).toBeUndefined();
    expect(dictGet(node, 'z')).toBeUndefined();
  });

  it('takes empty keys, and keys that are no text', () => {
    const key = Uint8Array.of(0xff, 0x00, 0xfe);
    const node = read(encodeBencode(bencodeDict([['', 1], [key, 2]]))); // prettier-ignore
    expect(asInt(dictGet(node, ''))).toBe(1);
    expect(asInt(dictGet(node, key))).toBe(2);
  });

  it('keeps the place of each value in the source', () => {
    const source = utf8('d4:infod6:lengthi5ee4:name1:xe');
    const info = dictGet(read(source), 'info')!;
    expect([info.start, info.end]).toEqual([7, 20]);
    expect(info.raw).toEqual(utf8('d6:lengthi5ee'));
    expect(dictGet(info, 'length')!.content).toEqual(utf8('5'));
  });

  it('leaves what follows the value alone when asked to, and says where that begins', () => {
    const source = utf8('d8:msg_typei1eeBYTES');
    expect(decode(source)).toEqual({ ok: false, reason: 'it has bytes after its end' });
    const result = decodeBencode(source, LIMITS, { allowTrailing: true });
    expect(result.ok && result.value.end).toBe(15);
  });

  it('takes integers past 2^53 exactly, and never gives them as a rounded number', () => {
    const node = read('i9223372036854775807e');
    expect(asBigInt(node)).toBe(2n ** 63n - 1n);
    expect(asInt(node)).toBeUndefined();
    expect(asInt(read('i9007199254740991e'))).toBe(2 ** 53 - 1);
    expect(asInt(read('i9007199254740992e'))).toBeUndefined();
    expect(asInt(read('i9007199254740993e'))).toBeUndefined();
  });

  it('gives nothing for a value of another kind', () => {
    const node = read('le');
    expect([asInt(node), asBigInt(node), asBytes(node), asText(node), dictGet(node, '')]).toEqual(
      Array.from({ length: 5 }),
    );
    expect([...dictEntries(node), ...listItems(read('de')), ...listItems(undefined)]).toEqual([]);
    expect(asText(read(Uint8Array.of(0x31, 0x3a, 0xff)))).toBeUndefined();
  });

  it('keeps a number inside the range asked for', () => {
    expect(asInt(read('i-1e'))).toBeUndefined();
    expect(asInt(read('i5e'), 5, 5)).toBe(5);
    expect(asInt(read('i4e'), 5, 9)).toBeUndefined();
    expect(asInt(read('i10e'), 5, 9)).toBeUndefined();
  });
});

describe('[fault 19] bencode that is none', () => {
  it.each(vectors.bencode_invalid.map((text) => text.replace(/ \(.*\)$/, '')))('%s is refused', (text) => {
    expect(decode(text).ok).toBe(false);
  });

  it.each([
    ['', 'it ends in the middle of a value'],
    ['i12', 'it ends in the middle of a value'],
    ['d1:a', 'it ends in the middle of a value'],
    ['1', 'it ends in the middle of a value'],
    ['e', 'it has a byte where no value can begin'],
    ['x', 'it has a byte where no value can begin'],
    ['i5.7e', 'it has an integer that is not in its shortest form'],
    ['i+5e', 'it has an integer that is not in its shortest form'],
    ['i-e', 'it has an integer that is not in its shortest form'],
    ['i00e', 'it has an integer that is not in its shortest form'],
    ['i123456789012345678901e', 'it has an integer that is too long'],
    ['00:', 'it has a string whose length is not in its shortest form'],
    ['1x', 'it has a string whose length is not in its shortest form'],
    ['99999999999999999999:a', 'it has a string that is longer than the data'],
    ['2:a', 'it has a string that is longer than the data'],
    ['dle1:ae', 'it has a dictionary key that is not a string'],
    ['d1:ae', 'it has a dictionary key without a value'],
    ['lee', 'it has bytes after its end'],
  ])('%j: %s', (text, reason) => {
    expect(decode(text)).toEqual({ ok: false, reason });
  });

  it.each(['l', 'd1:a'])('%s nested 100,000 deep is refused, and 100 deep is not', (open) => {
    const nested = (depth: number) => `${open.repeat(depth)}${open === 'l' ? '' : 'le'}${'e'.repeat(depth)}`;
    expect(decode(nested(100_000))).toEqual({ ok: false, reason: 'it is nested too deeply' });
    expect(decode(nested(101))).toEqual({ ok: false, reason: 'it is nested too deeply' });
    expect(decode(nested(open === 'l' ? 100 : 99)).ok).toBe(true);
  });

  it('of 10^7 values is refused', () => {
    const bytes = new Uint8Array(2 * MAX_BENCODE_ITEMS + 2);
    for (let i = 1; i < bytes.length - 1; i += 2) bytes.set([0x30, 0x3a], i);
    bytes[0] = 0x6c;
    bytes[bytes.length - 1] = 0x65;
    const result = decodeBencode(bytes, { depth: MAX_BENCODE_DEPTH, items: MAX_BENCODE_ITEMS });
    expect(result).toEqual({ ok: false, reason: 'it has too many values' });
  });

  it('counts every value and key against the bound, exactly', () => {
    const items = (limit: number) => decodeBencode(utf8('d1:ali1eee'), { depth: 9, items: limit }).ok;
    expect([items(3), items(4)]).toEqual([false, true]);
  });

  it('is refused by its length before it is looked at', () => {
    const result = decodeBencode(utf8('le  '), { ...LIMITS, bytes: 3 });
    expect(result).toEqual({ ok: false, reason: 'it is longer than allowed' });
  });

  it('never throws, whatever the bytes', () => {
    const likely = fc.mapToConstant(
      { num: 10, build: (n) => 0x30 + n },
      { num: 1, build: () => 0x3a },
      { num: 1, build: () => 0x2d },
      { num: 4, build: (n) => [0x69, 0x6c, 0x64, 0x65][n]! },
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.array(likely, { maxLength: 100 }).map((codes) => Uint8Array.from(codes)),
    );
    fc.assert(
      fc.property(bytes, (source) => {
        const result = decodeBencode(source, LIMITS, { allowTrailing: true });
        // What is taken is in the one form there is, so it encodes to what it was.
        if (result.ok) expect(encodeBencode(valueOf(result.value))).toEqual(result.value.raw);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is every cut-off beginning of a value', () => {
    const torrent = torrentFixture('multi.v1.torrent');
    for (let length = 0; length < torrent.length; length++) expect(decode(torrent.subarray(0, length)).ok).toBe(false);
    expect(decode(torrent).ok).toBe(true);
  });
});

describe('[fault 20] dictionary keys', () => {
  it('out of order are refused', () => {
    expect(decode('d1:b0:1:a0:e')).toEqual({ ok: false, reason: 'it has dictionary keys out of order' });
    expect(decode('d2:aa0:1:a0:e')).toEqual({ ok: false, reason: 'it has dictionary keys out of order' });
    expect(decode('d1:a0:0:0:e')).toEqual({ ok: false, reason: 'it has dictionary keys out of order' });
  });

  it('that come twice are refused', () => {
    expect(decode('d1:a0:1:a0:e')).toEqual({ ok: false, reason: 'it has the same dictionary key twice' });
    expect(decode('d0:0:0:0:e')).toEqual({ ok: false, reason: 'it has the same dictionary key twice' });
  });

  it('in an inner dictionary do not count for the outer one', () => {
    expect(decode('d1:bd1:a0:e1:c0:e').ok).toBe(true);
    expect(decode('d1:bd1:z0:e1:a0:e').ok).toBe(false);
  });
});

describe('writing bencode', () => {
  it('sorts keys by raw bytes, not as text', () => {
    const high = '\u{1f600}';
    const low = '\uffee';
    // UTF-16 has them the other way round.
    expect(high < low).toBe(true);
    const keys = [...dictEntries(read(encodeBencode(bencodeDict([[high, 1], [low, 2], ['', 3]]))))]; // prettier-ignore
    expect(keys.map(([, value]) => asInt(value))).toEqual([3, 2, 1]);
    expect(compareBytes(keys[1]![0], keys[2]![0])).toBeLessThan(0);
  });

  it('puts in what is encoded already as it is, and leaves out what is undefined', () => {
    const value = bencodeDict([['info', { encoded: utf8('d1:xi1ee') }], ['none', undefined]]); // prettier-ignore
    expect(encodeBencode(value)).toEqual(utf8('d4:infod1:xi1eee'));
  });

  it('refuses what bencode cannot say', () => {
    expect(() => encodeBencode(1.5)).toThrow('no integer');
    expect(() => encodeBencode(2 ** 53)).toThrow('no integer');
    expect(() => encodeBencode(bencodeDict([['a', 1], [utf8('a'), 2]]))).toThrow('twice'); // prettier-ignore
  });

  it('gives back what was written', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const bytes = encodeBencode(value);
        expect(encodeBencode(valueOf(read(bytes)))).toEqual(bytes);
      }),
    );
  });

  it.each(Object.keys(vectors.torrents))('writes %s as another client did', (name) => {
    const torrent = torrentFixture(name);
    expect(toHex(encodeBencode(valueOf(read(torrent))))).toBe(toHex(torrent));
  });
});

describe('keys in any order', () => {
  const loose = (text: string): BNode | undefined => {
    const result = decodeBencode(utf8(text), LIMITS, { anyKeyOrder: true });
    return result.ok ? result.value : undefined;
  };

  it('are found, however they stand, at every depth', () => {
    const root = loose('d1:bi2e1:ad1:zi1e1:yi0ee1:ci3ee');
    expect(['a', 'b', 'c', 'd'].map((key) => dictGet(root, key)?.kind)).toEqual([
      'dict',
      'integer',
      'integer',
      undefined,
    ]);
    expect(asInt(dictGet(dictGet(root, 'a'), 'y'))).toBe(0);
  });

  it('may come twice; the first counts', () => {
    expect(asInt(dictGet(loose('d1:ai1e1:bi2e1:ai3ee'), 'a'))).toBe(1);
  });

  it('are refused where nobody asked for them', () => {
    expect(decode('d1:bi2e1:ai1ee')).toEqual({ ok: false, reason: 'it has dictionary keys out of order' });
  });

  it('are all that is let go', () => {
    for (const text of ['d1:ae', 'di1ei2ee', 'd1:ai01ee', 'd1:ai1e', 'd1:ai1eex']) expect(loose(text)).toBeUndefined();
  });
});
