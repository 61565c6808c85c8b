/** Progress for people on standard error and, with --json, for programs on standard output. */
import { after } from '../common/base/ids.ts';
import type { HostClock } from '../common/host/clock.ts';
import type { CommandHost } from '../common/host/command.ts';
import { Progress, progressMode } from '../common/host/progress.ts';
import { progressRecord, type ProgressSample } from '../common/host/progress-text.ts';
import type { Options } from './command.ts';
import type { Leech } from './leech.ts';
import type { Teller } from './teller.ts';

export function showProgress(parts: {
  readonly leech: Leech;
  readonly checkedBytes: () => number;
  readonly teller: Teller;
  readonly options: Options;
  readonly host: CommandHost;
  readonly clock: HostClock;
}): { end(): void } {
  const { leech, checkedBytes, teller, options, host, clock } = parts;
  const sample = (): ProgressSample => progressSample(leech, checkedBytes());
  const progress = new Progress({ screen: host.screen, clock, mode: progressMode(options.progress, host), sample });
  progress.start();
  let cancel = (): void => undefined;
  const tell = (): void => {
    teller.progress(progressRecord(sample(), progress.bytesPerSecond));
    cancel = clock.at(after(clock.now(), JSON_PROGRESS_INTERVAL_MS), tell);
  };
  if (options.json) tell();
  return {
    end: () => {
      cancel();
      progress.stop();
    },
  };
}

const JSON_PROGRESS_INTERVAL_MS = 1_000;

function progressSample(leech: Leech, checkedBytes: number): ProgressSample {
  const current = leech.download;
  const totalBytes = current.wantedBytes;
  if (totalBytes === undefined) return { label: 'asking peers what it is', sources: current.peerCount };
  if (current.stage === 'checking') {
    return { label: 'checking', amount: { doneBytes: checkedBytes, totalBytes, movedBytes: checkedBytes } };
  }
  const doneBytes = current.verifiedBytes;
  const amount = { doneBytes, totalBytes, movedBytes: leech.downloadedBytes };
  return current.isDone ? { amount } : { amount, sources: current.sourceCount };
}
