"""The other programs as peers on the loopback interface, with their own settings as far as that allows."""
import base64
import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Callable, Optional

from cell import Cell, free_port
from content import Shared
from processes import Failed, Process


@dataclass(frozen=True)
class Leech:
    """A download that has been started; `wait` returns when it is complete."""
    folder: str
    wait: Callable[[], None]


class Client:
    """One program."""
    title = ''
    # Why it cannot take a format; empty when it can.
    cannot: 'dict[str, str]' = {}
    # The tracker of its IPv6 cells.
    ipv6_tracker = 'http'
    # Whether it takes a magnet link with two hashes.
    takes_two_hashes = True
    # Whether it connects to peers in 127.0.0.0/8; where not, the other side has to.
    dials_loopback = True

    def seed(self, cell: Cell, last: int, torrent: str, shared: Shared, rate: Optional[int] = None) -> None:
        """Starts it; when it is ready the tracker of the torrent counts one seeder more."""
        raise NotImplementedError

    def leech(self, cell: Cell, last: int, what: str) -> Leech:
        """`what` is a path of a .torrent file, or a magnet link."""
        raise NotImplementedError


class Libtorrent(Client):
    title = 'libtorrent 2.0.8'
    ipv6_tracker = 'ours'

    def seed(self, cell: Cell, last: int, torrent: str, shared: Shared, rate: Optional[int] = None) -> None:
        cell.python('libtorrent_peer.py', 'seed', '--ip', cell.address(last), '--torrent', torrent,
                    '--dir', os.path.dirname(shared.path), *(['--upload-rate', str(rate)] if rate else []))

    def leech(self, cell: Cell, last: int, what: str) -> Leech:
        folder = cell.folder()
        kind = '--magnet' if what.startswith('magnet:') else '--torrent'
        peer = cell.python('libtorrent_peer.py', 'leech', '--ip', cell.address(last), '--dir', folder, kind, what)
        return Leech(folder, lambda: peer.wait_word('DONE'))


ONLY_V1 = 'knows BitTorrent v1 only'


class Aria2(Client):
    title = 'aria2 1.36'
    cannot = {'v2': ONLY_V1,
              'hybrid': 'drops the empty keys of the file tree, so that it asks for another info hash'}

    def _start(self, cell: Cell, last: int, folder: str, *args: str) -> Process:
        address = cell.address(last)
        port = str(free_port(address))
        family = [] if cell.ipv6 else ['--disable-ipv6=true']
        return cell.start('aria2', [
            'aria2c', '--no-conf', f'--interface={address}', *family, f'--listen-port={port}',
            # Without DHT it has no UDP, and so no UDP trackers. It knows no other node, and its address keeps it here.
            f'--dht-listen-port={port}', '--enable-dht=true', f'--dht-file-path={cell.folder()}/dht.dat',
            '--enable-dht6=false', '--bt-enable-lpd=false', '--follow-torrent=mem',
            '--file-allocation=none', '--show-console-readout=false', '--summary-interval=0',
            f'--dir={folder}', *args])

    def seed(self, cell: Cell, last: int, torrent: str, shared: Shared, rate: Optional[int] = None) -> None:
        self._start(cell, last, os.path.dirname(shared.path), '--check-integrity=true', '--seed-ratio=0.0',
                    *([f'--max-upload-limit={rate}'] if rate else []), torrent)

    def leech(self, cell: Cell, last: int, what: str) -> Leech:
        folder = cell.folder()
        return Leech(folder, self._start(cell, last, folder, '--seed-time=0', what).wait_success)


class Transmission(Client):
    title = 'Transmission 3.00'
    cannot = {'v2': ONLY_V1, 'hybrid': 'refuses hybrids as corrupt'}
    dials_loopback = False

    def _start(self, cell: Cell, last: int, rate: Optional[int]) -> 'TransmissionDaemon':
        return TransmissionDaemon(cell, last, rate)

    def seed(self, cell: Cell, last: int, torrent: str, shared: Shared, rate: Optional[int] = None) -> None:
        self._start(cell, last, rate).add(torrent, os.path.dirname(shared.path))

    def leech(self, cell: Cell, last: int, what: str) -> Leech:
        folder = cell.folder()
        daemon = self._start(cell, last, None)
        daemon.add(what, folder)
        return Leech(folder, daemon.wait_complete)


class TransmissionDaemon:
    """transmission-daemon, spoken to by its RPC."""

    def __init__(self, cell: Cell, last: int, rate: Optional[int]) -> None:
        self._cell = cell
        config = cell.folder()
        address = cell.address4(last)
        port = free_port(address)
        settings = {
            # It would connect to trackers from there, and so to none over IPv6.
            'bind-address-ipv4': '0.0.0.0' if cell.ipv6 else address,
            'bind-address-ipv6': '::1',
            'peer-port': free_port(cell.address(last)),
            'rpc-bind-address': address,
            'rpc-port': port,
            'rpc-whitelist-enabled': False,
            'dht-enabled': False,
            'lpd-enabled': False,
            'port-forwarding-enabled': False,
            'download-dir': config,
            'incomplete-dir-enabled': False,
            'speed-limit-up-enabled': rate is not None,
            'speed-limit-up': (rate or 0) // 1000,
        }
        with open(os.path.join(config, 'settings.json'), 'w', encoding='utf-8') as file:
            json.dump(settings, file)
        self._url = f'http://{address}:{port}/transmission/rpc'
        self._session = ''
        self._process = cell.start('transmission', ['transmission-daemon', '--foreground', '--config-dir', config])

    def add(self, what: str, folder: str) -> None:
        if what.startswith('magnet:'):
            source = {'filename': what}
        else:
            with open(what, 'rb') as file:
                source = {'metainfo': base64.b64encode(file.read()).decode()}
        answer = self._ask('torrent-add', {**source, 'download-dir': folder})
        if 'torrent-added' not in answer:
            raise Failed(f'Transmission did not add it: {answer}')

    def wait_complete(self) -> None:
        fields = ['leftUntilDone', 'metadataPercentComplete', 'sizeWhenDone', 'errorString']
        while time.monotonic() < self._cell.until:
            seen = self._ask('torrent-get', {'fields': fields})['torrents'][0]
            if seen['metadataPercentComplete'] == 1 and seen['sizeWhenDone'] > 0 and seen['leftUntilDone'] == 0:
                return
            time.sleep(0.1)
        raise Failed(f'Transmission is not complete: {seen}')

    def _ask(self, method: str, arguments: 'dict[str, Any]') -> 'dict[str, Any]':
        body = json.dumps({'method': method, 'arguments': arguments}).encode()
        while time.monotonic() < self._cell.until:
            self._process.check_alive()
            request = urllib.request.Request(self._url, body, {'X-Transmission-Session-Id': self._session})
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:
                    said = json.load(answer)
                if said['result'] != 'success':
                    raise Failed(f'Transmission: {said["result"]}')
                return said['arguments']
            except urllib.error.HTTPError as error:
                if error.code != 409:
                    raise Failed(f'Transmission: {error}') from error
                self._session = error.headers['X-Transmission-Session-Id']
            except OSError:
                # It does not listen yet.
                time.sleep(0.05)
        raise Failed('Transmission does not answer')


class Rtorrent(Client):
    title = 'rtorrent 0.9.8'
    cannot = {'v2': ONLY_V1}
    takes_two_hashes = False

    def _start(self, cell: Cell, last: int, folder: str, what: str, rate: Optional[int], done: str) -> Process:
        session = cell.folder()
        address = cell.address(last)
        port = free_port(address)
        config = os.path.join(session, 'config')
        lines = [
            # It binds to IPv4 addresses only.
            *([] if cell.ipv6 else [f'network.bind_address.set = {address}']),
            f'network.port_range.set = {port}-{port}',
            'network.port_random.set = no',
            'trackers.use_udp.set = yes',
            'dht.mode.set = off',
            'system.daemon.set = true',
            f'session.path.set = {session}',
            f'directory.default.set = {folder}',
            f'throttle.global_up.max_rate.set_kb = {(rate or 0) // 1000}',
            f'method.set_key = event.download.finished, told, "execute2 = touch, {done}"',
            f'load.start = "{what}"',
        ]
        with open(config, 'w', encoding='utf-8') as file:
            file.write('\n'.join(lines) + '\n')
        return cell.start('rtorrent', ['rtorrent', '-n', '-o', f'import={config}'])

    def seed(self, cell: Cell, last: int, torrent: str, shared: Shared, rate: Optional[int] = None) -> None:
        self._start(cell, last, os.path.dirname(shared.path), torrent, rate, os.path.join(cell.folder(), 'done'))

    def leech(self, cell: Cell, last: int, what: str) -> Leech:
        folder = cell.folder()
        done = os.path.join(cell.folder(), 'done')
        process = self._start(cell, last, folder, what, None, done)

        def wait() -> None:
            while not os.path.exists(done):
                process.check_alive()
                if time.monotonic() > cell.until:
                    raise Failed('rtorrent is not complete')
                time.sleep(0.1)
        return Leech(folder, wait)


LIBTORRENT, ARIA2, TRANSMISSION, RTORRENT = Libtorrent(), Aria2(), Transmission(), Rtorrent()
CLIENTS = (LIBTORRENT, ARIA2, TRANSMISSION, RTORRENT)
