"""Docker's requests become values; an option of Docker's that can't be read is left out."""

from __future__ import annotations

from typing import Any

import pytest

from wgplugin.docker.protocol import CreateEndpointRequest
from wgplugin.docker.requests import PORT_MAP, new_endpoint

BINDING = {"Proto": 6, "IP": "", "Port": 80, "HostIP": "", "HostPort": 8080, "HostPortEnd": 8080}


def published(options: dict[str, Any] | None) -> tuple[str, ...]:
    request = CreateEndpointRequest(network_id="n1", endpoint_id="e1", options=options)
    return new_endpoint(request).published


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "8080:80/tcp"),
        ({"Proto": 17}, "8080:80/udp"),
        ({"Proto": 132}, "8080:80/sctp"),
        ({"Proto": 1}, "8080:80/1"),
        ({"HostIP": "127.0.0.1"}, "127.0.0.1:8080:80/tcp"),
        ({"HostIP": "::1"}, "[::1]:8080:80/tcp"),
        ({"HostIP": None}, "8080:80/tcp"),
        ({"HostPort": 0, "HostPortEnd": 0}, "80/tcp"),
        ({"HostPortEnd": 8090}, "8080-8090:80/tcp"),
        ({"HostPortEnd": 0}, "8080:80/tcp"),
    ],
)
def test_published_port_is_written_as_for_publish(changes: dict[str, Any], expected: str) -> None:
    assert published({PORT_MAP: [{**BINDING, **changes}]}) == (expected,)


def test_each_published_port_is_one_of_the_values() -> None:
    other = {**BINDING, "Port": 53, "Proto": 17, "HostPort": 0}
    assert published({PORT_MAP: [BINDING, other]}) == ("8080:80/tcp", "53/udp")


@pytest.mark.parametrize("options", [None, {}, {PORT_MAP: None}, {PORT_MAP: []}, {PORT_MAP: [7]}])
def test_container_without_published_ports_has_none(options: dict[str, Any] | None) -> None:
    assert published(options) == ()
