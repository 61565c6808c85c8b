"""Ours, as it was built in this folder or in another one, started as a user would start it."""
import functools
import json
import os
import re
import shutil
import subprocess
import time
from typing import Optional

from clients.client import PEER_PORT, READY_LIMIT_S, TRACKER_PORT, Client, Leech, OnLine, Setting, copy_in
from netns import Host
from stage import ROOT

NODE = os.environ.get('NODE', 'node')


class Shoal(Client):
    needs = (('node', 'nodejs'),)

    def __init__(self, name: str, root: str = ROOT, seeder_options: 'tuple[str, ...]' = (),
                 leecher_options: 'tuple[str, ...]' = ()) -> None:
        self.name = name
        self._root = root
        self._seeder_options = seeder_options
        self._leecher_options = leecher_options

    def trouble(self) -> str:
        if not os.path.exists(os.path.join(self._root, 'dist', 'leecher', 'main.js')):
            return f'the commands are not built; run npm run build in {self._root}'
        return ''

    def _command(self, name: str, *options: str) -> 'list[str]':
        return [shutil.which(NODE) or NODE, os.path.join(self._root, f'{name}.js'), *options]

    @functools.cached_property
    def _can_go_on(self) -> bool:
        """Whether its leecher can go on serving when it is complete."""
        said = subprocess.run(self._command('leecher', '--help'), stdout=subprocess.PIPE, text=True, check=False)
        return re.search(r'--seed\b(?!-)', said.stdout) is not None

    def start_tracker(self, setting: Setting) -> None:
        command = self._command('tracker', '--host', setting.tracker.address, '-p', str(TRACKER_PORT))
        tracker = setting.start('tracker', command, setting.tracker, setting.around)
        until = time.monotonic() + READY_LIMIT_S
        tracker.wait_line(lambda line: line.startswith('tracker udp://'), 'ready line', until)

    def seed(self, setting: Setting, host: Host) -> None:
        command = self._command('seeder', '-f', setting.content.path, '--host', host.address, '-p', str(PEER_PORT),
                                '-t', setting.url, *self._seeder_options)
        setting.start('seeder', command, host, setting.peers)

    def wait_ready(self, setting: Setting, seeders: int) -> None:
        until = time.monotonic() + READY_LIMIT_S
        for child in setting.running:
            if child.name.endswith('-seeder'):
                _, line = child.wait_line(lambda line: line.startswith('magnet: '), 'magnet link', until)
                setting.link = line.split(' ', 1)[1]
        super().wait_ready(setting, seeders)

    def leech(self, setting: Setting, host: Host, folder: str, seeders: int,
              on_line: Optional[OnLine] = None) -> Leech:
        go_on = ['--seed'] if self.goes_on and self._can_go_on else []
        command = self._command('leecher', setting.link, '-o', copy_in(folder), '--host', host.address,
                                '--min-seeders', str(seeders), '--progress', 'none', *go_on, *self.leech_options,
                                *self._leecher_options)
        return Leech(setting.start('leecher', command, host, setting.leechers, on_line), copy_in(folder))

    def tell_pieces(self) -> bool:
        self.leech_options = ('--json',)
        return True

    def piece_of(self, line: str) -> Optional[int]:
        if not line.startswith('{"event":"chunk"'):
            return None
        piece: int = json.loads(line)['chunk']
        return piece

    def is_done(self, line: str) -> bool:
        if line.startswith('{'):
            event = json.loads(line)
            return event['event'] == 'done' and event['ok'] is True
        return line.startswith('/')
