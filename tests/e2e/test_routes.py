"""Every row of docs/routes.md, on the release of Docker at hand."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from pathlib import Path
from uuid import uuid4

import pytest

from tests.e2e.commands import CommandError
from tests.e2e.conftest import Configurations
from tests.e2e.docker import IMAGE, LIVE, docker, network
from tests.e2e.docker_release import at_hand, column
from tests.e2e.engine import remove, request

PAGE = Path(__file__).parents[2] / "docs" / "routes.md"
PRIVATE_KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
PUBLIC_KEY = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
NEXT_HOPS = {"169.254.1.1", "fe80::99"}
FULL = "Address = 10.8.1.2/32; AllowedIPs = 0.0.0.0/0"

SHOW = "ip address show wg0; ip -4 route show dev wg0; ip -6 route show dev wg0"
SHOW_TABLES = {4: "ip -4 route show table all", 6: "ip -6 route show table all"}
SHOW_WAYS = "ip route get 203.0.113.80; ip route get 2001:db8:113::80"
KINDS = ("anycast", "broadcast", "local", "multicast", "throw", "unreachable")
LINK_LOCAL = ("fe80::/64", "ff00::/8")
ERROR = "error: "
TUNNEL, REFUSED = "tunnel", "refused"
START = {"bridge first": ("bridge", "tunnel"), "tunnel first": ("tunnel", "bridge")}
Network = IPv4Network | IPv6Network

LATER = {"bridge later": ("tunnel", "bridge"), "tunnel later": ("bridge", "tunnel")}


def table(number: int) -> list[tuple[str, ...]]:
    """Return the rows of one of the page's tables, a text a cell."""
    section = PAGE.read_text().split("\n## ")[number]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in line[1:-1].split("|")) for line in lines[2:]]


def configuration(text: str) -> str:
    """Return the file for a cell such as "Address = …; AllowedIPs = …"."""
    settings = [line.strip() for line in text.split(";")]
    own = [line for line in settings if not line.startswith("AllowedIPs")]
    peer = [line for line in settings if line.startswith("AllowedIPs")]
    interface = ["[Interface]", f"PrivateKey = {PRIVATE_KEY}", *own]
    return "\n".join([*interface, "[Peer]", f"PublicKey = {PUBLIC_KEY}", *peer, ""])


def network_argument(net: str, options: list[str]) -> tuple[str, list[str]]:
    """Return the value of --network for a container's options, and those that stay options."""
    if "--driver-opt" not in options:
        return net, options
    return f"name={net},driver-opt={options[options.index('--driver-opt') + 1]}", []


def destinations(shown: str) -> str:
    """Return what leads into wg0, but for the next hops and the container's own addresses."""
    own = set(re.findall(r"inet6? ([^ /]+)/", shown))
    lines = [line.split() for line in shown.splitlines() if re.match(r"[0-9a-f:.]+|default", line)]
    found = {words[0] for words in lines if words[1] in ("dev", "via", "scope", "metric", "src")}
    hosts = {text + "/32" for text in found if re.fullmatch(r"[0-9.]+", text)}
    nets = {text for text in found if "/" in text or text == "default"}
    without = {f"{text}/32" for text in own | NEXT_HOPS}
    return " ".join(sorted(nets | (hosts - without)))


def in_tables(shown: dict[int, str]) -> str:
    """Return what leads into wg0, by family, where a table of its own has it as the file does.

    It is told in as few prefixes as can be, without those that are passed on to other tables.
    """
    found: list[Network] = []
    for version, everything in ((4, "0.0.0.0/0"), (6, "::/0")):
        words = [line.split() for line in shown[version].splitlines()]
        into = [line[0] for line in words if " dev wg0" in " ".join(line) and line[0] not in KINDS]
        past = [line[1] for line in words if line[0] == "throw"]
        nets = collapsed(text.replace("default", everything) for text in into)
        for hole in collapsed(text.replace("default", everything) for text in past):
            nets = [part for net in nets for part in without(net, hole)]
        found += [net for net in nets if str(net) not in LINK_LOCAL]
    return " ".join(sorted(map(str, found)))


def collapsed(texts: Iterable[str]) -> list[Network]:
    """Return prefixes, of either family, as few as can be."""
    nets = [ip_network(text) for text in texts]
    ipv4 = [net for net in nets if isinstance(net, IPv4Network)]
    ipv6 = [net for net in nets if isinstance(net, IPv6Network)]
    return [*collapse_addresses(ipv4), *collapse_addresses(ipv6)]


def without(net: Network, hole: Network) -> list[Network]:
    """Return a prefix without what another has of it."""
    if not net.overlaps(hole):
        return [net]
    return [] if net.prefixlen >= hole.prefixlen else list(net.address_exclude(hole))  # type: ignore[arg-type]


def single(options: str) -> str:
    """Start a container on the configuration "row", and tell its routes or the error."""
    create, _, start = options.partition("run:")
    ipam = [] if "--subnet" in create else ["--ipam-driver", "null"]
    try:
        with network("row", *ipam, *create.split()) as net:
            name, run_options = network_argument(net, start.split())

            def shown(command: str) -> str:
                show = (IMAGE, "/busybox", "sh", "-c", f"PATH=/bin; {command}")
                return docker("run", "--rm", "--network", name, *run_options, *show)

            if LIVE:
                return in_tables({version: shown(each) for version, each in SHOW_TABLES.items()})
            return destinations(shown(SHOW))
    except CommandError as error:
        return ERROR + error.output


@pytest.mark.parametrize(("file", "options", "result"), table(1))
def test_container_has_the_routes_of_the_table(
    configurations: Configurations, file: str, options: str, result: str
) -> None:
    if LIVE and "Docker sets one" in result:
        pytest.skip("the live edition takes any number of addresses")
    configurations.write("row", configuration(file))
    found = single(options)
    if result.startswith(ERROR):
        assert found.startswith(ERROR)
        assert result.removeprefix(ERROR) in found
    elif LIVE:
        addresses = file.partition("AllowedIPs")[0]
        own = {str(ip_network(text)) for text in re.findall(r"([0-9a-f:.]+)/\d+", addresses)}
        expected = collapsed(result.replace("default", "0.0.0.0/0").split())
        assert set(found.split()) - own == set(map(str, expected)) - own
    else:
        assert found == " ".join(sorted(result.split()))


@contextmanager
def bridge(name: str, options: list[str]) -> Iterator[str]:
    docker("network", "create", *options, name)
    try:
        yield name
    finally:
        request("DELETE", f"/networks/{name}")


def ways(first: str, second: str, *, live: bool) -> str:
    """Put a container on two networks, the second before its start or after; tell its ways out."""
    name = f"container-{uuid4().hex[:8]}"
    show = ("/busybox", "sh", "-c", f"PATH=/bin; {SHOW_WAYS}")
    try:
        if live:
            run_it = ("run", "--detach", "--name", name, "--network", first)
            docker(*run_it, IMAGE, "/busybox", "sleep", "600")
            docker("network", "connect", second, name)
            return docker("exec", name, *show)
        docker("create", "--name", name, "--network", first, IMAGE, *show)
        docker("network", "connect", second, name)
        return docker("start", "--attach", name)
    finally:
        remove(name)


def outcome(networks: dict[str, str], how: str) -> str:
    """Attach a container to tunnel and bridge, and tell where its packets go."""
    first, second = START.get(how) or LATER[how]
    try:
        shown = ways(networks[first], networks[second], live=how in LATER)
    except CommandError as error:
        if "conflicts with existing route" in error.output:
            return REFUSED
        raise
    devices = re.findall(r" dev (\S+)", shown)
    return TUNNEL if devices == ["wg0", "wg0"] else f"leaves by {devices}"


@pytest.mark.parametrize(("options", "name"), dict.fromkeys(row[:2] for row in table(2)))
def test_full_tunnel_is_never_passed_by(
    configurations: Configurations, options: str, name: str
) -> None:
    configurations.write("row", configuration(FULL))
    ours = [word for word in options.split() if word.startswith("wireguard-")]
    tunnel_options = [text for option in ours for text in ("--opt", option)]
    bridge_options = [word for word in options.split() if word not in ours]
    rows = [row for row in table(2) if row[0] == options and row[1] == name]
    with (
        network("row", "--ipam-driver", "null", *tunnel_options) as tunnel,
        bridge(f"{name}-bridge", bridge_options) as beside,
    ):
        result_at = column(at_hand())
        for _, _, how, *results in rows:
            found = outcome({"tunnel": tunnel, "bridge": beside}, how)
            assert found in (TUNNEL if LIVE else results[result_at]).split(" or "), how
