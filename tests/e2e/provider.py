"""A VPN provider in a network namespace: a WireGuard peer, and a web server behind it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.e2e.commands import run, succeeds, wait_until

PORT = 51820


@dataclass(frozen=True)
class Site:
    """Where a server is: its namespace, the host's link to it, and the networks of that link."""

    namespace: str
    link: str
    ipv4: str
    ipv6: str

    def addresses(self, number: int) -> tuple[str, str]:
        """Return addresses on the link: 1 is the host, 2 the server."""
        return f"{self.ipv4}.{number}/24", f"{self.ipv6}::{number}/64"

    @property
    def endpoint(self) -> str:
        """The server's address and port."""
        return f"{self.ipv4}.2:{PORT}"

    def run(self, *command: str, stdin: str | None = None) -> str:
        """Run a program of the host in the server's namespace; see commands.run()."""
        return run(*self.command(*command), stdin=stdin)

    def command(self, *command: str) -> tuple[str, ...]:
        """Return the command that runs a program of the host in the server's namespace."""
        return ("ip", "netns", "exec", self.namespace, *command)


FIRST = Site("provider", "veth-provider", "198.51.100", "2001:db8:100")
SECOND = Site("provider-2", "veth-provider-2", "198.51.101", "2001:db8:101")
"""Another server of the provider: the same inside, with other keys and at another place."""

NAMESPACE, HOST_LINK, ENDPOINT = FIRST.namespace, FIRST.link, FIRST.endpoint
WEB_IPV4 = "203.0.113.80"
WEB_IPV6 = "2001:db8:113::80"
TUNNEL_IPV4 = "10.8.0.1"
TUNNEL_IPV6 = "fd08::1"
HAS_IPV6 = Path("/proc/net/if_inet6").exists()
"""Whether this host has IPv6; without it, the provider has none either."""


class Provider:
    """The provider, for as long as the ``with`` block lasts.

    Its endpoint is across a veth pair from the host; the web server, on addresses that only the
    tunnel leads to, answers each request with the address that it came from.
    """

    def __init__(self, site: Site = FIRST) -> None:
        self.site = site
        self.private_key = run("wg", "genkey")
        self.public_key = run("wg", "pubkey", stdin=self.private_key)
        self._web: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Provider":
        name, link = self.site.namespace, self.site.link
        run("ip", "netns", "add", name)
        run("ip", "link", "add", link, "type", "veth", "peer", "eth0", "netns", name)
        for address in _possible(*self.site.addresses(1)):
            run("ip", "address", "add", address, "dev", link, *_nodad(address))
        run("ip", "link", "set", link, "up")
        # Made inside, as a WireGuard device's socket stays where the device was made.
        run("ip", "-n", name, "link", "add", "wg0", "type", "wireguard")
        for device, *addresses in (
            ("lo", f"{WEB_IPV4}/32", f"{WEB_IPV6}/128"),
            ("eth0", *self.site.addresses(2)),
            ("wg0", f"{TUNNEL_IPV4}/16", f"{TUNNEL_IPV6}/16"),
        ):
            for address in _possible(*addresses):
                ip = ("ip", "-n", name, "address", "add", address, "dev", device)
                run(*ip, *_nodad(address))
            run("ip", "-n", name, "link", "set", device, "up")
        self._set("private-key", "/dev/stdin", "listen-port", str(PORT), stdin=self.private_key)
        server = (sys.executable, str(Path(__file__).with_name("web_server.py")))
        self._web = subprocess.Popen(self.site.command(*server))
        curl = self.site.command("curl", "-sf", WEB_IPV4)
        wait_until(lambda: succeeds(*curl), "the web server")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._web is not None:
            self._web.terminate()
            self._web.wait()
        run("ip", "netns", "del", self.site.namespace)

    def admit(self, public_key: str, *addresses: str) -> None:
        """Let a peer in, with these addresses for its own."""
        self._set("peer", public_key, "allowed-ips", ",".join(addresses))

    def has_met(self, public_key: str) -> bool:
        """Return whether a peer has had a handshake."""
        lines = self.site.run("wg", "show", "wg0", "latest-handshakes").splitlines()
        return dict(line.split() for line in lines).get(public_key, "0") != "0"

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Nothing comes in from the host or goes there, for as long as the block lasts."""
        chains = (
            f"chain {hook} {{ type filter hook {hook} priority 0; {way}ifname eth0 drop; }}"
            for hook, way in (("input", "i"), ("output", "o"))
        )
        self.site.run("nft", "-f", "-", stdin="\n".join(("table inet cut {", *chains, "}")))
        try:
            yield
        finally:
            self.site.run("nft", "delete", "table", "inet", "cut")

    def _set(self, *settings: str, stdin: str | None = None) -> None:
        self.site.run("wg", "set", "wg0", *settings, stdin=stdin)


def _possible(*addresses: str) -> list[str]:
    return [address for address in addresses if HAS_IPV6 or ":" not in address]


def _nodad(address: str) -> tuple[str, ...]:
    return ("nodad",) if ":" in address else ()
