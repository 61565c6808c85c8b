"""What can happen to a swarm: its seeders are killed, one takes and gives nothing, half of its leechers are killed."""
import threading
import time

from children import Failed
from clients.client import Setting
from clients.libtorrent_client import peer_command
from netns import Traffic
from stage import PIECE_BYTES
from swarm_run import Disturbance, SwarmRun

# So much of the file has the first that is killed, and the last.
CHURN_FROM, CHURN_TO = 0.3, 0.7
# Bytes a second. Less, and it could not even ask: its requests need 5 KB/s to receive 40 Mbit/s.
RIDER_UPLOAD = 16 * 1024


class SeederKilled(Disturbance):
    """kill -9 of all seeders at the moment at which each piece is verified by some leecher."""

    def __init__(self) -> None:
        self._pieces: 'set[int]' = set()
        self._lock = threading.Lock()
        self._text = ''

    def line(self, run: SwarmRun, index: int, line: str) -> None:
        piece = run.client.piece_of(line)
        if piece is not None:
            with self._lock:
                self._pieces.add(piece)

    def tick(self, run: SwarmRun, traffic: 'list[Traffic]') -> None:
        if self._text or len(self._pieces) < -(-run.shape.size // PIECE_BYTES):
            return
        for seeder in run.seeders:
            seeder.kill()
        complete = sum(run.is_done(index) for index in run.leechers)
        self._text = f'killed after {time.monotonic() - run.started_at:.2f} s, when {complete} were complete'

    def remark(self, run: SwarmRun) -> str:
        if not self._text:
            raise Failed('no seeder was killed: the leechers did not say which pieces they have')
        return self._text


class HalfKilled(Disturbance):
    """kill -9 of every other leecher, each when it has another part of the file; the same line goes on at once."""

    def __init__(self) -> None:
        self._at: 'dict[int, float]' = {}
        self._killed: 'list[float]' = []
        self._before: 'list[Traffic]' = []

    def started(self, run: SwarmRun) -> None:
        self._before = run.network.traffic()
        victims = list(run.leechers)[::2]
        step = (CHURN_TO - CHURN_FROM) / max(1, len(victims) - 1)
        self._at = {index: CHURN_FROM + step * number for number, index in enumerate(victims)}

    def tick(self, run: SwarmRun, traffic: 'list[Traffic]') -> None:
        for index, share in list(self._at.items()):
            if traffic[index].received - self._before[index].received < share * run.shape.size:
                continue
            del self._at[index]
            if run.is_done(index):
                raise Failed('a leecher was complete before it could be killed')
            run.leeches[index].child.kill()
            self._killed.append(time.monotonic() - run.started_at)
            run.start_leecher(index)

    def remark(self, run: SwarmRun) -> str:
        if self._at or not self._killed:
            raise Failed('not all were killed that should have been')
        return f'{len(self._killed)} killed and started again after {min(self._killed):.2f}-{max(self._killed):.2f} s'


class FreeRider(Disturbance):
    """One more leecher, a libtorrent that may upload next to nothing, on the host after the last."""

    def __init__(self) -> None:
        self._done_at = 0.0
        self._before: 'list[Traffic]' = []
        self._sent = 0.0
        self._received = 0.0

    def started(self, run: SwarmRun) -> None:
        self._before = run.network.traffic()
        setting: Setting = run.setting
        host = run.network.hosts[run.leechers.stop]
        command = peer_command(setting, host, run.client.form, run.stage.folder('rider'),
                               '--upload-limit', str(RIDER_UPLOAD))
        run.guest = setting.start('rider', command, host, setting.around, self._heard)

    def _heard(self, at: float, line: str) -> None:
        if line == 'DONE':
            self._done_at = at

    def tick(self, run: SwarmRun, traffic: 'list[Traffic]') -> None:
        index = run.leechers.stop
        self._sent = traffic[index].sent - self._before[index].sent
        self._received = traffic[index].received - self._before[index].received

    def remark(self, run: SwarmRun) -> str:
        end = f'was complete after {self._done_at - run.started_at:.2f} s' if self._done_at else 'was not complete'
        return (f'the free rider sent {self._sent / run.shape.size:.3f} and received '
                f'{self._received / run.shape.size:.2f} files, and {end}')
