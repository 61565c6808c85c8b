import { instant } from '../base/ids.ts';
import { VirtualClock } from './clock.ts';
import { describeWebContract } from './contracts/web.ts';
import { SimWeb } from './web.ts';

describeWebContract('the simulated web', async () => {
  const clock = new VirtualClock({ startAt: instant(1_000) });
  const client = new SimWeb({ clock, partMs: 3 });
  const address = { host: '203.0.113.5', port: 80 };
  return Promise.resolve({
    client,
    address,
    nobody: { host: '203.0.113.6', port: 80 },
    serve: (target, served) => client.serve(address, target, served),
    run: (promise) => clock.run(promise, 1_000_000),
    stop: () => Promise.resolve(),
  });
});
