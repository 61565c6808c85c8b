import { describeTcpContract } from '../sim/contracts/tcp.ts';
import { HostClock } from './clock.ts';
import { HostDialer } from './tcp-dialer.ts';
import { HostListenerBinder } from './tcp-listener.ts';

describeTcpContract('the machine', () => ({
  listeners: new HostListenerBinder(),
  dialer: new HostDialer({ localHost: undefined }),
  clock: new HostClock(),
  host: '127.0.0.1',
  run: (promise) => promise,
}));
