"""What runs on the machine: ``python3 -m tests.power_cut.inside install|check|remove``.

The first two go on restarting a container until the power is cut.
"""

import re
import sys
from pathlib import Path

from tests.e2e.commands import run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import IMAGE, Container, create_network, docker, import_image, make
from tests.e2e.faults.state import State, docker_has, plugin_has
from tests.e2e.provider import WEB_IPV4, Provider

READY = "ready for the cut"

# On the disk, as everything that must outlast the cut.
FOLDER = Path("/etc/wireguard")
PROVIDER_KEY = Path("/root/provider.key")
CALM, BUSY = "calm", "busy"
ADDRESSES = {CALM: "10.8.40.1", BUSY: "10.8.40.2"}
PORTS = {CALM: 51777, BUSY: 51778}


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
    """Make the plugin, and two containers that Docker is to start again whenever it can."""
    PROVIDER_KEY.write_text(provider.private_key)
    for name, address in ADDRESSES.items():
        Configurations(FOLDER, provider).client(
            name, address, allowed_ips="0.0.0.0/0", interface=f"ListenPort = {PORTS[name]}"
        )
    run("sync", str(PROVIDER_KEY), *map(str, FOLDER.iterdir()))
    import_image()
    make("install", FOLDER)
    for name in ADDRESSES:
        run(*create_network(f"net-{name}", name))
        options = ("--detach", "--restart", "always", "--network", f"net-{name}")
        docker("run", *options, "--name", name, IMAGE, "/busybox", "sleep", "86400")


def check(provider: Provider) -> None:
    """The calm container is back in its tunnel, and the busy one can be started."""
    for name, address in ADDRESSES.items():
        private_key = re.search(r"PrivateKey = (\S+)", (FOLDER / f"{name}.conf").read_text())
        assert private_key
        provider.admit(run("wg", "pubkey", stdin=private_key[1]), address)
    calm, busy = Container(CALM), Container(BUSY)
    wait_until(lambda: calm.inspect()["State"]["Running"], "Docker to start the container")
    assert calm.fetch(WEB_IPV4) == ADDRESSES[CALM]
    print(busy.inspect()["State"])
    docker("start", BUSY)
    assert busy.fetch(WEB_IPV4) == ADDRESSES[BUSY]
    has, wanted = plugin_has(), docker_has()
    assert has == wanted, f"the plugin has {has}, Docker has {wanted}"


def remove() -> None:
    """Remove everything; nothing is left."""
    docker("rm", "--force", *ADDRESSES)
    docker("network", "rm", *(f"net-{name}" for name in ADDRESSES))
    has = plugin_has()
    assert has == State(frozenset(), frozenset()), f"the plugin has {has}"
    make("uninstall", FOLDER)


def restart_until_cut() -> None:
    """Restart the busy container again and again."""
    print(READY, flush=True)
    while True:
        docker("restart", "-t", "0", BUSY)


if __name__ == "__main__":
    main(sys.argv[1])
