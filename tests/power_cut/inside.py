"""What runs on the machine: ``python3 -m tests.power_cut.inside install|check|remove``.

The first two go on restarting containers until the power is cut. With the live edition there is a
shared network, too.
"""

import re
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.e2e.commands import run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import IMAGE, LIVE, Container, create_network, docker, import_image, make
from tests.e2e.faults.state import State, docker_has, plugin_has
from tests.e2e.modes import OWN, SHARED, Mode
from tests.e2e.provider import WEB_IPV4, Provider

READY = "ready for the cut"

# On the disk, as everything that must outlast the cut.
FOLDER = Path("/etc/wireguard")
PROVIDER_KEY = Path("/root/provider.key")


@dataclass(frozen=True)
class Tunnel:
    """A configuration and its network; its containers are calm, or restarted all the time."""

    name: str
    address: str
    port: int
    mode: Mode
    calm: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()


TUNNELS = [
    Tunnel("calm", "10.8.40.1", 51777, OWN, calm=("calm",)),
    Tunnel("busy", "10.8.40.2", 51778, OWN, busy=("busy",)),
]
if LIVE:
    TUNNELS.append(
        Tunnel("shared", "10.8.40.3", 51779, SHARED, ("shared-calm", "other"), ("shared-busy",))
    )
BUSY = [name for tunnel in TUNNELS for name in tunnel.busy]


def main(phase: str) -> None:
    """Run a phase on the machine that has just booted."""
    provider = Provider()
    if phase != "install":
        provider.private_key = PROVIDER_KEY.read_text()
        provider.public_key = run("wg", "pubkey", stdin=provider.private_key)
    with provider:
        if phase == "install":
            install(provider)
        else:
            check(provider)
        if phase == "remove":
            remove()
        else:
            restart_until_cut()


def install(provider: Provider) -> None:
    """Make the plugin, and containers that Docker is to start again whenever it can."""
    PROVIDER_KEY.write_text(provider.private_key)
    for tunnel in TUNNELS:
        port = f"ListenPort = {tunnel.port}"
        Configurations(FOLDER, provider).client(
            tunnel.name, tunnel.address, allowed_ips="0.0.0.0/0", interface=port
        )
    run("sync", str(PROVIDER_KEY), *map(str, FOLDER.iterdir()))
    import_image()
    make("install", FOLDER)
    for tunnel in TUNNELS:
        net = f"net-{tunnel.name}"
        run(*create_network(net, tunnel.name, *tunnel.mode.options))
        options = ("--detach", "--restart", "always", "--network", net)
        for name in tunnel.calm + tunnel.busy:
            docker("run", *options, "--name", name, IMAGE, "/busybox", "sleep", "86400")


def check(provider: Provider) -> None:
    """The calm containers are back in their tunnels, and the busy ones can be started."""
    for tunnel in TUNNELS:
        text = (FOLDER / f"{tunnel.name}.conf").read_text()
        private_key = re.search(r"PrivateKey = (\S+)", text)
        assert private_key
        provider.admit(run("wg", "pubkey", stdin=private_key[1]), tunnel.address)
        for calm in map(Container, tunnel.calm):
            wait_until(partial(is_running, calm), "Docker to start the container")
            assert calm.fetch(WEB_IPV4) == tunnel.address
        for busy in map(Container, tunnel.busy):
            print(busy.inspect()["State"])
            docker("start", busy.name)
            assert busy.fetch(WEB_IPV4) == tunnel.address
    has, wanted = plugin_has(), docker_has()
    assert has == wanted, f"the plugin has {has}, Docker has {wanted}"


def is_running(box: Container) -> bool:
    return bool(box.inspect()["State"]["Running"])


def remove() -> None:
    """Remove everything; nothing is left."""
    docker("rm", "--force", *(name for tunnel in TUNNELS for name in tunnel.calm + tunnel.busy))
    docker("network", "rm", *(f"net-{tunnel.name}" for tunnel in TUNNELS))
    has = plugin_has()
    assert has == State(frozenset(), frozenset()), f"the plugin has {has}"
    make("uninstall", FOLDER)


def restart_until_cut() -> None:
    """Restart the busy containers again and again."""
    print(READY, flush=True)
    while True:
        docker("restart", "-t", "0", *BUSY)


if __name__ == "__main__":
    main(sys.argv[1])
