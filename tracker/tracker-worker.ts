/** A thread of the tracker beside the main one; started by `crew.ts`. */
import { MAX_FORWARDED_DATAGRAMS } from '../common/base/limits.ts';
import type { Log } from '../common/base/ports.ts';
import { HostClock } from '../common/host/clock.ts';
import { mainThread, threadData } from '../common/host/helper-thread.ts';
import { CountingMeter } from '../common/host/metrics.ts';
import { HostRandom } from '../common/host/random.ts';
import { SharedMemory } from '../common/host/shared-memory.ts';
import { HostUdpBinder } from '../common/host/udp.ts';
import { Cookie } from './cookie.ts';
import type { WorkerNews, WorkerOrder, WorkerStart } from './crew.ts';
import { TrackerServer } from './server.ts';
import { TrackerService } from './service.ts';

const tell = (news: WorkerNews): void => mainThread.post(news);

/** Only what a server says, which is what it counted. */
const log: Log = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: (message, fields = {}) => tell({ kind: 'log', message, fields }),
  trace: () => {},
  traces: false,
  child: () => log,
};

async function main(start: WorkerStart): Promise<void> {
  const { descriptor, v6, buffers, clockStartMs, secret, epochMs, settings } = start;
  const clock = new HostClock({ startMs: clockStartMs });
  const meter = new CountingMeter();
  const service = new TrackerService({
    cookie: new Cookie({ secret, epochMs }),
    memory: new SharedMemory({ buffers }),
    random: new HostRandom(),
    settings,
    now: clock.now(),
    // Of the catalogue, which is not here.
    firstSequence: 1,
    tellBarren: (infoHash) => tell({ kind: 'barren', infoHash }),
  });
  const udp = await new HostUdpBinder({ meter }).adopt(descriptor, v6);
  let underWay = 0;
  const server = new TrackerServer({
    ...{ clock, udp, log, meter, service },
    forward: (bytes, from) => {
      if (underWay === MAX_FORWARDED_DATAGRAMS) return;
      underWay++;
      tell({ kind: 'datagram', bytes: bytes.slice(), from });
    },
  });
  mainThread.onMessage((order) => {
    if ((order as WorkerOrder).kind === 'taken') underWay--;
    else void server.stop().then(() => tell({ kind: 'stopped' }));
  });
  server.start();
  tell({ kind: 'ready' });
}

void main(threadData() as WorkerStart);
