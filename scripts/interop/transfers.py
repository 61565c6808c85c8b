"""What the cells do: who seeds, who leeches, by which tracker."""
import json
import os
import re
from typing import Callable

from cell import Cell, Seeding, our_http_tracker, our_leecher, our_seeder, our_tracker, opentracker
from clients import ARIA2, CLIENTS, LIBTORRENT, RTORRENT, TRANSMISSION, Client
from content import Shared
from processes import Failed

Run = Callable[[Cell], None]

OUR_SEEDERS = 3
# So slow that there is work left when Transmission unchokes, up to 10 s after it was asked.
SLOW_BYTES_PER_S = 400_000
# So slow that there is work left when the third hears of us.
EXCHANGE_BYTES_PER_S = 2_000_000
# From whom each program leeches where nobody is ours but the tracker.
OTHERS = {LIBTORRENT: RTORRENT, ARIA2: TRANSMISSION, TRANSMISSION: LIBTORRENT, RTORRENT: ARIA2}


def trackers(cell: Cell, kind: str, shared: Shared, form: str) -> 'tuple[str, str]':
    """The URL that our side uses, and that of the other side."""
    if kind == 'http':
        return our_http_tracker(cell)
    if kind == 'opentracker':
        hashes = [bytes.fromhex(known[form][:40]) for known in (shared.v1, shared.v2) if form in known]
        url = opentracker(cell, hashes)
    else:
        url = our_tracker(cell)
    return url, url


def they_take_from_us(client: Client, form: str, by: str, kind: str = 'ours', of_tree: bool = False) -> Run:
    def run(cell: Cell) -> None:
        shared = cell.stage.tree if of_tree else cell.stage.payload
        ours, theirs = trackers(cell, kind, shared, form)

        def seeder(last: int) -> Seeding:
            return our_seeder(cell, last, shared, form, ours)

        first = seeder(2)
        if theirs == ours:
            what = first.magnet if by == 'magnet' else first.torrent
        else:
            what = shared.magnet(form, theirs) if by == 'magnet' else shared.torrent_for(form, theirs, cell.folder())
        if by == 'magnet' and form == 'hybrid' and not client.takes_two_hashes:
            what = re.sub('&xt=urn:btmh:[0-9a-f]+', '', what)
            cell.remark = 'btih only'
        count = 1 if of_tree else OUR_SEEDERS
        if client.dials_loopback:
            for last in range(3, 2 + count):
                seeder(last)
            cell.wait_known(ours, first.wire_hash, seeders=count)
            leech = client.leech(cell, 9, what)
        else:
            # Who starts after it is told of it by its first announce, and connects.
            leech = client.leech(cell, 9, what)
            cell.wait_known(ours, first.wire_hash, leechers=1)
            for last in range(3, 2 + count):
                seeder(last)
        leech.wait()
        cell.compare(shared, os.path.join(leech.folder, shared.name))
    return run


def we_take_from_them(client: Client, form: str, by: str, kind: str = 'ours', of_tree: bool = False) -> Run:
    def run(cell: Cell) -> None:
        shared = cell.stage.tree if of_tree else cell.stage.payload
        ours, theirs = trackers(cell, kind, shared, form)
        torrent = shared.torrent_for(form, theirs, cell.folder())
        count = 1 if of_tree or cell.ipv6 else 2
        for last in range(2, 2 + count):
            client.seed(cell, last, torrent, shared)
        cell.wait_known(ours, shared.wire_hash(form), seeders=count)
        what = shared.magnet(form, ours) if by == 'magnet' else torrent
        copy, _ = our_leecher(cell, what, ours, count)
        cell.compare(shared, copy, by_us=True)
    return run


def only_others(client: Client, other: Client) -> Run:
    def run(cell: Cell) -> None:
        shared = cell.stage.payload
        url = our_tracker(cell)
        torrent = shared.torrent_for('v1', url, cell.folder())
        wire_hash = shared.wire_hash('v1')
        if client.dials_loopback:
            other.seed(cell, 2, torrent, shared)
            cell.wait_known(url, wire_hash, seeders=1)
            leech = client.leech(cell, 9, torrent)
        else:
            leech = client.leech(cell, 9, torrent)
            cell.wait_known(url, wire_hash, leechers=1)
            other.seed(cell, 2, torrent, shared)
        leech.wait()
        cell.compare(shared, os.path.join(leech.folder, shared.name))
        cell.remark = f'from {other.title.split()[0]}'
    return run


def ours_by_http(kind: str) -> Run:
    """Nobody is another program but the tracker, if it is opentracker; all know its HTTP address only."""
    def run(cell: Cell) -> None:
        shared = cell.stage.payload
        url, by_http = trackers(cell, kind, shared, 'v2')
        if kind == 'opentracker':
            # It answers on the TCP port of the same number.
            by_http = url.replace('udp://', 'http://')
        seeders = [our_seeder(cell, last, shared, 'v2', by_http) for last in range(2, 2 + OUR_SEEDERS)]
        cell.wait_known(url, seeders[0].wire_hash, seeders=OUR_SEEDERS)
        copy, _ = our_leecher(cell, seeders[0].magnet, by_http, OUR_SEEDERS)
        cell.compare(shared, copy, by_us=True)
    return run


def mixed(form: str) -> Run:
    """Everybody has a part in one download, by our report: ours hold an eighth each, the others are slow."""
    def run(cell: Cell) -> None:
        shared = cell.stage.payload
        url = our_tracker(cell)
        torrent = shared.torrent_for(form, url, cell.folder())
        others = [client for client in CLIENTS if form not in client.cannot]
        for last, client in enumerate(others, 5):
            client.seed(cell, last, torrent, shared, SLOW_BYTES_PER_S)
        for last in (2, 3):
            our_seeder(cell, last, shared, form, url, '--chunks', f'{last}/8')
        web = cell.python('range_server.py', '--ip', cell.address(4), '--dir', os.path.dirname(shared.path),
                          '--rate', str(SLOW_BYTES_PER_S))
        seed = web.wait_line(lambda line: line.startswith('URL '), 'URL').split()[1]
        # A seeder of a part counts as a leecher: it lacks something.
        cell.wait_known(url, shared.wire_hash(form), seeders=len(others), leechers=2)
        copy, leecher = our_leecher(cell, torrent, url, len(others) + 3, '--webseed', seed, '--json')
        cell.compare(shared, copy, by_us=True)
        sources = {source['address']: source for source in json.loads(leecher.lines[-1])['sources']}
        wanted = [cell.address(last) for last in (2, 3, *range(5, 5 + len(others)))]
        took = {}
        for address in (*wanted, seed):
            name, got = next(((source['client'], source['bytes']) for at, source in sources.items()
                              if at.startswith(f'{address}:') or at == address), ('', 0))
            if got <= 0:
                raise Failed(f'nothing from {address} {name}; the report: {sources}')
            took[address] = f'{name or "web seed"} {got / 1e6:.1f} MB'
        cell.remark = ', '.join(took.values())
    return run


def by_exchange(cell: Cell) -> None:
    """Two libtorrent seeders and our leecher know a tracker; a third libtorrent knows one of the seeders, and hears of
    us: that it and we know of each other can come from peer exchange alone, whichever of the two then calls."""
    shared = cell.stage.payload
    url = our_tracker(cell)
    torrent = shared.torrent_for('v2', url, cell.folder())
    seeds = [cell.python('libtorrent_peer.py', 'seed', '--ip', cell.address(last), '--torrent', torrent, '--dir',
                         os.path.dirname(shared.path), '--upload-rate', str(EXCHANGE_BYTES_PER_S)) for last in (2, 3)]
    port = seeds[0].wait_line(lambda line: line.startswith('PORT '), 'PORT').split()[1]
    cell.wait_known(url, shared.wire_hash('v2'), seeders=len(seeds))
    copy = os.path.join(cell.folder(), 'copy')
    leecher = cell.ours('leecher', torrent, '-t', url, '-o', copy, '--host', cell.address(9), '--min-seeders', '2',
                        '--progress', 'none', '--json')
    leecher.wait_line(lambda line: line.startswith('{"event":"chunk"'), 'chunk')
    folder = cell.folder()
    third = cell.python('libtorrent_peer.py', 'leech', '--ip', cell.address(4), '--dir', folder, '--torrent',
                        shared.torrents['v2'], '--peer', f'{cell.address(2)}:{port}')
    heard = third.wait_line(lambda line: line.startswith(f'FROM {cell.address(9)} '), 'FROM us')
    leecher.wait_success()
    third.wait_word('DONE')
    cell.compare(shared, copy, by_us=True)
    cell.compare(shared, os.path.join(folder, shared.name))
    cell.remark = f'took from {heard.split(" ", 2)[2]}'


def first_byte(cell: Cell) -> None:
    measuring = cell.python('first_byte.py', '--tries', '3', '--limit', '2')
    measuring.wait_success()
    cell.remark = measuring.lines[-1]
