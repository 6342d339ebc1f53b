"""What of a container may be seen in the host's network namespace, and what is a leak."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from tests.e2e.leaks.capture import Address, Frame
from tests.e2e.leaks.flows import Flow, flow_of
from tests.e2e.provider import FIRST, PORT, SECOND

Network = IPv4Network | IPv6Network

# Where the prober sends what nobody else does: in both halves of both families, in private and in
# link-local ranges too.
PROBES = tuple(
    ip_address(text)
    for text in (
        "10.255.77.77",
        "100.127.77.77",
        "169.254.77.77",
        "172.31.77.77",
        "192.168.77.77",
        "198.18.77.77",
        "203.0.113.77",
        "2001:db8:dead::77",
        "64:ff9b::c612:4d4d",
        "fdff:dead:77::77",
    )
)
# A destination for wireguard-bypass to take out of the tunnel.
BYPASSED = ip_address("198.19.77.77")
# The plugin's devices, as they are named on the host (wgplugin/model/identity.py), and among them
# the links of published ports with their addresses (wgplugin/model/published.py).
DEVICES = "wgp"
LINKS = "wgpub"
LINK_NETWORKS = (ip_network("169.254.192.0/19"), ip_network("fd77:6770:7562::/112"))
ENDPOINTS = {site.link: ip_address(f"{site.ipv4}.2") for site in (FIRST, SECOND)}
ENDPOINT = ENDPOINTS[FIRST.link]
LIMITED_BROADCAST = ip_address("255.255.255.255")


@dataclass(frozen=True)
class Boundary:
    """What is known of a container.

    The ``marker`` in all that it sends that has room for it, its addresses in the ``tunnel``, the
    ``subnets`` of its bridges, those of its ``shared`` networks, and the prefixes that ``bypass``
    the tunnel. ``host_interfaces`` were there before, so none of them is a bridge of the
    container's.
    """

    marker: bytes
    tunnel: frozenset[Address]
    host_interfaces: frozenset[str]
    subnets: tuple[Network, ...] = ()
    bypass: tuple[Network, ...] = ()
    shared: tuple[Network, ...] = ()

    def leaks(self, frames: Iterable[Frame]) -> Counter[str]:
        """Return what is outside the tunnel and shouldn't be: each leak with one of its frames."""
        found: Counter[str] = Counter()
        samples: dict[str, Frame] = {}
        asked: set[Flow] = set()
        for frame in frames:
            if frame.interface.startswith(LINKS):
                reason = (
                    "" if _is_asked_for(frame, asked) else "what no client asked for, on a link"
                )
            else:
                reason = self._leak(frame)
            if reason:
                samples.setdefault(reason, frame)
                found[reason] += 1
        return Counter({f"{reason}, as {samples[reason]}": found[reason] for reason in found})

    def _leak(self, frame: Frame) -> str:
        if is_wireguard(frame) or self._is_within_bridge(frame) or self._is_bypassed(frame):
            return ""
        where = frame.interface
        if self.marker in frame.packet:
            return f"the container's marker on {where}"
        if where.startswith(DEVICES):
            return f"a frame on {where}, a device on its way to a container or from there"
        if frame.ends is None:
            return ""
        for end in frame.ends:
            if end in PROBES:
                return f"the probe of {end} on {where}"
            if end in self.tunnel:
                return f"the tunnel's address {end} on {where}"
            if _inside(end, self.shared):
                return f"the shared network's address {end} on {where}"
            if frame.outgoing and _inside(end, LINK_NETWORKS):
                return f"the link's address {end} on {where}"
        if _inside(frame.ends[0], self.subnets):
            return f"a way out of the bridge's subnet on {where}"
        return ""

    def _is_within_bridge(self, frame: Frame) -> bool:
        if not self.subnets or frame.ends is None or frame.interface in self.host_interfaces:
            return False
        source, destination = frame.ends
        on_link = destination.is_multicast or destination == LIMITED_BROADCAST
        return (_inside(source, self.subnets) or _is_unroutable(source)) and (
            _inside(destination, self.subnets) or _is_unroutable(destination) or on_link
        )

    def _is_bypassed(self, frame: Frame) -> bool:
        return frame.ends is not None and any(_inside(end, self.bypass) for end in frame.ends)


def _is_asked_for(frame: Frame, asked: set[Flow]) -> bool:
    """Tell whether a frame on a link is a client's, or an answer; remember what clients ask."""
    flow = flow_of(frame)
    if frame.outgoing and flow:
        asked.add((flow[0], flow[2], flow[1]))
    return frame.outgoing or flow in asked


def is_wireguard(frame: Frame) -> bool:
    """Tell whether it is WireGuard's own between host and endpoint: messages of types 1 to 4."""
    endpoint = ENDPOINTS.get(frame.interface)
    if endpoint is None or frame.ends is None or frame.udp is None:
        return False
    source, destination, payload = frame.udp
    ends = [*zip(frame.ends, (source, destination), strict=True)]
    return (endpoint, PORT) in ends and payload[1:4] == bytes(3) and payload[:1] in b"\1\2\3\4"


def _is_unroutable(address: Address) -> bool:
    """Tell whether it is an address that no host hands on: none yet, or IPv6's link-local."""
    return address.is_unspecified or (address.version == 6 and address.is_link_local)


def _inside(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def networks(*texts: str) -> tuple[Network, ...]:
    """Return prefixes, as values."""
    return tuple(ip_network(text) for text in texts)
