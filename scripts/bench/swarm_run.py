"""One flash crowd: seeders that are ready, leechers that are started together, and what was seen of them."""
import os
import statistics
import threading
import time
from dataclasses import dataclass
from typing import Optional

from accounts import machine_busy_s, touch_memory
from children import Child, Failed
from clients.client import Client, Leech, Setting
from netns import Switched, Traffic, goodput
from stage import Stage, same_bytes

TICK_S = 0.02
TRACE_S = 1.0
# Of one core. The network's own work is not told from that of others, and needs more the faster the links are.
FOREIGN_LIMIT = 0.4
# Until what the seeders do once they are ready is over.
CALM_S = 1.0


@dataclass(frozen=True)
class Shape:
    """Of a swarm: how many, over what links."""
    seeders: int
    leechers: int
    rate_mbit: float
    size: int

    @property
    def bound_s(self) -> float:
        """No swarm is faster: the seeders must send a copy, a leecher must receive one, and all uplinks together must
        send one to each leecher."""
        rate = goodput(self.rate_mbit)
        return self.size / rate * max(1 / self.seeders, 1, self.leechers / (self.seeders + self.leechers))

    @property
    def text(self) -> str:
        return (f'{self.seeders} seeder(s), {self.leechers} leechers, {self.rate_mbit:g} Mbit/s each way, '
                f'{self.size >> 20} MiB; bound {self.bound_s:.2f} s')


@dataclass(frozen=True)
class Outcome:
    client: str
    bound_s: float
    times: 'list[float]'
    # Bytes that the seeders sent, by the size of the file, until the first and the last leecher was complete.
    sent_first: float
    sent_last: float
    # Of what all uplinks of leechers could have sent until the last was complete.
    uplinks: float
    # Bytes that the leechers received, by what they needed.
    received: float
    cpu_s: float
    peak_mib: float
    busy: float
    # CPU seconds of the machine that none of our processes used; the network's own work is in them.
    foreign_s: float
    remark: str = ''

    @property
    def first(self) -> float:
        return min(self.times)

    @property
    def mean(self) -> float:
        return statistics.mean(self.times)

    @property
    def last(self) -> float:
        return max(self.times)

    @property
    def foreign_limit_s(self) -> float:
        return FOREIGN_LIMIT * self.last

    @property
    def text(self) -> str:
        return (f'first {self.first:.2f} mean {self.mean:.2f} last {self.last:.2f} s, '
                f'{self.last / self.bound_s:.2f} x bound; seeders sent {self.sent_first:.2f} and {self.sent_last:.2f} '
                f'files; leechers\' uplinks {self.uplinks:.0%} used, received {self.received:.3f} of what they needed; '
                f'CPU {self.cpu_s:.1f} s, peak {self.peak_mib:.0f} MiB, machine {self.busy:.0%} busy, '
                f'other {self.foreign_s:.1f} s{"; " + self.remark if self.remark else ""}')


class Disturbance:
    """What a mode does to a swarm; this one does nothing."""

    def started(self, run: 'SwarmRun') -> None:
        """The leechers have been started."""

    def line(self, run: 'SwarmRun', index: int, line: str) -> None:
        """A leecher has said something. Called on another thread."""

    def tick(self, run: 'SwarmRun', traffic: 'list[Traffic]') -> None:
        """A moment has passed."""

    def remark(self, run: 'SwarmRun') -> str:
        """At the end; raises Failed when it has not been done to the swarm."""
        return ''


class SwarmRun:
    """Hosts are numbered: first the seeders, then the leechers, then whoever a mode adds."""

    def __init__(self, stage: Stage, network: Switched, client: Client, shape: Shape, disturbance: Disturbance,
                 limit_s: float, trace: bool = False) -> None:
        self.stage = stage
        self.network = network
        self.client = client
        self.shape = shape
        self.seeders: 'list[Child]' = []
        self.leeches: 'dict[int, Leech]' = {}
        # Whoever a mode adds; its memory does not count.
        self.guest: Optional[Child] = None
        self.started_at = 0.0
        self._limit_s = limit_s
        self._disturbance = disturbance
        self._trace = trace
        self._folders: 'dict[int, str]' = {}
        self._done: 'dict[int, float]' = {}
        self._at_first: 'Optional[list[Traffic]]' = None
        self._at_last: 'list[Traffic]' = []
        self._lock = threading.Lock()
        self.setting = Setting(stage=stage, tracker=network.tracker, peers=stage.group('seeders'),
                               leechers=stage.group('leechers'), around=stage.group('around'),
                               logs=stage.folder('logs'))

    @property
    def leechers(self) -> range:
        return range(self.shape.seeders, self.shape.seeders + self.shape.leechers)

    def start_leecher(self, index: int) -> None:
        """Starts it, or starts it again by the same line."""
        if index not in self._folders:
            self._folders[index] = self.stage.folder('leech')
        self.leeches[index] = self.client.leech(self.setting, self.network.hosts[index], self._folders[index], 1,
                                                lambda at, line: self._heard(index, at, line))

    def is_done(self, index: int) -> bool:
        return index in self._done

    def _heard(self, index: int, at: float, line: str) -> None:
        self._disturbance.line(self, index, line)
        if not self.client.is_done(line):
            return
        traffic = self.network.traffic()
        with self._lock:
            self._done[index] = at - self.started_at
            self._at_first = self._at_first or traffic
            self._at_last = traffic

    def take(self) -> Outcome:
        try:
            return self._take()
        except Failed as failure:
            tails = '\n'.join(child.tail() for child in self.setting.running if child.name in str(failure))
            raise type(failure)(f'{failure}\n{tails}' if tails else str(failure)) from None
        finally:
            self.setting.stop()

    def _take(self) -> Outcome:
        shape, setting = self.shape, self.setting
        self.client.start_tracker(setting)
        for host in self.network.hosts[:shape.seeders]:
            self.client.seed(setting, host)
            self.seeders.append(setting.running[-1])
        self.client.wait_ready(setting, shape.seeders)
        touch_memory(self.stage.work, shape.leechers * (shape.size >> 20) + 512)
        time.sleep(CALM_S)

        before, busy, own = self.network.traffic(), machine_busy_s(), sum(os.times()[:2])
        cpu = self._cpu_s()
        self.started_at = time.monotonic()
        for index in self.leechers:
            self.start_leecher(index)
        self._disturbance.started(self)
        self._wait()
        busy, cpu, own = machine_busy_s() - busy, self._cpu_s() - cpu, sum(os.times()[:2]) - own
        for child in setting.running:
            child.measure()
        setting.stop()
        for index in self.leechers:
            if not same_bytes(self.stage.content.path, self.leeches[index].copy):
                raise Failed(f'{self.leeches[index].child.name}: the copy is not what was shared')
        return self._outcome(before, busy, cpu, own)

    def _cpu_s(self) -> float:
        return sum(group.cpu_s() for group in (self.setting.peers, self.setting.leechers, self.setting.around))

    def _wait(self) -> None:
        traced_at, traced = self.started_at, self.network.traffic()
        while True:
            if all(self.is_done(index) for index in self.leechers):
                return
            now = time.monotonic()
            if now > self.started_at + self._limit_s:
                late = [self.leeches[index].child.name for index in self.leechers if not self.is_done(index)]
                raise Failed(f'{len(late)} of {self.shape.leechers} were not complete after {self._limit_s:g} s, '
                             f'such as {late[0]}')
            for index in self.leechers:
                if not self.is_done(index) and self.leeches[index].child.has_ended:
                    # Says why, and what its last words were; a last line may still be on its way.
                    self.leeches[index].child.wait_line(self.client.is_done, 'it was complete', now + 1)
            traffic = self.network.traffic()
            self._disturbance.tick(self, traffic)
            if self._trace and now >= traced_at + TRACE_S:
                self._show(traced, traffic, now - traced_at)
                traced_at, traced = now, traffic
            time.sleep(TICK_S)

    def _show(self, before: 'list[Traffic]', after: 'list[Traffic]', seconds: float) -> None:
        full = goodput(self.shape.rate_mbit) * seconds
        up = [max(0.0, b.sent - a.sent) / full for a, b in zip(before, after)]
        seeders, leechers = up[:self.shape.seeders], [up[index] for index in self.leechers]
        print(f'    {time.monotonic() - self.started_at:5.1f} s  uplinks used: seeders '
              f'{" ".join(f"{share:.0%}" for share in seeders)}, leechers {statistics.mean(leechers):.0%} '
              f'({min(leechers):.0%}-{max(leechers):.0%}), complete {len(self._done)}', flush=True)

    def _outcome(self, before: 'list[Traffic]', busy: float, cpu: float, own: float) -> Outcome:
        assert self._at_first is not None
        shape, last = self.shape, max(self._done.values())
        seeders = range(shape.seeders)
        gone = [self._at_last[index].sent - before[index].sent for index in self.leechers]
        come = [self._at_last[index].received - before[index].received for index in self.leechers]
        peaks = [child.memory.peak_mib for child in self.setting.running if child.memory and child is not self.guest]
        return Outcome(
            client=self.client.name,
            bound_s=shape.bound_s,
            times=sorted(self._done.values()),
            sent_first=sum(self._at_first[index].sent - before[index].sent for index in seeders) / shape.size,
            sent_last=sum(self._at_last[index].sent - before[index].sent for index in seeders) / shape.size,
            uplinks=sum(gone) / (shape.leechers * goodput(shape.rate_mbit) * last),
            received=sum(come) / (shape.leechers * shape.size),
            cpu_s=cpu,
            peak_mib=max(peaks),
            busy=busy / last / (os.cpu_count() or 1),
            foreign_s=max(0.0, busy - cpu - own),
            remark=self._disturbance.remark(self),
        )
