"""libtorrent 2, tuned for this work or with its own settings. (`libtorrent.py` would hide the library.)"""
import os
from typing import Optional

from clients.client import PEER_PORT, PYTHON, Client, Leech, OnLine, Setting, copy_in, start_opentracker
from netns import Host
from stage import HERE

PEER = os.path.join(HERE, 'clients', 'libtorrent_peer.py')


def peer_command(setting: Setting, host: Host, form: str, folder: str, *options: str) -> 'list[str]':
    return [PYTHON, '-B', PEER, '--address', host.address, '--port', str(PEER_PORT),
            '--torrent', setting.content.torrents[form], '--folder', folder, *options]


class Libtorrent(Client):
    needs = (('opentracker', 'opentracker'),)

    def __init__(self, name: str, form: str, profile: str) -> None:
        self.name = name
        self.form = form
        self._profile = profile

    def start_tracker(self, setting: Setting) -> None:
        start_opentracker(setting)

    def _command(self, setting: Setting, host: Host, folder: str, *options: str) -> 'list[str]':
        return peer_command(setting, host, self.form, folder, '--profile', self._profile, *options)

    def seed(self, setting: Setting, host: Host) -> None:
        command = self._command(setting, host, os.path.dirname(setting.content.path), '--seed')
        setting.start('libtorrent-seed', command, host, setting.peers)

    def tell_pieces(self) -> bool:
        self.leech_options = ('--say-pieces',)
        return True

    def piece_of(self, line: str) -> Optional[int]:
        return int(line.split()[1]) if line.startswith('PIECE ') else None

    def leech(self, setting: Setting, host: Host, folder: str, seeders: int,
              on_line: Optional[OnLine] = None) -> Leech:
        child = setting.start('libtorrent', self._command(setting, host, folder, *self.leech_options), host,
                              setting.leechers, on_line)
        return Leech(child, copy_in(folder))
