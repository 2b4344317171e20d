#!/usr/bin/env bash
# Runs all tests, then says what was skipped and why, and what passed only when run once more.
set -uo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
suite_log=$(mktemp)
trap 'rm -f "$log" "$suite_log"' EXIT
# The binary first: end-to-end tests run it.
cargo build --locked -p omma || exit 1
# --show-output: a test that skips says so on its output, which is hidden otherwise.
cargo test --workspace --locked --no-fail-fast -- --show-output 2>&1 | tee "$log" |
  grep -vE '^(running [0-9]+ tests?|)$|^test .* \.\.\. ok$|^successes:$|^---- .* stdout ----$|^    [a-z_:0-9]+$'
status=${PIPESTATUS[0]}

# The portal: its logic, then its pages in a real browser on the real program. A suite that fails
# is run once more, and it is said: browsers give up on a machine that is busy for a moment.
OMMA=$(realpath "${CARGO_TARGET_DIR:-target}/debug/omma") && export OMMA
in_web() { (cd web && "$@") 2>&1 | tee "$suite_log"; }
in_web env NO_COLOR=1 npm test || status=1
cat "$suite_log" >> "$log"
for suite in newcomer browser past accounts system; do
  if ! in_web node "tests/$suite.mjs"; then
    echo "again: $suite" | tee -a "$log"
    in_web node "tests/$suite.mjs" || status=1
  fi
  cat "$suite_log" >> "$log"
done

echo
if grep -q '^skipped: ' "$log"; then
  echo "What was skipped, and why:"
  grep '^skipped: ' "$log" | sort | uniq -c | sed 's/^/  /'
else
  echo "Nothing was skipped."
fi
grep '^again: ' "$log" | sed 's/^again: /Run once more: /'
# Cargo's sums, vitest's, and a line for each test in the browser.
sum() {
  awk -v word="$1" -v line="$2" '
    /^test result:/ { for (i = 2; i <= NF; i++) if ($i ~ "^" word) total += $(i - 1) }
    $1 == "Tests" { for (i = 2; i <= NF; i++) if ($i == word) total += $(i - 1) }
    $0 ~ line { total++ }
    END { print total + 0 }' "$log"
}
echo "$(sum passed "^ok    ") passed, $(sum failed "^FAILED ") failed"
exit "$status"
