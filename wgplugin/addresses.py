"""Which addresses a container gets: those of the file, of an option, or of Docker's IPAM. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_interface, ip_network

from wgplugin.errors import PluginError
from wgplugin.options import ADDRESS
from wgplugin.routes import Interface

NULL_IPAM = "create the network with --ipam-driver null"


def check_subnets(file_name: str, own: Iterable[Interface], subnets: Iterable[str]) -> None:
    """See, when a network is created, that its subnets can hold the file's addresses.

    Args:
        file_name: the configuration, as the user should see it.
        own: the file's addresses.
        subnets: what Docker's IPAM gave the network, in CIDR form; none for the null driver.

    Raises:
        PluginError: a subnet of an address's family doesn't hold it, or there are more addresses
            than Docker sets.
    """
    own = tuple(own)
    check_count(file_name, own)
    nets = [ip_network(subnet) for subnet in subnets]
    for address in own:
        family = [net for net in nets if net.version == address.version]
        if family and not any(address.ip in net for net in family):
            raise PluginError(
                f"{file_name} has the Address {address}, which isn't in the network's subnet "
                f"{', '.join(map(str, family))}; {NULL_IPAM}, or with --subnet {address.network}"
            )


def choose(
    file_name: str, own: Sequence[Interface], assigned: Iterable[str]
) -> tuple[Interface, ...]:
    """Return a container's addresses: those that Docker assigned, and its own in other families.

    Args:
        file_name: the configuration, as the user should see it.
        own: the addresses of the container's option, or else of the file.
        assigned: what Docker's IPAM assigned, in CIDR form.

    Raises:
        PluginError: Docker assigned another address than the container's own, or there is none.
    """
    check_count(file_name, own)
    docker = tuple(ip_interface(text) for text in assigned)
    for mine in own:
        for theirs in docker:
            if mine.version == theirs.version and mine.ip != theirs.ip:
                option = "--ip" if mine.version == 4 else "--ip6"
                raise PluginError(
                    f"Docker assigned {theirs.ip}, and {file_name} has the Address {mine.ip}; "
                    f"start the container with {option} {mine.ip}, or {NULL_IPAM}"
                )
    families = {address.version for address in docker}
    chosen = (*docker, *(address for address in own if address.version not in families))
    if not chosen:
        raise PluginError(
            f"the container has no address: add an Address to {file_name}, or give one with "
            f"--network name=NETWORK,driver-opt={ADDRESS}=ADDRESS, or create the network without "
            "--ipam-driver null"
        )
    return chosen


def check_count(file_name: str, own: Sequence[Interface]) -> None:
    """See that there are no more addresses than Docker sets: one of each family.

    Raises:
        PluginError: there are more.
    """
    for version in (4, 6):
        count = sum(address.version == version for address in own)
        if count > 1:
            raise PluginError(
                f"{file_name} has {count} IPv{version} addresses, and Docker sets one; "
                "leave one of them"
            )
