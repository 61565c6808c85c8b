import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ShoalError } from '../base/errors.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { defineCommand, type OptionsOf } from './option-spec.ts';
import { readSettings } from './settings.ts';

const SPEC = defineCommand({
  name: 'shoal-test',
  summary: 'Does nothing, for a test.',
  usage: '[WHAT] [-p PORT] [-t URL]...',
  examples: [['shoal-test -p 7000', 'serve on port 7000']],
  positional: { name: 'what', describe: 'what to get' },
  options: {
    port: { kind: 'integer', alias: 'p', min: 0, max: 65_535, default: 6_969, valueName: 'PORT', describe: 'The port' },
    tracker: { kind: 'text', alias: 't', many: true, valueName: 'URL', describe: 'A tracker' },
    minSeeders: { kind: 'integer', min: 1, default: 3, describe: 'How many' },
    wait: { kind: 'seconds', default: 30, describe: 'How long' },
    chunkSize: { kind: 'size', default: 524_288, min: 16_384, describe: 'How large' },
    format: { kind: 'choice', choices: ['v2', 'hybrid', 'v1'], default: 'v2', describe: 'Which' },
    force: { kind: 'flag', describe: 'Replace' },
    out: { kind: 'text', alias: 'o', valueName: 'PATH', describe: 'Where' },
  },
});

const taken = async (words: readonly string[], env: Record<string, string> = {}): Promise<OptionsOf<typeof SPEC>> => {
  const settings = await readSettings(SPEC, words, env);
  if (settings.kind !== 'run') throw new Error('help or version was found');
  return settings.options;
};

const refused = async (words: readonly string[], env: Record<string, string> = {}): Promise<string> => {
  const error: unknown = await readSettings(SPEC, words, env).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ShoalError);
  expect((error as ShoalError).code).toBe('USAGE');
  return (error as ShoalError).message;
};

const temporary = (name: string, text: string): string => {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, text);
  return path;
};

describe('settings: values', () => {
  it('gives defaults where nothing is said', async () => {
    expect(await taken([])).toEqual({
      port: 6_969,
      tracker: [],
      minSeeders: 3,
      wait: 30,
      chunkSize: 524_288,
      format: 'v2',
      force: false,
      out: undefined,
      what: undefined,
    });
  });

  it.each([
    [['-p', '7000'], { port: 7_000 }],
    [['-p7000'], { port: 7_000 }],
    [['-p=7000'], { port: 7_000 }],
    [['--port=7000'], { port: 7_000 }],
    [['--port', '0'], { port: 0 }],
    [['-t', 'udp://a:1', '-tudp://b:2', '--tracker=udp://c:3'], { tracker: ['udp://a:1', 'udp://b:2', 'udp://c:3'] }],
    [['-oname'], { out: 'name' }],
    [['-o/tmp/x=y'], { out: '/tmp/x=y' }],
    [['-o', '-'], { out: '-' }],
    [['--out=-x'], { out: '-x' }],
    [['--out', '1e3'], { out: '1e3' }],
    [['--wait', '1.5'], { wait: 1.5 }],
    [['--wait', '2m'], { wait: 120 }],
    [['--chunk-size', '1M'], { chunkSize: 1_048_576 }],
    [['--chunk-size', '512KiB'], { chunkSize: 524_288 }],
    [['--chunk-size', '64k'], { chunkSize: 65_536 }],
    [['--chunk-size', '65536'], { chunkSize: 65_536 }],
    [['--format', 'v1'], { format: 'v1' }],
    [['--force', 'true'], { force: true, what: 'true' }],
    [['--force', 'thing'], { force: true, what: 'thing' }],
    [['--force=false'], { force: false }],
    [['thing', '-vvp', '5'], { what: 'thing', port: 5 }],
    [['--', '--port'], { what: '--port' }],
    [['007'], { what: '007' }],
  ])('takes %j', async (words, expected) => {
    expect(await taken(words)).toMatchObject(expected);
  });

  it.each([
    [['--port', 'abc'], '--port: "abc" is not right; it takes a whole number, from 0 to 65535'],
    [['-p', '70000'], '--port: "70000" is not right; it takes a whole number, from 0 to 65535'],
    [['-p', '-5'], '--port: "-5" is not right'],
    [['-p', '6969.5'], '--port: "6969.5"'],
    [['-p', '0x10'], '--port: "0x10"'],
    [['-p', ' 80'], '--port: " 80"'],
    [['-p', 'Infinity'], '--port: "Infinity"'],
    [['--port='], '--port: is empty; it takes a whole number'],
    [['--port', ''], '--port: is empty'],
    [['--port'], '--port needs a value'],
    [['--out', '--force'], '--out needs a value; when the value begins with a dash, write --out=VALUE'],
    [['--min-seeders', '0'], '--min-seeders: "0" is not right; it takes a whole number, at least 1'],
    [['-p', '1', '--port', '2'], '--port is given 2 times ("1", "2"); it takes one value'],
    [['--force', '--force'], '--force is given 2 times'],
    [['--out', ''], '--out: is empty; it takes some text'],
    [['--wait', 'soon'], '--wait: "soon" is not right; it takes seconds such as 30, 1.5 or 2m'],
    [['--wait', '-1'], '--wait: "-1"'],
    [['--chunk-size', '512KB'], '--chunk-size: "512KB" is not right; it takes a size such as 524288, 512KiB or 1M'],
    [['--chunk-size', '1k'], 'at least 16KiB'],
    [['--chunk-size', '0.3'], '--chunk-size: "0.3"'],
    [['--format', 'v3'], '--format: "v3" is not right; it takes one of v2, hybrid, v1'],
    [['--force=maybe'], '--force: "maybe" is not right; it takes true or false'],
    [['--prot', '1'], '"--prot" is no option (did you mean --port?); see shoal-test --help'],
    [['--seeders', '1'], '"--seeders" is no option (did you mean --min-seeders?)'],
    [['--minSeeders', '1'], '(did you mean --min-seeders?)'],
    [['-x'], '"-x" is no option; see'],
    [['-vxp', '1'], '"-x" is no option; see'],
    [['--__proto__=1'], 'is no option'],
    [['--toString=1'], '"--toString" is no option'],
    [['--no-force'], '"--no-force" is no option (did you mean --force?)'],
    [['a', 'b'], '"b" is one argument too many'],
    [[''], 'WHAT is empty'],
    [['-q', '-v'], '--quiet and --verbose contradict each other'],
    [['--out', 'a\u001b[31mb', '--port', '\u001b]0;x\u0007'], '"\\x1b]0;x\\x07" is not right'],
  ])('refuses %j', async (words, message) => {
    expect(await refused(words)).toContain(message);
  });

  it('insists on a required option', async () => {
    const spec = defineCommand({
      ...SPEC,
      options: { file: { kind: 'text', alias: 'f', required: true, describe: 'The file' } },
    });
    await expect(readSettings(spec, [], {})).rejects.toMatchObject({
      code: 'USAGE',
      message: '--file (-f) is missing',
    });
  });
});

describe('settings: environment and configuration file', () => {
  it('prefers the flag, then the environment, then the file, then the default', async () => {
    const config = temporary(
      'c.json',
      '\ufeff{"port": 1, "min-seeders": 5, "wait": 7, "tracker": ["a", "b"], "force": true}',
    );
    const options = await taken(['-p', '3', '--config', config], { SHOAL_PORT: '2', SHOAL_MIN_SEEDERS: '4' });
    expect(options).toMatchObject({ port: 3, minSeeders: 4, wait: 7, tracker: ['a', 'b'], force: true, format: 'v2' });
  });

  it('finds the configuration file by the environment, and splits lists at commas', async () => {
    const config = temporary('c.json', '{"minSeeders": 2, "tracker": "udp://x:1"}');
    const first = await taken([], { SHOAL_CONFIG: config });
    expect(first).toMatchObject({ minSeeders: 2, tracker: ['udp://x:1'] });
    const second = await taken([], { SHOAL_CONFIG: config, SHOAL_TRACKER: 'udp://a:1, udp://b:2' });
    expect(second.tracker).toEqual(['udp://a:1', 'udp://b:2']);
  });

  it('takes an empty variable for one that is not set', async () => {
    expect((await taken([], { SHOAL_PORT: '' })).port).toBe(6_969);
  });

  it('names the variable that is wrong', async () => {
    expect(await refused([], { SHOAL_PORT: 'abc' })).toContain(
      'SHOAL_PORT: "abc" is not right; it takes a whole number',
    );
    expect(await refused([], { SHOAL_FORCE: 'perhaps' })).toContain('SHOAL_FORCE: "perhaps"');
  });

  it.each([
    ['{"prot": 1}', 'prot in PATH: no such option (did you mean port?)'],
    ['{"port": "abc"}', 'port in PATH: "abc" is not right'],
    ['{"port": 1.5}', 'port in PATH: "1.5" is not right'],
    ['{"port": null}', 'port in PATH: "null" is no text, number or truth value'],
    ['{"port": [1, 2]}', 'port in PATH is given 2 times'],
    ['{"minSeeders": 1, "min-seeders": 2}', 'given twice, as minSeeders and min-seeders'],
    ['{"help": true}', 'help in PATH: no such option'],
    ['{"config": "other"}', 'config in PATH: no such option'],
    ['[1]', 'config file PATH: must hold a JSON object'],
    ['{"port": 1,}', 'config file PATH: is not JSON'],
    ['', 'config file PATH: is not JSON'],
    ['{"out": "a\\u0000b"}', 'it takes text without NUL characters'],
  ])('refuses the file %s', async (text, message) => {
    const config = temporary('c.json', text);
    expect((await refused(['--config', config])).replaceAll(config, 'PATH')).toContain(message);
  });

  it('refuses a file that is absent, or a directory', async () => {
    expect(await refused(['--config', '/nowhere/at/all.json'])).toContain(
      'config file /nowhere/at/all.json: cannot be read (ENOENT',
    );
    expect(await refused(['--config', tmpdir()])).toContain('is not a file');
  });
});
