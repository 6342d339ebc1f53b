"""Which addresses a hub's next peer gets. Pure.

A peer has one address of each of the hub's subnets, all with the same number in their subnet.
Numbers are given in order, and none twice: a peer that is gone may still have its file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network

from wgplugin.cli.hub.document import Document
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.prefixes import IPAddress, Prefix

MOST_COUNTED = 65536
"""The size of the largest subnet whose addresses are counted."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a prefix is; ``line`` is that of the file, 0 for the hub's own Address."""

    prefix: Prefix
    name: str
    line: int
    is_gone: bool = False

    def __str__(self) -> str:
        return f"{self.name}'s (line {self.line})" if self.line else "the hub's own"


@dataclass(frozen=True, slots=True)
class Given:
    """The addresses of a peer, and the number that was given last by now."""

    addresses: tuple[IPAddress, ...]
    last: int


def subnets(document: Document) -> tuple[Prefix, ...]:
    """Return the subnets of which peers get addresses: those of the hub's Address.

    Raises:
        PluginError: there are none.
    """
    networks = (each.network for each in document.config.addresses)
    found = tuple(dict.fromkeys(net for net in networks if net.prefixlen < net.max_prefixlen))
    if not found:
        raise PluginError(
            Code.NOT_A_HUB,
            f"{document.name}: the Address of [Interface] has no subnet for peers; give it a "
            "shorter prefix, such as 10.99.0.1/24",
        )
    return found


def next_free(document: Document) -> Given:
    """Return the addresses of the next number.

    Raises:
        PluginError: the hub has no subnets, or no number is left.
    """
    nets, held = subnets(document), holders(document)
    number = last = document.hub.last if document.hub else 0
    while True:
        number += 1
        if not all(number <= _largest(net) for net in nets):
            raise _full(document, nets, held, last)
        addresses = tuple(net[number] for net in nets)
        behind = [found for each in addresses if (found := _behind(each, nets, held))]
        if not behind:
            return Given(addresses, number)
        number = max(number, *behind)


def asked_for(document: Document, addresses: Iterable[IPAddress]) -> Given:
    """Return addresses that somebody asks for; those of a removed peer may be had in this way.

    Raises:
        PluginError: one isn't in the hub's subnets, or isn't free.
    """
    nets, held = subnets(document), holders(document)
    addresses = tuple(dict.fromkeys(addresses))
    for address in addresses:
        net = next((each for each in nets if address in each), None)
        if net is None:
            raise PluginError(
                Code.OUTSIDE_HUB,
                f"--address {address} isn't in the hub's subnet {', '.join(map(str, nets))}; "
                "choose one that is, or leave it out for the next free one",
            )
        if not 0 < int(address) - int(net.network_address) <= _largest(net):
            message = f"--address {address} stands for the subnet {net} itself; choose another one"
            raise PluginError(Code.ADDRESS_TAKEN, message)
        for holder in held:
            if not holder.is_gone and address in holder.prefix:
                raise PluginError(
                    Code.ADDRESS_TAKEN,
                    f"--address {address} is {holder} in {document.name}; choose another one, or "
                    "leave it out for the next free one",
                )
    last = document.hub.last if document.hub else 0
    return Given(addresses, last)


def holders(document: Document) -> tuple[Holder, ...]:
    """Return whose which addresses are, of peers, removed ones, and the hub."""
    own = [Holder(ip_network(each.ip), "", 0) for each in document.config.addresses]
    peers = [
        Holder(net, entry.note.name or "a peer", entry.line)
        for entry in document.entries
        for net in entry.peer.allowed_ips
    ]
    gone = [
        Holder(ip_network(address), note.name, 0, is_gone=True)
        for note in document.removed
        for address in note.addresses
    ]
    return (*own, *peers, *gone)


def _behind(address: IPAddress, nets: Iterable[Prefix], held: Iterable[Holder]) -> int:
    """Return the last number in a prefix that holds an address; 0 if none does."""
    net = next(each for each in nets if address in each)
    found = [each.prefix for each in held if address in each.prefix]
    ends = (int(each.broadcast_address) - int(net.network_address) for each in found)
    return min(max(ends, default=0), net.num_addresses)


def _largest(net: Prefix) -> int:
    """Return the largest number that an address of a subnet may have: IPv4's last is broadcast."""
    keeps = 1 if net.version == 4 and net.prefixlen < 31 else 0
    return net.num_addresses - 1 - keeps


def _full(
    document: Document, nets: Iterable[Prefix], held: Iterable[Holder], last: int
) -> PluginError:
    net = min(nets, key=_largest)
    advice = f"make the prefix of {document.name}'s Address shorter"
    if net.num_addresses <= MOST_COUNTED and (free := _free(net, held, last)):
        advice = (
            f"{len(free)} of removed peers are free again: take one with --address {free[0]}, or "
            f"{advice}"
        )
    return PluginError(Code.HUB_FULL, f"the hub's subnet {net} is full: {advice}")


def _free(net: Prefix, held: Iterable[Holder], last: int) -> list[IPAddress]:
    there = [each.prefix for each in held if not each.is_gone]
    taken = {each.network_address for each in there if each.prefixlen == each.max_prefixlen}
    wide = [each for each in there if each.prefixlen < each.max_prefixlen]
    given = (net[number] for number in range(1, min(last, _largest(net)) + 1))
    return [
        each for each in given if each not in taken and not any(each in other for other in wide)
    ]
