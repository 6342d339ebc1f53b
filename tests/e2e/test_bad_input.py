"""Whatever is wrong, the user reads one sentence that says what to do, and nothing is left."""

import re
from pathlib import Path

import pytest

from tests.e2e.commands import refused, run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import (
    IMAGE,
    LIVE,
    PLUGIN,
    container,
    create_network,
    docker,
    network,
    state_folder,
)

TOO_MANY = "2 IPv4 addresses, and Docker sets one; leave one of them, or use the live edition"
DOCKER_LOG = Path("/var/log/dockerd.log")
NULL_IPAM = ("--ipam-driver", "null")
KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
PEER = "[Peer]\nPublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n"
GOOD = f"[Interface]\nPrivateKey = {KEY}\nAddress = 10.8.9.1/32\n{PEER}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(GOOD.replace("[Peer]", "[Per]"), "wrong.conf:4:1", id="unknown section"),
        pytest.param(GOOD + "AllowedIP = ::/0\n", "AllowedIPs", id="misspelt key"),
        pytest.param(GOOD.replace(KEY, KEY[:-2]), "wrong.conf:2:14", id="key cut short"),
        pytest.param(GOOD + "AllowedIPs = 10.0.0.0/33\n", "wrong.conf:6:23", id="prefix too long"),
        pytest.param(
            GOOD + "AllowedIPs =\u00a0::/0\n",
            "wrong.conf:6:13: AllowedIPs: here is a no-break space, U+00A0",
            id="no-break space",
        ),
        pytest.param(
            GOOD.replace("Address", "Jc = 4\nS1 = 15\nAddress"),
            "wrong.conf:4:1: S1 is a key of AmneziaWG",
            id="AmneziaWG",
        ),
        pytest.param(
            GOOD.replace("Address = ", "Address = 10.8.9.2/32, "), TOO_MANY, id="too many"
        ),
    ],
)
def test_wrong_file_is_refused_when_the_network_is_created(
    configurations: Configurations, text: str, said: str
) -> None:
    if LIVE and said == TOO_MANY:
        pytest.skip("the live edition takes any number of addresses")
    output = refused(*create_network("wrong", configurations.write("wrong", text)))
    assert said in output
    assert KEY[:-2] not in output


FIVE_MISTAKES = """[Interface]
PrivatKey = x
Address = 10.0.0.2/33
; comment
[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
AllowedIPs = 10.0.0.0/33
Endpoint = vpn.example.com
"""


def test_every_mistake_is_reported_with_its_place_and_code(configurations: Configurations) -> None:
    configurations.write("wrong", FIVE_MISTAKES)
    output = refused(*create_network("wrong", "wrong"))
    for place in ("2:1", "3:20", "4:1", "7:23", "8:12"):
        assert re.search(rf"wrong\.conf:{place}: .+ \[WG\d{{3}}\]$", output, re.MULTILINE), output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--opt wireguard-config=NAME"),
        (("--opt", "wireguard-config=absent"), "absent.conf: no such file"),
        (("--opt", "wireguard-config=../etc/passwd"), "not a path"),
        (("--opt", "wireguard-config=good.conf"), "without .conf: good"),
        (("--opt", "wireguard-config=folder"), "folder.conf: isn't a file"),
        (("--opt", "wireguard-config=good", "--opt", "wireguard-colour=red"), "wireguard-colour"),
        (
            ("--opt", "wireguard-config=good", "--opt", "com.docker.network.bridge.name=br1"),
            "com.docker.network.bridge.name isn't for this network: there is no bridge",
        ),
        (
            ("--opt", "wireguard-config=good", "--opt", "com.docker.network.driver.mtu=many"),
            "com.docker.network.driver.mtu: 'many' isn't a number from 68 on",
        ),
        (
            ("--opt", "wireguard-config=good", "--opt", "wireguard-isolate=on"),
            "wireguard-isolate=on is for shared networks",
        ),
    ],
)
def test_wrong_options_are_refused_when_the_network_is_created(
    configurations: Configurations, options: tuple[str, ...], said: str
) -> None:
    configurations.write("good", GOOD)
    folder = configurations.folder / "folder.conf"
    folder.mkdir()
    create = ("docker", "network", "create", "--driver", PLUGIN, *NULL_IPAM)
    assert said in refused(*create, *options, "wrong")
    folder.rmdir()


def test_address_that_docker_would_not_assign_is_refused(configurations: Configurations) -> None:
    configurations.write("good", GOOD)
    output = refused(*create_network("wrong", "good", "--subnet", "10.9.9.0/24"))
    assert "--ipam-driver null, or with --subnet 10.8.9.1/32" in output


def test_second_container_on_a_configuration_is_refused(configurations: Configurations) -> None:
    configurations.write("good", GOOD)
    with network("good") as net, container(net) as first:
        endpoint_id = first.inspect()["NetworkSettings"]["Networks"][net]["EndpointID"]
        output = refused("docker", "run", "--rm", "--network", net, IMAGE, "/busybox", "true")
        assert f"in use by endpoint {endpoint_id[:12]}" in output
        first.run("ip", "address", "show", "wg0")


def test_listen_port_in_use_is_refused(configurations: Configurations) -> None:
    configurations.write("good", GOOD.replace("Address", "ListenPort = 51999\nAddress"))
    run("ip", "link", "add", "holder", "type", "wireguard")
    try:
        run("wg", "set", "holder", "listen-port", "51999")
        run("ip", "link", "set", "holder", "up")
        with network("good") as net:
            output = refused("docker", "run", "--rm", "--network", net, IMAGE, "/busybox", "true")
            assert "good.conf: ListenPort 51999 is in use" in output
    finally:
        run("ip", "link", "del", "holder")


def test_mac_address_is_refused(configurations: Configurations) -> None:
    configurations.write("good", GOOD)
    mac = ("--mac-address", "02:42:ac:11:00:02")
    with network("good") as net:
        output = refused("docker", "run", "--rm", "--network", net, *mac, IMAGE, "/busybox", "true")
    assert "leave out --mac-address" in output


@pytest.mark.skipif(LIVE, reason="the live edition has shared networks")
def test_shared_network_is_refused_with_the_edition_that_has_it(
    configurations: Configurations,
) -> None:
    name = configurations.write("good", GOOD)
    output = refused(*create_network("shared", name, "--opt", "wireguard-mode=shared"))
    assert "--driver wireguard:live" in output
    assert "[WG119]" in output


@pytest.mark.skipif(not DOCKER_LOG.exists(), reason="reads the lab's log of dockerd")
def test_published_ports_need_a_second_network_which_each_start_logs(
    configurations: Configurations,
) -> None:
    configurations.write("good", GOOD)
    warning = r"doesn't publish 127\.0\.0\.1:8089:80/tcp: .* docs/web-app\.md .*\[WG115\]"
    before = len(re.findall(warning, DOCKER_LOG.read_text(errors="replace")))

    def warnings() -> int:
        return len(re.findall(warning, DOCKER_LOG.read_text(errors="replace"))) - before

    with network("good") as net, container(net, "--publish", "127.0.0.1:8089:80") as box:
        assert not any((box.inspect()["NetworkSettings"]["Ports"] or {}).values())
        wait_until(lambda: warnings() == 1, "the warning of the first start")
        docker("restart", "--time", "1", box.name)
        wait_until(lambda: warnings() == 2, "the warning of the second start")
        docker("network", "connect", "bridge", box.name)
        assert box.inspect()["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"] == "8089"


def test_file_that_turns_bad_is_refused_when_the_container_starts(
    configurations: Configurations,
) -> None:
    configurations.write("good", GOOD)
    with network("good") as net:
        configurations.write("good", GOOD + "Endpoint = nowhere\n")
        output = refused("docker", "run", "--rm", "--network", net, IMAGE, "/busybox", "true")
    assert "good.conf:6:" in output


def test_network_that_the_plugin_does_not_know_is_refused(configurations: Configurations) -> None:
    configurations.write("good", GOOD)
    with network("good") as net:
        docker("plugin", "disable", "--force", PLUGIN)
        for path in state_folder().glob("networks/*"):
            path.unlink()
        docker("plugin", "enable", PLUGIN)
        output = refused("docker", "run", "--rm", "--network", net, IMAGE, "/busybox", "true")
    assert "docker network rm" in output
