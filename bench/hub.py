"""Table 10: a hub with a thousand peers: the commands, edits of its file, and the memory."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import live
from bench.attach import peers_link, repetitions
from bench.attachments import Attachment, key
from bench.live import Host
from bench.plugin import CHECKOUT, SCRATCH, Root
from bench.stats import summarize
from bench.table import Row, Table, Target
from tests.e2e.commands import run

HUB, PORT, CLIENT, SERVER = "hub", "51899", "benchclient", "10.98.0.1"
ADDING, LISTING = "peer add", "peer list"
APPLYING, LOST = "from its end to the device", "pings of another peer lost meanwhile"
FEW, MANY = 1, 1000
ROUNDS = 8
POLL_SECONDS = 0.02
LIMIT_SECONDS = 30
PINGS_PER_SECOND = 50
ADD_AT_MOST, APPLY_AT_MOST = 3.0, 3.0
SUBNET = ("--subnet", "10.98.0.0/16")
ROUTES = ("--routes", "10.98.0.0/16,172.31.0.0/16", "--dns", "off")
SHARED = {"wireguard-config": "{n}", "wireguard-mode": "shared"}


@dataclass(frozen=True)
class Commands:
    """The commands as shipped, build/commands.tar, beside the plugin's configuration folder."""

    path: Path

    def run(self, *command: str) -> str:
        """Run one of the project's commands; return what it prints."""
        program = ("/usr/bin/python3", "-I", "-B", "-m", "wgplugin")
        folder = ("--folder", "/etc/wireguard")
        return run("chroot", str(self.path), *program, *command, *folder)


def measure_hub(root: Root, effort: float) -> Table:
    """Measure a hub with few peers and with many."""
    rows: list[Row] = []
    medians: dict[tuple[str, int], float] = {}
    with ExitStack() as stack:
        stack.enter_context(peers_link())
        host = stack.enter_context(live.running(root, "live", 0))
        commands = stack.enter_context(_commands(root))
        commands.run("hub", "init", HUB, "--endpoint", "127.0.0.1", "--listen-port", PORT, *SUBNET)
        own = json.loads(commands.run("peer", "add", "client", *ROUTES, "--json"))["file"]
        router = _network(host)
        stack.enter_context(_client(own))
        for count in (FEW, MANY):
            _fill(root, router, count)
            rounds = range(repetitions(ROUNDS, effort))
            with _pinging() as lost:
                samples = [_add(commands, router) for _ in rounds]
            adding, applying = zip(*samples, strict=True)
            for name, unit, values in (
                (ADDING, "s", adding),
                (APPLYING, "s", applying),
                (LISTING, "s", [_list(commands) for _ in rounds]),
                (LOST, "", lost),
                ("memory of the plugin", "MB", [host.process.resident()]),
            ):
                taken = summarize(values)
                medians[name, count] = taken.median
                peers = "1 peer" if count == 1 else f"{count} peers"
                rows.append(Row(f"{name}, {peers}", unit, taken))
    return Table(
        title=f"10. A hub with {MANY} peers",
        about=(
            "The command as a whole, with the start of its Python, without Docker's container; "
            "then until the router's device has the peer, by wg(8). Meanwhile another peer sends "
            f"{PINGS_PER_SECOND} pings a second to the hub."
        ),
        rows=tuple(rows),
        targets=(
            Target(f"{ADDING}, {MANY} peers, s", medians[ADDING, MANY], ADD_AT_MOST),
            Target(f"{APPLYING}, {MANY} peers, s", medians[APPLYING, MANY], APPLY_AT_MOST),
            Target(LOST, medians[LOST, MANY], 0),
        ),
    )


@contextmanager
def _commands(root: Root) -> Iterator[Commands]:
    """Unpack the commands, with the plugin's configuration folder, until the block ends."""
    with TemporaryDirectory(prefix="bench-", dir=SCRATCH) as folder, ExitStack() as stack:
        run("tar", "-C", folder, "-xf", str(CHECKOUT / "build/commands.tar"))
        place = Path(folder, "etc/wireguard")
        place.mkdir(parents=True, exist_ok=True)
        run("mount", "--bind", str(root.configurations), str(place))
        stack.callback(run, "umount", str(place))
        yield Commands(Path(folder))


def _network(host: Host) -> Path:
    """Start a container on the hub's network; return the file that stands for its router."""
    subject = replace(host.process, options=SHARED)
    attachment = Attachment.of(subject, HUB, 0, HUB)
    host.connection.call(attachment.create_network)
    host.start(attachment)
    return host.pins / key(f"network {HUB}").hex()


@contextmanager
def _client(file: str) -> Iterator[None]:
    """Dial in with a client's file, until the block ends."""
    with TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder, f"{CLIENT}.conf")
        path.write_text(file)
        run("ip", "netns", "add", CLIENT)
        try:
            # Its socket stays here, where the hub's is.
            run("ip", "link", "add", CLIENT, "type", "wireguard")
            run("wg", "setconf", CLIENT, "/dev/stdin", stdin=run("wg-quick", "strip", str(path)))
            run("ip", "link", "set", CLIENT, "netns", CLIENT)
            inside = ("ip", "-n", CLIENT)
            run(*inside, "address", "add", "10.98.0.2/16", "dev", CLIENT)
            run(*inside, "link", "set", CLIENT, "up")
            run(*_inside("ping", "-c", "1", "-W", "10", SERVER))
            yield
        finally:
            run("ip", "netns", "del", CLIENT)


@contextmanager
def _pinging() -> Iterator[list[int]]:
    """Ping the hub by the client until the block ends; then the list has how many were lost."""
    lost: list[int] = []
    command = _inside("ping", "-q", "-i", str(1 / PINGS_PER_SECOND), SERVER)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as ping:
        yield lost
        ping.send_signal(signal.SIGINT)
        told, _ = ping.communicate()
    found = re.search(r"(\d+) packets transmitted, (\d+) received", told)
    if not found:
        raise RuntimeError(f"ping said: {told}")
    # The last one may be under way.
    lost.append(max(int(found[1]) - int(found[2]) - 1, 0))


def _inside(*command: str) -> tuple[str, ...]:
    return ("ip", "netns", "exec", CLIENT, *command)


def _fill(root: Root, router: Path, count: int) -> None:
    """Have so many peers in the file, and on the device."""
    path = root.configurations / f"{HUB}.conf"
    there = path.read_text()
    draft = path.with_suffix(".new")
    missing = range(there.count("[Peer]"), count)
    draft.write_text(there + "".join(map(_peer, missing)))
    draft.rename(path)
    end = time.monotonic() + LIMIT_SECONDS
    while _count(router) < count and time.monotonic() < end:
        time.sleep(POLL_SECONDS)


def _peer(number: int) -> str:
    name = b64encode(key(f"hub's peer {number}")).decode()
    address = f"10.98.{128 + number // 250}.{number % 250 + 1}/32"
    return (
        f"[Peer]\n# wgplugin: peer name=made-{number}\nPublicKey = {name}\nAllowedIPs = {address}\n"
    )


def _add(commands: Commands, router: Path) -> tuple[float, float]:
    """Add a peer; return the seconds of the command, and those until the device has it."""
    before, name = _count(router), f"added-{time.monotonic_ns()}"
    started = time.monotonic()
    commands.run("peer", "add", name, *ROUTES)
    done = time.monotonic()
    while (took := time.monotonic() - done) < LIMIT_SECONDS and _count(router) == before:
        time.sleep(POLL_SECONDS)
    return done - started, took


def _list(commands: Commands) -> float:
    """Return the seconds in which all peers are listed."""
    started = time.monotonic()
    commands.run("peer", "list")
    return time.monotonic() - started


def _count(router: Path) -> int:
    return len(run("nsenter", f"--net={router}", "wg", "show", "wg0", "peers").split())
