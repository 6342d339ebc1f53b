"""Docker with the plugin under test, as a user drives it."""

import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from tests.e2e.commands import run, wait_until
from tests.e2e.engine import ask, execute, remove, request

LIVE = os.environ.get("EDITION") == "live"
"""Whether the plugin under test is of the live edition: the Makefile's EDITION."""

PLUGIN = "wireguard-e2e:latest"
IMAGE = "wireguard-e2e-busybox"

_state_folders: list[Path] = []


def docker(*arguments: str) -> str:
    """Run the Docker client; see run()."""
    return run("docker", *arguments)


def plugin_id() -> str:
    """Return the id of the plugin under test."""
    return str(ask(f"/plugins/{PLUGIN}/json")["Id"])


def networks() -> list[str]:
    """Return the ids of the networks of the plugin under test."""
    driver = quote(json.dumps({"driver": [PLUGIN]}))
    return [network["Id"] for network in ask(f"/networks?filters={driver}")]


def import_image() -> None:
    """Make the image of all containers: a static busybox, with its applets in /bin, and /tmp."""
    busybox = shutil.which("busybox")
    assert busybox, "a static busybox is needed: apt-get install busybox-static"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(busybox, "busybox")
        tmp = tarfile.TarInfo("tmp")
        tmp.type, tmp.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(tmp)
        for applet in run(busybox, "--list").split():
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "/busybox"
            tar.addfile(link)
    importer = ["docker", "import", "-", IMAGE]
    subprocess.run(importer, input=archive.getvalue(), check=True, capture_output=True)


def make(target: str, config_dir: Path) -> None:
    """Make a target that concerns the plugin under test."""
    run("make", target, f"PLUGIN={PLUGIN}", f"CONFIG_DIR={config_dir}", "LOG_LEVEL=debug")


def wireguard(*arguments: str) -> tuple[str, ...]:
    """Return the command `docker wireguard`, which is installed with a plugin."""
    return ("docker", "wireguard", *arguments)


def state_folder() -> Path:
    """Return the folder where the plugin keeps its state, as the host sees it.

    Docker is asked only if the last one is gone: tests install the plugin anew, and stop Docker.
    """
    if not (_state_folders and _state_folders[-1].is_dir()):
        root = Path(ask("/info")["DockerRootDir"])
        _state_folders.append(root / "plugins" / plugin_id() / "propagated-mount")
    return _state_folders[-1]


def plugin_pid() -> int:
    """Return the process id of the plugin under test, once Docker has started it."""
    of_plugin = plugin_id()
    found: list[int] = []

    def runs() -> bool:
        for folder in Path("/proc").glob("[0-9]*"):
            # Processes come and go meanwhile; one that has ended has no command line any more.
            with suppress(OSError):
                if (
                    of_plugin in (folder / "cgroup").read_text()
                    and (folder / "cmdline").read_text()
                ):
                    found.append(int(folder.name))
        return bool(found)

    wait_until(runs, "the plugin's process")
    return found[0]


def create_network(
    name: str, configuration: str, *options: str, driver: str = PLUGIN
) -> tuple[str, ...]:
    """Return the command that creates a network; it takes its addresses from the file.

    Options after the name take the place of the null IPAM driver.
    """
    ipam = options or ("--ipam-driver", "null")
    opt = ("--opt", f"wireguard-config={configuration}")
    return ("docker", "network", "create", "--driver", driver, *opt, *ipam, name)


@contextmanager
def network(
    configuration: str, *options: str, driver: str = PLUGIN, name: str = ""
) -> Iterator[str]:
    """A network on a configuration, for as long as the block lasts; see create_network()."""
    name = name or f"net-{configuration}"
    run(*create_network(name, configuration, *options, driver=driver))
    try:
        yield name
    finally:
        request("DELETE", f"/networks/{name}")


@contextmanager
def container(network: str, *options: str, command: str = "sleep 600") -> Iterator["Container"]:
    """A running container on a network, for as long as the block lasts."""
    name = f"container-{uuid4().hex[:8]}"
    try:
        run_command = ("docker", "run", "--detach", "--name", name, "--network", network)
        run(*run_command, *options, IMAGE, "/busybox", "sh", "-c", f"PATH=/bin; {command}")
        yield Container(name)
    finally:
        remove(name)


class Container:
    """A running container, with busybox as its tools."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, *command: str) -> str:
        """Run a busybox applet in the container; see execute()."""
        return execute(self.name, "/busybox", *command)

    def fetch(self, host: str) -> str:
        """Fetch a web page."""
        return self.run("wget", "-q", "-O", "-", f"http://{host}/")

    def routes(self) -> list[str]:
        """Return the destinations that lead into wg0, of all tables."""
        shown = self.run("ip", "route", "show", "table", "all")
        return re.findall(r"^([0-9.]\S*|default) (?:via \S+ )?dev wg0", shown, re.MULTILINE)

    def inspect(self) -> Any:
        """Return what Docker knows of the container."""
        return ask(f"/containers/{self.name}/json")

    def pid(self) -> int:
        """Return the id of its first process, as the host sees it."""
        return int(self.inspect()["State"]["Pid"])

    def in_namespace(self, *command: str) -> str:
        """Run a program of the host in the container's network namespace, as root."""
        return run("nsenter", "--net", "--target", str(self.pid()), *command)
