#!/usr/bin/python3
"""HTTP trackers, ours and another's: every peer of these cells knows an HTTP announce URL and nothing else.

Run as run.sh runs cells.py; needs aria2 and transmission-daemon besides, and leaves out the cells of what is missing.
Clients that do not know v2 get a v1 torrent of the same file. Everything stays on the loopback interface.
"""
import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import time
import urllib.parse
import urllib.request
from typing import Callable

import cells
from cells import LEECHER_IP, SEEDER_IPS, Rig, compare, interrupted, opentracker, prepared, run_cell
from processes import Failed

OTHER_IP = '127.0.0.8'


# Trackers: each gives its announce URL.

def our_http_tracker(rig: Rig) -> str:
    tracker = rig.ours('tracker', '--host', '127.0.0.1', '-p', '0', '--http')
    return tracker.wait_line(lambda line: line.startswith('tracker http://'), 'ready line').split(' ', 1)[1]


def http_opentracker(rig: Rig) -> str:
    """opentracker answers HTTP on the TCP port of the same number."""
    return opentracker(rig).replace('udp://', 'http://')


def wait_seeders(url: str, info_hash: str, wanted: int, limit_s: float = 60.0) -> None:
    """Until a scrape (BEP 48) counts so many seeders."""
    query = 'info_hash=' + urllib.parse.quote(bytes.fromhex(info_hash)[:20])
    scrape = url[:-len('announce')] + 'scrape?' + query
    until = time.monotonic() + limit_s
    answer = b''
    while time.monotonic() < until:
        with contextlib.suppress(OSError), urllib.request.urlopen(scrape, timeout=5) as response:
            answer = response.read()
            if b'8:completei%de' % wanted in answer:
                return
        time.sleep(0.1)
    raise Failed(f'not {wanted} seeders within {limit_s:g} s: {answer!r}')


# Peers.

def our_seeders(rig: Rig, url: str, *options: str) -> 'dict[str, str]':
    """The `info hash` and the `magnet` that they print."""
    facts: 'dict[str, str]' = {}
    for ip in SEEDER_IPS:
        seeder = rig.ours('seeder', '-f', rig.payload, '-p', '0', '--host', ip, '-t', url, *options)
        facts['info hash'] = info_hash_of(seeder)
        for key in ('magnet', 'get it with'):
            facts[key] = seeder.value_of(key)
    return facts


def info_hash_of(seeder: cells.Process) -> str:
    """Of either kind."""
    return seeder.wait_line(lambda line: line.startswith('info hash'), 'info hash').split(': ', 1)[1]


def v1_torrent(rig: Rig, url: str) -> 'tuple[str, str]':
    """A v1 torrent of the file that names this tracker, and its info hash; made by our seeder, which then ends."""
    torrent = os.path.join(rig.folder(), 'payload.torrent')
    seeder = rig.ours('seeder', '-f', rig.payload, '-p', '0', '--host', LEECHER_IP, '-t', url, '--format', 'v1',
                      '--save-torrent', torrent)
    info_hash = info_hash_of(seeder)
    seeder.value_of('get it with')
    seeder.stop()
    return torrent, info_hash


def aria2(rig: Rig, torrent: str, folder: str, ip: str, *options: str) -> cells.Process:
    return rig.start('aria2', [
        'aria2c', '--no-conf', f'--interface={ip}', f'--listen-port={cells.free_port()}', f'--dir={folder}',
        '--enable-dht=false', '--enable-dht6=false', '--bt-enable-lpd=false', '--enable-peer-exchange=false',
        '--disable-ipv6=true', '--check-integrity=true', '--file-allocation=none', *options, torrent,
    ])


def aria2_leecher(rig: Rig, torrent: str) -> str:
    folder = rig.folder()
    aria2(rig, torrent, folder, LEECHER_IP, '--seed-time=0').wait_success()
    return os.path.join(folder, os.path.basename(rig.payload))


def aria2_seeder(rig: Rig, torrent: str) -> None:
    folder = rig.folder()
    os.link(rig.payload, os.path.join(folder, os.path.basename(rig.payload)))
    aria2(rig, torrent, folder, OTHER_IP, '--seed-ratio=0.0')


def transmission_seeder(rig: Rig, torrent: str) -> None:
    config, data = rig.folder(), rig.folder()
    os.link(rig.payload, os.path.join(data, os.path.basename(rig.payload)))
    os.mkdir(os.path.join(config, 'torrents'))
    # What is there when it starts is taken in, as with a torrent from the session before.
    shutil.copy(torrent, os.path.join(config, 'torrents'))
    settings = {
        'bind-address-ipv4': OTHER_IP, 'bind-address-ipv6': '::1', 'peer-port': cells.free_port(),
        'download-dir': data, 'incomplete-dir-enabled': False, 'rpc-enabled': False, 'dht-enabled': False,
        'lpd-enabled': False, 'pex-enabled': False, 'utp-enabled': False, 'port-forwarding-enabled': False,
    }
    with open(os.path.join(config, 'settings.json'), 'w', encoding='ascii') as file:
        json.dump(settings, file)
    rig.start('transmission', ['transmission-daemon', '-f', '-g', config])


def our_leecher(rig: Rig, what: str, *options: str) -> str:
    copy = os.path.join(rig.folder(), 'copy.bin')
    rig.ours('leecher', what, '-o', copy, '--host', LEECHER_IP, '--progress', 'plain', *options).wait_success()
    return copy


# Cells.

def ours_by(tracker: Callable[[Rig], str]) -> Callable[[Rig], None]:
    def cell(rig: Rig) -> None:
        url = tracker(rig)
        facts = our_seeders(rig, url)
        wait_seeders(url, facts['info hash'], len(SEEDER_IPS))
        compare(rig, our_leecher(rig, facts['magnet']))
        # It has said goodbye, and that it was complete; the three are still there.
        wait_seeders(url, facts['info hash'], len(SEEDER_IPS))
    return cell


def libtorrent_from_us(rig: Rig) -> None:
    facts = our_seeders(rig, our_http_tracker(rig))
    compare(rig, cells.libtorrent_leecher(rig, '--magnet', facts['magnet']))


def we_from_libtorrent(rig: Rig) -> None:
    url = our_http_tracker(rig)
    cells.libtorrent_seeders(rig, url)
    compare(rig, our_leecher(rig, rig.torrent, '-t', url))


def aria2_from_us(rig: Rig) -> None:
    url = our_http_tracker(rig)
    torrent, info_hash = v1_torrent(rig, url)
    our_seeders(rig, url, '--format', 'v1')
    wait_seeders(url, info_hash, len(SEEDER_IPS))
    compare(rig, aria2_leecher(rig, torrent))


def we_from(seeder: Callable[[Rig, str], None]) -> Callable[[Rig], None]:
    def cell(rig: Rig) -> None:
        url = our_http_tracker(rig)
        torrent, info_hash = v1_torrent(rig, url)
        seeder(rig, torrent)
        wait_seeders(url, info_hash, 1)
        compare(rig, our_leecher(rig, torrent, '--min-seeders', '1'))
    return cell


def strangers_only(rig: Rig) -> None:
    url = our_http_tracker(rig)
    torrent, info_hash = v1_torrent(rig, url)
    transmission_seeder(rig, torrent)
    wait_seeders(url, info_hash, 1)
    compare(rig, aria2_leecher(rig, torrent))


ARIA2, TRANSMISSION = 'aria2c', 'transmission-daemon'
CELLS: 'list[tuple[str, tuple[str, ...], Callable[[Rig], None]]]' = [
    ('our leecher from our 3 seeders, our HTTP tracker, magnet', (), ours_by(our_http_tracker)),
    ('our leecher from our 3 seeders, opentracker over HTTP, magnet', (), ours_by(http_opentracker)),
    ('libtorrent from our 3 seeders, our HTTP tracker, magnet', (), libtorrent_from_us),
    ('our leecher from 3 libtorrent seeders, our HTTP tracker, .torrent', (), we_from_libtorrent),
    ('aria2 from our 3 seeders, our HTTP tracker, v1', (ARIA2,), aria2_from_us),
    ('our leecher from aria2, our HTTP tracker, v1', (ARIA2,), we_from(aria2_seeder)),
    ('our leecher from Transmission, our HTTP tracker, v1', (TRANSMISSION,), we_from(transmission_seeder)),
    ('aria2 from Transmission, our HTTP tracker, v1', (ARIA2, TRANSMISSION), strangers_only),
]


def main() -> int:
    parser = argparse.ArgumentParser(description='Transfers by HTTP trackers.')
    parser.add_argument('--only', metavar='WORDS', help='run the cells whose name contains this')
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGINT, interrupted)
    results = []
    with prepared() as rig:
        rig.stop_all()
        for name, programs, cell in CELLS:
            if args.only is not None and args.only not in name:
                continue
            missing = [program for program in programs if shutil.which(program) is None]
            if missing:
                print(f'skip {name}: no {", ".join(missing)}', flush=True)
            else:
                results.append(run_cell(rig, name, cell))
    print(f'{sum(results)} of {len(results)} cells ok', flush=True)
    return 0 if results and all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
