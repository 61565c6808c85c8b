#!/usr/bin/python3
"""From a few seeders to one leecher as fast as the machine can: ours, libtorrent and aria2 in turn. Needs root.

  npm run bench:transfer -- --seeders 1,3,10 --on memory,disk --runs 5

All is on the loopback interface of a network namespace, where each process has an address of its own. The seeders have
checked their file and are known to the tracker before the clock starts. A time is from the start of the leecher to the
line by which it says that its copy is complete and verified; afterwards the copy is compared with the original byte by
byte. The seeders' file is always in memory; with `--on disk` the copy is on a disk, as far as the kernel has written it
by then. CPU is that of all threads. libtorrent maps its file into memory, so that its peak has the file in it; what is
anonymous, at the end, is its own. Ours use our tracker, the others opentracker.

Exit codes: 0, 1 when a run failed, 2 when something is missing.
"""
import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass

from accounts import MIB, PREFIX, Group, machine_busy_s, touch_memory
from children import Failed
from clients.client import TRACKER_PORT, Client, Setting
from clients.registry import KNOWN, clients_of
from netns import Alone
from stage import Stage, check_machine, leave, same_bytes, staged
from turns import note, spread, table, take, verdict

CALM_S = 1.0
# What a leecher of ours waits for when nothing else is asked of it.
USUAL_SOURCES = 3

OURS, LIBTORRENT, ARIA2 = 'shoal', 'libtorrent', 'aria2'
# Seeders with their own settings cost any leecher time.
OURS_FROM_STOCK, LIBTORRENT_FROM_STOCK = 'shoal<libtorrent-default', 'libtorrent<libtorrent-default'
# What is wanted of wall times in memory, by the number of seeders: ours by another's.
WALL_LIMITS = {
    (OURS, LIBTORRENT): {1: 1.05, 3: 0.95, 10: 0.9},
    (OURS, ARIA2): {3: 0.45},
    (OURS_FROM_STOCK, LIBTORRENT_FROM_STOCK): {1: 1.1, 3: 1.1, 10: 1.1},
    (OURS_FROM_STOCK, LIBTORRENT): {1: 1.1, 3: 1.1, 10: 1.1},
}
LEECHER_CPU_LIMIT = 0.85
LEECHER_PEAK_LIMIT_MIB = 160


@dataclass(frozen=True)
class Outcome:
    """Of one transfer. CPU seconds and memory are of the leecher, and of all seeders and the biggest of them."""
    wall_s: float
    leecher_cpu_s: float
    seeders_cpu_s: float
    leecher_peak_mib: float
    leecher_anonymous_mib: float
    seeder_peak_mib: float
    foreign_s: float

    @property
    def foreign_limit_s(self) -> float:
        return 0.1 + 0.12 * self.wall_s

    @property
    def text(self) -> str:
        return (f'{self.wall_s:.2f} s; CPU: leecher {self.leecher_cpu_s:.2f} s, seeders {self.seeders_cpu_s:.2f} s, '
                f'other {self.foreign_s:.2f} s; peak: leecher {self.leecher_peak_mib:.0f} MiB '
                f'({self.leecher_anonymous_mib:.0f} anonymous), seeder {self.seeder_peak_mib:.0f} MiB')


def cpu_of(groups: 'tuple[Group, ...]') -> 'list[float]':
    return [group.cpu_s() for group in groups]


def transfer(stage: Stage, network: Alone, client: Client, seeders: int, target: str, limit_s: float) -> Outcome:
    """One transfer; `target` is an empty folder."""
    setting = Setting(stage=stage, tracker=network.tracker, peers=stage.group('seeders'),
                      leechers=stage.group('leecher'), around=stage.group('around'), logs=stage.folder('logs'))
    groups = (setting.leechers, setting.peers, setting.around)
    after: 'list[tuple[list[float], float, float]]' = []

    def on_line(_at: float, line: str) -> None:
        # At once, on the thread that has read the line.
        if client.is_done(line) and not after:
            after.append((cpu_of(groups), machine_busy_s(), sum(os.times()[:2])))

    try:
        client.start_tracker(setting)
        for host in network.hosts[1:1 + seeders]:
            client.seed(setting, host)
        client.wait_ready(setting, seeders)
        touch_memory(stage.work, (stage.content.size >> 20) + 512)
        time.sleep(CALM_S)
        before, busy, own = cpu_of(groups), machine_busy_s(), sum(os.times()[:2])
        leech = client.leech(setting, network.hosts[0], target, min(seeders, USUAL_SOURCES), on_line)
        done_at, _ = leech.child.wait_line(client.is_done, 'it was complete', time.monotonic() + limit_s)
        cpu, busy_then, own_then = after[0]
        for child in setting.running:
            child.measure()
        setting.stop()
        if not same_bytes(stage.content.path, leech.copy):
            raise Failed(f'{leech.child.name}: the copy is not what was shared')
        used = [now - then for now, then in zip(cpu, before)]
        peaks = [child.memory.peak_mib for child in setting.running if 'seed' in child.name and child.memory]
        assert leech.child.memory is not None
        return Outcome(
            wall_s=done_at - leech.child.started_at,
            leecher_cpu_s=used[0],
            seeders_cpu_s=used[1],
            leecher_peak_mib=leech.child.memory.peak_mib,
            leecher_anonymous_mib=leech.child.memory.anonymous_mib,
            seeder_peak_mib=max(peaks),
            foreign_s=max(0.0, busy_then - busy - sum(used) - own_then + own),
        )
    except Failed as failure:
        tails = '\n'.join(child.tail() for child in setting.running if child.name in str(failure))
        raise type(failure)(f'{failure}\n{tails}') from None
    finally:
        setting.stop()


HEAD = ['client', 'runs', 'wall s', 'MiB/s', 'leecher CPU s', 'seeders CPU s', 'leecher peak MiB', 'anonymous',
        'seeder peak MiB', 'wall by libtorrent', 'by aria2']


def middle(outcomes: 'list[Outcome]', key: str) -> float:
    values: 'list[float]' = [getattr(outcome, key) for outcome in outcomes]
    return statistics.median(values)


def rows(results: 'dict[str, list[Outcome]]', runs: int, size: int) -> 'list[list[str]]':
    found = []
    for name, outcomes in results.items():
        if not outcomes:
            found.append([name, f'0/{runs}'])
            continue
        wall_s = middle(outcomes, 'wall_s')
        ratios = [f'{wall_s / middle(results[other], "wall_s"):.2f}' if results.get(other) else ''
                  for other in (LIBTORRENT, ARIA2)]
        found.append([
            name,
            f'{len(outcomes)}/{runs}',
            spread([outcome.wall_s for outcome in outcomes]),
            f'{size / MIB / wall_s:.0f}',
            spread([outcome.leecher_cpu_s for outcome in outcomes]),
            spread([outcome.seeders_cpu_s for outcome in outcomes]),
            f'{middle(outcomes, "leecher_peak_mib"):.0f}',
            f'{middle(outcomes, "leecher_anonymous_mib"):.0f}',
            f'{middle(outcomes, "seeder_peak_mib"):.0f}',
            *ratios,
        ])
    return found


def verdicts(results: 'dict[str, list[Outcome]]', seeders: int) -> 'list[str]':
    """What was got beside what is wanted."""
    found = []
    for (mine, other), limits in WALL_LIMITS.items():
        if seeders in limits and results.get(mine) and results.get(other):
            ratio = middle(results[mine], 'wall_s') / middle(results[other], 'wall_s')
            found.append(verdict(f'wall, {mine} by {other}', ratio, limits[seeders]))
    if results.get(OURS):
        peak = middle(results[OURS], 'leecher_peak_mib')
        found.append(verdict('peak memory of our leecher', peak, LEECHER_PEAK_LIMIT_MIB, ' MiB'))
        if results.get(LIBTORRENT):
            used = middle(results[OURS], 'leecher_cpu_s') / middle(results[LIBTORRENT], 'leecher_cpu_s')
            found.append(verdict('CPU of the leecher, ours by libtorrent', used, LEECHER_CPU_LIMIT))
    return found


def bench(args: argparse.Namespace, stage: Stage, network: Alone, clients: 'list[Client]', place: str,
          seeders: int) -> int:
    """The clients in turn, with so many seeders and the copy in this place; gives how many runs failed."""
    results: 'dict[str, list[Outcome]]' = {client.name: [] for client in clients}
    failed = 0
    for number in range(1, args.runs + 1):
        for client in clients:
            client.goes_on = False

            def run(client: Client = client) -> Outcome:
                prefix = f'{PREFIX}{os.getpid()}-'
                target = tempfile.mkdtemp(prefix=prefix, dir=args.disk_folder if place == 'disk' else stage.work)
                try:
                    if place == 'disk':
                        os.sync()
                    return transfer(stage, network, client, seeders, target, args.limit)
                finally:
                    shutil.rmtree(target, ignore_errors=True)

            outcome = take(f'{seeders} seeders, {place}, run {number} {client.name}', run, args.once)
            if outcome is None:
                failed += 1
                continue
            results[client.name].append(outcome)
            note(args.json, {'client': client.name, 'seeders': seeders, 'place': place, 'size': stage.content.size,
                             **asdict(outcome)})
    print(f'\n{seeders} seeder(s), one leecher, {args.size_mib} MiB, copy in {place}; median (min-max)\n')
    print(table(HEAD, rows(results, args.runs, stage.content.size)), end='\n\n')
    if place == 'memory':
        print(*verdicts(results, seeders), sep='\n', end='\n\n', flush=True)
    return failed


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='bench:transfer', formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description=__doc__, epilog=f'clients:\n  {KNOWN}')
    parser.add_argument('--clients', default=','.join(
        (OURS, LIBTORRENT, ARIA2, OURS_FROM_STOCK, LIBTORRENT_FROM_STOCK)))
    parser.add_argument('--seeders', default='3', metavar='N[,N]...')
    parser.add_argument('--on', default='memory', metavar='memory[,disk]', help='where the copy is written')
    parser.add_argument('--disk-folder', default='/var/tmp', metavar='DIR', help='for --on disk (default /var/tmp)')
    parser.add_argument('--size-mib', type=int, default=1024)
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--limit', type=float, default=120, metavar='SECONDS', help='for one run')
    parser.add_argument('--once', action='store_true', help='take no run again because of other work on the machine')
    parser.add_argument('--shoal-seeder', default='', metavar='OPTIONS', help='added to the line of our seeders')
    parser.add_argument('--shoal-leecher', default='', metavar='OPTIONS', help='added to the line of our leechers')
    parser.add_argument('--json', metavar='FILE', help='append each run as a line of JSON')
    args = parser.parse_args()
    args.seeders = [int(count) for count in args.seeders.split(',')]
    args.on = args.on.split(',')
    if not set(args.on) <= {'memory', 'disk'}:
        parser.error('--on: memory, disk or both')
    return args


def main() -> int:
    args = options()
    try:
        clients = clients_of(args.clients, args.shoal_seeder, args.shoal_leecher)
    except ValueError as error:
        leave(f'bench:transfer: {error}')
    check_machine('bench:transfer', clients)
    network = Alone(1 + max(args.seeders))
    url = f'udp://{network.tracker.address}:{TRACKER_PORT}/announce'
    with staged(args.size_mib, 3 * args.size_mib + 1024, url, args.disk_folder) as stage:
        try:
            network.open()
            failed = sum(bench(args, stage, network, clients, place, seeders)
                         for place in args.on for seeders in args.seeders)
        finally:
            network.close()
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
