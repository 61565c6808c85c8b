import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Output } from './output.ts';
import { Screen } from './screen.ts';

class Sink extends Writable {
  text = '';
  held: (() => void)[] | undefined;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    if (this.held === undefined) done();
    else this.held.push(done);
  }
}

describe('screen', () => {
  it('takes the live region away for each line and puts it back after it', () => {
    const sink = new Sink();
    const screen = new Screen({ output: new Output({ stream: sink }) });
    const detach = screen.attach({ hide: () => screen.raw('<hide>'), show: () => screen.raw('<show>') });
    screen.line('one');
    screen.around(() => screen.raw('two'));
    detach();
    screen.line('three');
    expect(sink.text).toBe('<hide>one\n<show><hide>two<show>three\n');
  });

  it('[fault 55] drops lines when nobody reads, and says so afterwards', () => {
    const sink = new Sink();
    sink.held = [];
    const screen = new Screen({ output: new Output({ stream: sink }) });
    const line = 'x'.repeat(1_000);
    for (let i = 0; i < 5_000; i++) screen.line(line);
    expect(sink.writableLength).toBeLessThan(1.1 * 2 ** 20);
    const held = sink.held;
    sink.held = undefined;
    for (const done of held) done();
    screen.line('last');
    expect(sink.text).toMatch(/\n\(\d+ lines were dropped: nobody was reading\)\nlast\n$/);
  });

  it('goes on after its stream broke, once or for ever', async () => {
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('gone')) });
    const output = new Output({ stream: broken });
    const screen = new Screen({ output });
    screen.line('a');
    await new Promise((resolve) => setImmediate(resolve));
    screen.line('b');
    await output.flush();
    expect(output.isBroken).toBe(true);
    expect(output.failure?.message).toBe('gone');
  });

  it('survives a stream that throws', () => {
    const throwing = Object.assign(new Sink(), {
      write: () => {
        throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      },
    });
    const output = new Output({ stream: throwing });
    output.write('a');
    expect(output.failure?.code).toBe('ENOSPC');
  });
});
