"""A shared network: what is refused in it, and what is warned of. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model import hub, prefixes
from wgplugin.model.attachment import allowed_ips
from wgplugin.model.configuration import InterfaceConfig, TunnelSettings
from wgplugin.model.prefixes import InterfaceAddress, Prefix
from wgplugin.model.router import Forward
from wgplugin.model.without_ipv6 import Families


def check_network(
    file_name: str,
    config: InterfaceConfig,
    tunnel: TunnelSettings,
    subnets: Sequence[Prefix],
    gateways: Sequence[InterfaceAddress],
    *,
    internal: bool,
) -> None:
    """Check that a shared network can be had.

    Args:
        file_name: the configuration's name, as messages show it.
        config: the configuration.
        tunnel: the settings of the network.
        subnets: those of Docker's IPAM.
        gateways: the addresses that IPAM keeps for the router, one in each subnet.
        internal: whether the network is an internal one.

    Raises:
        PluginError: a subnet or gateway is missing, a subnet has an address that the tunnel needs,
            the file lacks an Address, or a forwarded port leads nowhere.
    """
    held = {gateway.network for gateway in gateways}
    if not subnets or not all(subnet in held for subnet in subnets):
        raise no_gateway()
    _check_apart(file_name, config, subnets)
    if hub.is_hub(config, tunnel):
        _check_beside(file_name, config, subnets)
    if hub.has_nat(config, tunnel) and not config.addresses:
        raise PluginError(
            Code.NO_ADDRESS,
            f"{file_name} has no Address, by which peers know a shared network's containers; add "
            "one, or create the network with --opt wireguard-nat=off",
        )
    for forward in tunnel.forward:
        _check_forward(forward, subnets)
    if tunnel.forward and internal:
        raise _internal()


def warnings(
    file_name: str,
    config: InterfaceConfig,
    tunnel: TunnelSettings,
    subnets: Iterable[Prefix],
    families: Families,
) -> tuple[str, ...]:
    """Return the warnings about a shared network's configuration; ``families`` are the host's."""
    found = [fault.within(file_name) for fault in config.warnings]
    if 6 not in families or 6 not in prefixes.full_families(allowed_ips(config)):
        return tuple(found)
    if not any(subnet.version == 6 for subnet in subnets):
        found.append(
            f"{file_name} has ::/0 in AllowedIPs and the network has no IPv6 subnet: the "
            "containers' IPv6 traffic gets no reply, and doesn't go past the tunnel either; for "
            f"IPv6 create the network with --ipv6 [{Code.NO_IPV6_ADDRESS}]"
        )
    elif hub.has_nat(config, tunnel) and not any(
        address.version == 6 for address in config.addresses
    ):
        found.append(
            f"{file_name} has ::/0 in AllowedIPs and no IPv6 Address: the containers' IPv6 "
            f"traffic gets no reply [{Code.NO_IPV6_ADDRESS}]"
        )
    return tuple(found)


def member_forwards(
    own: Iterable[Forward], assigned: Iterable[InterfaceAddress], *, internal: bool = False
) -> tuple[Forward, ...]:
    """Return the forwarded ports of a container's option, with each of its assigned addresses.

    Raises:
        PluginError: one has an address already, or the network is an internal one.
    """
    own, addresses = tuple(own), [each.ip for each in assigned]
    for forward in own:
        if forward.address is not None:
            raise PluginError(
                Code.BAD_FORWARD,
                f"wireguard-forward: a container's port leads to itself; leave {forward.address} "
                f"out: {replace(forward, address=None)}",
            )
    if own and internal:
        raise _internal()
    return tuple(replace(forward, address=address) for forward in own for address in addresses)


def check_ports(own: Iterable[Forward], others: Mapping[str, Iterable[Forward]]) -> None:
    """Check that a container's forwarded ports are its alone.

    ``others`` are those of the network and of its other containers, by who has them, as messages
    show it.

    Raises:
        PluginError: one is another's, too.
    """
    wanted = {each for forward in own for each in forward.takes}
    for holder, forwards in others.items():
        for forward in forwards:
            if forward.takes & wanted:
                raise PluginError(
                    Code.BAD_FORWARD,
                    f"wireguard-forward: port {forward.port}/{forward.protocol} of the tunnel is "
                    f"that of {holder} already; choose another one",
                )


def no_gateway() -> PluginError:
    """Return the error for a shared network without addresses for its containers and router."""
    return PluginError(
        Code.NO_GATEWAY,
        "a shared network needs a subnet for its containers, with a gateway address; create it "
        "without --ipam-driver null",
    )


def _check_apart(file_name: str, config: InterfaceConfig, subnets: Iterable[Prefix]) -> None:
    """Check that no subnet has an address of the tunnel, or a whole prefix of AllowedIPs."""
    for subnet in subnets:
        for address in config.addresses:
            if address.ip in subnet:
                raise _taken(subnet, f"holds the Address {address} of {file_name}")
        for net in allowed_ips(config):
            if net.version == subnet.version and net.subnet_of(subnet):  # type: ignore[arg-type]
                raise _taken(subnet, f"holds {net} of AllowedIPs in {file_name}")


def _check_beside(file_name: str, config: InterfaceConfig, subnets: Iterable[Prefix]) -> None:
    """Check that no subnet has addresses of peers: those are in the subnets of a hub's Address."""
    for subnet in subnets:
        for address in config.addresses:
            if subnet.overlaps(address.network):
                raise _taken(
                    subnet, f"overlaps with {address.network} of the Address in {file_name}"
                )


def _taken(subnet: Prefix, what: str) -> PluginError:
    return PluginError(
        Code.SUBNET_TAKEN,
        f"the network's subnet {subnet} {what}, which is at the tunnel's other end; create "
        "the network with another --subnet",
    )


def _check_forward(forward: Forward, subnets: Iterable[Prefix]) -> None:
    if forward.address is None:
        raise PluginError(
            Code.BAD_FORWARD,
            f"wireguard-forward: {forward} has no address, which it needs in a network's option; "
            f"write {forward.port}:ADDRESS:{forward.to}/{forward.protocol}, or give it to the "
            "container",
        )
    if not any(forward.address in subnet for subnet in subnets):
        raise PluginError(
            Code.BAD_FORWARD,
            f"wireguard-forward: {forward.address} isn't in the network's subnet "
            f"{', '.join(map(str, subnets))}; write an address of a container on it",
        )


def _internal() -> PluginError:
    return PluginError(
        Code.BAD_FORWARD,
        "wireguard-forward: nothing comes out of the tunnel of an internal network; leave it out, "
        "or create the network without --internal",
    )
