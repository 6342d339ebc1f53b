"""The report on a configuration is what a container gets."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.reporting import (
    FULL,
    INTERFACE,
    PEER,
    PUBLIC,
    interface,
    relaxed,
    reported,
)
from tests.strategies import configs, networks
from wgplugin.cli.report import container_text, report
from wgplugin.errors import PluginError
from wgplugin.model.configuration import InterfaceConfig, TunnelSettings

# What the container will get


@pytest.mark.parametrize(
    ("addresses", "allowed_ips", "routes", "sink"),
    [
        ("10.0.0.2/32", "0.0.0.0/0", "0.0.0.0/0", "::/0"),
        ("10.0.0.2, fd00::2", "0.0.0.0/0, ::/0", "0.0.0.0/0, ::/0", ""),
        ("fd00::2", "::/0, 10.0.0.0/8", "::/0, 10.0.0.0/8", "0.0.0.0/0"),
        ("10.0.0.2/32", "0.0.0.0/1, 128.0.0.0/1", "0.0.0.0/1, 128.0.0.0/1", "::/0"),
        ("10.0.0.2/32", "10.0.0.0/8, 192.168.1.0/24", "10.0.0.0/8, 192.168.1.0/24", ""),
        ("10.0.0.2/24", "10.0.0.0/24, 10.0.1.4/32", "10.0.0.0/24, 10.0.1.4/32", ""),
        ("10.0.0.2/32", "10.0.1.2/32, 10.0.1.3/32", "10.0.1.2/32, 10.0.1.3/32", ""),
        ("", "0.0.0.0/0, ::/0", "0.0.0.0/0, ::/0", ""),
        (
            "10.0.0.2",
            "0.0.0.0/2, 64.0.0.0/2, 128.0.0.0/1",
            "0.0.0.0/2, 64.0.0.0/2, 128.0.0.0/1",
            "::/0",
        ),
        ("", "10.0.0.0/8, fd00::/8", "10.0.0.0/8, fd00::/8", ""),
    ],
)
def test_routes_are_reported_as_the_file_has_them(
    addresses: str, allowed_ips: str, routes: str, sink: str
) -> None:
    found = reported(interface(addresses, allowed_ips))
    assert (", ".join(found.routes), ", ".join(found.sink)) == (routes, sink)


def test_settings_change_what_is_routed() -> None:
    assert reported(FULL, sink="off").sink == ()
    found = reported(FULL, bypass="0.0.0.0/1")
    assert (found.routes, found.bypass) == (("128.0.0.0/1",), ("0.0.0.0/1",))
    found = reported(FULL, default="gateway")
    assert (found.routes, found.sink, found.default) == (("0.0.0.0/0",), (), "gateway")
    assert "Docker chooses" in container_text(found)


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(PluginError, match="leave out one of them"):
        reported(FULL, default="gateway", bypass="10.0.0.0/8")


def test_table_off_routes_nothing() -> None:
    found = reported(interface("10.0.0.2/32", "0.0.0.0/0, fd00::/8", "Table = off\n"))
    assert (found.routes, found.sink, found.unrouted) == ((), (), ())
    assert re.search(r"routes +none", container_text(found))


def test_allowed_ips_without_an_address_of_their_family_are_reported() -> None:
    found = reported(interface("10.0.0.2/32", "10.0.0.0/8, fd00::/8"))
    assert (found.routes, found.unrouted) == (("10.0.0.0/8",), ("fd00::/8",))
    assert "no route   fd00::/8: the file has no IPv6 Address" in container_text(found)


@relaxed
@given(configs(), st.booleans())
def test_each_of_the_allowed_ips_is_reported_as_routed_or_not(
    config: InterfaceConfig, sink: bool
) -> None:
    found = report(config, TunnelSettings(sink=sink))
    allowed = {str(net) for peer in config.peers for net in peer.allowed_ips}
    assert {*found.routes, *found.unrouted} == (allowed if config.routes else {*found.routes})
    assert not {*found.routes} & {*found.sink, *found.unrouted}


@relaxed
@given(configs(), st.lists(networks(), min_size=1, max_size=3))
def test_no_route_leads_to_what_bypasses_the_tunnel(
    config: InterfaceConfig, bypass: list[Any]
) -> None:
    connected = {address.network for address in config.addresses}
    found = report(config, TunnelSettings(bypass=tuple(bypass)))
    for net in {ip_network(text) for text in (*found.routes, *found.sink)} - connected:
        assert not any(net.overlaps(other) for other in bypass)


@pytest.mark.parametrize(
    ("other", "peer", "said"),
    [
        ("MTU = 1380\n", "", "MTU +1380"),
        ("", "Endpoint = vpn.example:51820\n", "MTU +automatic: path to the peer less 80"),
        ("", "", "MTU +automatic: 1420, as no peer has an Endpoint"),
        ("DNS = 10.0.0.1, fd00::1, example.net\n", "", "DNS +is to be given to Docker: docker run"),
        ("DNS = 10.0.0.1, example.net\n", "", "run --dns 10.0.0.1 --dns-search example.net\n"),
        ("Address = 10.0.0.2/32\n", "", "addresses +10.0.0.2/32\n"),
        ("", "", "addresses +from Docker"),
        ("Address = 10.0.0.2/32, fd00::2/128\n", "", "edition +base\n"),
        ("Address = 10.0.0.2, 10.0.0.3\n", "", "edition +needs the live edition"),
        ("", "Endpoint = [fd00::1]:51820\n", rf"peer 1 +{re.escape(PUBLIC)} at \[fd00::1\]:51820"),
        ("", "Endpoint = vpn.example:51820\n", rf"peer 1 +{re.escape(PUBLIC)} at vpn.example:518"),
        ("", "", rf"peer 1 +{re.escape(PUBLIC)} which has no Endpoint"),
    ],
)
def test_report_is_a_table_for_people(other: str, peer: str, said: str) -> None:
    text = container_text(reported(f"{INTERFACE}{other}{PEER}{peer}"))
    assert re.search(said, text + "\n")


def test_shared_network_is_reported_with_its_settings_and_its_edition() -> None:
    found = reported(FULL, mode="shared", nat="off", forward="80:172.20.0.5:80")
    assert (found.mode, found.nat, found.isolate) == ("shared", False, False)
    assert (found.edition, found.forwards) == ("live", ("80:172.20.0.5:80/tcp",))
    assert (found.routes, found.sink) == (("0.0.0.0/0",), ("::/0",))
    text = container_text(found)
    assert re.search(r"addresses +from Docker; the tunnel's own are 10\.0\.0\.2/32\n", text)
    assert re.search(
        r"mode +shared; nat off; isolate off; forwards 80:172\.20\.0\.5:80/tcp\n", text
    )
    assert "the base edition has no shared networks" in text
    assert "mode" not in container_text(reported(FULL))


def test_required_dns_is_reported_as_required() -> None:
    found = reported(f"{INTERFACE}DNS = 10.0.0.1\n{PEER}", dns="require")
    assert "must be given to Docker: docker run --dns 10.0.0.1" in container_text(found)
