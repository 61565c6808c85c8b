"""aria2, which knows BitTorrent v1 only."""
import os
from typing import Optional

from clients.client import PEER_PORT, Client, Leech, OnLine, Setting, copy_in, start_opentracker
from netns import Host


class Aria2(Client):
    name = 'aria2'
    form = 'v1'
    needs = (('aria2c', 'aria2'), ('opentracker', 'opentracker'))

    def start_tracker(self, setting: Setting) -> None:
        start_opentracker(setting)

    def _command(self, setting: Setting, host: Host, folder: str, word: str) -> 'list[str]':
        state = setting.stage.folder('aria2')
        hook = os.path.join(state, 'done.sh')
        with open(hook, 'w', encoding='ascii') as script:
            script.write(f'#!/bin/sh\necho {word}\n')
        os.chmod(hook, 0o755)
        return ['aria2c', '--no-conf=true', '--quiet=true', '--show-console-readout=false', '--summary-interval=0',
                f'--dir={folder}', f'--interface={host.address}', f'--listen-port={PEER_PORT}', '--disable-ipv6=true',
                # It asks UDP trackers by the socket of its DHT, so that there are none without. It knows no node.
                '--enable-dht=true', f'--dht-listen-port={PEER_PORT}', f'--dht-file-path={state}/dht.dat',
                '--enable-dht6=false', '--bt-enable-lpd=false', '--follow-torrent=mem',
                # Where it would hold itself back: 55 peers, and no new ones above 50 KiB/s.
                '--bt-max-peers=0', '--bt-request-peer-speed-limit=10000M', '--file-allocation=none',
                '--disk-cache=16M', '--check-integrity=true', '--allow-overwrite=true', '--auto-save-interval=0',
                '--seed-ratio=0.0', f'--on-bt-download-complete={hook}', setting.content.torrents['v1']]

    def seed(self, setting: Setting, host: Host) -> None:
        # It writes a file of its own beside the content.
        folder = setting.stage.folder('seed')
        os.link(setting.content.path, copy_in(folder))
        setting.start('aria2-seed', self._command(setting, host, folder, 'READY'), host, setting.peers)

    def leech(self, setting: Setting, host: Host, folder: str, seeders: int,
              on_line: Optional[OnLine] = None) -> Leech:
        command = self._command(setting, host, folder, 'DONE')
        return Leech(setting.start('aria2', command, host, setting.leechers, on_line), copy_in(folder))
