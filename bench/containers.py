"""Tables 4 and 5: containers of a real Docker, compared with its own networks and the host."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.attach import Step, repetitions, rounds
from bench.table import Table, Target, compared, median_ratio
from tests.e2e.commands import run, succeeds, wait_until
from tests.e2e.provider import ENDPOINT, NAMESPACE, TUNNEL_IPV4, Provider

PLUGIN = "wireguard-bench:latest"
IMAGE = "wireguard-bench-busybox"
RUNS = 15
TRANSFERS = 20
TRANSFER_SECONDS = 2

IN_CONTAINER, ON_HOST = "10.8.0.2", "10.8.0.3"
HOST_DEVICE = "wgbenchhost"


@dataclass(frozen=True)
class Network:
    """A kind of network to compare, with its arguments for `docker network create`."""

    name: str
    arguments: Sequence[str]

    @classmethod
    def of(cls, name: str, driver: str, options: Mapping[str, str]) -> Network:
        """Return the kind for a driver and its options, where {n} is the configuration."""
        texts = [f"--opt={key}={value.replace('{n}', 'bench')}" for key, value in options.items()]
        return cls(name, ["--driver", driver, *texts])

    @classmethod
    def ours(cls, name: str, plugin: str, configuration: str) -> Network:
        """Return the plugin's kind, with the addresses of a configuration."""
        option = f"--opt=wireguard-config={configuration}"
        return cls(name, ["--driver", plugin, option, "--ipam-driver", "null"])


OURS = Network.ours("the plugin", PLUGIN, "bench")
BRIDGE = Network("bridge", ["--driver", "bridge"])


def measure_runs(others: Sequence[Network], effort: float) -> Table:
    """Measure table 4: docker run."""
    with ExitStack() as stack:
        provider = stack.enter_context(Provider())
        stack.enter_context(image())
        stack.enter_context(_installed(provider))
        steps = {"none": docker_run("none")}
        for number, kind in enumerate((BRIDGE, OURS, *others)):
            name = stack.enter_context(network(f"bench-{number}", kind))
            steps[kind.name] = docker_run(name)
        samples = rounds(steps, repetitions(RUNS, effort))
    rows = compared(samples, BRIDGE.name)
    return Table(
        title="4. docker run",
        about="`docker run --rm` of a program that ends at once, on each kind of network.",
        rows=rows,
        base=BRIDGE.name,
        targets=(Target("docker run, × bridge", median_ratio(rows, OURS.name), 0.9),),
    )


def measure_transfer(effort: float) -> Table:
    """Measure table 5: throughput. The container and the host have a tunnel each, to one peer."""
    with ExitStack() as stack:
        provider = stack.enter_context(Provider())
        stack.enter_context(image())
        stack.enter_context(_installed(provider))
        stack.enter_context(host_tunnel(provider))
        stack.enter_context(server())
        tunnel = stack.enter_context(network("bench-0", OURS))
        pid = stack.enter_context(container(tunnel))
        ways = {
            "on the host": ("iperf3", "--bind", ON_HOST),
            "in the container": ("nsenter", "--net", "--target", pid, "iperf3"),
        }
        for way in ways.values():
            wait_until(partial(succeeds, *client(way, 1)), "the tunnel")
        samples: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(repetitions(TRANSFERS, effort)):
            for name, way in ways.items():
                samples[name].append(megabits(json.loads(run(*client(way, TRANSFER_SECONDS)))))
    rows = compared(samples, "on the host", "Mbit/s")
    ratio = median_ratio(rows, "in the container")
    return Table(
        title="5. iperf3",
        about=(
            f"{TRANSFER_SECONDS} seconds of TCP through the container's tunnel, and through one "
            "to the same peer that the host has."
        ),
        rows=rows,
        base="on the host",
        targets=(Target("in the container, × on the host", ratio, 1.03, 0.97),),
    )


def docker_run(network: str) -> Step:
    """Return a step that runs a container whose program ends at once."""
    command = ("docker", "run", "--rm", "--network", network, IMAGE, "/busybox", "true")
    return lambda: run(*command)


def megabits(report: Any) -> float:
    """Return the Mbit/s that arrived, by a report of iperf3."""
    return float(report["end"]["sum_received"]["bits_per_second"]) / 1e6


def client(way: Sequence[str], seconds: int) -> tuple[str, ...]:
    """Return the command that sends to the provider by a way, the beginning of a command."""
    return (*way, "--json", "--client", TUNNEL_IPV4, "--time", str(seconds))


@contextmanager
def image() -> Iterator[None]:
    """Import the image of all containers, a static busybox, until the block ends."""
    busybox = shutil.which("busybox")
    if not busybox:
        raise FileNotFoundError("a static busybox is needed: apt-get install busybox-static")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(busybox, "busybox")
    importer = ["docker", "import", "-", IMAGE]
    subprocess.run(importer, input=archive.getvalue(), check=True, capture_output=True)
    yield
    run("docker", "rmi", IMAGE)


@contextmanager
def installed(plugin: str, edition: str, folder: Path) -> Iterator[None]:
    """Install an edition, with a folder of configurations, until the block ends."""
    settings = (f"PLUGIN={plugin}", f"EDITION={edition}", f"CONFIG_DIR={folder}")
    run("make", "install", *settings)
    yield
    run("make", "uninstall", *settings)


@contextmanager
def _installed(provider: Provider) -> Iterator[None]:
    """Install the plugin, with a configuration called bench, until the block ends."""
    with TemporaryDirectory(prefix="bench-") as folder:
        private_key = run("wg", "genkey")
        provider.admit(run("wg", "pubkey", stdin=private_key), IN_CONTAINER)
        (Path(folder) / "bench.conf").write_text(
            f"[Interface]\nPrivateKey = {private_key}\nAddress = {IN_CONTAINER}/32\n"
            f"[Peer]\nPublicKey = {provider.public_key}\nEndpoint = {ENDPOINT}\n"
            "AllowedIPs = 10.8.0.0/16\n"
        )
        with installed(PLUGIN, "base", Path(folder)):
            yield


@contextmanager
def network(name: str, kind: Network) -> Iterator[str]:
    """Create a network of that kind and yield its name; remove it with the block."""
    run("docker", "network", "create", *kind.arguments, name)
    yield name
    run("docker", "network", "rm", name)


@contextmanager
def container(network: str, name: str = "wireguard-bench", *options: str) -> Iterator[str]:
    """Run a container, with options, until the block ends; yield its process id."""
    run(
        "docker",
        "run",
        "--detach",
        "--name",
        name,
        "--network",
        network,
        *options,
        IMAGE,
        "/busybox",
        "sleep",
        "9999",
    )
    yield run("docker", "inspect", "--format", "{{.State.Pid}}", name)
    run("docker", "rm", "--force", name)


@contextmanager
def host_tunnel(provider: Provider) -> Iterator[None]:
    """Make a tunnel of the host's own, like the container's, until the block ends."""
    private_key = run("wg", "genkey")
    provider.admit(run("wg", "pubkey", stdin=private_key), ON_HOST)
    run("ip", "link", "add", HOST_DEVICE, "mtu", "1420", "type", "wireguard")
    peer = ("peer", provider.public_key, "endpoint", ENDPOINT, "allowed-ips", "10.8.0.0/16")
    run("wg", "set", HOST_DEVICE, "private-key", "/dev/stdin", *peer, stdin=private_key)
    run("ip", "address", "add", f"{ON_HOST}/32", "dev", HOST_DEVICE)
    run("ip", "link", "set", HOST_DEVICE, "up")
    run("ip", "route", "add", f"{TUNNEL_IPV4}/32", "dev", HOST_DEVICE)
    yield
    run("ip", "link", "del", HOST_DEVICE)


@contextmanager
def server() -> Iterator[None]:
    """Run a server at the provider, until the block ends."""
    if not shutil.which("iperf3"):
        raise FileNotFoundError("iperf3 is needed: apt-get install iperf3")
    command = ("ip", "netns", "exec", NAMESPACE, "iperf3", "--server")
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield
    server.terminate()
    server.wait()
