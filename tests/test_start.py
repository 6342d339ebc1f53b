"""The program as Docker starts it: nothing that takes long comes before its socket."""

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
IMPORTS = (
    f"import sys; sys.path.append({str(CHECKOUT)!r}); import wgplugin.start; print(*sys.modules)"
)
# Each takes milliseconds to import.
SLOW = {"argparse", "asyncio", "contextlib", "enum", "logging", "pathlib", "socket", "typing"}


def test_listening_program_imports_nothing_slow() -> None:
    command = [sys.executable, "-I", "-S", "-c", IMPORTS, str(CHECKOUT)]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "wgplugin.start" in modules
    assert not SLOW & set(modules)


def test_base_edition_loads_neither_the_live_one_nor_what_only_some_ask_for() -> None:
    script = "import sys, wgplugin.serve; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "wgplugin.docker.driver" in modules
    rare = {
        "wgplugin.networks.supervisor",
        "wgplugin.kernel.containers",
        "wgplugin.networks.tunnel",
        "prometheus_client",
        "yaml",
    }
    assert not rare & set(modules)
