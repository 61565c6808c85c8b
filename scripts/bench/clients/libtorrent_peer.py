#!/usr/bin/python3
"""A libtorrent peer for the benches: libtorrent_peer.py --address A --port P --torrent FILE --folder DIR [options]

Prints READY (with --seed) or DONE when the content is complete and verified, and goes on serving it.
With --profile default all settings are libtorrent's own, but for those that keep it on TCP and in its namespace.
"""
import argparse
import os
import signal
from types import FrameType
from typing import Optional

import libtorrent as lt

ALERTS = lt.alert.category_t
# Nothing but TCP in plain text, no other peers than the tracker's.
PLAIN = {
    'enable_dht': False,
    'enable_lsd': False,
    'enable_upnp': False,
    'enable_natpmp': False,
    'enable_outgoing_utp': False,
    'enable_incoming_utp': False,
    'out_enc_policy': int(lt.enc_policy.pe_disabled),
    'in_enc_policy': int(lt.enc_policy.pe_disabled),
    'mixed_mode_algorithm': int(lt.bandwidth_mixed_algo_t.prefer_tcp),
    'allow_multiple_connections_per_ip': True,
    'alert_mask': ALERTS.error_notification | ALERTS.status_notification,
}
# For few peers with much bandwidth on two cores: long queues, many slots, no waiting to connect.
TUNED = {
    'connection_speed': 200,
    'unchoke_slots_limit': 32,
    'max_out_request_queue': 1500,
    'max_allowed_in_request_queue': 2000,
    'send_buffer_watermark': 4 << 20,
    'send_buffer_low_watermark': 128 << 10,
    'send_buffer_watermark_factor': 150,
    'max_queued_disk_bytes': 64 << 20,
    'aio_threads': 2,
    'hashing_threads': 1,
}


def end(_signal: int, _frame: Optional[FrameType]) -> None:
    # The destructor of a session waits for a last announce.
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--address', required=True)
    parser.add_argument('--port', type=int, required=True)
    parser.add_argument('--torrent', required=True)
    parser.add_argument('--folder', required=True)
    parser.add_argument('--seed', action='store_true', help='the folder has the content')
    parser.add_argument('--profile', choices=('tuned', 'default'), default='tuned')
    parser.add_argument('--upload-limit', type=int, help='bytes per second; 1 is as good as nothing')
    parser.add_argument('--say-pieces', action='store_true', help='a line PIECE N for each that is verified')
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, end)

    settings = {**PLAIN, 'listen_interfaces': f'{args.address}:{args.port}', 'outgoing_interfaces': args.address}
    if args.profile == 'tuned':
        settings.update(TUNED)
    if args.say_pieces:
        settings['alert_mask'] |= ALERTS.piece_progress_notification
    session = lt.session(settings)
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(args.torrent)
    params.save_path = args.folder
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    if args.upload_limit:
        params.upload_limit = args.upload_limit
    session.add_torrent(params)
    said = False
    while True:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            if isinstance(alert, (lt.torrent_error_alert, lt.file_error_alert, lt.hash_failed_alert)):
                print('ERROR', alert.message(), flush=True)
            elif isinstance(alert, lt.piece_finished_alert):
                print('PIECE', alert.piece_index, flush=True)
            elif isinstance(alert, lt.torrent_finished_alert) and not said:
                said = True
                print('READY' if args.seed else 'DONE', flush=True)


if __name__ == '__main__':
    main()
