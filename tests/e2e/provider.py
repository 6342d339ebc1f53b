"""A VPN provider in a network namespace: a WireGuard peer, and a web server behind it."""

import subprocess
import sys
from pathlib import Path
from types import TracebackType

from tests.e2e.commands import run, succeeds, wait_until

NAMESPACE = "provider"
HOST_LINK = "veth-provider"
PORT = 51820
ENDPOINT = f"198.51.100.2:{PORT}"
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

    def __init__(self) -> None:
        self.private_key = run("wg", "genkey")
        self.public_key = run("wg", "pubkey", stdin=self.private_key)
        self._web: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Provider":
        run("ip", "netns", "add", NAMESPACE)
        run("ip", "link", "add", HOST_LINK, "type", "veth", "peer", "eth0", "netns", NAMESPACE)
        for address in _possible("198.51.100.1/24", "2001:db8:100::1/64"):
            run("ip", "address", "add", address, "dev", HOST_LINK, *_nodad(address))
        run("ip", "link", "set", HOST_LINK, "up")
        # Made inside, as a WireGuard device's socket stays where the device was made.
        run("ip", "-n", NAMESPACE, "link", "add", "wg0", "type", "wireguard")
        for device, *addresses in (
            ("lo", f"{WEB_IPV4}/32", f"{WEB_IPV6}/128"),
            ("eth0", "198.51.100.2/24", "2001:db8:100::2/64"),
            ("wg0", f"{TUNNEL_IPV4}/16", f"{TUNNEL_IPV6}/16"),
        ):
            for address in _possible(*addresses):
                ip = ("ip", "-n", NAMESPACE, "address", "add", address, "dev", device)
                run(*ip, *_nodad(address))
            run("ip", "-n", NAMESPACE, "link", "set", device, "up")
        self._set("private-key", "/dev/stdin", "listen-port", str(PORT), stdin=self.private_key)
        server = (sys.executable, str(Path(__file__).with_name("web_server.py")))
        self._web = subprocess.Popen(["ip", "netns", "exec", NAMESPACE, *server])
        wait_until(lambda: succeeds(*_in_namespace("curl", "-sf", WEB_IPV4)), "the web server")
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
        run("ip", "netns", "del", NAMESPACE)

    def admit(self, public_key: str, *addresses: str) -> None:
        """Let a peer in, with these addresses for its own."""
        self._set("peer", public_key, "allowed-ips", ",".join(addresses))

    def _set(self, *settings: str, stdin: str | None = None) -> None:
        run(*_in_namespace("wg", "set", "wg0", *settings), stdin=stdin)


def _in_namespace(*command: str) -> tuple[str, ...]:
    return ("ip", "netns", "exec", NAMESPACE, *command)


def _possible(*addresses: str) -> list[str]:
    return [address for address in addresses if HAS_IPV6 or ":" not in address]


def _nodad(address: str) -> tuple[str, ...]:
    return ("nodad",) if ":" in address else ()
