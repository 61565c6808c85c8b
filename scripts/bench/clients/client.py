"""What a driver of a client has to do, and what it has to do it with."""
import os
import sys
import time
from dataclasses import dataclass, field
from typing import Callable, Optional

from accounts import Group
from children import Child, Failed, stop_all
from netns import Host, inside
from stage import HERE, NAME, Content, Stage

# tracker_client is shared with the interop cells.
sys.path.append(os.path.join(os.path.dirname(HERE), 'interop'))
import tracker_client  # noqa: E402  # pylint: disable=wrong-import-position

PYTHON = '/usr/bin/python3'
TRACKER_PORT = 6969
PEER_PORT = 7000
READY_LIMIT_S = 120.0

OnLine = Callable[[float, str], None]


@dataclass
class Setting:
    """One run: a tracker, its processes and folders."""
    stage: Stage
    tracker: Host
    peers: Group
    leechers: Group
    around: Group
    logs: str
    running: 'list[Child]' = field(default_factory=list)
    # What the first seeder of ours has printed for leechers.
    link: str = ''
    # Before the line of each leecher: a program that runs it, such as a profiler.
    leechers_under: 'list[str]' = field(default_factory=list)

    @property
    def content(self) -> Content:
        return self.stage.content

    @property
    def url(self) -> str:
        return f'udp://{self.tracker.address}:{TRACKER_PORT}/announce'

    def start(self, name: str, command: 'list[str]', host: Host, group: Group,
              on_line: Optional[OnLine] = None) -> Child:
        # Settings, caches and secrets of the user must neither help nor harm, nor be changed.
        home = os.path.join(self.stage.work, 'home')
        os.makedirs(home, exist_ok=True)
        names = ('HOME', 'XDG_CONFIG_HOME', 'XDG_CACHE_HOME', 'XDG_STATE_HOME', 'XDG_DATA_HOME')
        if group is self.leechers:
            command = [*self.leechers_under, *command]
        child = Child(f'{len(self.running):02}-{name}', command, host, group, self.logs, {key: home for key in names},
                      on_line)
        self.running.append(child)
        return child

    def wait_seeders(self, count: int, form: str) -> None:
        """Until the tracker knows as many."""
        with inside(self.tracker.netns):
            tracker_client.wait_for(self.url, self.content.wire_hashes[form], time.monotonic() + READY_LIMIT_S, count)

    def stop(self) -> None:
        stop_all(self.running)


@dataclass(frozen=True)
class Leech:
    """A download that was started."""
    child: Child
    copy: str


class Client:
    """One program, or one way to run it."""
    name = ''
    form = 'v2'
    # Programs and the Debian packages that have them.
    needs: 'tuple[tuple[str, str], ...]' = ()
    # What a mode of the bench adds to the leechers' line.
    leech_options: 'tuple[str, ...]' = ()
    # Whether leechers go on serving when they are complete.
    goes_on = True

    def trouble(self) -> str:
        """Why it cannot run; empty when it can."""
        return ''

    def start_tracker(self, setting: Setting) -> None:
        raise NotImplementedError

    def seed(self, setting: Setting, host: Host) -> None:
        """Starts a seeder and returns at once."""
        raise NotImplementedError

    def wait_ready(self, setting: Setting, seeders: int) -> None:
        """Until all seeders serve, and the tracker knows of them."""
        setting.wait_seeders(seeders, self.form)

    def leech(self, setting: Setting, host: Host, folder: str, seeders: int,
              on_line: Optional[OnLine] = None) -> Leech:
        """Starts a leecher, which begins when it has `seeders` sources. The same arguments give the same line."""
        raise NotImplementedError

    def tell_pieces(self) -> bool:
        """Has leechers say which pieces they have verified; False when they cannot."""
        return False

    def piece_of(self, line: str) -> Optional[int]:
        """The piece that a leecher says it has verified by this line."""
        return None

    def is_done(self, line: str) -> bool:
        """Whether a leecher says by this line that its copy is complete and verified."""
        return line == 'DONE'


def start_opentracker(setting: Setting) -> None:
    folder = setting.stage.folder('opentracker')
    # Debian's build serves listed hashes only.
    with open(os.path.join(folder, 'whitelist.txt'), 'w', encoding='ascii') as whitelist:
        whitelist.writelines(f'{wire_hash.hex()}\n' for wire_hash in setting.content.wire_hashes.values())
    port = str(TRACKER_PORT)
    tracker = setting.start('opentracker', ['opentracker', '-i', setting.tracker.address, '-p', port, '-P', port,
                                            '-d', folder, '-w', 'whitelist.txt'], setting.tracker, setting.around)
    with inside(setting.tracker.netns):
        if not tracker_client.answers(setting.url, time.monotonic() + 5):
            raise Failed('opentracker does not answer\n' + tracker.tail())


def copy_in(folder: str) -> str:
    return os.path.join(folder, NAME)
