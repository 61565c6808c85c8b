"""Clients take turns: one run of each, then again, so that what changes on the machine meets all of them alike."""
import json
import statistics
from typing import Callable, Optional, Protocol, Sequence, TypeVar

from children import Crashed, Failed

# A client of others that crashed, or a run during which something else used the machine, is taken again.
TRIES = 3


class Disturbed(Protocol):
    """What a run gives."""

    @property
    def foreign_s(self) -> float:
        """CPU seconds of the machine that none of the bench's processes used."""

    @property
    def foreign_limit_s(self) -> float:
        """More of them and the run does not count."""

    @property
    def text(self) -> str:
        """The run in a line."""


Result = TypeVar('Result', bound=Disturbed)


def take(name: str, run: Callable[[], Result], once: bool) -> Optional[Result]:
    """One run, told in a line, and taken again when it was disturbed; None when it failed.

    When all were disturbed the least disturbed one counts.
    """
    best: Optional[Result] = None
    for attempt in range(1, TRIES + 1):
        try:
            outcome = run()
        except Crashed as crash:
            print(f'{name}: {crash}\n{name}: {"taken again" if attempt < TRIES else "given up"}', flush=True)
            continue
        except Failed as failure:
            print(f'{name}: FAILED: {failure}', flush=True)
            return None
        print(f'{name}: {outcome.text}', flush=True)
        if once or outcome.foreign_s <= outcome.foreign_limit_s:
            return outcome
        if best is None or outcome.foreign_s < best.foreign_s:
            best = outcome
        again = 'taken again' if attempt < TRIES else f'the least disturbed counts: {best.text}'
        print(f'{name}: {outcome.foreign_s:.1f} CPU s of other work: {again}', flush=True)
    return best


def spread(values: 'Sequence[float]', digits: int = 2) -> str:
    return f'{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})'


def table(head: 'list[str]', rows: 'list[list[str]]') -> str:
    """Markdown; a short row is filled up."""
    lines = [head, ['---'] * len(head), *(row + [''] * (len(head) - len(row)) for row in rows)]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def verdict(what: str, got: float, limit: float, unit: str = '') -> str:
    return f'{what}: {got:.2f}{unit}, at most {limit:g}{unit} wanted: {"ok" if got <= limit else "MISSED"}'


def note(path: Optional[str], facts: 'dict[str, object]') -> None:
    if path:
        with open(path, 'a', encoding='utf-8') as file:
            file.write(json.dumps(facts) + '\n')
