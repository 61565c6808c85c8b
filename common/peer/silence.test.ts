import { describe, expect, it } from 'vitest';
import { after, instant } from '../base/ids.ts';
import { IDLE_TIMEOUT_MS, KEEP_ALIVE_MS } from '../base/limits.ts';
import { Silence } from './silence.ts';

const START = instant(5_000);

describe('a silence', () => {
  it('of ours calls for a keep-alive, and saying anything ends it', () => {
    const silence = new Silence(START);
    expect(silence.nextDue).toBe(after(START, KEEP_ALIVE_MS));
    expect(silence.wantsKeepAlive(after(START, KEEP_ALIVE_MS - 1))).toBe(false);
    expect(silence.wantsKeepAlive(after(START, KEEP_ALIVE_MS))).toBe(true);
    silence.sent(after(START, KEEP_ALIVE_MS));
    expect(silence.wantsKeepAlive(after(START, KEEP_ALIVE_MS))).toBe(false);
  });

  it('of the peer ends the connection, and hearing anything ends it', () => {
    const silence = new Silence(START);
    expect(silence.isIdle(after(START, IDLE_TIMEOUT_MS - 1))).toBe(false);
    expect(silence.isIdle(after(START, IDLE_TIMEOUT_MS))).toBe(true);
    silence.heard(after(START, 1));
    expect(silence.heardAt).toBe(after(START, 1));
    expect(silence.isIdle(after(START, IDLE_TIMEOUT_MS))).toBe(false);
  });

  it('is due at whichever comes first', () => {
    const silence = new Silence(START);
    silence.sent(after(START, IDLE_TIMEOUT_MS - 1));
    expect(silence.nextDue).toBe(after(START, IDLE_TIMEOUT_MS));
  });
});
