"""Child processes of the cells: their lines, with a time limit on each wait, and an end for each of them."""
import os
import queue
import signal
import subprocess
import threading
import time
from typing import Callable, Optional

STOP_LIMIT_S = 8.0


class Failed(Exception):
    """A cell did not come out right; the text says what was seen."""


class Crashed(Failed):
    """A program that is not ours was ended by a signal that nobody sent."""


CRASHES = (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE)


class Process:
    """A started command whose standard output is read line by line; standard error goes to a file.

    `until` is the moment of time.monotonic() at which each wait on it ends.
    """

    def __init__(self, name: str, command: 'list[str]', log_dir: str, cwd: Optional[str] = None,
                 env: 'Optional[dict[str, str]]' = None, until: float = float('inf'), is_ours: bool = False) -> None:
        self.name = name
        self._is_ours = is_ours
        self.until = until
        self.log_path = os.path.join(log_dir, f'{name}.log')
        self.lines: 'list[str]' = []
        self._fresh: 'queue.Queue[Optional[str]]' = queue.Queue()
        with open(self.log_path, 'wb') as log:
            self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                           cwd=cwd, env={**os.environ, **(env or {})}, start_new_session=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._child.stdout is not None
        for raw in self._child.stdout:
            line = raw.decode('utf-8', 'replace').rstrip('\n')
            self.lines.append(line)
            self._fresh.put(line)
        self._fresh.put(None)

    def _left_s(self) -> float:
        return max(0.0, min(self.until - time.monotonic(), 600.0))

    def wait_line(self, wanted: Callable[[str], bool], what: str) -> str:
        """The next line that is wanted; lines before it are passed over."""
        while True:
            try:
                line = self._fresh.get(timeout=self._left_s())
            except queue.Empty:
                raise Failed(f'{self.name}: no {what} in time') from None
            if line is None:
                raise self._ended(f' before {what}')
            if wanted(line):
                return line

    def wait_word(self, word: str) -> None:
        self.wait_line(lambda line: line == word, word)

    def value_of(self, key: str) -> str:
        """The value of the `key: value` line that the process prints."""
        return self.wait_line(lambda line: line.startswith(f'{key}: '), f'line "{key}: …"').split(': ', 1)[1]

    def wait_exit(self) -> int:
        try:
            code = self._child.wait(self._left_s())
        except subprocess.TimeoutExpired:
            raise Failed(f'{self.name}: still running when time was up') from None
        self._reader.join(STOP_LIMIT_S)
        return code

    def wait_success(self) -> None:
        code = self.wait_exit()
        if code != 0:
            raise self._ended('')

    def check_alive(self) -> None:
        if self._child.poll() is not None:
            raise self._ended('')

    def _ended(self, when: str) -> Failed:
        code = self._child.wait()
        if code in CRASHES and not self._is_ours:
            return Crashed(f'{self.name}: crashed with {signal.Signals(-code).name}{when}')
        return Failed(f'{self.name}: ended with code {code}{when}')

    def ask_to_stop(self) -> None:
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when that is not enough."""
        self.ask_to_stop()
        try:
            self._child.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def tail(self, count: int = 15) -> str:
        """The end of what it said, for a failure's report."""
        with open(self.log_path, encoding='utf-8', errors='replace') as log:
            said = log.read().splitlines()
        shown = [f'  stdout| {line}' for line in self.lines[-count:]] + [f'  stderr| {line}' for line in said[-count:]]
        return '\n'.join([f'  -- {self.name}', *(line[:240] for line in shown)])
