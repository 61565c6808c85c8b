#!/usr/bin/python3
"""A flash crowd in network namespaces: seeders, and leechers that are started together, each host behind a link that
is limited both ways (tc tbf) on one bridge. Nothing leaves the machine. Needs root.

  npm run bench:swarm -- --clients shoal,aria2,libtorrent --seeders 1 --leechers 16 --rate-mbit 40 --size-mib 64

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

from clients.client import TRACKER_PORT, Client
from clients.registry import KNOWN, clients_of
from netns import Switched
from stage import Stage, check_machine, staged
from swarm_run import Disturbance, Outcome, Shape, SwarmRun
from turns import note, spread, table, take

def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='bench:swarm', formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description=__doc__, epilog=f'clients:\n  {KNOWN}')
    parser.add_argument('--clients', default='shoal,aria2,libtorrent')
    parser.add_argument('--seeders', type=int, default=1)
    parser.add_argument('--leechers', type=int, default=16)
    parser.add_argument('--rate-mbit', type=float, default=40)
    parser.add_argument('--size-mib', type=int, default=64)
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--limit', type=float, metavar='SECONDS', help='for a run; 10 times the bound, at least 60')
    parser.add_argument('--trace', action='store_true', help='show each second how much of the uplinks is used')
    parser.add_argument('--once', action='store_true', help='take no run again because of other work on the machine')
    parser.add_argument('--shoal-seeder', default='', metavar='OPTIONS', help='added to the line of our seeders')
    parser.add_argument('--shoal-leecher', default='', metavar='OPTIONS', help='added to the line of our leechers')
    parser.add_argument('--json', metavar='FILE', help='append each run as a line of JSON')
    return parser.parse_args()


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


def bench(args: argparse.Namespace, stage: Stage, network: Switched) -> int:
    clients = clients_of(args.clients, args.shoal_seeder, args.shoal_leecher)
    shape = Shape(args.seeders, args.leechers, args.rate_mbit, stage.content.size)
    limit_s = args.limit or max(60.0, 10 * shape.bound_s)
    results: 'dict[str, list[Outcome]]' = {client.name: [] for client in clients}
    failed = 0
    for number in range(1, args.runs + 1):
        for client in clients:
            def run(client: Client = client) -> Outcome:
                return SwarmRun(stage, network, client, shape, Disturbance(), limit_s, args.trace).take()

            outcome = take(f'run {number} {client.name}', run, args.once)
            if outcome is None:
                failed += 1
                continue
            results[client.name].append(outcome)
            note(args.json, {**asdict(shape), **asdict(outcome)})
    print(f'\n{shape.text}; median (min-max)\n')
    print(table(HEAD, [row(name, outcomes, args.runs) for name, outcomes in results.items()]))
    return 1 if failed else 0


def main() -> int:
    args = options()
    try:
        clients = clients_of(args.clients)
    except ValueError as error:
        print(f'bench:swarm: {error}', file=sys.stderr)
        return 2
    check_machine('bench:swarm', clients)
    network = Switched(args.seeders + args.leechers, args.rate_mbit)
    url = f'udp://{network.tracker.address}:{TRACKER_PORT}/announce'
    memory_mib = (2 * args.leechers + 2) * args.size_mib + 512
    with staged(args.size_mib, memory_mib, url) as stage:
        try:
            network.open()
            return bench(args, stage, network)
        finally:
            network.close()


if __name__ == '__main__':
    sys.exit(main())
