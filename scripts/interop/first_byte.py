#!/usr/bin/python3
"""How long a stock libtorrent leecher waits for its first byte from our seeder after the torrent was added to it.

Our tracker and our seeder run on loopback addresses of their own; the leecher is added once the seeder has announced
itself, and knows the tracker only. Needs the built commands and python3-libtorrent, as run.sh does. Prints one line
per try and the worst; exits 1 when that is over the limit.
"""
import argparse
import os
import shutil
import sys
import tempfile
import time

import libtorrent as lt

from processes import Failed, Process

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
NODE = os.environ.get('NODE', 'node')

SEEDER_IP = '127.0.0.2'
LEECHER_IP = '127.0.0.9'
PAYLOAD_BYTES = 8 * 1024 * 1024
GIVE_UP_S = 20.0


def session(verbose: bool) -> lt.session:
    """libtorrent's own settings; only what would leave the loopback interface is off."""
    settings = {
        'listen_interfaces': f'{LEECHER_IP}:0',
        'outgoing_interfaces': LEECHER_IP,
        'enable_dht': False,
        'enable_lsd': False,
        'enable_upnp': False,
        'enable_natpmp': False,
    }
    if verbose:
        settings['alert_mask'] = lt.alert.category_t.all_categories
    return lt.session(settings)


def first_byte_s(magnet: str, folder: str, verbose: bool) -> float:
    """Seconds from `add_torrent` to the first byte of content."""
    ses = session(verbose)
    params = lt.parse_magnet_uri(magnet)
    params.save_path = folder
    added = time.monotonic()
    handle = ses.add_torrent(params)
    while time.monotonic() - added < GIVE_UP_S:
        if verbose:
            for alert in ses.pop_alerts():
                if 'peer' in alert.what() or 'tracker' in alert.what():
                    print(f'  {time.monotonic() - added:6.3f} {alert.what()}: {alert.message()[:150]}')
        if handle.status().total_payload_download > 0:
            return time.monotonic() - added
        time.sleep(0.005)
    raise Failed(f'no byte within {GIVE_UP_S:g} s')


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument('--tries', type=int, default=3)
    parser.add_argument('--limit', type=float, default=2.0, help='seconds')
    parser.add_argument('--verbose', action='store_true')
    parser.add_argument('seeder_options', nargs='*', help='more options of the seeder, after --')
    args = parser.parse_args()
    work = tempfile.mkdtemp(prefix='first-byte-')
    running = []

    def ours(command: str, *options: str) -> Process:
        home = {key: work for key in ('HOME', 'XDG_CONFIG_HOME', 'XDG_CACHE_HOME', 'XDG_STATE_HOME')}
        process = Process(command, [NODE, os.path.join(ROOT, f'{command}.js'), *options], work, cwd=work, env=home,
                          is_ours=True)
        running.append(process)
        return process

    try:
        payload = os.path.join(work, 'payload.bin')
        with open(payload, 'wb') as file:
            file.write(os.urandom(PAYLOAD_BYTES))
        tracker = ours('tracker', '-p', '0', '--host', '127.0.0.1', '-v')
        url = tracker.wait_line(lambda line: line.startswith('tracker udp:'), 'address').split(' ', 1)[1]
        seeder = ours('seeder', '-f', payload, '-p', '0', '--host', SEEDER_IP, '-t', url, '-v', *args.seeder_options)
        magnet = seeder.value_of('magnet')
        # Its first announce is answered within this time.
        time.sleep(1.0)
        times = []
        for i in range(args.tries):
            folder = os.path.join(work, f'to-{i}')
            os.mkdir(folder)
            times.append(first_byte_s(magnet, folder, args.verbose))
            print(f'first byte after {times[-1]:.2f} s', flush=True)
        print(f'worst of {args.tries}: {max(times):.2f} s')
        return 0 if max(times) <= args.limit else 1
    except Failed as failure:
        print(f'FAIL {failure}', file=sys.stderr)
        for process in running:
            print(process.tail(), file=sys.stderr)
        return 1
    finally:
        for process in reversed(running):
            process.stop()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
