#!/usr/bin/python3
"""Where a leecher's CPU time goes, in the transfer that bench:transfer measures: a flame graph in text. Needs root.

  npm run bench:profile -- --clients shoal,libtorrent --least 2

Prints for each client how the samples of its leecher, taken by perf, are spread over its threads and over what called
what, and which functions were themselves at work. With `--folder DIR` all stacks are kept there, one file for each
client in the form that flame graph programs read. Sampling costs time: the times of such runs are for nothing else.
"""
import argparse
import os
import shutil
import sys

from children import Failed
from clients.client import TRACKER_PORT
from clients.registry import KNOWN, clients_of
from clients.watched import Watched
from netns import Alone
from stacks import flame, folded, leaves, stacks_of
from stage import Stage, check_machine, leave, staged
from transfer import transfer


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='bench:profile', formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description=__doc__, epilog=f'clients:\n  {KNOWN}')
    parser.add_argument('--clients', default='shoal,libtorrent')
    parser.add_argument('--seeders', type=int, default=3)
    parser.add_argument('--size-mib', type=int, default=1024)
    parser.add_argument('--limit', type=float, default=120, metavar='SECONDS', help='for one run')
    parser.add_argument('--least', type=float, default=1, metavar='PERCENT', help='what is less is not shown')
    parser.add_argument('--folder', metavar='DIR', help='keep all stacks here')
    return parser.parse_args()


def profile(args: argparse.Namespace, stage: Stage, network: Alone, client: Watched) -> None:
    target = stage.folder('copy')
    try:
        outcome = transfer(stage, network, client, args.seeders, target, args.limit)
    finally:
        shutil.rmtree(target, ignore_errors=True)
    stacks = stacks_of(client.samples)
    count = sum(stacks.values())
    print(f'\n{client.name}, leecher: {outcome.leecher_cpu_s:.2f} CPU s with the sampling, {count} samples\n')
    print(*flame(stacks, args.least / 100), '', 'functions themselves:', *leaves(stacks, args.least / 100), sep='\n',
          flush=True)
    if args.folder:
        path = os.path.join(args.folder, f'{client.name.replace("/", "_")}.folded')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(folded(stacks))


def main() -> int:
    args = options()
    try:
        clients = [Watched(client) for client in clients_of(args.clients)]
    except ValueError as error:
        leave(f'bench:profile: {error}')
    check_machine('bench:profile', [*clients])
    if args.folder:
        os.makedirs(args.folder, exist_ok=True)
    network = Alone(1 + args.seeders)
    url = f'udp://{network.tracker.address}:{TRACKER_PORT}/announce'
    with staged(args.size_mib, 3 * args.size_mib + 1024, url) as stage:
        try:
            network.open()
            for client in clients:
                profile(args, stage, network, client)
        except Failed as failure:
            print(f'bench:profile: {failure}', file=sys.stderr)
            return 1
        finally:
            network.close()
    return 0


if __name__ == '__main__':
    sys.exit(main())
