import { describe, expect, it } from 'vitest';
import { CountingMeter } from './metrics.ts';

describe('metrics', () => {
  it('counts by name, and shows a copy in alphabetical order', () => {
    const meter = new CountingMeter();
    meter.count('udp_sent');
    meter.count('announces', 3);
    meter.count('udp_sent', 2);
    const before = meter.snapshot();
    meter.count('udp_sent');
    expect(Object.entries(before)).toEqual([
      ['announces', 3],
      ['udp_sent', 3],
    ]);
    expect(meter.snapshot()).toEqual({ announces: 3, udp_sent: 4 });
  });

  it('takes any name for a name', () => {
    const meter = new CountingMeter();
    meter.count('__proto__');
    meter.count('constructor');
    expect(Object.entries(meter.snapshot())).toEqual([
      ['__proto__', 1],
      ['constructor', 1],
    ]);
  });
});
