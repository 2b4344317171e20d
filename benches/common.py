"""What the benchmarks share: where things are, the table of figures, a running Omma."""
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OMMA = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "omma"
DATA = Path(os.environ["OMMA_DATA"]) if os.environ.get("OMMA_DATA") else ROOT.parent / "shared" / "data"
os.environ["OMMA_DATA"] = str(DATA)
MODEL = DATA / "models" / "yolox_nano.onnx"
PETS = DATA / "clips" / "PETS09-S2L1.mp4"
STREET = DATA / "clips" / "street-1080p.mp4"
RUNS = 5
rows = []  # (group, what, figure, target, verdict)


def note(group, what, figure, target="", met=None):
    verdict = "" if met is None else ("met" if met else "**short**")
    rows.append((group, what, figure, target, verdict))
    print(f"{group}: {what}: {figure} {f'(target {target}: {verdict})' if target else ''}", flush=True)


def cpu_seconds(pid):
    """Processor seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Live:
    """A running `omma run`. `cameras` is what stands under `cameras:`, `more` what else."""

    def __init__(self, cameras, more=""):
        self.dir = tempfile.TemporaryDirectory()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = Path(self.dir.name) / "omma.yaml"
        config.write_text(
            f"version: 1\ndata_dir: {self.dir.name}/data\nhttp: {{ listen: '127.0.0.1:{self.port}' }}\n"
            f"models:\n  people: {{ file: {MODEL}, classes: [person] }}\n{more}\ncameras:\n{cameras}\n")
        self.started = time.monotonic()
        self.process = subprocess.Popen([OMMA, "run", "-c", config, "--log", "warn"])

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return answer.read().decode()

    def wait(self, path, accept, seconds=30):
        """Polls until `accept(answer)`; gives the seconds since the start of the process."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if accept(self.get(path)):
                    return time.monotonic() - self.started
            except OSError:
                pass
            time.sleep(0.005)
        sys.exit(f"{path} was not ready within {seconds} s")

    def metric(self, name, **labels):
        total = 0.0
        for line in self.get("/metrics").splitlines():
            if line.startswith(name + "{") or line.startswith(name + " "):
                if all(f'{k}="{v}"' in line for k, v in labels.items()):
                    total += float(line.rsplit(" ", 1)[1])
        return total

    def cpu(self):
        """Processor seconds so far."""
        return cpu_seconds(self.process.pid)

    def status(self, key):
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{key}:\s+(\d+) kB", text, re.M).group(1)) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.dir.cleanup()
