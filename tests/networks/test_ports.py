"""A container whose ports its tunnel's network doesn't publish is warned of, with the cure."""

import re

from wgplugin.networks.ports import port_warnings


def test_published_ports_are_named_with_both_cures_and_the_page() -> None:
    (warning,) = port_warnings(["8080:80/tcp", "53/udp"])
    assert warning.startswith("this network doesn't publish 8080:80/tcp, 53/udp: ")
    assert "docker network connect BRIDGE CONTAINER" in warning
    assert "Compose networks: [default, NETWORK]" in warning
    assert re.search(r"docs/web-app\.md .*\[WG115\]$", warning)


def test_warning_holds_for_a_container_on_a_bridge_too() -> None:
    (warning,) = port_warnings(["8080:80/tcp"])
    assert "this network doesn't publish" in warning
    assert "unless it has one" in warning


def test_container_without_published_ports_is_not_warned_of() -> None:
    assert port_warnings([]) == ()
