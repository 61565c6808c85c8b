"""A client whose leecher runs under perf."""
import os
from typing import Optional

from clients.client import Client, Leech, OnLine, Setting
from clients.mixed import Mixed
from netns import Host

# A prime, so that it does not keep step with timers; the clock is what a virtual machine has.
PERF = ('perf', 'record', '-q', '-g', '-e', 'cpu-clock', '-F', '4999')


class Watched(Mixed):
    """`samples` is where perf wrote, once the run is over."""

    def __init__(self, client: Client) -> None:
        super().__init__(client, client)
        self.name = client.name
        self.needs = client.needs + (('perf', 'linux-perf'),)
        self.samples = ''

    def leech(self, setting: Setting, host: Host, folder: str, seeders: int,
              on_line: Optional[OnLine] = None) -> Leech:
        self.samples = os.path.join(setting.logs, 'perf.data')
        setting.leechers_under = [*PERF, '-o', self.samples, '--']
        return super().leech(setting, host, folder, seeders, on_line)
