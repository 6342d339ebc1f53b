"""Exercise the plugin, as far as possible without privileges, and list the files that it uses.

    python3 -I -B exercise.py FOLDER

FOLDER is empty at first. In the end its file `used` lists the files of all imported modules. If
code imports a module only at some event, make that event happen here.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import pkgutil
import runpy
import signal
import socket
import sys
import threading
import time
import traceback
from importlib import import_module
from ipaddress import IPv4Address, ip_interface
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import msgspec
import yaml  # type: ignore[import-untyped]
from starlette.concurrency import run_in_threadpool

import wgplugin
from wgplugin import clock
from wgplugin.errors import BackendError
from wgplugin.kernel import apply
from wgplugin.kernel.containers import KernelContainers
from wgplugin.kernel.guard import Guard
from wgplugin.kernel.inotify import FolderWatch
from wgplugin.kernel.netfilter import NetfilterSocket
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.kernel.routers import KernelRouters
from wgplugin.kernel.rtnl import Links
from wgplugin.kernel.setns import trouble
from wgplugin.kernel.space import Space
from wgplugin.kernel.wireguard import WireGuardSocket
from wgplugin.model import namespace
from wgplugin.model.device import DeviceConfig
from wgplugin.model.namespace import Plan
from wgplugin.model.order import arrange

CONFIGURATION = """\
[Interface]
PrivateKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=
Address = 192.0.2.2/24, 2001:db8::2/64
[Peer]
PublicKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI=
Endpoint = localhost:51820
AllowedIPs = 0.0.0.0/0, ::/0
"""
SETTINGS = """\
log-level: info
defaults: {dns: warn, sink: on, bypass: [192.168.0.0/16, "fd00::/8"]}
configurations:
  right:
    default: tunnel
"""
RIGHT = {"com.docker.network.generic": {"wireguard-config": "right"}}
WRONG = {"com.docker.network.generic": {"wireguard-config": "wrong"}}
NETWORK = {"NetworkID": "exercise"}
ENDPOINT = {**NETWORK, "EndpointID": "exercise"}
# Call, request, a part of its answer. CreateEndpoint's has the device's name even if that can't be
# made here; then Join knows no endpoint.
CALLS: tuple[tuple[str, object, str], ...] = (
    ("/Plugin.Activate", None, "NetworkDriver"),
    ("/NetworkDriver.GetCapabilities", {}, "local"),
    ("/NetworkDriver.CreateNetwork", {**NETWORK, "Options": WRONG}, "PrivatKey"),
    ("/NetworkDriver.CreateNetwork", {**NETWORK, "Options": RIGHT}, "200 OK"),
    ("/NetworkDriver.CreateEndpoint", ENDPOINT, "wgp"),
    ("/NetworkDriver.Join", ENDPOINT, ""),
    ("GET /status", None, "200 OK"),
    ("GET /metrics", None, "200 OK"),
    ("/switch", {"endpoint": "exercise"}, "live edition"),
    ("/wait", {"endpoint": "exercise", "timeout": 1}, "live edition"),
    ("/NetworkDriver.Leave", ENDPOINT, "200 OK"),
    ("/NetworkDriver.DeleteEndpoint", ENDPOINT, ""),
    ("/NetworkDriver.DeleteNetwork", NETWORK, ""),
    ("/NetworkDriver.Join", [], "400 Bad Request"),
    ("/NoSuchCall", {}, "404 Not Found"),
    ("not HTTP", {}, "400 Bad Request"),
)


def main(folder: Path) -> None:
    """Exercise everything, and write the list."""
    use_libraries()
    asyncio.run(use_event_loop())
    asyncio.run(look_inside())
    stay_outside()
    names()
    fail()
    expect(command_line("--help") == 0, "no help")
    expect(command_line("no-such-command") == 2, "a wrong command line is accepted")
    serve(folder)
    for module in pkgutil.walk_packages(wgplugin.__path__, "wgplugin."):
        import_module(module.name)
    files = {getattr(module, "__file__", None) for module in sys.modules.values()}
    (folder / "used").write_text("\n".join(sorted(filter(None, files))))


def use_libraries() -> None:
    """Use the parts of libraries that only some configurations need."""
    for port in ("51820", "https"):
        found = socket.getaddrinfo("localhost", port, type=socket.SOCK_DGRAM)
        families = {entry[0] for entry in found}
        expect(families == {socket.AF_INET, socket.AF_INET6}, f"localhost is {found}")
    for encoding in ("idna", "latin-1", "utf-8-sig", "utf-16"):
        expect("ü".encode(encoding).decode(encoding) == "ü", f"no {encoding}")
    expect(len(hashlib.sha256(b"").digest()) == 32, "no SHA-256")
    value = {"a": [1, 2.5, None, "b"]}
    expect(yaml.safe_load(yaml.safe_dump(value)) == value, "no YAML")
    expect(msgspec.json.decode(msgspec.json.encode(value)) == value, "no JSON")


async def use_event_loop() -> None:
    """Use threads and tasks as the web framework does."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_in_threadpool, len, "")


async def look_inside() -> None:
    """Look for a container and for routers that don't exist, and watch a folder."""
    found = await KernelContainers(Path("/nowhere")).open("/run/docker/netns/0")
    expect(found is None, "there is a container")
    routers = KernelRouters(Path("/nowhere"), "exercise")
    expect(await routers.networks() == frozenset(), "there is a router")
    watch = FolderWatch()
    watch.watch(["/"])
    watch.close()


def stay_outside() -> None:
    """Do the work of containers' network namespaces here, as far as possible."""
    addresses = (ip_interface("192.0.2.2/24"), ip_interface("2001:db8::2/64"))
    routed = tuple(each.network for each in addresses)
    wanted = Plan("wgp000000000000", 0, addresses, routed, dns=IPv4Address("192.0.2.1"))
    expect(trouble(Path("/nowhere")) != "", "what isn't there is mounted")
    expect(len(arrange([wanted, wanted])) == 2, "a tunnel is lost")
    space: Any = SimpleNamespace(
        route=NetlinkSocket(socket.NETLINK_ROUTE),
        wireguard=WireGuardSocket(),
        netfilter=NetfilterSocket(),
        guard=Guard(),
        seen={},
    )
    with contextlib.suppress(OSError):
        # nftables' notices take privileges.
        Space().close()
    links = Links(space.route)
    expect(bool(links.found(0, 1, main=True).items), "lo has no address")
    for item in namespace.items(wanted, (4, 6)):
        with contextlib.suppress(OSError):
            links.change(namespace.Changes((item,), (item,)), 1)
    for work in (
        lambda: space.wireguard.set("lo", DeviceConfig()),
        lambda: apply.block_exits(space, wanted),
        lambda: apply.apply(space, wanted, DeviceConfig()),
        lambda: apply.observe(space, wanted.device),
        lambda: apply.clear(space, wanted.device, wanted.owner),
        lambda: apply.check_firewall(space.netfilter),
    ):
        with contextlib.suppress(OSError, BackendError):
            work()


def names() -> None:
    """Answer a query for a container's name, which only a plugin with a hub does."""
    from wgplugin.networks.name_resolver import NameResolver
    from wgplugin.networks.names import docker_query

    query, client = docker_query(b"web", 1), IPv4Address("192.0.2.1")
    answer = asyncio.run(NameResolver("hub", ()).answer(query, client, by_tcp=False))
    expect(answer is not None and answer[:2] == query[:2], "no answer to a query for a name")


def fail() -> None:
    """Report failures, by a log and on standard error."""
    try:
        raise ExceptionGroup("meant to fail", [ValueError()])
    except ExceptionGroup:
        logging.getLogger("exercise").exception("meant to be logged")
        traceback.print_exc()


def serve(folder: Path) -> None:
    """Serve Docker's calls until all are made."""
    (folder / "right.conf").write_text(CONFIGURATION)
    (folder / "wrong.conf").write_text(CONFIGURATION.replace("Private", "Privat"))
    (folder / "wgplugin.yaml").write_text(SETTINGS)
    # The root file system has no /proc while it is built.
    clock._BOOT_ID = folder / "boot_id"
    clock._BOOT_ID.write_text("exercise")
    # uvicorn raises the signal again when it has ended; ignore that.
    signal.signal(signal.SIGTERM, lambda *_: None)
    failures: list[Exception] = []
    client = threading.Thread(target=call_all, args=(folder / "sock", failures), daemon=True)
    client.start()
    options = ("--socket", folder / "sock", "--config-dir", folder, "--state-dir", folder / "state")
    status = command_line("serve", *map(str, options))
    client.join()
    expect(not failures and status == 0, f"serve ended with {status}: {failures}")


def command_line(*arguments: str) -> object:
    """Run the plugin's command line; return its exit status."""
    sys.argv = ["wgplugin", *arguments]
    try:
        runpy.run_module("wgplugin.start", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code
    return 0


def call_all(path: Path, failures: list[Exception]) -> None:
    """Make all calls, then end the server; add an error to ``failures``."""
    try:
        for name, request, wanted in CALLS:
            answer = call(path, name, request)
            print(name, answer)
            expect(wanted in answer and "the plugin failed" not in answer, f"{name}: {answer}")
    except Exception as error:
        failures.append(error)
    os.kill(os.getpid(), signal.SIGTERM)


def call(path: Path, name: str, request: object) -> str:
    """Make one call; return the first and the last line of its answer."""
    body = b"" if request is None else msgspec.json.encode(request)
    first = f"{name if name.startswith('GET ') else f'POST {name}'} HTTP/1.1"
    head = f"{first}\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        while connection.connect_ex(str(path)):
            time.sleep(0.05)
        connection.sendall(f"{head}\r\n\r\n".encode() + body)
        lines = b"".join(iter(lambda: connection.recv(65536), b"")).decode().splitlines()
    return f"{lines[0]} {lines[-1]}"


def expect(condition: bool, otherwise: str) -> None:
    """Raise RuntimeError(otherwise) unless the condition holds."""
    if not condition:
        raise RuntimeError(otherwise)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
