import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogFields } from '../base/ports.ts';
import { jsonLine, type LogFormat, type LogLevel, ProcessLog, textLine } from './log.ts';

function collect(format: LogFormat, level: LogLevel = 'info') {
  const lines: string[] = [];
  const logs = new ProcessLog({ target: { line: (text) => lines.push(text), format, colour: false }, level });
  return { lines, logs, log: logs.log('seeder') };
}

const at = new Date(2026, 0, 2, 3, 4, 5);
const entry = (text: string, fields?: LogFields) => ({ level: 'info', component: 'seeder', text, fields, at }) as const;

describe('log', () => {
  it('writes time, level, component, message and fields for people', () => {
    expect(
      textLine(entry('peer connected', { peer: '10.0.0.7:7000', pieces: 3, full: true, why: undefined }), false),
    ).toBe('03:04:05 info seeder: peer connected peer=10.0.0.7:7000 pieces=3 full=true');
  });

  it('quotes fields that could be misread', () => {
    expect(textLine(entry('x', { a: '', b: 'two words', c: 'k=v', d: 'say "hi"', e: 'back\\slash' }), false)).toBe(
      '03:04:05 info seeder: x a="" b="two words" c="k=v" d="say \\"hi\\"" e="back\\slash"',
    );
  });

  it('does not let a hostile name drive the terminal or forge a line', () => {
    const line = textLine(entry('name \u001b]0;owned\u0007', { client: 'x\n03:04:05 error tracker: forged' }), false);
    expect(line).toBe('03:04:05 info seeder: name \\x1b]0;owned\\x07 client="x\\x0a03:04:05 error tracker: forged"');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const both = [textLine(entry(text, { text }), false), jsonLine(entry(text, { text }))];
        // eslint-disable-next-line no-control-regex
        for (const each of both) expect(each).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      }),
    );
  });

  it('writes one JSON object per line for machines, whose own keys no field replaces', () => {
    const line = jsonLine(entry('hello %s', { msg: 'other', level: 'fatal', message: 'm', bytes: 12, ts: 'never' }));
    expect(JSON.parse(line)).toEqual({
      ts: at.toISOString(),
      level: 'info',
      component: 'seeder',
      msg: 'hello %s',
      message: 'm',
      bytes: 12,
    });
  });

  it('keeps the message apart from a field of the same name', () => {
    const { lines, log } = collect('text');
    log.info('hello %s', { message: 'there' });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/info seeder: hello %s message=there$/);
  });

  it('drops what is below the level, and says whether it traces', () => {
    const quiet = collect('text', 'warn');
    quiet.log.info('no');
    quiet.log.warn('yes');
    expect(quiet.lines).toHaveLength(1);
    expect(quiet.log.traces).toBe(false);
    expect(collect('text', 'trace').log.traces).toBe(true);
  });

  it('gives each component a log of its own', () => {
    const { lines, log } = collect('text');
    log.child('announcer').warn('late');
    expect(lines[0]).toMatch(/ warn announcer: late$/);
  });

  it('colours the level only when asked to', () => {
    expect(textLine(entry('x'), true)).toContain('\u001b[32minfo\u001b[0m');
  });

  it('has written every line when it is closed', async () => {
    const { lines, log, logs } = collect('json');
    for (let i = 0; i < 1_000; i++) log.info('line');
    await logs.close();
    expect(lines).toHaveLength(1_000);
  });
});
