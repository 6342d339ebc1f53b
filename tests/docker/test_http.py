"""Docker's protocol as it goes over the wire: what engines send is understood, and answered so
that they understand it."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from tests.memory_host import MemoryHost
from tests.serving import Client, serving
from wgplugin.conf.folder import ConfigFolder
from wgplugin.docker import http
from wgplugin.networks.resolver import Resolver
from wgplugin.plugin import assemble
from wgplugin.state.store import Store
from wgplugin.timings import Timings

# Made by record.py; the configurations are those of the tests that were recorded.
RECORDED = Path(__file__).parents[1] / "recorded"
RECORDED_CONFIGURATIONS = ("live", "again", "assigned")
NETWORK_ID = "5e6f" * 16
ENDPOINT_ID = "0a1b" * 16
HOME = """[Interface]
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
Address = 10.8.0.2/32, fd08::2/128
[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
AllowedIPs = 0.0.0.0/0, ::/0, 10.1.2.0/24
Endpoint = 192.0.2.1:51820
"""
CREATE_NETWORK = {
    "NetworkID": NETWORK_ID,
    "Options": {
        "com.docker.network.enable_ipv6": False,
        "com.docker.network.generic": {"wireguard-config": "home"},
    },
    "IPv4Data": [{"AddressSpace": "null", "Pool": "0.0.0.0/0"}],
    "IPv6Data": None,
}
ENDPOINT = {"NetworkID": NETWORK_ID, "EndpointID": ENDPOINT_ID}


@pytest.fixture
def backend() -> MemoryHost:
    return MemoryHost()


@pytest.fixture
def client(tmp_path: Path, backend: MemoryHost) -> Iterator[Client]:
    with plugin(tmp_path, backend, Timings()) as client:
        yield client


@pytest.fixture
def impatient(tmp_path: Path, backend: MemoryHost) -> Iterator[Client]:
    """A plugin that soon gives up a call."""
    with plugin(tmp_path, backend, Timings(call=0.5)) as client:
        yield client


@contextmanager
def plugin(tmp_path: Path, backend: MemoryHost, timings: Timings) -> Iterator[Client]:
    (tmp_path / "config").mkdir()
    for name in ("home", *RECORDED_CONFIGURATIONS):
        text = HOME.replace("Address", "#") if name == "assigned" else HOME
        (tmp_path / "config" / f"{name}.conf").write_text(text)
    folder, store = ConfigFolder(tmp_path / "config"), Store(tmp_path / "state")
    assembled = assemble(folder, store, backend, Resolver(), timings=timings)
    with serving(assembled, tmp_path / "socket") as client:
        yield client


@pytest.mark.parametrize("recording", sorted(RECORDED.glob("*.json")), ids=lambda path: path.stem)
def test_everything_that_an_engine_sent_is_understood(client: Client, recording: Path) -> None:
    calls = json.loads(recording.read_text())
    assert len({name for name, _ in calls}) >= 6
    for name, body in calls:
        status, answer = client.send(name, body.encode() or None)
        assert (status, "Err" in answer) == (200, False), (name, body, answer)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("Plugin.Activate", {"Implements": ["NetworkDriver"]}),
        (
            "NetworkDriver.GetCapabilities",
            {"Scope": "local", "ConnectivityScope": "local", "GwAllocChecker": True},
        ),
    ],
)
def test_call_without_arguments_has_no_body(
    client: Client, name: str, answer: dict[str, Any]
) -> None:
    assert client.call(name) == (200, answer)


def test_container_is_given_device_addresses_and_routes(
    client: Client, backend: MemoryHost
) -> None:
    assert client.call("NetworkDriver.CreateNetwork", CREATE_NETWORK) == (200, {})

    interface = {"Address": "", "AddressIPv6": "", "MacAddress": ""}
    request = {**ENDPOINT, "Interface": interface, "Options": {"com.docker.network.portmap": []}}
    assert client.call("NetworkDriver.CreateEndpoint", request) == (
        200,
        {"Interface": {"Address": "10.8.0.2/32", "AddressIPv6": "fd08::2/128", "MacAddress": ""}},
    )

    sandbox = {"SandboxKey": "/var/run/docker/netns/0123456789ab", "Options": None}
    status, answer = client.call("NetworkDriver.Join", {**ENDPOINT, **sandbox})
    (device,) = backend.devices
    assert (status, answer) == (
        200,
        {
            "InterfaceName": {"SrcName": device, "DstPrefix": "wg"},
            "Gateway": "",
            "GatewayIPv6": "",
            "StaticRoutes": [
                {"Destination": "169.254.1.1/32", "RouteType": 1, "NextHop": ""},
                {"Destination": "fe80::99/128", "RouteType": 1, "NextHop": ""},
                {"Destination": "0.0.0.0/1", "RouteType": 0, "NextHop": "169.254.1.1"},
                {"Destination": "128.0.0.0/1", "RouteType": 0, "NextHop": "169.254.1.1"},
                {"Destination": "::/1", "RouteType": 0, "NextHop": "fe80::99"},
                {"Destination": "8000::/1", "RouteType": 0, "NextHop": "fe80::99"},
                {"Destination": "10.1.2.0/24", "RouteType": 1, "NextHop": ""},
            ],
            "DisableGatewayService": True,
        },
    )

    assert client.call("NetworkDriver.EndpointOperInfo", ENDPOINT) == (200, {"Value": {}})
    assert client.call("NetworkDriver.Leave", ENDPOINT) == (200, {})
    assert client.call("NetworkDriver.DeleteEndpoint", ENDPOINT) == (200, {})
    assert client.call("NetworkDriver.DeleteNetwork", {"NetworkID": NETWORK_ID}) == (200, {})


def test_addresses_that_docker_assigned_are_not_answered(client: Client, tmp_path: Path) -> None:
    text = HOME.replace("Address", "#").replace("0.0.0.0/0, ::/0, ", "")
    (tmp_path / "config" / "home.conf").write_text(text)
    pools = [{"AddressSpace": "LocalDefault", "Pool": "172.18.0.0/16", "Gateway": "172.18.0.1/16"}]
    client.call("NetworkDriver.CreateNetwork", {**CREATE_NETWORK, "IPv4Data": pools})
    interface = {"Address": "172.18.0.2/16", "AddressIPv6": "", "MacAddress": ""}

    answer = client.call("NetworkDriver.CreateEndpoint", {**ENDPOINT, "Interface": interface})

    assert answer == (200, {"Interface": {"Address": "", "AddressIPv6": "", "MacAddress": ""}})


@pytest.mark.parametrize(
    ("name", "body", "answer"),
    [
        ("GwAllocCheck", {"Options": {}}, {"SkipIPv4": True, "SkipIPv6": True}),
        ("GwAllocCheck", {"Options": None}, {"SkipIPv4": True, "SkipIPv6": True}),
        ("ProgramExternalConnectivity", {**ENDPOINT, "Options": {"a": 1}}, {}),
        ("RevokeExternalConnectivity", ENDPOINT, {}),
        ("DiscoverNew", {"DiscoveryType": 1, "DiscoveryData": {"Self": True}}, {}),
        ("DiscoverDelete", {"DiscoveryType": 1, "DiscoveryData": None}, {}),
        ("AllocateNetwork", {"NetworkID": "9zq0", "Options": None}, {"Options": {}}),
        ("FreeNetwork", {"NetworkID": "9zq0"}, {}),
        ("Leave", ENDPOINT, {}),
        ("DeleteEndpoint", ENDPOINT, {}),
        ("DeleteNetwork", {"NetworkID": NETWORK_ID}, {}),
    ],
)
def test_call_is_answered(
    client: Client, name: str, body: dict[str, Any], answer: dict[str, Any]
) -> None:
    assert client.call(f"NetworkDriver.{name}", body) == (200, answer)


def test_fields_of_newer_engines_are_ignored(client: Client) -> None:
    request = {**CREATE_NETWORK, "Colour": "red", "IPv4Data": [{"AddressSpace": "null", "New": 1}]}
    assert client.call("NetworkDriver.CreateNetwork", request) == (200, {})


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"NetworkID"',
        b"\xff\xfe{}",
        b'{"NetworkID": 7}',
        b'{"NetworkID": ""}',
        b'{"NetworkID": "../../etc"}',
        b'{"NetworkID": "a\\n"}',
        b'{"NetworkID": "' + b"a" * 200 + b'"}',
        b'{"NetworkID": "a", "x": ' + b"[" * 100_000,
        b" " * (http.MAX_BODY + 1),
    ],
    ids=range(14),
)
@pytest.mark.parametrize("name", ["CreateNetwork", "DeleteNetwork"])
def test_bad_body_is_refused_with_a_reason(client: Client, name: str, body: bytes | None) -> None:
    status, answer = client.send(f"NetworkDriver.{name}", body)
    assert status == 400
    assert answer["Err"].startswith("the request ")


@pytest.mark.parametrize(
    ("body", "said"), [(b"", "has no body"), (b" " * (http.MAX_BODY + 1), "is larger than")]
)
def test_body_that_is_none_or_too_much_is_called_so(client: Client, body: bytes, said: str) -> None:
    status, answer = client.send("NetworkDriver.Join", body)
    assert status == 400
    assert said in answer["Err"]


@pytest.mark.parametrize("endpoint_id", ["", ".", "..", "../../etc/passwd", "a/b", "a\x00b", "é"])
def test_endpoint_id_that_could_be_a_path_is_refused(client: Client, endpoint_id: str) -> None:
    request = {"NetworkID": NETWORK_ID, "EndpointID": endpoint_id}
    for name in ("CreateEndpoint", "Join", "Leave", "DeleteEndpoint"):
        status, answer = client.call(f"NetworkDriver.{name}", request)
        assert status == 400
        assert answer["Err"].startswith("the request can't be read")


def test_request_that_breaks_off_does_nothing_and_is_logged(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: Queue[str] = Queue()
    monkeypatch.setattr(http.log, "warning", lambda text, *values: said.put(text % values))
    body = json.dumps(CREATE_NETWORK).encode()
    head = f"POST /NetworkDriver.CreateNetwork HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(client.path))
        connection.sendall(head.encode() + body[:-5])
    line = said.get(timeout=30)
    assert line == "NetworkDriver.CreateNetwork refused: the request breaks off [WG501]"
    status, answer = client.call("NetworkDriver.CreateEndpoint", ENDPOINT)
    assert status == 500
    assert "doesn't know this network" in answer["Err"]


def test_request_whose_rest_never_comes_is_given_up(impatient: Client) -> None:
    head = b"POST /NetworkDriver.CreateNetwork HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(impatient.path))
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 500 ")


def test_error_of_the_driver_is_what_the_user_reads(client: Client) -> None:
    status, answer = client.call("NetworkDriver.CreateNetwork", {"NetworkID": NETWORK_ID})
    assert status == 500
    assert "--opt wireguard-config=NAME" in answer["Err"]


def test_unexpected_failure_says_where_to_look_and_no_more(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: ConfigFolder, name: str) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(ConfigFolder, "read", fail)
    status, answer = client.call("NetworkDriver.CreateNetwork", CREATE_NETWORK)
    assert status == 500
    assert "log" in answer["Err"]
    assert "secret" not in answer["Err"]


def test_call_that_hangs_is_answered_and_undone(impatient: Client, backend: MemoryHost) -> None:
    client = impatient
    backend.hanging.add("configure")
    client.call("NetworkDriver.CreateNetwork", CREATE_NETWORK)

    status, answer = client.call("NetworkDriver.CreateEndpoint", ENDPOINT)

    assert status == 500
    assert "not done within" in answer["Err"]
    assert backend.devices == {}
