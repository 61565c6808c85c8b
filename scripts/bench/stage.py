"""What all runs of a bench share: the right to run, a folder in memory, control groups, the content, its torrents."""
import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Iterator, NoReturn, Optional

from accounts import MIB, PREFIX, Group, cgroup_root, end_group
from netns import delete, is_orphan, left_over

if TYPE_CHECKING:
    from clients.client import Client

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MEMORY = '/dev/shm'
PIECE_BYTES = 512 * 1024
NAME = 'payload.bin'


@dataclass(frozen=True)
class Content:
    """One file of random bytes, and for each format a torrent of it that names the tracker."""
    path: str
    size: int
    torrents: 'dict[str, str]'
    # The hash of 20 bytes that goes over the wire (BEP 52).
    wire_hashes: 'dict[str, bytes]'


class Stage:
    """Made once for all runs of a bench."""

    def __init__(self, work: str, group: str, content: Content) -> None:
        self.work = work
        self.content = content
        self._group = group
        self._serial = 0

    def group(self, name: str) -> Group:
        self._serial += 1
        return Group(os.path.join(self._group, f'{name}-{self._serial}'))

    def folder(self, name: str) -> str:
        path = tempfile.mkdtemp(prefix=f'{name}-', dir=self.work)
        # opentracker gives up root for `nobody` and then reads its list.
        os.chmod(path, 0o755)
        return path


def check_machine(bench: str, clients: 'list[Client]') -> None:
    """Ends the bench with a word when something is missing."""
    if os.geteuid() != 0:
        leave(f'{bench}: needs root, because it makes network namespaces and control groups')
    missing = {package: None for program, package in (('ip', 'iproute2'), ('tc', 'iproute2'), ('nsenter', 'util-linux'))
               if shutil.which(program) is None}
    if importlib.util.find_spec('libtorrent') is None:
        # All torrents are made by it.
        missing['python3-libtorrent'] = None
    for client in clients:
        missing.update({package: None for program, package in client.needs if shutil.which(program) is None})
    if missing:
        leave(f'{bench}: missing {" ".join(missing)}; on Debian and Ubuntu: apt-get install {" ".join(missing)}')
    for client in clients:
        trouble = client.trouble()
        if trouble:
            leave(f'{bench}: {client.name}: {trouble}')
    if not cgroup_root():
        leave(f'{bench}: there are no control groups of version 2 (mount -t cgroup2)')


def leave(word: str) -> NoReturn:
    print(word, file=sys.stderr)
    sys.exit(2)


@contextlib.contextmanager
def staged(size_mib: int, memory_mib: int, tracker: str, disk: Optional[str] = None) -> Iterator[Stage]:
    """The stage, which leaves nothing behind whatever happens; a signal ends the bench by SystemExit.

    `disk` is another folder in which the bench makes folders that begin with its prefix.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    sweep(tuple(filter(None, (MEMORY, disk))))
    free_mib = os.statvfs(MEMORY).f_bavail * os.statvfs(MEMORY).f_frsize // MIB
    with open('/proc/meminfo', encoding='ascii') as meminfo:
        found = dict(line.split(':') for line in meminfo)
    free_mib = min(free_mib, int(found['MemAvailable'].split()[0]) // 1024)
    if free_mib < memory_mib:
        leave(f'{MEMORY} has room for {free_mib} MiB, but {memory_mib} MiB are needed')
    group = os.path.join(cgroup_root(), f'{PREFIX}{os.getpid()}')
    work = tempfile.mkdtemp(prefix=f'{PREFIX}{os.getpid()}-', dir=MEMORY)
    try:
        os.makedirs(group)
        os.chmod(work, 0o755)
        yield Stage(work, group, make_content(work, size_mib, tracker))
    finally:
        # A second signal must not end the tidying.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        end_group(group)
        shutil.rmtree(work, ignore_errors=True)


def stop(number: int, _frame: Optional[FrameType]) -> None:
    # Whoever signals a whole process group, as a terminal does, signals twice when npm passes it on.
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def sweep(folders: 'tuple[str, ...]') -> None:
    """Removes what a bench left that was killed by a signal that cannot be caught."""
    root = cgroup_root()
    for name in os.listdir(root):
        if name.startswith(PREFIX) and is_orphan(name):
            end_group(os.path.join(root, name))
    for name in left_over():
        delete(name)
    for folder in folders:
        for name in os.listdir(folder):
            if name.startswith(PREFIX) and is_orphan(name):
                shutil.rmtree(os.path.join(folder, name), ignore_errors=True)


def make_content(work: str, size_mib: int, tracker: str) -> Content:
    # Only here, so that its absence can be told in words.
    import libtorrent as lt
    folder = os.path.join(work, 'content')
    os.makedirs(folder)
    path = os.path.join(folder, NAME)
    with open(path, 'wb') as file:
        for _ in range(size_mib):
            file.write(os.urandom(MIB))
    torrents, wire_hashes = {}, {}
    for form, flags in (('v1', lt.create_torrent.v1_only), ('v2', lt.create_torrent.v2_only)):
        files = lt.file_storage()
        lt.add_files(files, path)
        torrent = lt.create_torrent(files, piece_size=PIECE_BYTES, flags=flags)
        torrent.add_tracker(tracker)
        lt.set_piece_hashes(torrent, folder)
        torrents[form] = os.path.join(folder, f'{form}.torrent')
        with open(torrents[form], 'wb') as out:
            out.write(lt.bencode(torrent.generate()))
        hashes = lt.torrent_info(torrents[form]).info_hashes()
        wire_hashes[form] = bytes.fromhex(str(hashes.v1 if form == 'v1' else hashes.v2)[:40])
    return Content(path, size_mib * MIB, torrents, wire_hashes)


def same_bytes(one: str, other: str) -> bool:
    return os.path.exists(other) and subprocess.run(['cmp', '-s', one, other], check=False).returncode == 0
