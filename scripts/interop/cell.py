"""What a cell has to work with: addresses of its own, a folder, the content, a time limit, trackers, our commands."""
import os
import socket
import tempfile
import time
from dataclasses import dataclass, field
from typing import Optional

import tracker_client
from content import Shared, compare
from processes import Failed, Process

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PYTHON = '/usr/bin/python3'
NODE = os.environ.get('NODE', 'node')


@dataclass(frozen=True)
class Stage:
    """What all cells share. `net` is the second number of their addresses, so that two runs do not meet."""
    work: str
    net: int
    payload: Shared
    tree: Shared
    originals: 'dict[str, dict[str, str]]'


def home_of(folder: str) -> 'dict[str, str]':
    """Settings, caches and secrets of the user must neither help nor harm, nor be changed."""
    names = ('HOME', 'XDG_CONFIG_HOME', 'XDG_CACHE_HOME', 'XDG_STATE_HOME', 'XDG_DATA_HOME')
    return {name: folder for name in names}


@dataclass
class Cell:
    """One transfer."""
    stage: Stage
    index: int
    until: float
    ipv6: bool = False
    running: 'list[Process]' = field(default_factory=list)
    remark: str = ''

    def __post_init__(self) -> None:
        self.work = tempfile.mkdtemp(prefix=f'cell-{self.index}-', dir=self.stage.work)

    def address(self, last: int) -> str:
        """Each process has its own, because libtorrent keeps one connection per remote address; IPv6 has only one."""
        return '::1' if self.ipv6 else self.address4(last)

    def address4(self, last: int) -> str:
        return f'127.{self.stage.net}.{self.index}.{last}'

    def folder(self) -> str:
        return tempfile.mkdtemp(dir=self.work)

    def start(self, name: str, command: 'list[str]', home: Optional[str] = None, is_ours: bool = False) -> Process:
        process = Process(f'{name}-{len(self.running) + 1}', command, self.work, cwd=self.work,
                          env=home_of(home or self.work), until=self.until, is_ours=is_ours)
        self.running.append(process)
        return process

    def python(self, script: str, *args: str) -> Process:
        return self.start(script.split('.')[0], [PYTHON, '-B', os.path.join(HERE, script), *args])

    def ours(self, command: str, *args: str) -> Process:
        # They share a cache of hashes, as the commands of one user do.
        return self.start(command, [NODE, os.path.join(ROOT, f'{command}.js'), *args],
                          os.path.join(self.stage.work, 'home'), is_ours=True)

    def stop_all(self) -> None:
        for process in self.running:
            process.ask_to_stop()
        for process in self.running:
            process.stop()

    def compare(self, shared: Shared, copy: str, by_us: bool = False) -> None:
        compare(self.stage.originals[shared.path], copy, by_us)

    def wait_known(self, tracker: str, info_hash: bytes, seeders: int = 0, leechers: int = 0) -> None:
        for process in self.running:
            process.check_alive()
        tracker_client.wait_for(tracker, info_hash, self.until, seeders, leechers)


def free_port(address: str) -> int:
    """A port that is free for TCP and UDP at this moment, for programs that do not tell which one they got."""
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    for _ in range(50):
        with socket.socket(family, socket.SOCK_DGRAM) as udp, socket.socket(family) as tcp:
            udp.bind((address, 0))
            port: int = udp.getsockname()[1]
            try:
                tcp.bind((address, port))
                return port
            except OSError:
                continue
    raise Failed(f'no free port on {address}')


# Trackers: each gives its announce URL.

def our_tracker(cell: Cell, *options: str) -> str:
    tracker = cell.ours('tracker', '--host', cell.address(1), '-p', '0', *options)
    return tracker.wait_line(lambda line: line.startswith('tracker udp://'), 'ready line').split(' ', 1)[1]


def our_http_tracker(cell: Cell) -> 'tuple[str, str]':
    """The URL by UDP, and the one by HTTP."""
    url = our_tracker(cell, '--http')
    line = cell.running[-1].wait_line(lambda line: line.startswith('tracker http://'), 'line of HTTP')
    return url, line.split(' ', 1)[1]


def opentracker(cell: Cell, listed: 'list[bytes]') -> str:
    folder = cell.folder()
    # It gives up root for `nobody` and then reads its list from this folder.
    for path in (cell.stage.work, cell.work, folder):
        os.chmod(path, 0o755)
    # Debian's build serves listed hashes only, by the 20 bytes that go over the wire (BEP 52).
    with open(os.path.join(folder, 'whitelist.txt'), 'w', encoding='ascii') as whitelist:
        for wire_hash in listed:
            whitelist.write(wire_hash.hex() + '\n')
    address = cell.address(1)
    for _ in range(3):
        port = str(free_port(address))
        tracker = cell.start('opentracker', ['opentracker', '-i', address, '-p', port, '-P', port, '-d', folder,
                                             '-w', 'whitelist.txt'])
        url = f'udp://{address}:{port}/announce'
        if tracker_client.answers(url, min(cell.until, time.monotonic() + 5)):
            return url
        tracker.stop()
        cell.running.remove(tracker)
    raise Failed('opentracker does not answer')


# Our own side.

@dataclass(frozen=True)
class Seeding:
    """What our seeders print and write; the hash is that which goes over the wire."""
    magnet: str
    torrent: str
    wire_hash: bytes


def our_seeder(cell: Cell, last: int, shared: Shared, form: str, tracker: str, *options: str) -> Seeding:
    torrent = os.path.join(cell.folder(), 'ours.torrent')
    seeder = cell.ours('seeder', '-f', shared.path, '--format', form, '--chunk-size', str(shared.piece_bytes),
                       '-p', '0', '--host', cell.address(last), '-t', tracker, '--save-torrent', torrent, *options)
    key, known = ('info hash', shared.v2) if form == 'v2' else ('info hash v1', shared.v1)
    printed = seeder.value_of(key)
    if printed != known[form]:
        raise Failed(f'{key}: {printed}, but libtorrent has {known[form]}')
    magnet = seeder.value_of('magnet')
    seeder.value_of('get it with')
    return Seeding(magnet, torrent, bytes.fromhex(printed[:40]))


def our_leecher(cell: Cell, what: str, tracker: str, minimum: int, *options: str) -> 'tuple[str, Process]':
    """The path of the copy, and the leecher that has ended well."""
    copy = os.path.join(cell.folder(), 'copy')
    leecher = cell.ours('leecher', what, '-t', tracker, '-o', copy, '--host', cell.address(9),
                        '--min-seeders', str(minimum), '--progress', 'none', *options)
    leecher.wait_success()
    return copy, leecher
