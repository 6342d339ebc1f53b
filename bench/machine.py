"""Facts about the machine that runs the benchmarks."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from bench.plugin import Root


def facts(root: Root) -> dict[str, str]:
    """Return facts about the machine and the versions; $BENCH_COMMIT names the commit."""
    found = {
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": os.environ.get("BENCH_COMMIT", "unknown"),
        "processors": f"{os.cpu_count()} × {_processor()}",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "kernel": f"{platform.system()} {platform.release()}",
        "the plugin's Python": _output("chroot", str(root.path), "/usr/bin/python3", "--version"),
        "the harness's Python": platform.python_version(),
    }
    if shutil.which("docker"):
        server = _output("docker", "version", "--format", "{{.Server.Version}}")
        found["Docker"] = server or "doesn't answer"
    return found


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return model[1] if model else platform.machine()


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
