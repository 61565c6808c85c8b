#!/usr/bin/python3
"""One stock libtorrent peer on one loopback address, for the cells.

  libtorrent_peer.py create --file PATH --out FILE.torrent --piece-bytes N --format v2|hybrid|v1
  libtorrent_peer.py seed   --ip ADDR --torrent FILE.torrent --dir DIR --tracker URL [--upload-rate BYTES]
  libtorrent_peer.py leech  --ip ADDR (--torrent FILE.torrent | --magnet URI) --dir DIR [--tracker URL]
                            [--peer HOST:PORT]

Prints `V1 <40 hex>` and `V2 <64 hex>`, as far as there are such hashes, then `READY` (create); `PORT <n>`, then `READY`
(seed: checked and answered by the tracker); `PORT <n>`, `FROM <address> <client>` once for each peer that it takes from,
then `DONE` (leech: complete, and written). `ERROR ...` lines tell what went wrong. Settings are libtorrent's own, so
that the cells meet what users have; only what would leave the loopback interface is off.
"""
import argparse
import os
import signal
import sys
from types import FrameType
from typing import Optional

import libtorrent as lt

ALERTS = lt.alert.category_t
TROUBLE = (
    lt.torrent_error_alert,
    lt.file_error_alert,
    lt.hash_failed_alert,
    lt.metadata_failed_alert,
    lt.tracker_error_alert,
    lt.listen_failed_alert,
)
FLAGS = {'v2': lt.create_torrent.v2_only, 'hybrid': 0, 'v1': lt.create_torrent.v1_only}


def say(line: str) -> None:
    print(line, flush=True)


def add_in_tree_order(files: lt.file_storage, root: str) -> None:
    """v1 leaves the order open (BEP 3), and libtorrent takes it as the file system gives it: another on each machine."""
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
    for path in sorted(paths, key=lambda path: os.fsencode(path).split(b'/')):
        files.add_file(os.path.relpath(path, os.path.dirname(root)), os.path.getsize(path))


def create(args: argparse.Namespace) -> None:
    files = lt.file_storage()
    if args.format == 'v1' and os.path.isdir(args.file):
        add_in_tree_order(files, args.file)
    else:
        lt.add_files(files, args.file)
    torrent = lt.create_torrent(files, piece_size=args.piece_bytes, flags=FLAGS[args.format])
    lt.set_piece_hashes(torrent, os.path.dirname(args.file))
    encoded = lt.bencode(torrent.generate())
    with open(args.out, 'wb') as out:
        out.write(encoded)
    hashes = lt.torrent_info(args.out).info_hashes()
    if hashes.has_v1():
        say(f'V1 {hashes.v1}')
    if hashes.has_v2():
        say(f'V2 {hashes.v2}')
    say('READY')


def session(ip: str) -> lt.session:
    return lt.session({
        'listen_interfaces': f'[{ip}]:0' if ':' in ip else f'{ip}:0',
        'outgoing_interfaces': ip,
        'enable_dht': False,
        'enable_lsd': False,
        'enable_upnp': False,
        'enable_natpmp': False,
        'alert_mask': ALERTS.error_notification | ALERTS.status_notification | ALERTS.tracker_notification,
    })


def add(ses: lt.session, args: argparse.Namespace) -> lt.torrent_handle:
    if getattr(args, 'magnet', None):
        params = lt.parse_magnet_uri(args.magnet)
    else:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(args.torrent)
    if args.tracker:
        params.trackers = [args.tracker]
    params.save_path = args.dir
    handle = ses.add_torrent(params)
    if args.upload_rate:
        handle.set_upload_limit(args.upload_rate)
    return handle


def run(args: argparse.Namespace) -> None:
    ses = session(args.ip)
    handle = add(ses, args)
    seeding = args.verb == 'seed'
    finished = answered = said = False
    say(f'PORT {ses.listen_port()}')
    if getattr(args, 'peer', None):
        host, port = args.peer.rsplit(':', 1)
        handle.connect_peer((host, int(port)))
    heard = set()
    while True:
        ses.wait_for_alert(200)
        for peer in handle.get_peer_info() if not seeding else ():
            if peer.total_download > 0 and peer.ip[0] not in heard:
                heard.add(peer.ip[0])
                say(f'FROM {peer.ip[0]} {peer.client.decode(errors="replace")}')
        for alert in ses.pop_alerts():
            if isinstance(alert, TROUBLE):
                say(f'ERROR {alert.message()}')
            elif isinstance(alert, lt.tracker_reply_alert):
                answered = True
            elif isinstance(alert, lt.torrent_finished_alert):
                finished = True
                if not seeding:
                    handle.flush_cache()
            elif isinstance(alert, lt.cache_flushed_alert) and finished and not seeding and not said:
                said = True
                say('DONE')
        if seeding and finished and answered and not said:
            said = True
            say('READY')


def stop(_signal: int, _frame: Optional[FrameType]) -> None:
    # Its session's destructor would wait for a last announce to trackers that are being stopped as well.
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(dest='verb', required=True)
    making = verbs.add_parser('create')
    making.add_argument('--file', required=True)
    making.add_argument('--out', required=True)
    making.add_argument('--piece-bytes', type=int, required=True)
    making.add_argument('--format', choices=FLAGS, required=True)
    for verb in ('seed', 'leech'):
        peer = verbs.add_parser(verb)
        peer.add_argument('--ip', required=True)
        peer.add_argument('--dir', required=True)
        peer.add_argument('--tracker')
        peer.add_argument('--upload-rate', type=int)
        what = peer.add_mutually_exclusive_group(required=True)
        what.add_argument('--torrent')
        if verb == 'leech':
            what.add_argument('--magnet')
            peer.add_argument('--peer', metavar='HOST:PORT', help='known from the start')
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if args.verb == 'create':
        create(args)
    else:
        run(args)


if __name__ == '__main__':
    sys.exit(main())
