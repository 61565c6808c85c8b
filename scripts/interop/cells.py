#!/usr/bin/python3
"""The three commands against other programs: each cell is a transfer in which one side is not ours.

Run by run.sh. Prints `ok ...` or `FAIL ...` per cell; exits 1 when one failed. Everything happens on the loopback
interface and in one temporary folder. Seeders are on 127.0.0.2, .3 and .4, because libtorrent keeps one connection
per remote address.
"""
import argparse
import contextlib
import hashlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, field
from types import FrameType
from typing import Callable, Iterator, Optional

from processes import Failed, Process

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PYTHON = '/usr/bin/python3'
NODE = os.environ.get('NODE', 'node')
PEER = os.path.join(HERE, 'libtorrent_peer.py')

SEEDER_IPS = ('127.0.0.2', '127.0.0.3', '127.0.0.4')
LEECHER_IP = '127.0.0.9'
PIECE_BYTES = 512 * 1024
# Not a whole number of pieces, nor of blocks.
PAYLOAD_BYTES = 40 * PIECE_BYTES + 12345


@dataclass
class Rig:
    """What all cells share: the folder, the file, its torrent made by libtorrent, and its hash by each side."""
    work: str
    payload: str
    digest: str
    torrent: str
    foreign_hash: str
    our_hash: Optional[str] = None
    running: 'list[Process]' = field(default_factory=list)
    started: int = 0

    def start(self, name: str, command: 'list[str]') -> Process:
        self.started += 1
        # Settings, caches and secrets of the user must neither help nor harm, nor be changed.
        home = os.path.join(self.work, 'home')
        env = {key: home for key in ('HOME', 'XDG_CONFIG_HOME', 'XDG_CACHE_HOME', 'XDG_STATE_HOME', 'XDG_DATA_HOME')}
        process = Process(f'{name}-{self.started}', command, os.path.join(self.work, 'logs'), cwd=self.work, env=env)
        self.running.append(process)
        return process

    def ours(self, command: str, *args: str) -> Process:
        return self.start(command, [NODE, os.path.join(ROOT, f'{command}.js'), *args])

    def libtorrent(self, verb: str, *args: str) -> Process:
        return self.start(f'libtorrent-{verb}', [PYTHON, PEER, verb, *args])

    def folder(self) -> str:
        return tempfile.mkdtemp(dir=self.work)

    def stop_all(self) -> None:
        # Leechers and seeders say goodbye to the tracker, so the first started ends last.
        while self.running:
            self.running.pop().stop()


def sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for part in iter(lambda: file.read(1 << 20), b''):
            digest.update(part)
    return digest.hexdigest()


def compare(rig: Rig, copy: str) -> None:
    if not os.path.isfile(copy):
        raise Failed(f'no copy: {copy}')
    got = sha256(copy)
    if got != rig.digest:
        raise Failed(f'SHA-256 of the copy is {got}, of the original {rig.digest}')


def free_port() -> int:
    """A port that is free for TCP and UDP at this moment; opentracker does not tell which one it got."""
    for _ in range(50):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(('127.0.0.1', 0))
            port: int = udp.getsockname()[1]
            with contextlib.suppress(OSError):
                tcp.bind(('127.0.0.1', port))
                return port
    raise Failed('no free port on 127.0.0.1')


# Trackers: each gives its announce URL.

def our_tracker(rig: Rig) -> str:
    tracker = rig.ours('tracker', '--host', '127.0.0.1', '-p', '0')
    return tracker.wait_line(lambda line: line.startswith('tracker udp://'), 'ready line').split(' ', 1)[1]


def opentracker(rig: Rig) -> str:
    folder = rig.folder()
    # It gives up root for `nobody` and then reads its list from this folder.
    os.chmod(rig.work, 0o755)
    os.chmod(folder, 0o755)
    # Debian's build serves listed hashes only, by the 20 bytes that go over the wire (BEP 52).
    with open(os.path.join(folder, 'whitelist.txt'), 'w', encoding='ascii') as whitelist:
        for full in {rig.foreign_hash, rig.our_hash or rig.foreign_hash}:
            whitelist.write(full[:40] + '\n')
    for _ in range(3):
        port = free_port()
        tracker = rig.start('opentracker', ['opentracker', '-i', '127.0.0.1', '-p', str(port), '-P', str(port),
                                            '-d', folder, '-w', 'whitelist.txt'])
        if answers_connect(port):
            return f'udp://127.0.0.1:{port}/announce'
        tracker.stop()
    raise Failed('opentracker does not answer')


def answers_connect(port: int, limit_s: float = 5.0) -> bool:
    """Whether a BEP 15 connect request is answered."""
    request = (0x41727101980).to_bytes(8, 'big') + bytes(4) + b'ping'
    until = time.monotonic() + limit_s
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.1)
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                udp.sendto(request, ('127.0.0.1', port))
                if udp.recv(64)[4:8] == b'ping':
                    return True
            time.sleep(0.05)
    return False


# Seeders: all three are ready when these return.

def our_seeders(rig: Rig, tracker: str) -> str:
    """Gives the magnet they print."""
    seeders = [rig.ours('seeder', '-f', rig.payload, '-p', '0', '--host', ip, '-t', tracker) for ip in SEEDER_IPS]
    magnets = set()
    for seeder in seeders:
        rig.our_hash = seeder.value_of('info hash')
        magnets.add(seeder.value_of('magnet'))
        seeder.value_of('get it with')
    if len(magnets) != 1:
        raise Failed(f'three seeders of one file print {len(magnets)} different magnets')
    return magnets.pop()


def libtorrent_seeders(rig: Rig, tracker: str) -> None:
    seeders = [
        rig.libtorrent('seed', '--ip', ip, '--torrent', rig.torrent, '--dir', os.path.dirname(rig.payload),
                       '--tracker', tracker)
        for ip in SEEDER_IPS
    ]
    for seeder in seeders:
        seeder.wait_line(lambda line: line == 'READY', 'READY')


# Leechers: complete when these return; each gives the path of its copy.

def libtorrent_leecher(rig: Rig, *what: str) -> str:
    folder = rig.folder()
    leecher = rig.libtorrent('leech', '--ip', LEECHER_IP, '--dir', folder, *what)
    leecher.wait_line(lambda line: line == 'DONE', 'DONE', limit_s=120)
    return os.path.join(folder, os.path.basename(rig.payload))


def our_leecher(rig: Rig, what: str, tracker: str) -> str:
    copy = os.path.join(rig.folder(), 'copy.bin')
    leecher = rig.ours('leecher', what, '-t', tracker, '-o', copy, '--progress', 'plain')
    leecher.wait_success()
    return copy


# Cells.

Tracker = Callable[[Rig], str]


def control(rig: Rig) -> None:
    tracker = opentracker(rig)
    libtorrent_seeders(rig, tracker)
    compare(rig, libtorrent_leecher(rig, '--torrent', rig.torrent, '--tracker', tracker))


def they_take_from_us(tracker: Tracker) -> Callable[[Rig], None]:
    def cell(rig: Rig) -> None:
        magnet = our_seeders(rig, tracker(rig))
        compare(rig, libtorrent_leecher(rig, '--magnet', magnet))
    return cell


def we_take_from_them(tracker: Tracker, by_magnet: bool) -> Callable[[Rig], None]:
    def cell(rig: Rig) -> None:
        url = tracker(rig)
        libtorrent_seeders(rig, url)
        what = f'magnet:?xt=urn:btmh:1220{rig.foreign_hash}' if by_magnet else rig.torrent
        compare(rig, our_leecher(rig, what, url))
    return cell


def same_hash(rig: Rig) -> None:
    if rig.our_hash is None:
        raise Failed('our seeder printed no info hash')
    if rig.our_hash != rig.foreign_hash:
        raise Failed(f'ours {rig.our_hash}, libtorrent {rig.foreign_hash}')


CELLS: 'list[tuple[str, Callable[[Rig], None]]]' = [
    ('control: libtorrent from 3 libtorrent seeders, opentracker', control),
    ('libtorrent from our 3 seeders, our tracker, magnet', they_take_from_us(our_tracker)),
    ('same info hash as libtorrent for the same file', same_hash),
    ('our leecher from 3 libtorrent seeders, our tracker, magnet', we_take_from_them(our_tracker, True)),
    ('our leecher from 3 libtorrent seeders, our tracker, .torrent', we_take_from_them(our_tracker, False)),
    ('libtorrent from our 3 seeders, opentracker, magnet', they_take_from_us(opentracker)),
    ('our leecher from 3 libtorrent seeders, opentracker, magnet', we_take_from_them(opentracker, True)),
    ('our leecher from 3 libtorrent seeders, opentracker, .torrent', we_take_from_them(opentracker, False)),
]


@contextlib.contextmanager
def prepared() -> Iterator[Rig]:
    work = tempfile.mkdtemp(prefix='shoal-interop-')
    rig = None
    try:
        for name in ('shared', 'logs', 'home'):
            os.mkdir(os.path.join(work, name))
        payload = os.path.join(work, 'shared', 'payload.bin')
        with open(payload, 'wb') as file:
            file.write(os.urandom(PAYLOAD_BYTES))
        torrent = os.path.join(work, 'payload.torrent')
        rig = Rig(work=work, payload=payload, digest=sha256(payload), torrent=torrent, foreign_hash='')
        making = rig.libtorrent('create', '--file', payload, '--out', torrent, '--piece-bytes', str(PIECE_BYTES))
        rig.foreign_hash = making.wait_line(lambda line: line.startswith('HASH '), 'HASH').split()[1]
        yield rig
    finally:
        if rig is not None:
            rig.stop_all()
        shutil.rmtree(work, ignore_errors=True)


def run_cell(rig: Rig, name: str, cell: Callable[[Rig], None]) -> bool:
    before = time.monotonic()
    try:
        cell(rig)
        print(f'ok   {name} ({time.monotonic() - before:.1f} s)', flush=True)
        return True
    except Failed as failure:
        print(f'FAIL {name}: {failure}', flush=True)
        for process in rig.running:
            print(process.tail(), file=sys.stderr, flush=True)
        return False
    finally:
        rig.stop_all()


def interrupted(number: int, _frame: Optional[FrameType]) -> None:
    sys.exit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(description='Transfers between the three commands and other programs.')
    parser.add_argument('--only', metavar='WORDS', help='run the cells whose name contains this')
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGINT, interrupted)
    chosen = [(name, cell) for name, cell in CELLS if args.only is None or args.only in name]
    if not chosen:
        parser.error(f'--only {args.only}: no such cell; there are: ' + '; '.join(name for name, _ in CELLS))
    with prepared() as rig:
        rig.stop_all()
        results = [run_cell(rig, name, cell) for name, cell in chosen]
    print(f'{sum(results)} of {len(results)} cells ok', flush=True)
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
