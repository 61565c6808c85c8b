"""The clients by the names that the benches take."""
import os
import shlex

from clients.aria2 import Aria2
from clients.client import Client
from clients.libtorrent_client import Libtorrent
from clients.mixed import Mixed
from clients.shoal import Shoal
from stage import ROOT

KNOWN = """shoal                 ours, as built in this repository
  shoal@DIR             ours, as built in another folder, to compare two states of it
  aria2                 v1
  libtorrent            v2, tuned
  libtorrent-default    v2, its own settings
  libtorrent-v1         v1, tuned
  LEECHER<SEEDER        leechers of one, seeders of the other, such as shoal<libtorrent-default"""


def clients_of(names: str, seeder_options: str = '', leecher_options: str = '') -> 'list[Client]':
    """Raises ValueError for a name that is not known."""
    return [client_of(name, seeder_options, leecher_options) for name in names.split(',')]


def client_of(name: str, seeder_options: str, leecher_options: str) -> Client:
    leecher, mixed, seeder = name.partition('<')
    if mixed:
        return Mixed(client_of(leecher, seeder_options, leecher_options),
                     client_of(seeder, seeder_options, leecher_options))
    kind, _, folder = name.partition('@')
    if kind == 'shoal':
        root = os.path.abspath(folder) if folder else ROOT
        return Shoal(name, root, tuple(shlex.split(seeder_options)), tuple(shlex.split(leecher_options)))
    if name == 'aria2':
        return Aria2()
    if name == 'libtorrent':
        return Libtorrent(name, 'v2', 'tuned')
    if name == 'libtorrent-default':
        return Libtorrent(name, 'v2', 'default')
    if name == 'libtorrent-v1':
        return Libtorrent(name, 'v1', 'tuned')
    raise ValueError(f'{name}: not a client that is known')
