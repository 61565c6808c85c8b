#!/usr/bin/env bash
# Runs every property test with new random cases, round after round, until one fails. `scripts/fuzz.sh 5`: five rounds.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

rounds="${1:-1000000}"
mapfile -t files < <(grep -rl --include='*.test.ts' --exclude-dir=node_modules 'fast-check' common tracker seeder leecher scripts)
for ((round = 1; round <= rounds; round++)); do
  seed=$((RANDOM * 32768 + RANDOM))
  echo "round $round: SHOAL_PROPERTY_SEED=$seed" >&2
  SHOAL_PROPERTY_SEED=$seed npx vitest run --reporter=dot "${files[@]}" || {
    echo "to see it again: SHOAL_PROPERTY_SEED=$seed npx vitest run, and the name of the file that failed" >&2
    exit 1
  }
done
