"""The causes for which a container's start is refused, each with its cure."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.commands import run
from tests.e2e.docker import PLUGIN, container, docker, state_folder
from tests.e2e.provider import ENDPOINT, PORT
from tests.e2e.refusals import (
    ADDRESS,
    CONFIGURATION,
    OTHER_ADDRESS,
    Cause,
    Lasts,
    Stage,
    docker_major,
)
from wgplugin.codes import Code

LISTEN_PORT = 51997
PEER_NAME = "vpn-refusal.test"
HOSTS = Path("/etc/hosts")
KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="

# A line for each kind of mistake; the last section has no PublicKey.
MISTAKES = f"""[Interface]
PrivatKey = x
PrivateKey = {KEY[:-2]}
S1 = 15
Address = 10.0.0.2/33
Addr ess = 10.0.0.2/32
MTU = many
DNS = 10.0.0.1:53
AllowedIPs = ::/0
no assignment
[Peer]
PublicKey = {KEY}
AllowedIPs = 10.0.0.0/33
Endpoint = vpn.example.com
PersistentKeepalive =\u00a025
[Per]
[Peer]
"""
MISTAKES_OF_SETTINGS = """colour: red
log-level: loud
dns: off
a/b: 1
configurations:
  a/b:
    dns: off
  home:
    bypass: 10.0.0.1/8
    sink: [on]
    dns: off
    dns: off
"""


def file_has(change: Callable[[str], str | bytes]) -> Lasts:
    """The configuration has another content."""

    @contextmanager
    def lasts(at: Stage) -> Iterator[None]:
        new = change(at.tunnel.text)
        at.tunnel.file.write_bytes(new if isinstance(new, bytes) else new.encode())
        yield
        at.tunnel.restore()

    return lasts


def file_is(make: Callable[[Path], None], *, alone: bool = False) -> Lasts:
    """The configuration is something else than a file; ``alone``: in an empty folder."""

    @contextmanager
    def lasts(at: Stage) -> Iterator[None]:
        if not alone:
            at.tunnel.file.with_name("other.conf").touch()
        at.tunnel.file.unlink()
        make(at.tunnel.file)
        yield
        at.tunnel.restore()

    return lasts


def settings_are(text: str, change: Callable[[str], str] = str) -> Lasts:
    """The plugin has settings, and the configuration may have another content."""

    @contextmanager
    def lasts(at: Stage) -> Iterator[None]:
        at.tunnel.settings.write_text(text)
        at.tunnel.file.write_text(change(at.tunnel.text))
        yield
        at.tunnel.settings.unlink()

    return lasts


def connected(during: tuple[str, ...], after: tuple[str, ...] = ()) -> Lasts:
    """The container is connected to the tunnel's network with some options."""

    @contextmanager
    def lasts(at: Stage) -> Iterator[None]:
        at.reconnect(*during)
        yield
        at.reconnect(*after)

    return lasts


def driver_opt(text: str) -> Lasts:
    """The container has an option of the plugin's."""
    return connected(("--driver-opt", text))


@contextmanager
def configuration_in_use(at: Stage) -> Iterator[None]:
    """Another container has the configuration."""
    with container(at.net):
        yield


@contextmanager
def listen_port_in_use(at: Stage) -> Iterator[None]:
    """Another program has the ListenPort."""
    at.tunnel.file.write_text(in_interface(f"ListenPort = {LISTEN_PORT}")(at.tunnel.text))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("", LISTEN_PORT))
        yield


@contextmanager
def unknown_peer(at: Stage) -> Iterator[None]:
    """The host doesn't know the peer's name."""
    at.tunnel.settings.write_text("resolve-timeout: 1\n")
    at.tunnel.file.write_text(at.tunnel.text.replace(ENDPOINT, f"{PEER_NAME}:{PORT}"))
    before = HOSTS.read_text()
    yield
    # In place, as the plugin has this very file mounted.
    HOSTS.write_text(f"{before}\n{ENDPOINT.partition(':')[0]} {PEER_NAME}\n")


@contextmanager
def hosts_restored() -> Iterator[None]:
    """The host's /etc/hosts is at the end of the block as it was before."""
    before = HOSTS.read_text()
    try:
        yield
    finally:
        if HOSTS.read_text() != before:
            HOSTS.write_text(before)


@contextmanager
def forgotten_network(at: Stage) -> Iterator[None]:
    """The plugin's state has no networks."""
    records = {path: path.read_bytes() for path in state_folder().glob("networks/*")}
    with plugin_away():
        for path in records:
            path.unlink()
    yield
    with plugin_away():
        for path, content in records.items():
            path.write_bytes(content)


@contextmanager
def plugin_away() -> Iterator[None]:
    """The plugin is disabled, for as long as the block lasts."""
    docker("plugin", "disable", "--force", PLUGIN)
    yield
    docker("plugin", "enable", PLUGIN)


@contextmanager
def state_is_read_only(at: Stage) -> Iterator[None]:
    """The plugin's state is on a disk that refuses to be written."""
    run("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(state_folder()))
    try:
        yield
    finally:
        run("umount", str(state_folder()))


@contextmanager
def as_created(at: Stage) -> Iterator[None]:
    """The container was created with the cause; it is connected anew without."""
    yield
    if docker_major() >= MAC_OF_A_NETWORK:
        at.reconnect()


def in_interface(line: str) -> Callable[[str], str]:
    """Return a change that adds a line to a file's [Interface]."""
    return lambda text: text.replace("Address", f"{line}\nAddress", 1)


MAC_OF_A_NETWORK = 25
"""The release of Docker from which on a MAC address belongs to one network of a container."""

CAUSES = (
    Cause("unknown option", (Code.UNKNOWN_OPTION,), driver_opt("wireguard-colour=red")),
    Cause(
        "option of a network",
        (Code.UNKNOWN_OPTION,),
        driver_opt(f"wireguard-config={CONFIGURATION}"),
    ),
    Cause("address", (Code.CONTAINER_ADDRESS,), driver_opt("wireguard-address=10.8.61.0/33")),
    Cause(
        "MAC address",
        (Code.MAC_ADDRESS,),
        as_created,
        create=("--mac-address", "02:42:0a:08:3d:09"),
        cured_from=MAC_OF_A_NETWORK,
    ),
    Cause(
        "bypass and gateway",
        (Code.BYPASS_AND_GATEWAY,),
        settings_are("defaults:\n  default: gateway\n  bypass: 192.168.0.0/16\n"),
    ),
    Cause(
        "address of Docker's",
        (Code.OTHER_ADDRESS,),
        connected((), ("--ip", ADDRESS)),
        assigned=True,
    ),
    Cause(
        "no address",
        (Code.NO_ADDRESS,),
        file_has(lambda text: text.replace(f"Address = {ADDRESS}/32", "")),
    ),
    Cause("configuration in use", (Code.IN_USE,), configuration_in_use),
    Cause("file is gone", (Code.NO_SUCH_FILE,), file_is(lambda path: None)),
    Cause("empty folder", (Code.EMPTY_FOLDER,), file_is(lambda path: None, alone=True)),
    Cause("link out", (Code.LINK_OUT,), file_is(lambda path: path.symlink_to("/etc/hosts"))),
    Cause("folder", (Code.NOT_A_FILE,), file_is(Path.mkdir)),
    Cause("link to itself", (Code.UNREADABLE,), file_is(lambda path: path.symlink_to(path.name))),
    Cause("too large", (Code.TOO_LARGE,), file_has(lambda text: text + "#" * (1 << 20))),
    Cause("no text", (Code.NOT_TEXT,), file_has(lambda text: text.encode("utf-16"))),
    Cause("empty file", (Code.EMPTY_FILE,), file_has(lambda text: "")),
    Cause(
        "mistakes in the file",
        (
            Code.UNKNOWN_SECTION,
            Code.UNKNOWN_KEY,
            Code.OTHER_PROGRAM,
            Code.MALFORMED_LINE,
            Code.MISPLACED_KEY,
            Code.SPACES_IN_NAME,
            Code.MISSING_KEY,
            Code.BAD_KEY,
            Code.BAD_VALUE,
            Code.BAD_ALLOWED_IP,
            Code.BAD_ENDPOINT,
            Code.BAD_ADDRESS,
            Code.BAD_DNS,
            Code.ODD_SPACE,
        ),
        file_has(lambda text: MISTAKES),
    ),
    Cause("settings aren't YAML", (Code.NOT_YAML,), settings_are("defaults:\n\tdns: off\n")),
    Cause("settings in two documents", (Code.UNUSED_YAML,), settings_are("---\n---\n")),
    Cause(
        "mistakes in the settings",
        (
            Code.CONFIGURATION_NAME,
            Code.UNKNOWN_SETTING,
            Code.MISPLACED_SETTING,
            Code.BAD_FORM,
            Code.REPEATED_SETTING,
            Code.BAD_SETTING,
            Code.BAD_BYPASS,
        ),
        settings_are(MISTAKES_OF_SETTINGS),
    ),
    Cause("value of an option", (Code.BAD_SETTING,), driver_opt("wireguard-dns=sometimes")),
    Cause("bypass of an option", (Code.BAD_BYPASS,), driver_opt("wireguard-bypass=10.0.0.1/8")),
    Cause("ListenPort in use", (Code.PORT_IN_USE,), listen_port_in_use),
    Cause("forgotten network", (Code.UNKNOWN_NETWORK,), forgotten_network),
    Cause("read-only state", (Code.STATE_NOT_WRITTEN,), state_is_read_only),
)
"""The causes in both editions."""

CAUSES_IN_BASE = (
    Cause(
        "two addresses of a family",
        (Code.TOO_MANY_ADDRESSES,),
        file_has(lambda text: text.replace("/32", f"/32, {OTHER_ADDRESS}/32", 1)),
    ),
    Cause(
        "DNS required",
        (Code.DNS_NOT_ASKED,),
        settings_are("defaults:\n  dns: require\n", in_interface("DNS = 10.8.0.1")),
    ),
    Cause("unknown peer", (Code.NOT_RESOLVED,), unknown_peer),
)
"""The causes in the base edition alone."""

CAUSES_IN_LIVE = (
    Cause(
        "DNS of IPv6 required",
        (Code.DNS_NOT_ASKED,),
        settings_are("defaults:\n  dns: require\n", in_interface("DNS = fd08::1")),
    ),
)
"""The causes that are the live edition's own form of a cause in base."""

POOLS = "several containers of a pool; tests/e2e/pools"
AT_NETWORK_CREATE = "refuses `docker network create`"
WARNING = "refuses nothing"
COMMANDS = "of the command line"
NOT_HERE = "a test can't cause it"
OTHER_CODES = {
    Code.NO_CONFIGURATION: AT_NETWORK_CREATE,
    Code.OUTSIDE_SUBNET: AT_NETWORK_CREATE,
    Code.NO_IPV6_ADDRESS: WARNING,
    Code.NEXT_START: WARNING,
    Code.PORTS_NOT_PUBLISHED: WARNING,
    Code.OTHER_MTU: WARNING,
    Code.SAME_ROUTES: "Join refuses, as Docker would; test_refusals.py",
    Code.STAYS_CLOSED: WARNING,
    Code.NEEDS_LIVE: AT_NETWORK_CREATE,
    Code.NO_GATEWAY: AT_NETWORK_CREATE,
    Code.SHARED_ONLY: AT_NETWORK_CREATE,
    Code.SUBNET_TAKEN: AT_NETWORK_CREATE,
    Code.PORT_TAKEN: "a container in the live edition; tests/e2e/live/ports",
    Code.POOL_USED_UP: POOLS,
    Code.SAME_KEY: POOLS,
    Code.NO_MATCH: AT_NETWORK_CREATE,
    Code.NO_POOL: COMMANDS,
    Code.LEFT_OUT: WARNING,
    Code.NEEDS_ROUTER: AT_NETWORK_CREATE,
    Code.BAD_NOTE: "a mistake in a file, as others; tests/conf/test_notes.py",
    Code.FILE_NAME: COMMANDS,
    Code.COMMAND_IGNORED: WARNING,
    Code.IGNORED: WARNING,
    Code.READ_AS: WARNING,
    Code.REPEATED: WARNING,
    Code.SHARED_RANGE: WARNING,
    Code.SMALL_MTU: WARNING,
    Code.NO_FILE_FOR_SETTINGS: COMMANDS,
    Code.BAD_FORWARD: AT_NETWORK_CREATE,
    Code.NO_WIREGUARD: NOT_HERE,
    Code.NOT_PERMITTED: NOT_HERE,
    Code.KERNEL_REFUSES: NOT_HERE,
    Code.TOO_MANY_NAMESPACES: NOT_HERE,
    Code.NOT_LIVE: WARNING,
    Code.NOT_ENTERED: WARNING,
    Code.NOT_SET_UP: WARNING,
    Code.NO_NFTABLES: NOT_HERE,
    Code.NO_DEVICE: WARNING,
    Code.NO_IPV6: "on a host without IPv6: tests/e2e/without_ipv6",
    Code.NO_ROUTER: NOT_HERE,
    Code.NOT_FORWARDED: WARNING,
    Code.NOT_PUBLISHED: WARNING,
    Code.NO_HANDSHAKE: POOLS,
    Code.TUNNEL_DOWN: WARNING,
    Code.NOT_PROBED: WARNING,
    Code.NAMES_NOT_SERVED: WARNING,
    Code.BAD_REQUEST: NOT_HERE,
    Code.TOO_LATE: NOT_HERE,
    Code.FAILED: NOT_HERE,
    Code.UNKNOWN_ENDPOINT: "Join refuses if the plugin's state is lost during a start",
    Code.STATE_UNUSABLE: "the plugin doesn't start",
    Code.STATE_DAMAGED: WARNING,
    Code.STATE_NEWER: WARNING,
    Code.NO_ANSWER: COMMANDS,
    Code.COMMAND_LINE: COMMANDS,
    Code.NO_SUCH_TUNNEL: COMMANDS,
    Code.NO_ENGINE: COMMANDS,
    **dict.fromkeys([code for code in Code if code.startswith("WG6")], COMMANDS),
}
"""The codes without a cause here, each with its reason."""
