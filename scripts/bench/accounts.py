"""What a run costs: CPU time of groups of processes, memory of single ones, and how busy the machine was.

Groups are control groups of version 2, which count the CPU time of everything that ever ran in them to the
microsecond, without any controller being turned on, and which can be ended as a whole.
"""
import contextlib
import os
import time
from dataclasses import dataclass

PREFIX = 'shoal-bench-'
TICKS_PER_S = os.sysconf('SC_CLK_TCK')
MIB = 1 << 20


def cgroup_root() -> str:
    """Where version 2 is mounted; beside version 1 it has another place than alone. Empty when there is none."""
    with open('/proc/mounts', encoding='utf-8') as mounts:
        for line in mounts:
            _, place, kind, *_ = line.split()
            if kind == 'cgroup2':
                return place
    return ''


class Group:
    """A control group below that of the run."""

    def __init__(self, path: str) -> None:
        self.path = path
        os.makedirs(path)

    @property
    def procs(self) -> str:
        return os.path.join(self.path, 'cgroup.procs')

    def cpu_s(self) -> float:
        with open(os.path.join(self.path, 'cpu.stat'), encoding='ascii') as stat:
            return int(stat.readline().split()[1]) / 1e6


def end_group(path: str) -> None:
    """Kills what is left in a group and below it, and removes it."""
    with contextlib.suppress(OSError), open(os.path.join(path, 'cgroup.kill'), 'w', encoding='ascii') as kill:
        kill.write('1')
    until = time.monotonic() + 5
    # From the leaves up. A killed process leaves its group a moment later.
    for folder, _, _ in os.walk(path, topdown=False):
        while os.path.isdir(folder):
            try:
                os.rmdir(folder)
            except OSError:
                if time.monotonic() > until:
                    return
                time.sleep(0.02)


@dataclass(frozen=True)
class Memory:
    """Of one process: the most that was resident so far, and what of the present is its own, not of mapped files."""
    peak_mib: float
    anonymous_mib: float


def memory_of(pid: int) -> 'Memory | None':
    """None when the process has ended."""
    found = {}
    with contextlib.suppress(OSError), open(f'/proc/{pid}/status', encoding='utf-8') as status:
        for line in status:
            key, _, value = line.partition(':')
            found[key] = value
    if 'VmHWM' not in found:
        return None
    return Memory(int(found['VmHWM'].split()[0]) / 1024, int(found['RssAnon'].split()[0]) / 1024)


def machine_busy_s() -> float:
    """CPU seconds of the whole machine, without what the hypervisor gave to others."""
    with open('/proc/stat', encoding='ascii') as stat:
        user, nice, system, _idle, _iowait, irq, softirq = (int(ticks) for ticks in stat.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS_PER_S


def touch_memory(folder: str, mib: int) -> None:
    """Writes and deletes so much of a tmpfs.

    A hypervisor takes back memory that is free, and its return costs several times a page fault. Without this the first
    client to use a page would pay for it.
    """
    path = os.path.join(folder, 'touched')
    zeros = bytes(MIB)
    with open(path, 'wb', buffering=0) as file:
        for _ in range(mib):
            file.write(zeros)
    os.unlink(path)
