"""Scenarios: each returns what of a container was seen in clear, or what went wrong."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from ipaddress import ip_address
from subprocess import PIPE, Popen

from tests.e2e.commands import succeeds, wait_until
from tests.e2e.docker import docker
from tests.e2e.leaks.conftest import LOOPBACK_RESOLVER, host_resolver
from tests.e2e.live.leaks.scene import (
    OUTSIDE,
    Box,
    Scene,
    Seen,
    Tunnel,
    answered_for,
    gateways,
)
from tests.e2e.provider import NAMESPACE, TUNNEL_IPV4, WEB_IPV4

IN_PROVIDER = ("ip", "netns", "exec", NAMESPACE)
WEB = ("80",)
SERVE_WEB = "echo hello >/index.html; exec httpd -f -h /"
TICKS = "/tmp/ticks"
STREAM_PORT = "7777"
STREAM = (
    f"exec nc -ll -p {STREAM_PORT} -e sh -c 'while echo MARKER; do echo >>{TICKS}; sleep 0.2; done'"
)
SOME_TICKS = 20


def bound(scene: Scene, box: Box) -> Seen:
    """Send past the routes as a user without capabilities, where the host answers for all."""
    with answered_for(scene.bridge):
        return box.send("bound", *OUTSIDE, *gateways(scene.bridge))


def forwarded_names(scene: Scene, box: Box) -> Counter[str]:
    """Ask Docker's resolver past its port 53; return what it forwarded from the host."""
    return box.ask().leaks


@contextmanager
def host_asks_itself() -> Iterator[None]:
    """The host's DNS server is on its loopback, takes all queries, and never answers."""
    with ExitStack() as stack:
        stack.enter_context(host_resolver(LOOPBACK_RESOLVER))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stack.enter_context(udp).bind((LOOPBACK_RESOLVER, 53))
        tcp = stack.enter_context(socket.create_server((LOOPBACK_RESOLVER, 53)))
        thread = threading.Thread(target=_take, args=(tcp,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            tcp.shutdown(socket.SHUT_RDWR)
            thread.join()


def _take(server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            with closing(server.accept()[0]) as connection:
                connection.settimeout(1)
                with suppress(OSError):
                    connection.recv(1500)


def calls(scene: Scene, *, beside_a_bridge: bool) -> set[str]:
    """Call a container through each of its two tunnels; return what went wrong."""
    wrong = set()
    on_bridge = (scene.bridge,) if beside_a_bridge else ()
    with (
        scene.tunnel("call-a", "100.66.1.1/32", allowed_ips="10.8.0.0/16", ports=WEB) as a,
        scene.tunnel("call-b", "100.66.1.2/32", allowed_ips="203.0.113.0/24", ports=WEB) as b,
        scene.box(*on_bridge, a, b, command=SERVE_WEB) as box,
    ):
        # The provider learns the host's port by what comes from there.
        box.fetch(TUNNEL_IPV4)
        box.fetch(WEB_IPV4)
        start = box.outside.mark()
        for tunnel, source in ((a, TUNNEL_IPV4), (b, WEB_IPV4)):
            page = ("curl", "-sf", "-m", "5", "--interface", source)
            if not succeeds(*IN_PROVIDER, *page, f"http://{tunnel.addresses[0]}/"):
                wrong.add(f"no answer to {source}")
        return wrong | set(box.seen(start).leaks)


def reload(scene: Scene) -> Counter[str]:
    """Change the tunnel's addresses below connections that came in by it."""
    old, new = ("100.66.2.1", "fd08:112::1"), ("100.66.2.2", "fd08:112::2")
    own = [f"{address}/{128 if ':' in address else 32}" for address in (*old, *new)]
    with (
        scene.tunnel("reload", *own, ports=(STREAM_PORT,)) as tunnel,
        ExitStack() as stack,
    ):
        path = scene.configurations.folder / f"{tunnel.configuration}.conf"
        text = path.read_text()
        path.write_text(text.replace(f"{own[2]}, {own[3]}", "").replace(", \n", "\n"))
        box = stack.enter_context(scene.box(scene.bridge, tunnel, command=STREAM))
        box.fetch(WEB_IPV4)
        for address in old:
            command = (*IN_PROVIDER, "busybox", "nc", address, STREAM_PORT)
            client = stack.enter_context(Popen(command, stdin=PIPE, stdout=PIPE, text=True))
            stack.callback(client.kill)
            assert client.stdout is not None
            assert client.stdout.readline().strip() == box.marker
        start = box.outside.mark()
        path.write_text(text.replace(f"{own[0]}, {own[1]}, ", ""))
        wait_until(lambda: _has(box, tunnel, new, old), "the new addresses")
        end = _ticks(box) + SOME_TICKS
        wait_until(lambda: _ticks(box) >= end, "more of the streams")
        return box.seen(start).leaks


def _has(box: Box, tunnel: Tunnel, new: tuple[str, ...], old: tuple[str, ...]) -> bool:
    command = ("ip", "address", "show", "wg0")
    shown = tunnel.router(*command) if tunnel.subnets else box.run(*command)
    return all(f" {each}/" in shown for each in new) and not any(
        f" {each}/" in shown for each in old
    )


def _ticks(box: Box) -> int:
    return int(box.run("sh", "-c", f"wc -l <{TICKS}"))


def third_network(scene: Scene) -> Counter[str]:
    """Connect a third network while the container sends; wait until that network is reached."""
    wanted = set(map(ip_address, gateways(scene.third)))
    with (
        scene.tunnel("third", "10.8.113.1/32", "fd08:113::1/128") as tunnel,
        scene.box(scene.bridge, tunnel, beside=(scene.third,)) as box,
    ):
        box.send_on("everything", *OUTSIDE, *gateways(scene.third))
        start = box.outside.mark()
        docker("network", "connect", scene.third.name, box.name)
        wait_until(lambda: wanted <= box.seen(start).reached, "the third network")
        box.more_rounds()
        return box.seen(start).leaks


def disconnected(scene: Scene, *options: str) -> tuple[Counter[str], Counter[str], str]:
    """Disconnect the tunnel, then connect it again.

    Returns what left without it, the names that Docker's resolver forwarded, and the address by
    which the world is reached in the end.
    """
    name = "gone-open" if options else "gone"
    with (
        scene.tunnel(name, "10.8.114.1/32", "fd08:114::1/128", options=options) as tunnel,
        scene.box(scene.bridge, tunnel) as box,
    ):
        assert box.fetch(WEB_IPV4) == "10.8.114.1"
        docker("network", "disconnect", tunnel.net, box.name)
        left, names = box.send("everything", *OUTSIDE).leaks, box.ask().leaks
        docker("network", "connect", tunnel.net, box.name)
        return left, names, box.fetch(WEB_IPV4)
