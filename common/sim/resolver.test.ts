import { describe, expect, it } from 'vitest';
import { instant } from '../base/ids.ts';
import { VirtualClock } from './clock.ts';
import { SimResolver } from './resolver.ts';

describe('SimResolver', () => {
  it('knows the names it was told, after a while, and every address at once', async () => {
    const clock = new VirtualClock({ startAt: instant(1_000) });
    const resolver = new SimResolver({ clock, delayMs: 50 });
    resolver.names.set('tracker.example', ['10.0.0.1', '2001:db8::1']);
    expect(await clock.run(resolver.resolve('::ffff:10.0.0.9'), 0)).toEqual(['10.0.0.9']);
    expect(await clock.run(resolver.resolve('tracker.example'), 50)).toEqual(['10.0.0.1', '2001:db8::1']);
    await expect(clock.run(resolver.resolve('other.example'), 50)).rejects.toMatchObject({ code: 'NAME_UNRESOLVED' });
    expect(clock.now()).toBe(1_100);
  });
});
