"""What the kernel refuses is told in words; what it grants is seen in tests/e2e."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CREATE = """
import asyncio
from wgplugin.netlink import KernelBackend
asyncio.run(KernelBackend().create("wgp0123456789ab", 1420))
"""


def has_wireguard() -> bool:
    if Path("/sys/module/wireguard").exists() or not shutil.which("modprobe"):
        return Path("/sys/module/wireguard").exists()
    dry_run = ["modprobe", "--dry-run", "--quiet", "wireguard"]
    return subprocess.run(dry_run, check=False).returncode == 0


@pytest.mark.skipif(has_wireguard(), reason="this kernel has WireGuard")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to get as far as WireGuard")
def test_kernel_without_wireguard_is_called_so() -> None:
    result = subprocess.run([sys.executable, "-c", CREATE], capture_output=True, text=True)
    assert "kernel has no WireGuard; it needs Linux 5.6 or newer" in result.stderr
