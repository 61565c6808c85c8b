"""Asks a UDP tracker (BEP 15) how many peers it knows, so that a cell can wait for them without guessing a time."""
import contextlib
import os
import socket
import struct
import time
from urllib.parse import urlsplit

from processes import Failed

MAGIC = 0x41727101980
TRY_S = 0.3


def _ask(udp: socket.socket, request: bytes, transaction: bytes) -> bytes:
    udp.send(request)
    while True:
        answer = udp.recv(2048)
        if answer[4:8] == transaction:
            return answer


def scrape(url: str, info_hash: bytes) -> 'tuple[int, int]':
    """(seeders, leechers) of one hash of 20 bytes; raises OSError without an answer."""
    at = urlsplit(url)
    assert at.hostname is not None and at.port is not None
    family = socket.AF_INET6 if ':' in at.hostname else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.settimeout(TRY_S)
        udp.connect((at.hostname, at.port))
        transaction = os.urandom(4)
        answer = _ask(udp, struct.pack('>QI', MAGIC, 0) + transaction, transaction)
        connection = answer[8:16]
        answer = _ask(udp, connection + struct.pack('>I', 2) + transaction + info_hash, transaction)
        if len(answer) < 20 or answer[:4] != b'\0\0\0\2':
            raise OSError(f'no scrape: {answer!r}')
        seeders, _completed, leechers = struct.unpack('>III', answer[8:20])
        return seeders, leechers


def answers(url: str, until: float) -> bool:
    """Whether there is a tracker, before `until` of time.monotonic()."""
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            scrape(url, bytes(20))
            return True
        time.sleep(0.05)
    return False


def wait_for(url: str, info_hash: bytes, until: float, seeders: int = 0, leechers: int = 0) -> None:
    """Until the tracker knows as many of each."""
    seen = 'no answer'
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            there = scrape(url, info_hash)
            if there[0] >= seeders and there[1] >= leechers:
                return
            seen = f'{there[0]} seeders and {there[1]} leechers'
        time.sleep(0.1)
    raise Failed(f'{url}: waited for {seeders} seeders and {leechers} leechers; saw {seen}')
