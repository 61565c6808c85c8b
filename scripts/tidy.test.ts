import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { DRIVERS, EXCUSES, floorOf } from './floors.ts';
import { breachesOf, MAX_LINES } from './tidy.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const ROOMS = ['tracker', 'seeder', 'leecher', 'common', 'scripts'];

const sources = ROOMS.flatMap((room) =>
  readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
    .map((name) => `${room}/${name.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.ts')),
);

describe('the tree', () => {
  it('breaks no rule of the house', () => {
    const breaches = sources.flatMap((path) => breachesOf(path, readFileSync(join(ROOT, path), 'utf8')));
    expect(breaches).toEqual([]);
  });

  it('is really read', () => {
    expect(sources).toContain('common/base/ids.ts');
    expect(sources).toContain('scripts/tidy.ts');
  });

  it('has the packages that are excused, each with its reason', () => {
    for (const { file, specifier, because } of EXCUSES) {
      expect(because).not.toBe('');
      expect(sources).toContain(file);
      expect(readFileSync(join(ROOT, file), 'utf8')).toContain(`'${specifier}'`);
    }
  });
});

describe('the floor of a file', () => {
  it.each([
    ['tracker/main.ts', 5],
    ['common/host/udp.ts', 4],
    ['leecher/download.ts', 3],
    ['common/peer/connection.ts', 3],
    ['leecher/plan.ts', 2],
    ['tracker/service.ts', 2],
    ['common/announce/exchange.ts', 2],
    ['common/wire/bencode.ts', 1],
    ['common/content/merkle.ts', 1],
    ['common/base/ids.ts', 0],
    ['leecher/plan.test.ts', undefined],
    ['common/sim/world/world.ts', undefined],
  ])('%s is %s', (path, floor) => {
    expect(floorOf(path)).toBe(floor);
  });

  it('is 3 for what is listed as a driver, and nothing listed is a test', () => {
    for (const path of DRIVERS) expect(floorOf(path)).toBe(3);
  });
});

/** Where a line is put, the line, and a part of what must be said about it. */
type Sample = readonly [path: string, text: string, says: string];

const breaks: readonly Sample[] = [
  // Upward.
  ['common/base/ids.ts', "import { a } from '../wire/bencode.ts';", 'floor 0 imports floor 1'],
  ['common/content/merkle.ts', "import type { A } from '../peer/session.ts';", 'floor 1 imports floor 2'],
  ['leecher/plan.ts', "import { a } from './download.ts';", 'floor 2 imports floor 3'],
  ['common/peer/session.ts', "import { a } from './connection.ts';", 'floor 2 imports floor 3'],
  ['common/peer/node.ts', "import { a } from '../host/tcp.ts';", 'floor 3 imports floor 4'],
  ['tracker/service.ts', "import { a } from './main.ts';", 'floor 2 imports floor 5'],
  ['tracker/server.ts', "const a = await import('../common/host/udp.ts');", 'floor 3 imports floor 4'],
  ['common/host/store.ts', "import { a } from '../peer/choker.ts';", 'the host knows no rule'],
  ['common/host/store.ts', "import { a } from '../peer/node.ts';", 'the host knows no rule and no driver'],
  // Sideways.
  ['common/peer/node.ts', "import { a } from '../../leecher/download.ts';", 'common imports an executable'],
  ['common/sim/network.ts', "import { a } from '../../tracker/service.ts';", 'common imports an executable'],
  ['common/sim/world/world.ts', "import { a } from '../../../scripts/tidy.ts';", 'common imports an executable'],
  ['seeder/share.ts', "import { a } from '../leecher/resume.ts';", 'one executable imports another'],
  ['tracker/main.ts', "import { a } from '../seeder/main.ts';", 'one executable imports another'],
  ['leecher/download.ts', "import { a } from '../scripts/tidy.ts';", 'one executable imports another'],
  ['common/wire/extended.ts', "import { a } from '../content/metainfo.ts';", 'wire does not know content'],
  ['common/wire/extended.ts', "import { a } from '../peer/session.ts';", 'floor 1 imports floor 2'],
  // The outside world.
  ['leecher/plan.ts', "import { join } from 'node:path';", 'node:path outside common/host'],
  ['common/peer/session.ts', "import { open } from 'node:fs/promises';", 'node:fs/promises outside common/host'],
  ['common/base/bytes.ts', "import { createHash } from 'node:crypto';", 'base imports no built-in'],
  ['common/wire/bencode.ts', "import { inspect } from 'node:util';", 'node:util outside common/host'],
  ['common/peer/connection.ts', "import { Socket } from 'node:net';", 'node:net outside common/host'],
  ['tracker/server.ts', "import dgram from 'node:dgram';", 'node:dgram outside common/host'],
  ['seeder/main.ts', "import { stat } from 'node:fs/promises';", 'node:fs/promises outside common/host'],
  ['leecher/main.ts', "import { Worker } from 'node:worker_threads';", 'node:worker_threads outside common/host'],
  ['common/announce/announcer.ts', "import { lookup } from 'node:dns';", 'node:dns outside common/host'],
  ['tracker/cookie.ts', "import { createHmac, randomBytes } from 'node:crypto';", 'randomBytes of node:crypto'],
  ['leecher/download.ts', "import winston from 'winston';", 'packages and built-in modules'],
  ['tracker/main.ts', "import yargs from 'yargs';", 'packages and built-in modules'],
  ['common/wire/bencode.ts', "import ipaddr from 'ipaddr.js';", 'packages and built-in modules'],
  ['seeder/share.ts', "import fs from 'fs';", 'packages and built-in modules'],
  ['leecher/plan.ts', "import type { Clock } from '../common/base/ports.ts';", 'Clock below the drivers'],
  ['common/peer/uploads.ts', "import { type PieceStore } from '../base/ports.ts';", 'PieceStore below the drivers'],
  ['common/peer/node.ts', "import { a } from '../sim/world/world.ts';", 'for tests'],
  ['common/host/udp.ts', "import { a } from '../sim/network.ts';", 'for tests'],
  ['common/wire/bencode.ts', "import { a } from '../fixtures/vectors.ts';", 'for tests'],
  ['common/host/udp.ts', "import { a } from './tcp.test.ts';", 'a test is imported'],
  ['leecher/plan.ts', 'const port = process.env.PORT;', 'process outside common/host'],
  ['seeder/share.ts', "console.log('here');", 'console outside common/host'],
  ['common/sim/clock.ts', 'process.nextTick(wake);', 'process outside common/host'],
  // Time and chance.
  ['tracker/registry.ts', 'const now = Date.now();', 'Date.now outside'],
  ['tracker/server.ts', 'const at = new Date();', 'new Date() outside'],
  ['common/peer/choker.ts', 'const pick = Math.random();', 'Math.random outside'],
  ['common/announce/announcer.ts', 'setTimeout(wake, 5);', 'setTimeout outside'],
  ['common/sim/clock.ts', 'setInterval(wake, 5);', 'setInterval outside'],
  ['leecher/main.ts', 'const t = performance.now();', 'performance outside'],
  ['leecher/download.ts', 'globalThis.setTimeout(wake);', 'globalThis outside'],
  ['leecher/plan.ts', 'const a = await next();', 'await below the drivers'],
  ['tracker/service.ts', 'export const a = async () => 1;', 'async below the drivers'],
  ['common/content/merkle.ts', 'let a: Promise<number>;', 'Promise below the drivers'],
  ['common/peer/connection.ts', 'const a = Buffer.alloc(1);', 'Buffer below the host floor'],
  // Any file.
  ['common/host/log.ts', 'export default log;', 'default export'],
  ['common/host/log.ts', 'export { log as default };', 'default export'],
  ['common/host/log.ts', "export * from './level.ts';", 'handed on'],
  ['common/wire/all.ts', "export { a } from './bencode.ts';", 'handed on'],
  ['common/wire/index.ts', '', 'named after the noun'],
  ['common/base/utils.ts', '', 'named after the noun'],
  ['leecher/plan.ts', 'let a: any;', 'the type any'],
  ['common/host/log.ts', 'const a = b as any;', 'the type any'],
  ['common/host/log.test.ts', 'const a: Map<string, any> = b;', 'the type any'],
  ['scripts/swarm.test.ts', 'const a: any[] = [];', 'the type any'],
  ['leecher/plan.ts', '// TODO: later', 'TODO: do it'],
  ['leecher/plan.test.ts', '/* FIXME */', 'FIXME: do it'],
  ['leecher/plan.ts', 'a;\n'.repeat(MAX_LINES + 1), `${MAX_LINES + 1} lines`],
  // Tests.
  ['leecher/plan.test.ts', "it.only('a', f);", 'it.only'],
  ['leecher/plan.test.ts', "describe.skip('a', f);", 'describe.skip'],
  ['leecher/plan.test.ts', "it.concurrent.skip('a', f);", 'it.concurrent.skip'],
  ['leecher/plan.test.ts', "test.todo('a');", 'test.todo'],
  ['common/host/udp.test.ts', 'setTimeout(done, 100);', 'waits for events'],
  ['common/host/udp.test.ts', 'await sleep(100);', 'waits for events'],
  ['common/host/udp.test.ts', "import { setTimeout as wait } from 'node:timers/promises';", 'waits for events'],
  ['common/host/udp.test.ts', 'const before = Date.now();', 'waits for events'],
  ['leecher/plan.test.ts', 'const n = Math.random();', 'chance without a seed'],
  ['common/host/udp.test.ts', "import net from 'node:net';\nserver.listen(8080);", 'a fixed port'],
  ['common/host/udp.test.ts', "import { a } from './udp.ts';\nbind({ host: '::1', port: 6969 });", 'a fixed port'],
  ['tracker/main.test.ts', "import { spawn } from 'node:child_process';\nrun('-p', '6969');", 'a fixed port'],
];

const keeps: readonly (readonly [path: string, text: string])[] = [
  ['common/base/address.ts', "import ipaddr from 'ipaddr.js';"],
  ['common/content/merkle.ts', "import { hash } from 'node:crypto';\nimport { a } from '../wire/bencode.ts';"],
  ['tracker/cookie.ts', "import { createHmac } from 'node:crypto';"],
  ['leecher/plan.ts', "import type { Random, Meter } from '../common/base/ports.ts';\nimport { a } from './fetch.ts';"],
  ['leecher/download.ts', "import type { Clock } from '../common/base/ports.ts';\nconst a = await clock.now();"],
  ['leecher/download.ts', "import { a } from '../common/peer/node.ts';\nimport { b } from './plan.ts';"],
  ['common/host/hasher.ts', "import { a } from '../content/merkle.ts';\nimport { Worker } from 'node:worker_threads';"],
  ['common/host/clock.ts', 'setTimeout(wake, performance.now() - process.uptime());'],
  ['common/host/log.ts', "import winston from 'winston';"],
  ['common/sim/contracts/clock.ts', "import { expect } from 'vitest';\nimport { a } from '../clock.ts';"],
  [
    'tracker/main.ts',
    "import { a } from '../common/host/udp.ts';\nimport { b } from './server.ts';\nprocess.exitCode = 1;",
  ],
  ['common/sim/world/sim-tracker.ts', "import { a } from '../../../tracker/service.ts';"],
  [
    'leecher/plan.test.ts',
    "import { a } from '../common/sim/world/world.ts';\nimport { readFileSync } from 'node:fs';",
  ],
  ['seeder/share.test.ts', "import { a } from '../tracker/service.ts';\nconst b = await world.run();"],
  ['common/wire/tracker-packets.test.ts', "const peer = { host: '10.0.0.1', port: 6881 };"],
  [
    'common/host/udp.test.ts',
    "import { a } from './udp.ts';\nbind({ host: '127.0.0.1', port: 0 });\nsend({ port: 9 });",
  ],
  ['tracker/main.test.ts', "import { spawn } from 'node:child_process';\nrun('-p', '0');"],
  [
    'leecher/plan.ts',
    "// Any peer will do; see process.env, Date.now() and `await`.\nconst say = 'any, setTimeout(…)';",
  ],
  ['leecher/plan.ts', 'const many = clock.setTimeout + peers.any(1) + request.process;\nconst company = { any: 1 };'],
  ['leecher/plan.ts', 'a;\n'.repeat(MAX_LINES)],
  ['common/base/ports.ts', 'export interface Dialer { dial(): Promise<void> }'],
  ['common/fixtures/vectors.ts', "import { readFileSync } from 'node:fs';"],
];

describe('the check', () => {
  it.each(breaks.map(([path, text, says]) => ({ path, text, says })))(
    'finds "$says" in $path',
    ({ path, text, says }) => {
      const found = breachesOf(path, text);
      expect(found.join('\n')).toContain(says);
      // One sample, one breach: a finding for another reason would prove nothing.
      expect(found).toHaveLength(1);
      expect(found[0]).toMatch(/^[\w/.-]+(?::\d+)?: /);
    },
  );

  it.each(keeps.map(([path, text]) => ({ path, text })))('allows $text in $path', ({ path, text }) => {
    expect(breachesOf(path, text)).toEqual([]);
  });

  it('names the line', () => {
    expect(breachesOf('leecher/plan.ts', "// first\n\nimport { a } from './download.ts';\n")).toEqual([
      'leecher/plan.ts:3: ./download.ts: floor 2 imports floor 3',
    ]);
  });
});
