"""The commands of a hub: what they print, what is in the file then, and what they refuse."""

from __future__ import annotations

import json
import re
import stat
import time
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.cli.hub.conftest import ENDPOINT, Terminal, network, plugin
from wgplugin.cli.hub import keys, places, writing
from wgplugin.codes import Code
from wgplugin.conf import parser
from wgplugin.model.device import Key
from wgplugin.model.notes import PeerNote, Reach
from wgplugin.networks.status import PeerStatus, TunnelStatus

OWN = "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA="
SERVER = f"[Interface]\nPrivateKey = {OWN}\nListenPort = 7\nAddress = 10.8.0.1/24\n"


def peers(terminal: Terminal) -> dict[str, tuple[str, ...]]:
    """Return the addresses of the peers that the file has for wg(8), by name."""
    config = parser.parse(terminal.text.encode(), "office.conf")
    return {peer.note.name: tuple(map(str, peer.allowed_ips)) for peer in config.peers}


# hub init


def test_hub_s_file_has_a_key_and_its_addresses_and_is_for_its_owner_alone(hub: Terminal) -> None:
    config = parser.parse(hub.text.encode(), "office.conf")
    assert config.hub
    assert config.hub.endpoint == f"{ENDPOINT}:51820"
    assert config.listen_port == 51820
    assert [str(each) for each in config.addresses] == ["10.99.0.1/24", "fd99::1/64"]
    assert stat.S_IMODE((hub.folder / "office.conf").stat().st_mode) == 0o600


def test_subnets_are_made_up_if_none_are_given(terminal: Terminal) -> None:
    made = {}
    for name in ("first", "second"):
        terminal.done("hub", "init", name, "--endpoint", "192.0.2.1")
        config = writing.read(terminal.folder, name).config
        made[name] = config.addresses
        ipv4, ipv6 = (each.network for each in config.addresses)
        assert (ipv4.prefixlen, ipv6.prefixlen) == (24, 64)
        assert ipv4.is_private
        assert str(ipv6).startswith("fd")
    assert made["first"] != made["second"]


@pytest.mark.parametrize(
    ("given", "endpoint"),
    [
        ("vpn.example.org", "vpn.example.org:51820"),
        ("vpn.example.org:7", "vpn.example.org:7"),
        ("192.0.2.1", "192.0.2.1:51820"),
        ("2001:db8::1", "[2001:db8::1]:51820"),
        ("[2001:db8::1]", "[2001:db8::1]:51820"),
        ("[2001:db8::1]:7", "[2001:db8::1]:7"),
    ],
)
def test_endpoint_s_port_is_that_of_the_hub_unless_it_has_one(
    terminal: Terminal, given: str, endpoint: str
) -> None:
    assert terminal.document("hub", "init", "office", "--endpoint", given)["endpoint"] == endpoint


def test_hub_that_is_there_stays_and_its_note_can_be_changed(hub: Terminal) -> None:
    before = hub.text
    same = hub.document("hub", "init", "office", "--endpoint", ENDPOINT)
    assert (same["done"], hub.text) == ("is there already", before)
    found = hub.document("hub", "init", "office", "--endpoint", "192.0.2.9", "--dns", "9.9.9.9")
    assert (found["done"], found["endpoint"], found["dns"]) == (
        "changed",
        "192.0.2.9:51820",
        ["9.9.9.9"],
    )
    key = r"PrivateKey = (\S+)"
    assert re.findall(key, hub.text) == re.findall(key, before)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("office",), Code.NO_HUB_ENDPOINT, "give --endpoint HOST or HOST:PORT"),
        (
            ("Office", "--endpoint", "x"),
            Code.BAD_HUB_OPTION,
            "HUB: 'Office' isn't a name for a hub",
        ),
        (("office", "--endpoint", "a b"), Code.BAD_HUB_OPTION, "--endpoint: "),
        (("office", "--endpoint", "x", "--listen-port", "0"), Code.BAD_HUB_OPTION, "--listen-port"),
        (("office", "--endpoint", "x", "--subnet", "10.9.0.1/24"), Code.BAD_HUB_OPTION, "--subnet"),
        (("office", "--endpoint", "x", "--subnet", "10.9.0.0/31"), Code.BAD_HUB_OPTION, "no room"),
        (
            ("office", "--endpoint", "x", "--subnet", "10.9.0.0/24,10.8.0.0/24"),
            Code.BAD_HUB_OPTION,
            "once",
        ),
        (("office", "--endpoint", "x", "--dns", "dns"), Code.BAD_HUB_OPTION, "--dns: 'dns' isn't"),
    ],
)
def test_hub_that_cannot_be_made_leaves_no_file(
    terminal: Terminal, arguments: tuple[str, ...], code: Code, says: str
) -> None:
    assert terminal.type("hub", "init", *arguments) == 1
    assert says in terminal.err
    assert terminal.err.endswith(f"[{code}]\n")
    assert not list(terminal.folder.iterdir())


@pytest.mark.parametrize(
    "arguments", [("--listen-port", "7"), ("--subnet", "10.98.0.0/24")], ids=["port", "subnet"]
)
def test_other_hub_of_the_name_is_refused(hub: Terminal, arguments: tuple[str, ...]) -> None:
    before = hub.text
    assert hub.type("hub", "init", "office", "--endpoint", ENDPOINT, *arguments) == 1
    assert hub.err.endswith(f"[{Code.FILE_EXISTS}]\n")
    assert hub.text == before


# peer add


def test_client_s_file_has_what_it_takes_and_the_hub_s_has_no_key_of_it(hub: Terminal) -> None:
    text = hub.done("peer", "add", "phone")
    client = parser.parse(text.encode(), "phone.conf")
    server = parser.parse(hub.text.encode(), "office.conf")
    assert [str(each) for each in client.addresses] == ["10.99.0.2/32", "fd99::2/128"]
    assert ([str(each) for each in client.dns], client.dns_search) == (["172.30.5.1"], ("office",))
    (peer,) = client.peers
    nets = ["10.99.0.0/24", "fd99::/64", "172.30.5.0/24"]
    assert [str(each) for each in peer.allowed_ips] == nets
    assert peer.public_key == keys.public_key(server.private_key)
    assert peer.endpoint
    assert (peer.endpoint.host, peer.endpoint.port) == (ENDPOINT, "51820")
    assert peer.persistent_keepalive == 25
    (there,) = server.peers
    assert there.public_key == keys.public_key(client.private_key)
    assert there.preshared_key == peer.preshared_key is not None
    assert client.private_key.base64() not in hub.text


def test_options_of_a_client_s_file(hub: Terminal) -> None:
    given = ("--routes", "172.30.5.0/24", "--dns", "9.9.9.9", "--endpoint", "192.0.2.9")
    more = ("--keepalive", "0", "--mtu", "1280", "--no-preshared-key")
    client = parser.parse(hub.done("peer", "add", "phone", *given, *more).encode(), "phone.conf")
    (peer,) = client.peers
    assert [str(each) for each in peer.allowed_ips] == ["172.30.5.0/24"]
    assert ([str(each) for each in client.dns], client.dns_search) == (["9.9.9.9"], ())
    assert peer.endpoint
    assert (peer.endpoint.host, peer.persistent_keepalive, client.mtu) == ("192.0.2.9", 0, 1280)
    assert peer.preshared_key is None
    without = hub.done("peer", "add", "laptop", "--dns", "off")
    assert "DNS" not in without


def test_key_of_the_client_s_own_is_the_peer_s_and_no_private_key_is_printed(hub: Terminal) -> None:
    text = hub.done("peer", "add", "phone", "--public-key", OWN)
    assert "\nPrivateKey" not in text
    assert f"# PrivateKey = the one whose public key is {OWN}\n" in text
    (peer,) = parser.parse(hub.text.encode(), "office.conf").peers
    assert peer.public_key == Key.from_base64(OWN)


def test_note_has_the_end_and_the_limit(hub: Terminal) -> None:
    hub.done("peer", "add", "phone", "--expires", "2999-12-31", "--reach", "172.30.5.2/32:tcp/80")
    assert "peer name=phone expires=2999-12-31T00:00:00Z reach=172.30.5.2/32:tcp/80\n" in hub.text


@pytest.mark.parametrize(("span", "seconds"), [("12h", 43200), ("30d", 2592000), ("2w", 1209600)])
def test_end_may_be_a_span(hub: Terminal, span: str, seconds: int) -> None:
    before = int(time.time())
    hub.done("peer", "add", "phone", "--expires", span)
    (peer,) = parser.parse(hub.text.encode(), "office.conf").peers
    assert peer.note.expires
    assert before <= peer.note.expires - seconds <= time.time()


def test_output_is_a_new_file_for_its_owner_alone(hub: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "phone.conf"
    assert hub.done("peer", "add", "phone", "--output", str(path)) == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert parser.parse(path.read_bytes(), "phone.conf").peers
    before = hub.text
    assert hub.type("peer", "add", "tablet", "--output", str(path)) == 1
    assert hub.err.endswith(f"[{Code.FILE_EXISTS}]\n")
    assert hub.text == before


def test_output_of_a_refused_peer_is_not_left(hub: Terminal, tmp_path: Path) -> None:
    hub.done("peer", "add", "phone")
    path = tmp_path / "phone.conf"
    assert hub.type("peer", "add", "phone", "--output", str(path)) == 1
    assert not path.exists()


def test_server_s_file_of_others_takes_peers(terminal: Terminal) -> None:
    (terminal.folder / "office.conf").write_text(SERVER)
    assert terminal.type("peer", "add", "phone", "--hub", "office") == 1
    assert terminal.err.endswith(f"[{Code.NO_HUB_ENDPOINT}]\n")
    terminal.done("peer", "add", "phone", "--hub", "office", "--endpoint", "192.0.2.1")
    # From now on it is known for a hub, with its endpoint.
    terminal.done("peer", "add", "tablet")
    assert peers(terminal) == {"phone": ("10.8.0.2/32",), "tablet": ("10.8.0.3/32",)}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("phone",), Code.PEER_EXISTS, r"has a peer phone already, in line 7; choose another"),
        (("PHONE",), Code.PEER_EXISTS, "has a peer phone already"),
        (("a b",), Code.BAD_HUB_OPTION, "NAME: 'a b' isn't a name"),
        (("b", "--address", "10.98.0.1"), Code.OUTSIDE_HUB, "isn't in the hub's subnet"),
        (("b", "--address", "10.99.0.2"), Code.ADDRESS_TAKEN, r"is phone's \(line 7\)"),
        (("b", "--address", "x"), Code.BAD_HUB_OPTION, "--address: 'x' isn't an IP address"),
        (("b", "--expires", "2001-01-01"), Code.EXPIRED, "--expires 2001-01-01 is over already"),
        (("b", "--expires", "0d"), Code.EXPIRED, "is over already"),
        (("b", "--expires", "soon"), Code.BAD_HUB_OPTION, "write 30d, 12h, 2w, 2026-12-31"),
        (("b", "--reach", "web:80"), Code.BAD_HUB_OPTION, "--reach: 'web:80' isn't what a peer"),
        (("b", "--routes", "10.0.0.0/8:tcp/1"), Code.BAD_HUB_OPTION, "--routes: .* has a port"),
        (("b", "--public-key", "x"), Code.BAD_HUB_OPTION, "--public-key: this key has 1 char"),
        (("b", "--public-key", OWN), Code.KEY_TAKEN, "the key gN65BkIK… is that of phone in"),
        (("b", "--keepalive", "x"), Code.BAD_HUB_OPTION, "--keepalive: 'x' isn't a number"),
        (("b", "--mtu", "5"), Code.BAD_HUB_OPTION, "--mtu: '5' isn't a number from 576"),
    ],
)
def test_peer_that_cannot_be_added_changes_nothing(
    hub: Terminal, arguments: tuple[str, ...], code: Code, says: str
) -> None:
    hub.done("peer", "add", "phone", "--public-key", OWN)
    before = hub.text
    assert hub.type("peer", "add", *arguments) == 1
    assert re.search(says, hub.err)
    assert hub.err.endswith(f"[{code}]\n")
    assert OWN not in hub.err
    assert hub.text == before
    assert [path.name for path in hub.folder.iterdir()] == ["office.conf"]


def test_hub_s_own_key_and_those_of_removed_peers_are_nobody_s(hub: Terminal) -> None:
    config = parser.parse(hub.text.encode(), "office.conf")
    own = keys.public_key(config.private_key).base64()
    hub.done("peer", "add", "phone", "--public-key", OWN)
    hub.done("peer", "remove", "phone")
    for key, whose in ((own, "the hub's own"), (OWN, "a former one, of phone,")):
        assert hub.type("peer", "add", "b", "--public-key", key) == 1
        assert whose in hub.err


def test_subnet_of_the_containers_must_be_known(hub: Terminal) -> None:
    before = hub.text
    hub.scene.docker.listed = []
    assert hub.type("peer", "add", "phone") == 1
    assert "no network of Docker's has this hub's file; create the network first" in hub.err
    hub.scene.docker.failure = 500
    assert hub.type("peer", "add", "phone") == 1
    assert "as Docker doesn't answer" in hub.err
    assert hub.err.endswith(f"[{Code.NO_ROUTES}]\n")
    assert hub.text == before
    text = hub.done("peer", "add", "phone", "--routes", "172.30.5.0/24")
    assert "DNS" not in text


def test_gateway_that_docker_does_not_tell_is_the_first_address(hub: Terminal) -> None:
    hub.scene.docker.listed = [network({"wireguard-config": "office"}, "172.30.5.0/24")]
    assert "DNS = 172.30.5.1, office\n" in hub.done("peer", "add", "phone")


# Other commands


def test_list_has_state_and_what_the_plugin_knows(hub: Terminal) -> None:
    hub.done("peer", "add", "phone", "--public-key", OWN)
    hub.done("peer", "add", "tablet", "--reach", "172.30.5.2/32")
    hub.done("peer", "disable", "tablet")
    seen = PeerStatus(OWN, "192.0.2.9:7", 1000.0, 2048, 4096, ("10.99.0.2/32",))
    hub.scene.plugin.tunnels = [TunnelStatus("", "n", "office", "up", peers=(seen,))]
    phone, tablet = hub.document("peer", "list")["peers"]
    assert (phone["last_handshake"], phone["received_bytes"], phone["sent_bytes"]) == (
        1000.0,
        2048,
        4096,
    )
    assert (phone["state"], tablet["state"]) == ("on", "disabled")
    assert (phone["reach"], tablet["reach"]) == (None, ["172.30.5.2/32"])
    assert tablet["last_handshake"] is None
    table = hub.done("peer", "list").splitlines()
    assert [line.split()[0] for line in table] == ["NAME", "phone", "tablet"]
    assert "2.0 KiB" in table[1]


def test_expired_peer_is_shown_as_such(hub: Terminal) -> None:
    hub.done("peer", "add", "phone", "--expires", "1d")
    path = hub.folder / "office.conf"
    path.write_text(re.sub(r"expires=\S+", "expires=2001-01-01", path.read_text()))
    assert hub.document("peer", "show", "phone")["state"] == "expired"
    hub.done("peer", "set", "phone", "--expires", "never")
    assert hub.document("peer", "show", "phone")["state"] == "on"


def test_commands_that_were_given_already_say_so_and_change_nothing(hub: Terminal) -> None:
    hub.done("peer", "add", "phone")
    for action, done in (
        ("disable", "is disabled already"),
        ("enable", "is enabled already"),
        ("remove", "was removed already"),
    ):
        hub.done("peer", action, "phone")
        before = hub.text
        assert hub.done("peer", action, "phone") == f"phone {done}\n"
        assert hub.text == before


def test_rotation_keeps_addresses_and_name_and_ends_the_former_keys(hub: Terminal) -> None:
    first = parser.parse(hub.done("peer", "add", "phone", "--expires", "1d").encode(), "x")
    before = parser.parse(hub.text.encode(), "office.conf").peers[0]
    second = parser.parse(hub.done("peer", "rotate", "phone").encode(), "x")
    after = parser.parse(hub.text.encode(), "office.conf").peers[0]
    assert first.private_key != second.private_key
    assert second.addresses == first.addresses
    assert after.note == before.note
    assert after.public_key == keys.public_key(second.private_key)
    assert after.preshared_key == second.peers[0].preshared_key != before.preshared_key
    assert before.public_key.base64() in hub.text


def test_peer_without_a_note_is_known_by_its_key(hub: Terminal) -> None:
    path = hub.folder / "office.conf"
    path.write_text(f"{hub.text}[Peer]\nPublicKey = {OWN}\nAllowedIPs = 10.99.0.7/32\n")
    assert hub.document("peer", "show", OWN)["name"] == ""
    hub.done("peer", "set", OWN, "--reach", "172.30.5.2/32")
    (peer,) = parser.parse(hub.text.encode(), "x").peers
    assert peer.note == PeerNote(reach=(Reach(ip_network("172.30.5.2/32")),))
    hub.done("peer", "remove", OWN)
    assert not parser.parse(hub.text.encode(), "x").peers


@pytest.mark.parametrize("action", ["show", "enable", "disable", "rotate", "remove"])
def test_unknown_peer_is_refused_with_names_near_to_it(hub: Terminal, action: str) -> None:
    hub.done("peer", "add", "phone")
    assert hub.type("peer", action, "phnoe") == 1
    assert hub.err == f"office.conf has no peer phnoe; did you mean phone? [{Code.NO_SUCH_PEER}]\n"


def test_peer_in_two_sections_is_refused_with_their_lines(hub: Terminal) -> None:
    hub.done("peer", "add", "phone", "--public-key", OWN)
    path = hub.folder / "office.conf"
    path.write_text(f"{hub.text}[Peer]\nPublicKey = {OWN}\n")
    assert hub.type("peer", "remove", "phone") == 1
    assert "the sections of lines 7, 12 have one name or one key" in hub.err


def test_nothing_to_set_is_refused(hub: Terminal) -> None:
    hub.done("peer", "add", "phone")
    assert hub.type("peer", "set", "phone") == 1
    assert hub.err.endswith(f"[{Code.BAD_HUB_OPTION}]\n")


# Which hub, and where


def test_hub_needs_no_name_if_there_is_one(hub: Terminal) -> None:
    (hub.folder / "vpn.conf").write_text(SERVER.replace("ListenPort = 7\n", ""))
    (hub.folder / "broken.conf").write_text("[Interfac]\n")
    hub.done("peer", "list")
    hub.done("hub", "init", "second", "--endpoint", "x")
    assert hub.type("peer", "list") == 1
    assert f"has several hubs: office, second; name one with --hub [{Code.WHICH_HUB}]" in hub.err
    hub.done("peer", "list", "--hub", "second")


def test_folder_without_a_hub_says_how_to_make_one(terminal: Terminal) -> None:
    assert terminal.type("peer", "list") == 1
    assert "make one with hub init" in terminal.err
    assert terminal.err.endswith(f"[{Code.NOT_A_HUB}]\n")


def test_file_with_mistakes_is_refused_with_all_of_them(hub: Terminal) -> None:
    path = hub.folder / "office.conf"
    path.write_text(hub.text.replace("ListenPort", "ListenPrt"))
    before = hub.text
    assert hub.type("peer", "add", "phone", "--hub", "office") == 1
    assert f"{hub.folder}/office.conf:4:1: " in hub.err
    assert hub.text == before


def test_folder_is_that_of_the_plugin_enabled_ones_first(
    terminal: Terminal, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    docker = terminal.scene.docker
    docker.plugins = [
        plugin("/elsewhere", socket="other.sock"),
        plugin(str(tmp_path), enabled=False),
        plugin("/absent"),
        plugin(str(there)),
    ]
    assert places.folder(None) == there
    assert places.folder(tmp_path) == tmp_path
    docker.plugins = []
    assert places.folder(None) == places.CONFIG_DIR


def test_each_command_prints_one_document(hub: Terminal) -> None:
    added = hub.document("peer", "add", "phone")
    assert set(added) == {"hub", "name", "addresses", "public_key", "file", "output"}
    for words in (("enable", "phone"), ("set", "phone", "--reach", "all"), ("remove", "phone")):
        assert set(hub.document("peer", *words)) == {"hub", "name", "done"}
    assert json.loads(hub.done("peer", "list", "--json")) == {"hub": "office", "peers": []}
