"""The plugin at work may do what it needs, and nothing else."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import Client
from tests.test_main import plugin, wait_for
from wgplugin.kernel.privileges import CAP_DAC_OVERRIDE, CAP_NET_ADMIN

NEEDED = 1 << CAP_NET_ADMIN | 1 << CAP_DAC_OVERRIDE

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to have what is given up")


def statuses(pid: int) -> list[dict[str, str]]:
    """Return what the kernel says of each thread (proc_pid_status(5))."""
    texts = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")]
    return [dict(line.split(":\t", 1) for line in text.splitlines()) for text in texts]


def test_every_thread_of_the_plugin_has_two_capabilities_and_can_get_no_more(
    tmp_path: Path,
) -> None:
    with plugin(tmp_path) as process:
        wait_for(tmp_path / "socket")
        # Into the store and the kernel, so that there are threads.
        Client(tmp_path / "socket").call("NetworkDriver.DeleteEndpoint", {"EndpointID": "e1"})
        Client(tmp_path / "socket").call(
            "NetworkDriver.DeleteNetwork", {"NetworkID": "n1", "EndpointID": "e1"}
        )
        threads = statuses(process.pid)
    assert len(threads) > 1
    for status in threads:
        assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")} == {NEEDED}
        assert {int(status[name], 16) for name in ("CapInh", "CapAmb")} == {0}
        assert status["NoNewPrivs"] == "1"


def test_plugin_dumps_no_core(tmp_path: Path) -> None:
    with plugin(tmp_path) as process:
        wait_for(tmp_path / "socket")
        Client(tmp_path / "socket").call("Plugin.Activate")
        assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)


def test_dropped_capability_is_gone_in_a_program_that_is_run(tmp_path: Path) -> None:
    script = (
        "import os; from wgplugin.kernel import privileges; privileges.drop();"
        "os.execv('/bin/cat', ['cat', '/proc/self/status'])"
    )
    command = [sys.executable, "-c", script]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    status = dict(line.split(":\t", 1) for line in output.splitlines())
    assert int(status["CapEff"], 16) == NEEDED


def test_file_of_another_user_is_still_read(tmp_path: Path) -> None:
    file = tmp_path / "home.conf"
    file.write_text("here")
    os.chown(file, 12345, 12345)
    file.chmod(0o600)
    script = (
        "import sys, pathlib; from wgplugin.kernel import privileges; privileges.drop();"
        "print(pathlib.Path(sys.argv[1]).read_text())"
    )
    command = [sys.executable, "-c", script, str(file)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output == "here\n"
