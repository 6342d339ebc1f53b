"""A container's addresses: from the file, an option, or Docker's IPAM. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.prefixes import InterfaceAddress, Prefix

ADDRESS_OPTION = "wireguard-address"
"""The container's option that replaces the file's addresses."""

NULL_IPAM = "create the network with --ipam-driver null"
SHARED = "or, for several containers behind one tunnel, with --opt wireguard-mode=shared"


def check_subnets(
    file_name: str, own: Iterable[InterfaceAddress], subnets: Iterable[Prefix]
) -> None:
    """Check that the subnets of a new network can hold the file's addresses.

    Args:
        file_name: the configuration's name, as messages show it.
        own: the file's addresses.
        subnets: those that Docker's IPAM gave the network; none for the null driver.

    Raises:
        PluginError: a family has addresses and subnets, and no address is in a subnet.
    """
    own, subnets = tuple(own), tuple(subnets)
    for version in (4, 6):
        nets = [net for net in subnets if net.version == version]
        addresses = [address for address in own if address.version == version]
        held = any(address.ip in net for address in addresses for net in nets)
        if nets and addresses and not held:
            raise PluginError(
                Code.OUTSIDE_SUBNET,
                f"{file_name} has the Address {addresses[0]}, which isn't in the network's subnet "
                f"{', '.join(map(str, nets))}; {NULL_IPAM}, or with "
                f"--subnet {addresses[0].network}, {SHARED}",
            )


def choose(
    file_name: str, own: Sequence[InterfaceAddress], assigned: Iterable[InterfaceAddress]
) -> tuple[InterfaceAddress, ...]:
    """Return a container's addresses: those that Docker assigned, then the others of its own.

    Args:
        file_name: the configuration's name, as messages show it.
        own: the addresses of the container's option, or else of the file.
        assigned: the addresses that Docker's IPAM assigned.

    Raises:
        PluginError: the container has no address, or Docker assigned one that isn't among the
            container's own addresses of that family.
    """
    docker = tuple(assigned)
    for theirs in docker:
        family = [mine.ip for mine in own if mine.version == theirs.version]
        if family and theirs.ip not in family:
            option = "--ip" if theirs.version == 4 else "--ip6"
            raise PluginError(
                Code.OTHER_ADDRESS,
                f"Docker assigned {theirs.ip}, and {file_name} has the Address {family[0]}; "
                f"start the container with {option} {family[0]}, or {NULL_IPAM}, {SHARED}",
            )
    taken = {address.ip for address in docker}
    chosen = (*docker, *(address for address in own if address.ip not in taken))
    if not chosen:
        raise PluginError(
            Code.NO_ADDRESS,
            f"the container has no address: add an Address to {file_name}, or give one with "
            f"--network name=NETWORK,driver-opt={ADDRESS_OPTION}=ADDRESS, or create the "
            "network without --ipam-driver null",
        )
    return chosen


def check_count(file_name: str, own: Sequence[InterfaceAddress], most: int) -> None:
    """Check that a family has at most ``most`` addresses: Docker sets only one.

    Raises:
        PluginError: there are more.
    """
    for version in (4, 6):
        count = sum(address.version == version for address in own)
        if count > most:
            raise PluginError(
                Code.TOO_MANY_ADDRESSES,
                f"{file_name} has {count} IPv{version} addresses, and Docker sets one; "
                "leave one of them, or use the live edition",
            )
