#!/usr/bin/env bash
# The whole journey in one command: a tracker, seeders and leechers as separate processes, and a comparison of what
# was shared with what arrived. See usage below and README.md.
set -euo pipefail

usage() {
  cat <<'TXT'
usage: scripts/swarm.sh [FILE] [--seeders N] [--leechers N] [--kill]

Shares FILE (without it: 64 MiB of random bytes) through a tracker of its own on free ports of 127.0.0.1, downloads it,
compares SHA-256, prints both, and stops everything it started. The copies stay in a temporary folder that it names.

  --seeders N    seeders, each a process of its own (default 3)
  --leechers N   leechers, each a process of its own (default 1)
  --kill         kill one seeder with SIGKILL in mid-download; needs at least 2 seeders
  -h, --help     this text

Exit codes: 0 every copy is right, 1 something failed, 2 usage, 130 or 143 interrupted.
TXT
}

say() { printf 'swarm: %s\n' "$*" >&2; }

fail() {
  say "$1"
  exit 1
}

wrong_usage() {
  say "$1"
  say 'see scripts/swarm.sh --help'
  exit 2
}

# 1. What is asked for. ------------------------------------------------------------------------------------------

file='' seeders=3 leechers=1 kill_one=no

# A count of processes; three digits are more than a machine would like.
count_of() {
  case $2 in
    '' | *[!0-9]* | 0* | ????*) wrong_usage "$1: '$2' is not a whole number from 1 to 999" ;;
  esac
}

while [ "$#" -gt 0 ]; do
  case $1 in
    -h | --help)
      usage
      exit 0
      ;;
    --seeders | --leechers)
      [ "$#" -ge 2 ] || wrong_usage "$1: a number is missing"
      count_of "$1" "$2"
      if [ "$1" = --seeders ]; then seeders=$2; else leechers=$2; fi
      shift
      ;;
    --seeders=* | --leechers=*)
      count_of "${1%%=*}" "${1#*=}"
      if [ "${1%%=*}" = --seeders ]; then seeders=${1#*=}; else leechers=${1#*=}; fi
      ;;
    --kill) kill_one=yes ;;
    --)
      shift
      [ "$#" -le 1 ] || wrong_usage "$2: only one FILE can be shared"
      [ "$#" -eq 0 ] || file=$1
      break
      ;;
    -*) wrong_usage "$1: unknown option" ;;
    *)
      [ -z "$file" ] || wrong_usage "$1: only one FILE can be shared"
      [ -n "$1" ] || wrong_usage 'FILE is an empty word'
      file=$1
      ;;
  esac
  shift
done

if [ "$kill_one" = yes ] && [ "$seeders" -lt 2 ]; then
  wrong_usage "--kill with --seeders $seeders would leave nobody to download from; at least 2 are needed"
fi
if [ -n "$file" ]; then
  [ -f "$file" ] || wrong_usage "$file: not a file"
  [ -r "$file" ] || wrong_usage "$file: cannot be read"
  [ -s "$file" ] || wrong_usage "$file: is empty, there is nothing to share"
  file=$(cd -- "$(dirname -- "$file")" && pwd)/$(basename -- "$file")
fi

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

# 2. Installed and built. A package from npm brings dist and has no lock file. -------------------------------------

command -v node >/dev/null || fail 'node is missing; version 20.19 or later is needed'

newer_source() {
  (cd -- "$root" && find tracker seeder leecher common -name '*.ts' ! -name '*.test.ts' ! -path 'common/sim/*' \
    ! -path 'common/fixtures/*' -newer dist/bin/leecher.cjs.cache -print) | head -n 1
}

if [ -f "$root/package-lock.json" ]; then
  if [ ! -d "$root/node_modules" ]; then
    say 'installing and building: npm ci'
    (cd -- "$root" && npm ci) >&2 || fail 'npm ci failed'
  fi
  if [ ! -f "$root/dist/bin/leecher.cjs.cache" ] || [ -n "$(newer_source)" ]; then
    say 'building: npm run build'
    (cd -- "$root" && npm run build) >&2 || fail 'the build failed'
  fi
fi

# 3. A folder, and the end of everything. ----------------------------------------------------------------------------

# Process ids of what is started: the tracker, the seeders, the leechers, in this order.
pids=()
work=$(mktemp -d "${TMPDIR:-/tmp}/shoal-swarm.XXXXXX")
# Everything but the copies: logs, the generated file, a home folder for the commands.
scratch=$work/scratch
logs=$scratch/logs
all_right=no

# Signals all, waits for a moment, kills what is left.
stop_all() {
  local pid patience=100
  for pid in ${pids[@]+"${pids[@]}"}; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in ${pids[@]+"${pids[@]}"}; do
    while kill -0 "$pid" 2>/dev/null && [ "$patience" -gt 0 ]; do
      sleep 0.05
      patience=$((patience - 1))
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  pids=()
}

# On every way out: nothing runs on and nothing stays, but the copies of a good end.
finish() {
  local code=$?
  trap - EXIT
  trap '' INT TERM HUP
  stop_all
  if [ "$all_right" = yes ]; then
    rm -rf -- "$scratch"
  else
    if [ "$code" -eq 1 ]; then show_logs; fi
    rm -rf -- "$work"
  fi
  exit "$code"
}

show_logs() {
  local log
  for log in "$logs"/*.err; do
    [ -s "$log" ] || continue
    say "the last lines of $(basename -- "$log" .err):"
    tail -n 15 -- "$log" | sed 's/^/  /' >&2
  done
}

trap finish EXIT
trap 'say "interrupted, stopping"; exit 130' INT
trap 'say "stopped, stopping all"; exit 143' TERM HUP

mkdir -- "$scratch" "$logs" "$scratch/home" "$scratch/shared"
# Settings of the user must not change what happens here, and nothing may be left in the user's folders.
export HOME=$scratch/home
export XDG_CONFIG_HOME=$HOME XDG_CACHE_HOME=$HOME XDG_STATE_HOME=$HOME XDG_DATA_HOME=$HOME
for name in $(compgen -e SHOAL_ || true); do unset "$name"; done

origin=$file
if [ -z "$file" ]; then
  origin='64 MiB of random bytes'
  file=$scratch/shared/shoal-64MiB.bin
  head -c $((64 * 1024 * 1024)) /dev/urandom >"$file"
fi
base=$(basename -- "$file")

sha256_of() {
  if command -v sha256sum >/dev/null; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi | cut -d ' ' -f 1
}

# start NAME COMMAND...: in the background, standard output to NAME.out, standard error to NAME.err.
start() {
  local name=$1
  shift
  "$@" </dev/null >"$logs/$name.out" 2>"$logs/$name.err" &
  pids+=("$!")
}

# line_of NAME PID PREFIX: waits for the line of NAME.out that begins so, and prints the rest of it.
line_of() {
  local line
  while :; do
    line=$(sed -n "s|^$3||p" "$logs/$1.out" | head -n 1)
    if [ -n "$line" ]; then
      printf '%s\n' "$line"
      return
    fi
    kill -0 "$2" 2>/dev/null || fail "$1 ended before it was ready"
    sleep 0.05
  done
}

# 4. The tracker and the seeders. ------------------------------------------------------------------------------------

start tracker node "$root/tracker.js" --host 127.0.0.1 -p 0
tracker=$(line_of tracker "${pids[0]}" 'tracker ')
say "tracker at $tracker"

for ((n = 1; n <= seeders; n++)); do
  start "seeder-$n" node "$root/seeder.js" -f "$file" --host 127.0.0.1 -p 0 -t "$tracker"
done
hash='' chunks=''
for ((n = 1; n <= seeders; n++)); do
  line_of "seeder-$n" "${pids[n]}" 'get it with: ' >/dev/null
  hash=$(line_of "seeder-$n" "${pids[n]}" 'info hash: ')
  chunks=$(line_of "seeder-$n" "${pids[n]}" 'chunks: ')
  address=$(line_of "seeder-$n" "${pids[n]}" 'listening: ')
  say "seeder-$n serves $base at $address, process ${pids[n]}"
done
# "128 x 524288": the count is what comes first.
chunks=${chunks%%[!0-9]*}

# 5. The leechers. The first is watched: its progress is shown, and --kill goes by its events. -----------------------

least=$((seeders < 3 ? seeders : 3))
victim=$seeders
killed=no

kill_seeder() {
  kill -KILL "${pids[victim]}"
  wait "${pids[victim]}" 2>/dev/null || true
  killed=yes
  say "killed seeder-$victim (process ${pids[victim]}, SIGKILL) $1"
}

mkfifo -- "$scratch/events"
mkdir -- "$work/copy-1"
say "leecher-1 downloads from $seeders seeders"
node "$root/leecher.js" "$hash" -t "$tracker" -o "$work/copy-1/$base" --host 127.0.0.1 \
  --min-seeders "$least" --json \
  </dev/null >"$scratch/events" &
pids+=("$!")
first=$!

# When one seeder is going to die, the other leechers must not insist on all.
others=$least
if [ "$kill_one" = yes ] && [ "$seeders" -eq "$least" ]; then others=$((least - 1)); fi
for ((n = 2; n <= leechers; n++)); do
  mkdir -- "$work/copy-$n"
  start "leecher-$n" node "$root/leecher.js" "$hash" -t "$tracker" -o "$work/copy-$n/$base" --host 127.0.0.1 \
    --min-seeders "$others" --progress none
done

# Reads to the end of the leecher's output, so that it never waits for a reader.
arrived=0
while IFS= read -r event; do
  case $event in
    '{"event":"start"'*)
      # One chunk is there or not: there is no middle to wait for.
      if [ "$kill_one" = yes ] && [ "$chunks" -le 1 ]; then kill_seeder 'at the start: there is only one chunk'; fi
      ;;
    '{"event":"chunk"'*)
      arrived=$((arrived + 1))
      if [ "$kill_one" = yes ] && [ "$killed" = no ]; then kill_seeder "after $arrived of $chunks chunks"; fi
      ;;
  esac
done <"$scratch/events"

code=0
wait "$first" || code=$?
[ "$code" -eq 0 ] || fail "leecher-1 failed with exit code $code"
for ((n = 2; n <= leechers; n++)); do
  wait "${pids[seeders + n]}" || fail "leecher-$n failed with exit code $?"
done
if [ "$kill_one" = yes ] && [ "$killed" = no ]; then fail 'no seeder was killed: the download was over before'; fi

# 6. What was shared and what arrived. ---------------------------------------------------------------------------------

shared=$(sha256_of "$file")
printf 'shared  %s  %s\n' "$shared" "$origin"
wrong=0
for ((n = 1; n <= leechers; n++)); do
  copy=$(sha256_of "$work/copy-$n/$base")
  printf 'copy %-2s %s  %s\n' "$n" "$copy" "$work/copy-$n/$base"
  [ "$copy" = "$shared" ] || wrong=$((wrong + 1))
done
[ "$wrong" -eq 0 ] || fail "$wrong of $leechers copies differ from what was shared"
all_right=yes
say "all right; the copies stay in $work"
