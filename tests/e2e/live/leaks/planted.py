"""The live edition's plugin with faults planted, each of which a scenario must find."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.commands import run
from tests.e2e.docker import docker
from tests.e2e.leaks.planted import CHECKOUT, PACKAGE, Leak

NO_EXITS = Leak(
    name="no-exits",
    module="kernel/exits.py",
    text="rules += _judged(here, nftables.NETWORK, family.destination, family)",
    instead="pass",
)
NO_FRAMES = Leak(
    name="no-frames",
    module="kernel/apply.py",
    text="    _apply_frames(wanted, others)\n    return others",
    instead="    return others",
)
TUNNEL_S_ADDRESS = Leak(
    name="tunnel-s-address",
    module="kernel/firewall.py",
    text="for address in plan.addresses:",
    instead="for address in ():",
)
ARP_FOR_ALL = Leak(
    name="arp-for-all",
    module="kernel/rtnl.py",
    text='if ipv4 and not ipv4["arp_ignore"]:',
    instead="if False:",
)
REAL_PORT = Leak(
    name="real-port",
    module="kernel/names.py",
    text="(*to_docker, *_DROP),",
    instead="",
)
OPEN_AT_THE_END = Leak(
    name="open-at-the-end",
    module="networks/tunnel.py",
    text="closes = plan and not plan.opens and namespace.only_in(plan, beside)",
    instead="closes = False",
)
OTHERS_REPLIES = Leak(
    name="others-replies",
    module="kernel/firewall.py",
    text='reply = (*is_reply(), *nftables.set_mark(MARK))\n    yield Chain("replies", (reply,)',
    instead="""reply = [*nftables.ct(nftables.CT_DIRECTION, bytes([1]))]
    for each in plan.addresses:
        offset = 12 if each.version == 4 else 8
        reply += nftables.payload(nftables.NETWORK, offset, each.ip.packed, equal=False)
    reply += nftables.set_mark(MARK)
    yield Chain("replies", (tuple(reply),)""",
)
"""Every reply from another address than the tunnel's is taken for one to a client."""
CLIENTS_OF_A_PLAN = (
    Leak("call", "kernel/firewall.py", "*_clients(),", "*_clients(plan),"),
    Leak("called", "kernel/firewall.py", "def _clients() ->", "def _clients(plan) ->"),
)
"""What `OTHERS_REPLIES` needs."""
ADVERTISEMENTS = Leak(
    name="advertisements",
    module="kernel/firewall.py",
    text="if any(net.version == 6 for net in plan.inside):",
    instead="if False:",
)


@contextmanager
def faulty_plugin(*leaks: Leak, config_dir: Path) -> Iterator[str]:
    """A plugin with these faults, beside the one under test."""
    plugin = f"wireguard-e2e-{leaks[0].name}:latest"
    with TemporaryDirectory() as folder:
        rootfs = Path(folder, "rootfs")
        rootfs.mkdir()
        run("tar", "-C", str(rootfs), "-xf", str(CHECKOUT / "build" / "rootfs.tar"))
        for module in {leak.module for leak in leaks}:
            _plant(module, [leak for leak in leaks if leak.module == module], rootfs / PACKAGE)
        shutil.copy(CHECKOUT / "plugin" / "config.live.json", Path(folder, "config.json"))
        docker("plugin", "create", plugin, folder)
    try:
        docker("plugin", "set", plugin, f"config.source={config_dir}")
        docker("plugin", "enable", plugin)
        yield plugin
        docker("plugin", "disable", plugin)
    finally:
        docker("plugin", "rm", "--force", plugin)


def _plant(module: str, leaks: list[Leak], package: Path) -> None:
    """Put the changed source next to the compiled module: Python prefers it."""
    source = (CHECKOUT / "wgplugin" / module).read_text()
    for leak in leaks:
        assert source.count(leak.text) == 1, f"{module} has no {leak.text!r} to plant a fault in"
        source = source.replace(leak.text, leak.instead)
    planted = package / module
    assert planted.with_suffix(".pyc").exists(), f"the plugin has no {module}"
    planted.write_text(source)
