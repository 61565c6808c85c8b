"""Child processes of the benches: each in a namespace and a group, its lines with the time at which they came."""
import contextlib
import os
import signal
import subprocess
import threading
import time
from typing import Callable, Optional

from accounts import Group, Memory, memory_of
from netns import Host

STOP_LIMIT_S = 5.0
CRASHES = (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE)
# The shell enters the group before anything else is done, and both it and nsenter become the command.
LAUNCHER = 'echo $$ >"$0" && exec nsenter --net="/run/netns/$1" -- "${@:2}"'


class Failed(Exception):
    """A run did not come out right; the text says what was seen."""


class Crashed(Failed):
    """A process was ended by a signal that nobody sent."""


def surroundings() -> 'dict[str, str]':
    """What a command finds in its environment. Node reads a file of certificates before anything else, which takes it
    twice as long as all the rest of its start; nothing here speaks TLS."""
    return {name: value for name, value in os.environ.items() if name != 'NODE_EXTRA_CA_CERTS'}


class Child:
    """A started command. Standard output is kept by line, standard error goes to a file."""

    def __init__(self, name: str, command: 'list[str]', host: Host, group: Group, log_dir: str, env: 'dict[str, str]',
                 on_line: 'Optional[Callable[[float, str], None]]' = None) -> None:
        self.name = name
        self.command = command
        self.lines: 'list[tuple[float, str]]' = []
        self.memory: Optional[Memory] = None
        self._log_path = os.path.join(log_dir, f'{name}.err')
        self._on_line = on_line
        self._ended = False
        self._fresh = threading.Condition()
        with open(self._log_path, 'ab') as log:
            self.started_at = time.monotonic()
            self._child = subprocess.Popen(
                ['/bin/bash', '-c', LAUNCHER, group.procs, host.netns, *command], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=log, env={**surroundings(), **env}, start_new_session=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._child.stdout is not None
        for raw in self._child.stdout:
            now = time.monotonic()
            # Now, because a leecher may end right after its last line.
            self.measure()
            line = raw.decode('utf-8', 'replace').rstrip('\n')
            if self._on_line is not None:
                self._on_line(now, line)
            with self._fresh:
                self.lines.append((now, line))
                self._fresh.notify_all()
        with self._fresh:
            self._ended = True
            self._fresh.notify_all()

    def measure(self) -> None:
        """Takes note of its memory, if it is still there."""
        found = memory_of(self._child.pid)
        if found is None:
            return
        anonymous = max(found.anonymous_mib, self.memory.anonymous_mib if self.memory else 0)
        self.memory = Memory(found.peak_mib, anonymous)

    def wait_line(self, wanted: Callable[[str], bool], what: str, until: float) -> 'tuple[float, str]':
        """The first line that is wanted, and when it came."""
        seen = 0
        with self._fresh:
            while True:
                while seen < len(self.lines):
                    if wanted(self.lines[seen][1]):
                        return self.lines[seen]
                    seen += 1
                if self._ended:
                    break
                left = until - time.monotonic()
                if left <= 0:
                    raise Failed(f'{self.name}: no {what} in time')
                self._fresh.wait(left)
        code = self._child.wait(STOP_LIMIT_S)
        kind = Crashed if code in CRASHES else Failed
        raise kind(f'{self.name}: ended with code {code} before {what}')

    @property
    def has_ended(self) -> bool:
        return self._child.poll() is not None

    def kill(self) -> None:
        """kill -9, and no second chance."""
        self.measure()
        self._signal(signal.SIGKILL)
        self._child.wait()

    def ask_to_stop(self) -> None:
        self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when that is not enough."""
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(STOP_LIMIT_S)
        self._signal(signal.SIGKILL)
        self._child.wait()
        self._reader.join(STOP_LIMIT_S)

    def _signal(self, number: int) -> None:
        # It leads a session of its own, so that its hooks go with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)

    def tail(self, count: int = 8) -> str:
        """The end of what it said, for a failure's report."""
        with open(self._log_path, encoding='utf-8', errors='replace') as log:
            said = log.read().splitlines()
        shown = [f'  stdout| {line}' for _, line in self.lines[-count:]]
        shown += [f'  stderr| {line}' for line in said[-count:]]
        return '\n'.join([f'  -- {self.name}', *(line[:300] for line in shown)])


def stop_all(children: 'list[Child]') -> None:
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.stop()
