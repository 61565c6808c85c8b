#!/usr/bin/env bash
# Transfers between the three commands and other programs: libtorrent, aria2, Transmission and rtorrent as seeders and
# leechers, opentracker as tracker.
# Installs nothing; says what is missing. Options go to matrix.py (--only WORDS, --list, --markdown FILE).
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname -- "$(dirname -- "$here")")
# Debian's binding belongs to Debian's Python, which need not be the first one on the path.
python=/usr/bin/python3

missing=()
if [ ! -x "$python" ]; then
  missing+=(python3 python3-libtorrent)
elif ! "$python" -c 'import libtorrent' 2>/dev/null; then
  missing+=(python3-libtorrent)
fi
command -v opentracker >/dev/null || missing+=(opentracker)
command -v aria2c >/dev/null || missing+=(aria2)
command -v transmission-daemon >/dev/null || missing+=(transmission-daemon)
command -v rtorrent >/dev/null || missing+=(rtorrent)
if [ "${#missing[@]}" -gt 0 ]; then
  echo "interop: missing ${missing[*]}; on Debian and Ubuntu: apt-get install ${missing[*]}" >&2
  exit 2
fi
if ! command -v node >/dev/null; then
  echo 'interop: node is missing; version 20.19 or later is needed' >&2
  exit 2
fi
if [ ! -e "$root/dist/bin/leecher.cjs.cache" ]; then
  echo 'interop: the commands are not built; run npm ci first' >&2
  exit 2
fi

"$python" -c 'import libtorrent; print("interop: libtorrent", libtorrent.__version__)'
exec "$python" -B "$here/matrix.py" "$@"
