#!/usr/bin/env bash
# Measures speed; see benches/run.py. Python's ONNX Runtime is the baseline of inference.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -x .setup/bench/bin/python ]; then
  dpkg-query -W python3-venv >/dev/null 2>&1 || apt-get install -y -qq python3-venv >/dev/null
  python3 -m venv .setup/bench
  .setup/bench/bin/pip install -q onnxruntime==1.31.1 numpy
fi
exec python3 benches/run.py "$@"
