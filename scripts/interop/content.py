"""What is transferred: one big file, a directory with odd names, and the torrents that libtorrent makes of them."""
import hashlib
import os
import random
import re
import unicodedata
from dataclasses import dataclass
from typing import Optional

from processes import Failed

PIECE_BYTES = 512 * 1024
# Not a whole number of pieces, nor of blocks.
PAYLOAD_BYTES = 80 * PIECE_BYTES + 12345
TREE_PIECE_BYTES = 64 * 1024
TREE_FILES = 1000
FORMATS = ('v1', 'hybrid', 'v2')


@dataclass(frozen=True)
class Shared:
    """A file or a directory, and its torrents as libtorrent makes them, without trackers."""
    path: str
    piece_bytes: int
    torrents: 'dict[str, str]'
    v1: 'dict[str, str]'
    v2: 'dict[str, str]'

    @property
    def name(self) -> str:
        return os.path.basename(self.path)

    def wire_hash(self, form: str) -> bytes:
        """The hash of 20 bytes that everybody who takes this format announces (BEP 52)."""
        return bytes.fromhex((self.v2[form] if form == 'v2' else self.v1[form])[:40])

    def magnet(self, form: str, tracker: str) -> str:
        topics = [f'xt=urn:btih:{self.v1[form]}'] if form in self.v1 else []
        topics += [f'xt=urn:btmh:1220{self.v2[form]}'] if form in self.v2 else []
        return f'magnet:?{"&".join(topics)}&dn={self.name}&tr={tracker.replace(":", "%3A").replace("/", "%2F")}'

    def torrent_for(self, form: str, tracker: str, folder: str) -> str:
        """A copy of the torrent that names this tracker. Its first key is `announce`: no other key is smaller."""
        with open(self.torrents[form], 'rb') as file:
            plain = file.read()
        copy = os.path.join(folder, f'{self.name}.{form}.torrent')
        with open(copy, 'wb') as file:
            file.write(b'd8:announce%d:%s' % (len(tracker), tracker.encode()) + plain[1:])
        return copy


def make_payload(path: str) -> None:
    with open(path, 'wb') as file:
        file.write(os.urandom(PAYLOAD_BYTES))


# All are allowed on Linux. The sort of '-', '.', '/' and of bytes above 127 is where trees of files go wrong.
ODD_NAMES = (
    'plain.txt', 'dir', 'dir-x.bin', 'dir.txt', 'dir x', ' leading space', '.hidden', '..two dots', '~tilde~',
    "it's", '100%', '%41%2f', 'a&b=c', 'a+b', '#1', 'semi;colon', '$HOME', '`tick`', '[brackets]', '{braces}',
    'é' + unicodedata.normalize('NFD', 'ü'), '日本語のファイル.txt', 'Ελληνικά', 'עברית', '🎉 party 🎉', '\u00a0nbsp',
    'x' * 200 + '.long', 'ü' * 100 + '.long', '0', '-rf', '--help', 'tab' * 10, '=', '@', '!', '^', '(1)', ',',
)
# Other systems do not allow these: our leecher writes `_` in their place.
FOREIGN_NAMES = ('colon:colon', 'star*', 'what?', '"quoted"', '<angle>', 'pi|pe')


def make_tree(root: str) -> None:
    """A thousand files, some of them empty, equal, of whole pieces or blocks, or of more than a piece."""
    chance = random.Random(52)
    sizes = (0, 1, 16383, 16384, 16385, TREE_PIECE_BYTES, TREE_PIECE_BYTES + 1, 3 * TREE_PIECE_BYTES)
    names = [name for name in ODD_NAMES if name != 'dir'] + list(FOREIGN_NAMES)
    paths = names + [f'dir/{name}' for name in names] + [f'{"deep/" * 30}{name}' for name in ODD_NAMES]
    paths += [f'many/{i % 17}/file {i}.dat' for i in range(TREE_FILES - len(paths))]
    for i, path in enumerate(paths):
        whole = os.path.join(root, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        size = sizes[i % len(sizes)] if i % 3 == 0 else chance.randrange(1, 80_000)
        with open(whole, 'wb') as file:
            file.write(b'\x5a' * size if i % 50 == 0 else chance.randbytes(size))


def sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for part in iter(lambda: file.read(1 << 20), b''):
            digest.update(part)
    return digest.hexdigest()


def digests(root: str) -> 'dict[str, str]':
    """SHA-256 of each file below a directory, by its path there; of a file alone under the empty path."""
    if os.path.isfile(root):
        return {'': sha256(root)}
    if not os.path.isdir(root):
        raise Failed(f'no copy: {root}')
    return {os.path.relpath(os.path.join(folder, name), root): sha256(os.path.join(folder, name))
            for folder, _, names in os.walk(root) for name in names}


def compare(original: 'dict[str, str]', copy: str, by_us: bool) -> None:
    """Fails unless the copy has the same files with the same bytes."""
    got = digests(copy)
    wanted = {harmless(path): digest for path, digest in original.items()} if by_us else original
    missing = sorted(wanted.keys() - got.keys())
    added = sorted(got.keys() - wanted.keys())
    other = sorted(path for path in wanted.keys() & got.keys() if wanted[path] != got[path])
    for what, paths in (('missing', missing), ('too many', added), ('not the same bytes', other)):
        if paths:
            raise Failed(f'{what}: {len(paths)} of {len(wanted)} files, such as {paths[0]!r}')


def harmless(path: str) -> str:
    return re.sub(r'[:*?"<>|]', '_', path)


def torrent_hashes(lines: 'list[str]') -> 'tuple[Optional[str], Optional[str]]':
    found = dict(line.split(' ', 1) for line in lines if line[:3] in ('V1 ', 'V2 '))
    return found.get('V1'), found.get('V2')
