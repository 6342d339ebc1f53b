"""A shared network, or a container's port, that can't be is refused with what to do."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from tests.model.sharing import (
    BOTH,
    BOTH_ROUTERS,
    CONTAINER,
    IPV4,
    ROUTER,
    file,
    interfaces,
    settings,
)
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.configuration import InterfaceConfig
from wgplugin.model.shared_checks import check_network, check_ports, member_forwards, warnings

# The network


def check(
    config: InterfaceConfig,
    texts: dict[str, str] | None = None,
    routers: str = ROUTER,
    *,
    internal: bool = False,
) -> None:
    gateways = interfaces(routers)
    subnets = [gateway.network for gateway in gateways]
    tunnel = settings(**texts or {})
    check_network("x.conf", config, tunnel, subnets, gateways, internal=internal)


@pytest.mark.parametrize(
    ("config", "routers", "texts", "code", "said"),
    [
        (file(), "", {}, Code.NO_GATEWAY, "without --ipam-driver null"),
        (file(address=""), ROUTER, {}, Code.NO_ADDRESS, "x.conf has no Address"),
        (
            file(address="172.20.9.9/32"),
            ROUTER,
            {},
            Code.SUBNET_TAKEN,
            "172.20.0.0/16 holds the Address 172.20.9.9/32 of x.conf",
        ),
        (
            file("172.20.0.0/16"),
            ROUTER,
            {},
            Code.SUBNET_TAKEN,
            "172.20.0.0/16 holds 172.20.0.0/16 of AllowedIPs in x.conf",
        ),
        (file("fd20::7"), BOTH_ROUTERS, {}, Code.SUBNET_TAKEN, "another --subnet"),
        (file(), ROUTER, {"forward": "80:81"}, Code.BAD_FORWARD, "write 80:ADDRESS:81/tcp"),
        (
            file(),
            ROUTER,
            {"forward": "80:172.21.0.2:80"},
            Code.BAD_FORWARD,
            "172.21.0.2 isn't in the network's subnet 172.20.0.0/16",
        ),
    ],
)
def test_network_that_cannot_be_is_refused(
    config: InterfaceConfig, routers: str, texts: dict[str, str], code: Code, said: str
) -> None:
    with pytest.raises(PluginError) as caught:
        check(config, texts, routers)
    assert said in str(caught.value)
    assert caught.value.code is code


def test_network_needs_a_gateway_in_each_subnet() -> None:
    subnets = [ip_network("172.20.0.0/16"), ip_network("fd20::/64")]
    with pytest.raises(PluginError, match="with a gateway address"):
        check_network("x.conf", file(), settings(), subnets, interfaces(ROUTER), internal=False)


def test_internal_network_forwards_nothing() -> None:
    check(file(), internal=True)
    forward = {"forward": "80:172.20.0.2:80"}
    check(file(), forward)
    with pytest.raises(PluginError, match="internal network"):
        check(file(), forward, internal=True)


@pytest.mark.parametrize(
    ("config", "texts"),
    [
        (file("172.16.0.0/12"), {}),
        (file("0.0.0.0/0", "10.8.0.2/8"), {}),
        (file(address=""), {"nat": "off"}),
        (file(), {"forward": "80:172.20.0.2:80"}),
    ],
)
def test_network_beside_the_tunnel_s_prefixes_is_accepted(
    config: InterfaceConfig, texts: dict[str, str]
) -> None:
    check(config, texts)


@pytest.mark.parametrize(
    ("address", "routers", "texts", "said"),
    [
        ("10.8.0.2/32", ROUTER, {}, "the network has no IPv6 subnet"),
        ("10.8.0.2/32, fd08::2/128", ROUTER, {}, "create the network with --ipv6"),
        ("10.8.0.2/32", BOTH_ROUTERS, {}, "no IPv6 Address: the containers' IPv6 traffic gets no"),
        ("10.8.0.2/32", BOTH_ROUTERS, {"nat": "off"}, ""),
        ("10.8.0.2/32, fd08::2/128", BOTH_ROUTERS, {}, ""),
    ],
)
def test_ipv6_that_gets_no_reply_is_warned_of(
    address: str, routers: str, texts: dict[str, str], said: str
) -> None:
    subnets = [each.network for each in interfaces(routers)]
    config = file("0.0.0.0/0, ::/0", address)
    found = warnings("x.conf", config, settings(**texts), subnets, BOTH)
    assert len(found) == bool(said)
    assert said in "".join(found)
    assert warnings("x.conf", config, settings(**texts), subnets, IPV4) == ()


# Forwarded ports


def test_forwarded_port_of_a_container_leads_to_each_of_its_addresses() -> None:
    own = settings(forward="80:8080,53:53/udp").forward
    found = member_forwards(own, interfaces(f"{CONTAINER} fd20::2/64"))
    assert sorted(map(str, found)) == [
        "53:172.20.0.2:53/udp",
        "53:[fd20::2]:53/udp",
        "80:172.20.0.2:8080/tcp",
        "80:[fd20::2]:8080/tcp",
    ]


def test_forwarded_port_of_a_container_leads_to_no_other() -> None:
    own = settings(forward="80:172.20.0.3:8080").forward
    with pytest.raises(PluginError, match=r"leave 172\.20\.0\.3 out: 80:8080/tcp"):
        member_forwards(own, interfaces(CONTAINER))


def test_container_of_an_internal_network_has_no_forwarded_port() -> None:
    with pytest.raises(PluginError, match="internal network"):
        member_forwards(settings(forward="80:80").forward, (), internal=True)


def test_forwarded_port_is_one_container_s() -> None:
    mine = member_forwards(settings(forward="80:80").forward, interfaces(CONTAINER))
    of_others = settings(forward="80:172.20.0.9:80/udp,81:172.20.0.9:80").forward
    check_ports(mine, {"the network": of_others})
    theirs = settings(forward="80:172.20.0.9:81").forward
    with pytest.raises(PluginError, match="port 80/tcp of the tunnel is that of endpoint e2"):
        check_ports(mine, {"the network": of_others, "endpoint e2": theirs})
