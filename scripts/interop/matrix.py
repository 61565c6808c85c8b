#!/usr/bin/python3
"""The three commands against other programs: each cell is a transfer in which one side is not ours.

Run by run.sh. Prints a line per cell, and at the end a table; exits 1 when a cell failed. Everything happens on the
loopback interface and in one temporary folder; each cell has a tracker and addresses of its own, so that two can run
at the same time.
"""
import argparse
import concurrent.futures
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from types import FrameType
from typing import Callable, Iterator, Optional

import transfers
from cell import PYTHON, HERE, Cell, Stage
from clients import CLIENTS, LIBTORRENT, Client
from content import FORMATS, PIECE_BYTES, TREE_PIECE_BYTES, Shared, digests, make_payload, make_tree, torrent_hashes
from processes import Crashed, Failed, Process

CELL_LIMIT_S = 40.0
ALSO = 'also'


@dataclass(frozen=True)
class Spec:
    """A cell of the table: its line and column, and how it is run or why it cannot be."""
    line: str
    column: str
    run: Optional[Callable[[Cell], None]]
    why: str = ''
    ipv6: bool = False

    @property
    def name(self) -> str:
        return self.line if self.column == ALSO else f'{self.column}: {self.line}'


@dataclass(frozen=True)
class Result:
    spec: Spec
    outcome: str
    seconds: float = 0.0
    remark: str = ''

    @property
    def text(self) -> str:
        if self.outcome == 'n/a':
            return 'n/a'
        return f'{self.outcome} {self.seconds:.1f} s{f" ({self.remark})" if self.remark else ""}'


def client_specs(client: Client) -> Iterator[Spec]:
    best = 'v2' if 'v2' not in client.cannot else 'v1'

    def both(label: str, form: str, by: str, tracker: str = 'ours', ipv6: bool = False) -> Iterator[Spec]:
        for does, transfer in (('leeches from our seeders', transfers.they_take_from_us),
                               ('seeds to our leecher', transfers.we_take_from_them)):
            why = client.cannot.get(form, '')
            run = None if why else transfer(client, form, by, tracker)
            yield Spec(f'{does}, {label}', client.title, run, why, ipv6)

    for form in FORMATS:
        for by in ('.torrent', 'magnet'):
            yield from both(f'{form}, {by}', form, by)
    yield from both('opentracker', best, 'magnet', 'opentracker')
    yield from both('our tracker by HTTP', best, 'magnet', 'http')
    yield from both('IPv6', best, '.torrent', client.ipv6_tracker, ipv6=True)
    yield Spec('leeches from another program, our tracker', client.title,
               transfers.only_others(client, transfers.OTHERS[client]))


def specs() -> 'list[Spec]':
    every = [list(client_specs(client)) for client in CLIENTS]
    cells = [spec for together in zip(*every) for spec in together]
    for form in FORMATS:
        cells.append(Spec(f'directory of 1,000 files, {form}: libtorrent from us', ALSO,
                          transfers.they_take_from_us(LIBTORRENT, form, 'magnet', of_tree=True)))
        cells.append(Spec(f'directory of 1,000 files, {form}: we from libtorrent', ALSO,
                          transfers.we_take_from_them(LIBTORRENT, form, 'magnet', of_tree=True)))
    cells.append(Spec('we from us, our tracker by HTTP', ALSO, transfers.ours_by_http('http')))
    cells.append(Spec('we from us, opentracker by HTTP', ALSO, transfers.ours_by_http('opentracker')))
    cells.append(Spec('mixed sources, v1', ALSO, transfers.mixed('v1')))
    cells.append(Spec('mixed sources, hybrid', ALSO, transfers.mixed('hybrid')))
    cells.append(Spec('peer exchange: a third libtorrent hears of us', ALSO, transfers.by_exchange))
    cells.append(Spec('first byte for libtorrent', ALSO, transfers.first_byte))
    return cells


def share(path: str, piece_bytes: int, logs: str) -> Shared:
    """Torrents of it by libtorrent, in all formats."""
    shared = Shared(path, piece_bytes, {}, {}, {})
    makers = {}
    for form in FORMATS:
        shared.torrents[form] = f'{path}.{form}.torrent'
        makers[form] = Process(f'create-{os.path.basename(path)}-{form}', [
            PYTHON, '-B', os.path.join(HERE, 'libtorrent_peer.py'), 'create', '--file', path, '--out',
            shared.torrents[form], '--piece-bytes', str(piece_bytes), '--format', form], logs)
    for form, maker in makers.items():
        maker.wait_word('READY')
        v1, v2 = torrent_hashes(maker.lines)
        if v1 is not None:
            shared.v1[form] = v1
        if v2 is not None:
            shared.v2[form] = v2
    return shared


@contextlib.contextmanager
def prepared() -> Iterator[Stage]:
    work = tempfile.mkdtemp(prefix='shoal-interop-')
    try:
        for name in ('shared', 'logs', 'home'):
            os.mkdir(os.path.join(work, name))
        payload = os.path.join(work, 'shared', 'payload.bin')
        tree = os.path.join(work, 'shared', 'tree')
        make_payload(payload)
        make_tree(tree)
        logs = os.path.join(work, 'logs')
        yield Stage(work=work, net=os.getpid() % 200 + 20, payload=share(payload, PIECE_BYTES, logs),
                    tree=share(tree, TREE_PIECE_BYTES, logs),
                    originals={path: digests(path) for path in (payload, tree)})
    finally:
        shutil.rmtree(work, ignore_errors=True)


def run_cell(stage: Stage, index: int, spec: Spec) -> Result:
    if spec.run is None:
        print(f'n/a  {spec.name}: {spec.why}', flush=True)
        return Result(spec, 'n/a')
    try:
        return try_cell(stage, index, spec)
    except Crashed as crash:
        # libtorrent's Python binding ends in a segmentation fault now and then, also with seeders of its own kind.
        # Once tells nothing about the transfer; a second crash of the same cell does.
        print(f'     {spec.name}: once more, since {crash}', flush=True)
        return try_cell(stage, index, spec, is_last=True)


def try_cell(stage: Stage, index: int, spec: Spec, is_last: bool = False) -> Result:
    assert spec.run is not None
    before = time.monotonic()
    cell = Cell(stage, index, before + CELL_LIMIT_S, spec.ipv6)
    try:
        spec.run(cell)
        seconds = time.monotonic() - before
        print(f'ok   {spec.name} ({seconds:.1f} s){f": {cell.remark}" if cell.remark else ""}', flush=True)
        return Result(spec, 'ok', seconds, cell.remark)
    except (Failed, OSError) as failure:
        if isinstance(failure, Crashed) and not is_last:
            raise
        seconds = time.monotonic() - before
        print('\n'.join([f'FAIL {spec.name} ({seconds:.1f} s): {failure}',
                         *(process.tail() for process in cell.running)]), flush=True)
        return Result(spec, 'FAIL', seconds)
    finally:
        cell.stop_all()
        shutil.rmtree(cell.work, ignore_errors=True)


def table(results: 'list[Result]') -> 'list[str]':
    """Markdown: a line per thing done, a column per program; then what has no column."""
    titles = [client.title for client in CLIENTS]
    rows = [['', *titles]]
    also = [['', 'result'], *([result.spec.line, result.text] for result in results if result.spec.column == ALSO)]
    for line in dict.fromkeys(result.spec.line for result in results if result.spec.column != ALSO):
        found = {result.spec.column: result.text for result in results if result.spec.line == line}
        rows.append([line, *(found.get(title, '') for title in titles)])
    return [*aligned(rows), '', *aligned(also)]


def aligned(rows: 'list[list[str]]') -> 'list[str]':
    widths = [max(3, *(len(row[i]) for row in rows)) for i in range(len(rows[0]))]
    lines = ['| ' + ' | '.join(text.ljust(width) for text, width in zip(row, widths)) + ' |' for row in rows]
    return [lines[0], '| ' + ' | '.join('-' * width for width in widths) + ' |', *lines[1:]]


def interrupted(number: int, _frame: Optional[FrameType]) -> None:
    sys.exit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(description='Transfers between the three commands and other programs.')
    parser.add_argument('--only', metavar='WORDS', action='append',
                        help='run the cells whose name contains this; may be repeated, all must be there')
    parser.add_argument('--list', action='store_true', help='say what there is')
    parser.add_argument('--jobs', type=int, default=2, help='cells at the same time')
    parser.add_argument('--markdown', metavar='FILE', help='write the table to a file, too')
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGINT, interrupted)
    chosen = [spec for spec in specs() if all(words in spec.name for words in args.only or [])]
    if not chosen:
        parser.error('there is no such cell; --list says what there is')
    if args.list:
        print('\n'.join(spec.name for spec in chosen))
        return 0
    before = time.monotonic()
    with prepared() as stage, concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        results = list(pool.map(lambda numbered: run_cell(stage, *numbered), enumerate(chosen, 1)))
    lines = table(results)
    print('\n'.join(['', *lines, '']), flush=True)
    if args.markdown is not None:
        with open(args.markdown, 'w', encoding='utf-8') as file:
            file.write('\n'.join(lines) + '\n')
    counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in ('ok', 'n/a', 'FAIL')}
    said = ', '.join(f'{count} {outcome}' for outcome, count in counts.items())
    print(f'{said}; {time.monotonic() - before:.0f} s', flush=True)
    return 1 if counts['FAIL'] > 0 else 0


if __name__ == '__main__':
    sys.exit(main())
