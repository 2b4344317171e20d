#!/usr/bin/env bash
# Runs all tests, then says what was skipped and why.
set -uo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The binary first: end-to-end tests run it.
cargo build --locked -p omma || exit 1
# --show-output: a test that skips says so on its output, which is hidden otherwise.
cargo test --workspace --locked --no-fail-fast -- --show-output 2>&1 | tee "$log" |
  grep -vE '^(running [0-9]+ tests?|)$|^test .* \.\.\. ok$|^successes:$|^---- .* stdout ----$|^    [a-z_:0-9]+$'
status=${PIPESTATUS[0]}
# The portal: its logic, then its pages in a real browser on the real program. A suite that fails
# is run once more, and it is said: browsers give up on a machine that is busy for a moment.
{
  OMMA=$(realpath "${CARGO_TARGET_DIR:-target}/debug/omma") && export OMMA
  cd web && npm test || exit 1
  for suite in browser past accounts system; do
    node "tests/$suite.mjs" || { echo "again: $suite" && node "tests/$suite.mjs"; } || exit 1
  done
} 2>&1 | tee -a "$log"
portal=${PIPESTATUS[0]}
echo
if grep -q '^skipped: ' "$log"; then
  echo "What was skipped, and why:"
  grep '^skipped: ' "$log" | sort | uniq -c | sed 's/^/  /'
else
  echo "Nothing was skipped."
fi
sum() { awk -v word="$1" '/^test result:/ { for (i = 2; i <= NF; i++) if ($i ~ "^" word) total += $(i - 1) } END { print total + 0 }' "$log"; }
echo "$(sum passed) passed, $(sum failed) failed"
exit $((status || portal))
