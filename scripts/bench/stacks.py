"""Stacks that perf has sampled, as a flame graph in text."""
import os
import re
import subprocess
from dataclasses import dataclass, field

# One line of a stack: address, symbol, and in brackets the file it is in.
FRAME = re.compile(r'^\s*[0-9a-f]+ (.+?)(?:\+0x[0-9a-f]+)? \((.*)\)$')
THREAD = re.compile(r'^\s*(\d+)')
# One that has as good as all of its parent's samples says more than its parent.
SAME = 0.97


@dataclass
class Node:
    """How many samples have this frame at this place of their stack."""
    count: int = 0
    below: 'dict[str, Node]' = field(default_factory=dict)


def name_of(symbol: str, file: str) -> str:
    """What V8 made or interprets is one name, since perf cannot tell its functions apart; empty for no frame at all."""
    if symbol.startswith('Builtins_') or (symbol == '[unknown]' and file.endswith('.map')):
        return 'JavaScript'
    if symbol == '[unknown]':
        return '' if file == '[unknown]' else f'[{os.path.basename(file)}]'
    # What is in brackets here are the types of arguments; nothing is left of one in an anonymous namespace.
    return re.sub(r'(?<!:)\(.*', '', symbol)


def stacks_of(samples: str) -> 'dict[tuple[str, ...], int]':
    """How often each stack was met, the outermost frame first: the thread, by the share of the work that it did."""
    script = subprocess.run(['perf', 'script', '-i', samples, '-F', 'tid,ip,sym,dso'], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, check=True).stdout
    found: 'dict[tuple[str, ...], int]' = {}
    for block in script.split('\n\n'):
        head, *lines = block.strip('\n').split('\n')
        thread = THREAD.match(head)
        names = [name for frame in map(FRAME.match, lines) if frame and (name := name_of(frame[1], frame[2]))]
        if thread is None or not names:
            continue
        once = [name for name, inner in zip(names, ['', *names]) if name != inner]
        stack = (thread[1], *reversed(once))
        found[stack] = found.get(stack, 0) + 1
    return with_threads_named(found)


def with_threads_named(stacks: 'dict[tuple[str, ...], int]') -> 'dict[tuple[str, ...], int]':
    """The busiest thread is the first."""
    work: 'dict[str, int]' = {}
    for (thread, *_), count in stacks.items():
        work[thread] = work.get(thread, 0) + count
    ranks = {thread: f'thread {rank}' for rank, thread in enumerate(sorted(work, key=lambda one: -work[one]), 1)}
    return {(ranks[thread], *frames): count for (thread, *frames), count in stacks.items()}


def folded(stacks: 'dict[tuple[str, ...], int]') -> str:
    """As flame graph programs read them."""
    return ''.join(f'{";".join(stack)} {count}\n' for stack, count in sorted(stacks.items()))


def tree_of(stacks: 'dict[tuple[str, ...], int]') -> Node:
    root = Node()
    for stack, count in stacks.items():
        root.count += count
        node = root
        for name in stack:
            node = node.below.setdefault(name, Node())
            node.count += count
    return root


def flame(stacks: 'dict[tuple[str, ...], int]', least: float) -> 'list[str]':
    """A line for each frame that has this share of all samples, indented below what called it."""
    root = tree_of(stacks)
    return lines_below(root, root.count, least, '')


def lines_below(node: Node, total: int, least: float, indent: str) -> 'list[str]':
    lines = []
    for name, child in sorted(node.below.items(), key=lambda item: -item[1].count):
        if child.count < least * total:
            break
        is_passage = indent and any(each.count >= SAME * child.count for each in child.below.values())
        if is_passage:
            lines += lines_below(child, total, least, indent)
        else:
            lines.append(f'{100 * child.count / total:5.1f} % {indent}{name}')
            lines += lines_below(child, total, least, indent + '  ')
    return lines


def leaves(stacks: 'dict[tuple[str, ...], int]', least: float) -> 'list[str]':
    """A line for each function that was itself at work in this share of all samples."""
    found: 'dict[str, int]' = {}
    for stack, count in stacks.items():
        found[stack[-1]] = found.get(stack[-1], 0) + count
    total = sum(found.values())
    ordered = sorted(found.items(), key=lambda item: -item[1])
    return [f'{100 * count / total:5.1f} % {name}' for name, count in ordered if count >= least * total]
