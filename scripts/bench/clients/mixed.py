"""A leecher of one client with seeders of another one."""
from typing import Optional

from clients.client import Client, Leech, OnLine, Setting
from netns import Host


class Mixed(Client):
    def __init__(self, leecher: Client, seeder: Client) -> None:
        self.name = f'{leecher.name}<{seeder.name}'
        self.form = seeder.form
        self.needs = leecher.needs + seeder.needs
        self._leecher = leecher
        self._seeder = seeder

    def trouble(self) -> str:
        return self._leecher.trouble() or self._seeder.trouble()

    def start_tracker(self, setting: Setting) -> None:
        self._leecher.start_tracker(setting)

    def seed(self, setting: Setting, host: Host) -> None:
        self._seeder.seed(setting, host)

    def wait_ready(self, setting: Setting, seeders: int) -> None:
        self._seeder.wait_ready(setting, seeders)
        # What others seed is told by a file.
        setting.link = setting.link or setting.content.torrents[self.form]

    def leech(self, setting: Setting, host: Host, folder: str, seeders: int,
              on_line: Optional[OnLine] = None) -> Leech:
        return self._leecher.leech(setting, host, folder, seeders, on_line)

    def is_done(self, line: str) -> bool:
        return self._leecher.is_done(line)
