#!/usr/bin/python3
"""A flash crowd in network namespaces: seeders, and leechers that are started together, each host behind a link that
is limited both ways (tc tbf) on one bridge. Nothing leaves the machine. Needs root.

  npm run bench:swarm -- --clients shoal,aria2,libtorrent --seeders 1 --leechers 16 --rate-mbit 40 --size-mib 64
  npm run bench:swarm -- --clients shoal --leechers 50 --rate-mbit 20 --runs 1
  npm run bench:swarm -- --clients shoal --kill-seeder
  npm run bench:swarm -- --clients shoal --free-rider
  npm run bench:swarm -- --clients shoal --churn

Clients take turns: one run of each, then again. A time is from the start of the first leecher to the line by which one
says that its copy is complete and verified; all go on serving until the last is. Afterwards each copy is compared with
the original byte by byte. The bound is max(F / (S u), F / d, N F / ((S + N) u)) with u = d = 1448 / 1514 of the rate,
since each frame of 1514 bytes carries 1448 of content. What was sent is counted at the hosts' ports on the bridge,
without headers, so that requests and what was sent again are in it. Ours use our tracker, the others opentracker.

Exit codes: 0, 1 when a run failed, 2 when something is missing.
"""
import argparse
import statistics
import sys
from dataclasses import asdict
from typing import Callable

from clients.client import TRACKER_PORT, Client
from clients.registry import KNOWN, clients_of
from disturbances import FreeRider, HalfKilled, SeederKilled
from netns import Switched
from stage import Stage, check_machine, leave, staged
from swarm_run import Disturbance, Outcome, Shape, SwarmRun
from turns import note, spread, table, take, verdict

OURS = 'shoal'
# What is wanted: the last completion by the bound, for a number of seeders; what the only seeder may have sent when the
# first is complete, in files; the memory of the biggest process among many; the effect of a free rider.
LAST_LIMITS = {1: 1.25, 3: 1.2}
SENT_LIMIT = 1.5
MANY, PEAK_LIMIT_MIB = 50, 120
RIDER_LIMIT = 1.1

HEAD = ['client', 'runs', 'first s', 'mean s', 'last s', 'last / bound', 'seeders sent at first', 'at last', 'CPU s',
        'peak MiB', 'busy %']


def row(name: str, outcomes: 'list[Outcome]', runs: int) -> 'list[str]':
    if not outcomes:
        return [name, f'0/{runs}']
    return [
        name,
        f'{len(outcomes)}/{runs}',
        spread([outcome.first for outcome in outcomes]),
        spread([outcome.mean for outcome in outcomes]),
        spread([outcome.last for outcome in outcomes]),
        spread([outcome.last / outcome.bound_s for outcome in outcomes]),
        spread([outcome.sent_first for outcome in outcomes]),
        spread([outcome.sent_last for outcome in outcomes]),
        f'{statistics.median(outcome.cpu_s for outcome in outcomes):.1f}',
        f'{max(outcome.peak_mib for outcome in outcomes):.0f}',
        f'{100 * statistics.median(outcome.busy for outcome in outcomes):.0f}',
    ]


def middle(outcomes: 'list[Outcome]', key: str) -> float:
    values: 'list[float]' = [getattr(outcome, key) for outcome in outcomes]
    return statistics.median(values)


def happenings(args: argparse.Namespace) -> 'list[tuple[str, Callable[[], Disturbance]]]':
    """What each client goes through in turn."""
    if args.free_rider:
        return [('', Disturbance), (' + free rider', FreeRider)]
    if args.kill_seeder:
        return [(', seeder killed', SeederKilled)]
    if args.churn:
        return [(', half killed', HalfKilled)]
    return [('', Disturbance)]


def verdicts(results: 'dict[str, list[Outcome]]', args: argparse.Namespace) -> 'list[str]':
    """What was got by ours beside what is wanted."""
    found = []
    for name, outcomes in results.items():
        plain = not (args.kill_seeder or args.churn or args.free_rider)
        if not name.startswith(OURS) or not outcomes:
            continue
        # Among many the machine is the limit, not the links.
        if plain and args.seeders in LAST_LIMITS and args.leechers < MANY:
            last = middle(outcomes, 'last')
            found.append(verdict(f'{name}, last by the bound', last / outcomes[0].bound_s, LAST_LIMITS[args.seeders]))
            found += [verdict(f'{name}, last by that of {other}', last / middle(theirs, 'last'), 1)
                      for other, theirs in results.items() if theirs and not other.startswith(OURS)]
            if args.seeders == 1:
                found.append(verdict(f'{name}, files sent when the first is complete', middle(outcomes, 'sent_first'),
                                     SENT_LIMIT))
        if plain and args.leechers >= MANY:
            peak = max(outcome.peak_mib for outcome in outcomes)
            found.append(verdict(f'{name}, the biggest process', peak, PEAK_LIMIT_MIB, ' MiB'))
        ridden = results.get(f'{name} + free rider')
        if ridden:
            found += [verdict(f'{name}, {key} with a free rider by that without', middle(ridden, key) /
                              middle(outcomes, key), RIDER_LIMIT) for key in ('mean', 'last')]
    return found


def bench(args: argparse.Namespace, stage: Stage, network: Switched, clients: 'list[Client]') -> int:
    shape = Shape(args.seeders, args.leechers, args.rate_mbit, stage.content.size)
    limit_s = args.limit or max(60.0, 10 * shape.bound_s)
    results: 'dict[str, list[Outcome]]' = {
        f'{client.name}{label}': [] for client in clients for label, _ in happenings(args)}
    failed = 0
    for number in range(1, args.runs + 1):
        for client in clients:
            for label, disturbance in happenings(args):
                def run(client: Client = client, disturbance: Callable[[], Disturbance] = disturbance) -> Outcome:
                    return SwarmRun(stage, network, client, shape, disturbance(), limit_s, args.trace).take()

                name = f'{client.name}{label}'
                outcome = take(f'run {number} {name}', run, args.once)
                if outcome is None:
                    failed += 1
                    continue
                results[name].append(outcome)
                note(args.json, {'client': name, **asdict(shape), **asdict(outcome)})
    print(f'\n{shape.text}; median (min-max)\n')
    print(table(HEAD, [row(name, outcomes, args.runs) for name, outcomes in results.items()]), end='\n\n')
    print(*verdicts(results, args), sep='\n')
    return 1 if failed else 0


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='bench:swarm', formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description=__doc__, epilog=f'clients:\n  {KNOWN}')
    parser.add_argument('--clients', default='shoal,aria2,libtorrent')
    parser.add_argument('--seeders', type=int, default=1)
    parser.add_argument('--leechers', type=int, default=16)
    parser.add_argument('--rate-mbit', type=float, default=40)
    parser.add_argument('--size-mib', type=int, default=64)
    parser.add_argument('--runs', type=int, default=5)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument('--kill-seeder', action='store_true',
                      help='kill -9 of the seeders when each piece is verified by some leecher; not with aria2')
    mode.add_argument('--free-rider', action='store_true',
                      help='each client without and with one more leecher, a libtorrent that may upload 16 KiB/s')
    mode.add_argument('--churn', action='store_true',
                      help='kill -9 of half of the leechers between 30 and 70 %% of the file; the same line again')
    parser.add_argument('--limit', type=float, metavar='SECONDS', help='for a run; 10 times the bound, at least 60')
    parser.add_argument('--trace', action='store_true', help='show each second how much of the uplinks is used')
    parser.add_argument('--once', action='store_true', help='take no run again because of other work on the machine')
    parser.add_argument('--shoal-seeder', default='', metavar='OPTIONS', help='added to the line of our seeders')
    parser.add_argument('--shoal-leecher', default='', metavar='OPTIONS', help='added to the line of our leechers')
    parser.add_argument('--json', metavar='FILE', help='append each run as a line of JSON')
    return parser.parse_args()


def main() -> int:
    args = options()
    try:
        clients = clients_of(args.clients, args.shoal_seeder, args.shoal_leecher)
    except ValueError as error:
        leave(f'bench:swarm: {error}')
    check_machine('bench:swarm', clients)
    if args.kill_seeder:
        for client in clients:
            if not client.tell_pieces():
                leave(f'bench:swarm: --kill-seeder: {client.name} does not say which pieces it has')
    # The last host is the free rider's.
    network = Switched(args.seeders + args.leechers + (1 if args.free_rider else 0), args.rate_mbit)
    url = f'udp://{network.tracker.address}:{TRACKER_PORT}/announce'
    memory_mib = (2 * args.leechers + 3) * args.size_mib + 512
    with staged(args.size_mib, memory_mib, url) as stage:
        try:
            network.open()
            return bench(args, stage, network, clients)
        finally:
            network.close()


if __name__ == '__main__':
    sys.exit(main())
