"""Network namespaces for the benches: nothing that happens in them leaves the machine.

`Switched` has a host per namespace, each behind a link of limited rate; `Alone` is one namespace with only a loopback
interface.
"""
import contextlib
import ctypes
import os
import subprocess
from dataclasses import dataclass
from typing import Iterator

from accounts import PREFIX

# Set aside for benchmarks (RFC 2544): no client takes it for a local network, where some have other rules.
NETWORK = '198.18'
CLONE_NEWNET = 0x40000000
# Of a full frame of 1514 bytes, 1448 are content: Ethernet, IP and TCP with timestamps take the others.
FRAME_BYTES = 1514
CONTENT_BYTES = 1448
HEADER_BYTES = FRAME_BYTES - CONTENT_BYTES
# How long a frame may wait in a link's queue, and how much may pass at once: room for a segment of 64 KiB, which passes
# as one.
QUEUE_MS = 50
BURST_KIB = 128

libc = ctypes.CDLL(None, use_errno=True)


def goodput(rate_mbit: float) -> float:
    """Bytes of content a second on a link of this rate."""
    return rate_mbit * 1e6 / 8 * CONTENT_BYTES / FRAME_BYTES


def run(*command: str, lines: 'list[str] | None' = None) -> None:
    said = subprocess.run(command, input=None if lines is None else '\n'.join(lines) + '\n', stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if said.returncode != 0:
        raise OSError(f'{" ".join(command)}: {said.stdout.strip()}')


def delete(netns: str) -> None:
    if os.path.exists(f'/run/netns/{netns}'):
        subprocess.run(['ip', 'netns', 'del', netns], check=False)


@contextlib.contextmanager
def inside(netns: str) -> Iterator[None]:
    """The calling thread is in the namespace; sockets that it makes there stay there."""
    with open('/proc/thread-self/ns/net', 'rb') as before, open(f'/run/netns/{netns}', 'rb') as there:
        if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f'cannot enter {netns}')
        try:
            yield
        finally:
            libc.setns(before.fileno(), CLONE_NEWNET)


@dataclass(frozen=True)
class Host:
    """Where a process runs."""
    netns: str
    address: str


def link_address(host: Host) -> str:
    """One that is administered locally, of the IP address."""
    return '02:00:' + ':'.join(f'{int(part):02x}' for part in host.address.split('.'))


class Alone:
    """A namespace that has nothing but `lo`, and on it an address for each process."""

    def __init__(self, hosts: int) -> None:
        self.netns = f'{PREFIX}{os.getpid()}'
        self.tracker = Host(self.netns, f'{NETWORK}.0.1')
        self.hosts = [Host(self.netns, f'{NETWORK}.0.{10 + i}') for i in range(hosts)]

    def open(self) -> None:
        run('ip', 'netns', 'add', self.netns)
        addresses = [host.address for host in (self.tracker, *self.hosts)]
        run('ip', '-n', self.netns, '-batch', '-',
            lines=['link set lo up', *(f'addr add {address}/32 dev lo' for address in addresses)])

    def close(self) -> None:
        delete(self.netns)


@dataclass(frozen=True)
class Traffic:
    """Bytes of content that a host sent and received so far, what was sent twice and the protocol included."""
    sent: float
    received: float


class Switched:
    """Hosts on one bridge, each behind a link that is limited both ways; the tracker is where the bridge is."""

    def __init__(self, hosts: int, rate_mbit: float) -> None:
        self.netns = f'{PREFIX}{os.getpid()}'
        self.rate_mbit = rate_mbit
        self.tracker = Host(self.netns, f'{NETWORK}.0.1')
        self.hosts = [Host(f'{self.netns}-{i}', f'{NETWORK}.{1 + i // 250}.{1 + i % 250}') for i in range(hosts)]
        self._counters = -1

    def open(self) -> None:
        run('ip', 'netns', 'add', self.netns)
        run('ip', '-n', self.netns, '-batch', '-',
            lines=['link set lo up', f'link add br0 address {link_address(self.tracker)} type bridge',
                   f'addr add {self.tracker.address}/16 dev br0', 'link set br0 up'])
        limit = f'root tbf rate {self.rate_mbit}mbit burst {BURST_KIB}kb latency {QUEUE_MS}ms'
        for index, host in enumerate(self.hosts):
            port = f'port{index}'
            run('ip', 'netns', 'add', host.netns)
            run('ip', '-n', self.netns, '-batch', '-',
                lines=[f'link add {port} type veth peer name eth0 address {link_address(host)} netns {host.netns}',
                       f'link set {port} master br0 up'])
            run('ip', '-n', host.netns, '-batch', '-',
                lines=['link set lo up', f'addr add {host.address}/16 dev eth0', 'link set eth0 up'])
            run('tc', '-n', self.netns, '-batch', '-', lines=[f'qdisc add dev {port} {limit}'])
            run('tc', '-n', host.netns, '-batch', '-', lines=[f'qdisc add dev eth0 {limit}'])
        # The kernel learns 1024 neighbours at most, in all namespaces together; those that it is told do not count.
        everybody = {self.netns: (self.tracker, 'br0'), **{host.netns: (host, 'eth0') for host in self.hosts}}
        for netns, (itself, device) in everybody.items():
            run('ip', '-n', netns, '-batch', '-',
                lines=[f'neigh add {other.address} lladdr {link_address(other)} dev {device} nud permanent'
                       for other, _ in everybody.values() if other != itself])
        for host in self.hosts:
            with inside(host.netns), open('/proc/sys/net/ipv4/tcp_no_metrics_save', 'w', encoding='ascii') as setting:
                # A run must not learn from the one before.
                setting.write('1')
        with inside(self.netns):
            # Read from any thread, it goes on showing the namespace in which it was opened.
            self._counters = os.open('/proc/thread-self/net/dev', os.O_RDONLY)

    def traffic(self) -> 'list[Traffic]':
        """Of each host, by the counters of its port on the bridge.

        A segment that the kernel passes on whole has one header in the count, and counts as one packet, so that what
        remains is the content, however it was cut.
        """
        text = ''
        # It comes a page at a time.
        while part := os.pread(self._counters, 1 << 16, len(text)):
            text += part.decode('ascii')
        rows = {name.strip(): [int(count) for count in counts.split()]
                for name, _, counts in (line.partition(':') for line in text.splitlines()[2:])}
        found = []
        for index in range(len(self.hosts)):
            row = rows[f'port{index}']
            found.append(Traffic(sent=row[0] - HEADER_BYTES * row[1], received=row[8] - HEADER_BYTES * row[9]))
        return found

    def close(self) -> None:
        if self._counters >= 0:
            os.close(self._counters)
        for host in self.hosts:
            delete(host.netns)
        delete(self.netns)


def left_over() -> 'list[str]':
    """Namespaces of benches that were killed."""
    names = os.listdir('/run/netns') if os.path.isdir('/run/netns') else []
    return [name for name in names if name.startswith(PREFIX) and is_orphan(name)]


def is_orphan(name: str) -> bool:
    """Whether the bench whose process id is in this name has ended."""
    pid = name[len(PREFIX):].split('-')[0]
    return pid.isdigit() and not os.path.exists(f'/proc/{pid}')

