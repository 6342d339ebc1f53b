"""Each container of a network with a pool gets a configuration that nobody else has."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.hosts import DOCKER_POOL, LiveHost
from tests.loops import VIRTUAL_TIME
from tests.networks.pooling import (
    BaseHost,
    PoolHost,
    break_,
    end,
    endpoint,
    key,
    kill,
    network,
    start,
    write,
)
from wgplugin.codes import Code
from wgplugin.docker import protocol
from wgplugin.errors import PluginError
from wgplugin.model.identity import device_name

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> object:
    """The event loop of tests that are coroutines."""
    return VIRTUAL_TIME


@pytest.fixture(params=[BaseHost, LiveHost])
async def host(request: pytest.FixtureRequest, tmp_path: Path) -> PoolHost:
    """A plugin of either edition, with four files and nothing else."""
    host: PoolHost = request.param(tmp_path)
    write(host, "vpn-a", "vpn-b", "vpn-c", "vpn-d")
    return host


@pytest.fixture
async def base(tmp_path: Path) -> BaseHost:
    host = BaseHost(tmp_path)
    write(host, "vpn-a", "vpn-b", "vpn-c", "vpn-d")
    return host


def private_key(host: PoolHost, endpoint_id: str) -> str:
    _, config = host.backend.devices[device_name(endpoint_id)]
    assert config
    assert config.private_key
    return config.private_key.base64()


async def refused(host: PoolHost, endpoint_id: str) -> PluginError:
    with pytest.raises(PluginError) as caught:
        await host.create_endpoint("n1", endpoint_id)
    assert host.store.endpoints.get(endpoint_id) is None
    assert device_name(endpoint_id) not in host.backend.devices
    return caught.value


# Choosing


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        ("vpn-*", ["vpn-a", "vpn-b", "vpn-c", "vpn-d"]),
        ("vpn-d,vpn-a,vpn-b,vpn-c", ["vpn-d", "vpn-a", "vpn-b", "vpn-c"]),
        ("vpn-c,vpn-[ad],vpn-*", ["vpn-c", "vpn-a", "vpn-d", "vpn-b"]),
    ],
)
async def test_containers_get_the_configurations_in_order_and_the_next_one_is_refused(
    host: PoolHost, pool: str, expected: list[str]
) -> None:
    await host.create_network("n1", pool)
    names = [await start(host, f"e{number}") for number in range(4)]
    assert names == expected
    error = await refused(host, "e9")
    assert error.code is Code.POOL_USED_UP
    assert all(f"{name} by endpoint e{number}" in str(error) for number, name in enumerate(names))


async def test_device_has_the_key_of_the_chosen_file(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*")
    await host.create_endpoint("n1", "e1")
    await host.create_endpoint("n1", "e2")
    assert [private_key(host, each) for each in ("e1", "e2")] == [key("vpn-a"), key("vpn-b")]


async def test_configuration_is_free_again_at_the_end_of_its_container(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*")
    await start(host, "e1")
    await start(host, "e2")
    await end(host, "e1")
    assert await start(host, "e3") == "vpn-a"


async def test_least_recently_used_one_is_taken_with_rotate(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*", pick="rotate")
    names = []
    for number in range(6):
        names.append(await start(host, f"e{number}"))
        await end(host, f"e{number}")
    assert names == ["vpn-a", "vpn-b", "vpn-c", "vpn-d", "vpn-a", "vpn-b"]
    host.start()
    assert await start(host, "e9") == "vpn-c"


async def test_files_are_matched_anew_at_each_start(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*")
    write(host, "vpn-0")
    assert await start(host, "e1") == "vpn-0"
    (host.folder / "vpn-a.conf").unlink()
    assert await start(host, "e2") == "vpn-b"


async def test_reason_and_time_are_remembered(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*")
    for name, why in (("e1", "first of the pool"), ("e2", "vpn-a is in use")):
        host.clock.advance(1000.0)
        await start(host, name)
        found = endpoint(host, name)
        assert (found.since, found.why) == (host.clock.wall(), why)


async def test_configuration_of_another_network_is_in_use_as_well(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*")
    await host.create_network("n2", "vpn-a")
    await host.create_network("n3", "vpn-[ab]")
    assert await start(host, "e2", "n2") == "vpn-a"
    assert await start(host, "e1", "n1") == "vpn-b"
    with pytest.raises(PluginError, match="WG124"):
        await host.create_endpoint("n3", "e3")


async def test_containers_that_start_at_once_get_one_each(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*")
    starting = [host.create_endpoint("n1", f"e{number}") for number in range(6)]
    answers = await asyncio.gather(*starting, return_exceptions=True)
    assert sorted(isinstance(answer, PluginError) for answer in answers) == [False] * 4 + [True] * 2
    names = sorted(each.configuration for each in host.store.endpoints)
    assert names == ["vpn-a", "vpn-b", "vpn-c", "vpn-d"]


async def test_call_that_docker_repeats_keeps_what_the_container_has(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*")
    await start(host, "e1")
    await start(host, "e2")
    before = endpoint(host, "e2")
    await end(host, "e1")
    await host.create_endpoint("n1", "e2")
    assert endpoint(host, "e2") == before


async def test_what_a_crash_left_behind_is_free(base: BaseHost) -> None:
    await base.create_network("n1", "vpn-*")
    await start(base, "e1")
    base.backend.containers.clear()
    base.wait()
    assert await start(base, "e2") == "vpn-a"
    assert base.store.endpoints.get("e1") is None


async def test_network_without_a_pool_lists_no_files_and_writes_no_history(
    base: BaseHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    await base.create_network("n1", "vpn-a")
    before = network(base)
    monkeypatch.setattr("wgplugin.conf.folder.ConfigFolder.names", lambda _: pytest.fail("listed"))
    base.backend.never.add(device_name("e1"))
    await start(base, "e1")
    assert (endpoint(base, "e1").why, endpoint(base, "e1").since) == ("", 0.0)
    with pytest.raises(PluginError, match="configuration vpn-a is in use by endpoint e1"):
        await base.create_endpoint("n1", "e2")
    await end(base, "e1")
    assert network(base) == before


# Settings


async def test_settings_are_those_of_the_configuration_in_use(host: PoolHost) -> None:
    yaml = "configurations: {vpn-a: {interface: first, pick: rotate}, vpn-b: {interface: second}}"
    (host.folder / "wgplugin.yaml").write_text(yaml)
    await host.create_network("n1", "vpn-*")
    await start(host, "e1")
    await start(host, "e2")
    await start(host, "e3")
    prefixes = [endpoint(host, each).interface for each in ("e1", "e2", "e3")]
    assert prefixes == ["first", "second", "wg"]
    await end(host, "e1")
    assert await start(host, "e4") == "vpn-a"


async def test_pick_of_the_defaults_counts_for_a_pool(host: PoolHost) -> None:
    (host.folder / "wgplugin.yaml").write_text("defaults: {pick: rotate}")
    await host.create_network("n1", "vpn-*")
    await start(host, "e1")
    await end(host, "e1")
    assert await start(host, "e2") == "vpn-b"


# Files that can't be had


async def test_file_with_a_mistake_is_left_out_with_a_warning(
    host: PoolHost, caplog: pytest.LogCaptureFixture
) -> None:
    await host.create_network("n1", "vpn-*")
    break_(host, "vpn-a")
    assert await start(host, "e1") == "vpn-b"
    said = (
        "vpn-a is left out of the pool: vpn-a.conf:3:1: unknown key 'Adress'; did you mean Address?"
    )
    assert [line for line in caplog.messages if line == f"{said} [WG128]"]
    assert endpoint(host, "e1").why == "vpn-a is left out"


async def test_error_names_those_in_use_and_those_left_out(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*")
    await start(host, "e1")
    await start(host, "e2")
    break_(host, "vpn-c")
    (host.folder / "vpn-d.conf").unlink()
    error = await refused(host, "e3")
    assert str(error) == (
        "the pool vpn-* has no configuration for it: in use are vpn-a by endpoint e1, vpn-b by "
        "endpoint e2; left out are vpn-c (vpn-c.conf:3:1: unknown key 'Adress'; did you mean "
        "Address?); stop a container, or add a file with a key of its own [WG124]"
    )


async def test_error_is_that_of_the_files_if_none_is_in_use(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-[ab]")
    break_(host, "vpn-a")
    break_(host, "vpn-b")
    error = await refused(host, "e1")
    assert error.code is Code.UNKNOWN_KEY
    assert "vpn-a (vpn-a.conf:3:1: " in str(error)
    assert "vpn-b (vpn-b.conf:3:1: " in str(error)


async def test_pool_that_matches_nothing_any_more_is_an_error(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*")
    for name in "abcd":
        (host.folder / f"vpn-{name}.conf").rename(host.folder / f"other-{name}.conf")
    assert "no file matches wireguard-config=vpn-*; the configuration" in str(
        await refused(host, "e1")
    )


async def test_mistake_in_an_option_is_one_error(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*")
    (host.folder / "wgplugin.yaml").write_text("defaults: {dns: maybe}")
    assert str(await refused(host, "e1")).startswith("wgplugin.yaml:1:17: dns: 'maybe' isn't")
    (host.folder / "wgplugin.yaml").write_text("defaults: {default: gateway, bypass: 10.0.0.0/8}")
    assert (await refused(host, "e1")).code is Code.BYPASS_AND_GATEWAY


async def test_file_that_this_edition_cannot_serve_is_left_out(tmp_path: Path) -> None:
    addresses = "Address = 10.8.0.2/32, 10.8.0.3/32\n"
    for number, (kind, expected) in enumerate(((BaseHost, "vpn-b"), (LiveHost, "vpn-a"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        host = kind(folder)
        host.write("vpn-a", addresses, key=key("vpn-a"))
        host.write("vpn-b", "Address = fd00::2/128\n", key=key("vpn-b"))
        await host.create_network("n1", "vpn-*")
        assert await start(host, "e1") == expected


async def test_kernel_that_refuses_one_leaves_nothing_and_the_next_one_is_tried(
    base: BaseHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    await base.create_network("n1", "vpn-*")
    base.backend.failing = {"configure"}
    error = await refused(base, "e1")
    assert error.code is Code.KERNEL_REFUSES
    base.backend.failing = set()
    assert await start(base, "e1") == "vpn-a"


@pytest.mark.parametrize("failing", ["create", "configure", "answers"])
async def test_failed_start_leaves_no_claim_and_no_device(host: PoolHost, failing: str) -> None:
    await host.create_network("n1", "vpn-*", wait="5")
    host.backend.failing = {failing}
    await refused(host, "e1")
    assert not list(host.store.endpoints)
    assert not host.backend.devices


async def test_start_that_is_cut_short_leaves_no_claim_and_no_key(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*")
    host.backend.hanging = {"path_mtu"}
    starting = asyncio.create_task(host.create_endpoint("n1", "e1"))
    await asyncio.sleep(1.0)
    assert [each.configuration for each in host.store.endpoints] == ["vpn-a"]
    starting.cancel()
    await asyncio.wait([starting])
    host.backend.hanging = set()
    assert not list(host.store.endpoints)
    assert await start(host, "e2") == "vpn-a"


# Keys


async def test_second_file_with_a_key_in_use_is_left_out(
    host: PoolHost, caplog: pytest.LogCaptureFixture
) -> None:
    write(host, "vpn-b", of="vpn-a")
    await host.create_network("n1", "vpn-*")
    assert await start(host, "e1") == "vpn-a"
    assert await start(host, "e2") == "vpn-c"
    assert "vpn-b is left out of the pool: vpn-b.conf has the private key that e1" in caplog.text
    await end(host, "e1")
    break_(host, "vpn-a")
    assert await start(host, "e3") == "vpn-b"


async def test_keys_are_compared_as_the_kernel_has_them(host: PoolHost) -> None:
    given = key("vpn-a")
    first = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    # The second character has the lowest bits of the first byte, which the kernel clears.
    twin = given[0] + first[first.index(given[1]) | 0b110000] + given[2:]
    assert twin != given
    host.write("vpn-b", key=twin)
    await host.create_network("n1", "vpn-*")
    assert [await start(host, "e1"), await start(host, "e2")] == ["vpn-a", "vpn-c"]


async def test_key_of_another_network_s_container_is_in_use(host: PoolHost) -> None:
    write(host, "vpn-b", of="vpn-x")
    write(host, "vpn-x")
    await host.create_network("n1", "vpn-[bc]")
    await host.create_network("n2", "vpn-x,vpn-y")
    await start(host, "e2", "n2")
    assert await start(host, "e1") == "vpn-c"


async def test_key_stays_in_use_when_its_file_is_renamed(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*")
    await start(host, "e1")
    (host.folder / "vpn-a.conf").rename(host.folder / "vpn-0.conf")
    assert await start(host, "e2") == "vpn-b"


async def test_key_of_a_container_of_an_earlier_run_is_in_use(host: PoolHost) -> None:
    write(host, "vpn-b", of="vpn-a")
    await host.create_network("n1", "vpn-*")
    await start(host, "e1")
    host.start()
    assert await start(host, "e2") == "vpn-c"


async def test_two_that_start_at_once_with_one_key_are_one_and_a_refusal(host: PoolHost) -> None:
    write(host, "vpn-b", of="vpn-a")
    await host.create_network("n1", "vpn-a,vpn-b")
    starting = [host.create_endpoint("n1", each) for each in ("e1", "e2")]
    answers = await asyncio.gather(*starting, return_exceptions=True)
    assert sum(isinstance(answer, PluginError) for answer in answers) == 1
    assert len(host.backend.devices) == 1


# What was learned at the last use


@pytest.mark.parametrize("anew", [False, True])
async def test_configuration_without_a_handshake_goes_to_the_end_until_it_has_one(
    host: PoolHost, anew: bool
) -> None:
    await host.create_network("n1", "vpn-[ab]")
    host.backend.never.add(device_name("e1"))
    assert await start(host, "e1") == "vpn-a"
    await end(host, "e1")
    if anew:
        host.start()
    assert await start(host, "e2") == "vpn-b"
    assert endpoint(host, "e2").why == "first of the pool that worked at its last use"
    assert await start(host, "e3") == "vpn-a"
    await end(host, "e2")
    await end(host, "e3")
    assert await start(host, "e4") == "vpn-a"


async def test_device_that_did_not_come_back_says_nothing(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*")
    host.backend.never.add(device_name("e1"))
    await start(host, "e1")
    host.backend.containers.clear()
    await host.delete_endpoint("e1")
    assert network(host).failed == ()


async def test_container_ends_although_the_kernel_does_not_say_how_it_was(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*")
    await start(host, "e1")
    host.backend.failing = {"had_handshake"}
    await end(host, "e1")
    assert not list(host.store.endpoints)


# Peers' names


async def test_name_that_does_not_resolve_leaves_it_to_the_next_one_in_the_base_edition(
    base: BaseHost,
) -> None:
    write(base, "vpn-a", endpoint="gone.example.com:1")
    await base.create_network("n1", "vpn-*")
    assert await start(base, "e1") == "vpn-b"


async def test_all_names_of_a_pool_take_no_longer_than_one(base: BaseHost) -> None:
    base.names.late.clear()
    write(base, "vpn-a", "vpn-b", "vpn-c", "vpn-d", endpoint="late.example.com:1")
    (base.folder / "wgplugin.yaml").write_text("resolve-timeout: 8")
    await base.create_network("n1", "vpn-*")
    begun = asyncio.get_running_loop().time()
    assert (await refused(base, "e1")).code is Code.NOT_RESOLVED
    assert asyncio.get_running_loop().time() - begun == pytest.approx(8.0)


async def test_last_known_addresses_of_all_of_a_pool_are_kept(base: BaseHost) -> None:
    hosts = {f"{name}.example.com": f"192.0.2.{number}" for number, name in enumerate("abcd")}
    base.names.hosts |= hosts
    for name in "abcd":
        write(base, f"vpn-{name}", endpoint=f"{name}.example.com:1")
    await base.create_network("n1", "vpn-*")
    await start(base, "e1")
    await start(base, "e2")
    base.names.hosts.clear()
    await end(base, "e1")
    assert await start(base, "e3") == "vpn-a"


# wireguard-wait


async def test_peers_are_asked_before_the_device_is_made(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*", wait="10")
    assert await start(host, "e1") == "vpn-a"
    assert host.backend.asked == [6.0]


async def test_silent_ones_are_passed_over_and_go_to_the_end(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-*", wait="14")
    kill(host, "vpn-a", "vpn-b")
    assert await start(host, "e1") == "vpn-c"
    assert host.backend.asked == pytest.approx([6.0, 6.0, 2.0])
    assert endpoint(host, "e1").why == "vpn-a doesn't answer, vpn-b doesn't answer"
    assert network(host).failed == ("vpn-a", "vpn-b")
    assert await start(host, "e2") == "vpn-d"


async def test_last_one_has_all_of_the_time_that_is_left(host: PoolHost) -> None:
    await host.create_network("n1", "vpn-a,vpn-b", wait="18")
    kill(host, "vpn-a", "vpn-b")
    await start(host, "e1")
    assert host.backend.asked == pytest.approx([6.0, 12.0])


@pytest.mark.parametrize(("pool", "most"), [("vpn-a", 8.0), ("vpn-*", 8.0)])
async def test_container_starts_or_is_refused_if_no_peer_answers(
    host: PoolHost, pool: str, most: float, caplog: pytest.LogCaptureFixture
) -> None:
    kill(host, "vpn-a", "vpn-b", "vpn-c", "vpn-d")
    loop = asyncio.get_running_loop()
    for how in ("refuse", "start"):
        await host.create_network("n1", pool, wait="8", wait_fail=how)
        begun = loop.time()
        if how == "refuse":
            error = await refused(host, "e1")
            assert error.code is Code.NO_HANDSHAKE
            assert "vpn-a" in str(error)
        else:
            await host.create_endpoint("n1", "e1")
            assert private_key(host, "e1") in {key(f"vpn-{name}") for name in "abcd"}
            assert "the container starts" in caplog.text
        assert loop.time() - begun == pytest.approx(most)


async def test_container_starts_by_the_first_that_did_not_answer(host: PoolHost) -> None:
    kill(host, "vpn-a", "vpn-b")
    await host.create_network("n1", "vpn-a,vpn-b", wait="8")
    assert await start(host, "e1") == "vpn-a"
    assert endpoint(host, "e1").why == "none of the pool answers"


async def test_error_says_which_peers_were_asked_for_how_long(host: PoolHost) -> None:
    kill(host, "vpn-a")
    await host.create_network("n1", "vpn-a", wait="8", wait_fail="refuse")
    assert str(await refused(host, "e1")).startswith(
        "vpn-a.conf: no peer answered within 8 s; check its Endpoint and keys, and that UDP"
    )


async def test_waiting_and_finding_are_bounded_together(host: PoolHost) -> None:
    host.names.late.clear()
    (host.folder / "wgplugin.yaml").write_text("resolve-timeout: 20")
    literal, name = "Endpoint = 192.0.2.1:1\n", "Endpoint = late.example.com:1\n"
    other = "[Peer]\nPublicKey = TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=\n"
    text = (host.folder / "vpn-a.conf").read_text()
    (host.folder / "vpn-a.conf").write_text(f"{text}{other}{name}")
    assert literal.partition(":")[0] in text
    kill(host, "vpn-a")
    await host.create_network("n1", "vpn-a", wait="20", wait_fail="refuse")
    begun = asyncio.get_running_loop().time()
    await refused(host, "e1")
    assert asyncio.get_running_loop().time() - begun <= 22.0


async def test_configuration_without_an_endpoint_cannot_be_asked(
    host: PoolHost, caplog: pytest.LogCaptureFixture
) -> None:
    host.write("vpn-a", key=key("vpn-a"))
    await host.create_network("n1", "vpn-*", wait="8", wait_fail="refuse")
    assert await start(host, "e1") == "vpn-a"
    assert not host.backend.asked
    assert "vpn-a.conf has no Endpoint, so wireguard-wait has nobody to ask" in caplog.text


async def test_option_of_a_container_counts(host: PoolHost) -> None:
    (host.folder / "wgplugin.yaml").write_text("configurations: {vpn-a: {wait: 3}}")
    await host.create_network("n1", "vpn-*")
    await host.create_network("n2", "vpn-a")
    await start(host, "e1", "n2")
    await end(host, "e1")
    await start(host, "e2", "n1")
    assert host.backend.asked == [3.0]


# Creating the network


async def test_pool_that_matches_nothing_is_refused_with_near_names(host: PoolHost) -> None:
    for pool, said in (
        ("vpm-*", "no file matches wireguard-config=vpm-*; did you mean vpn-"),
        ("zzzz*", "the configuration folder has: vpn-a, vpn-b, vpn-c, vpn-d"),
        ("x1,x2", "no file matches wireguard-config=x1,x2; "),
    ):
        with pytest.raises(PluginError) as caught:
            await host.create_network("n1", pool)
        assert caught.value.code is Code.NO_MATCH
        assert said in str(caught.value)
    assert not list(host.store.networks)
    for path in host.folder.glob("*.conf"):
        path.unlink()
    with pytest.raises(PluginError, match=r"the configuration folder is empty; .*WG202"):
        await host.create_network("n1", "vpn-*")


async def test_what_is_wrong_in_a_pool_is_warned_of(
    host: PoolHost, caplog: pytest.LogCaptureFixture
) -> None:
    break_(host, "vpn-b")
    write(host, "vpn-d", of="vpn-c")
    await host.create_network("n1", "vpn-a,vpn-x,vpn-b,vpn-c,vpn-d")
    assert [line for line in caplog.messages if "[WG" in line] == [
        "there is no vpn-x.conf for the pool yet [WG126]",
        "vpn-b is left out: vpn-b.conf:3:1: unknown key 'Adress'; did you mean Address? [WG128]",
        "vpn-c.conf and vpn-d.conf have one private key, so they can't be used at once; give each "
        "file a key of its own [WG125]",
    ]
    assert network(host).configuration == "vpn-a,vpn-x,vpn-b,vpn-c,vpn-d"


async def test_pool_without_a_usable_file_is_refused(host: PoolHost) -> None:
    break_(host, "vpn-a")
    break_(host, "vpn-b")
    with pytest.raises(PluginError) as caught:
        await host.create_network("n1", "vpn-[ab]")
    assert caught.value.code is Code.UNKNOWN_KEY
    assert "vpn-a is left out: vpn-a.conf:3:1: " in str(caught.value)
    assert "vpn-b is left out: vpn-b.conf:3:1: " in str(caught.value)
    assert not list(host.store.networks)


async def test_different_address_families_make_a_pool(host: PoolHost) -> None:
    host.write("vpn-a", "Address = fd00::2/128\n", key=key("vpn-a"))
    host.write("vpn-b", "Address = 10.8.0.2/32, fd00::3/128\n", key=key("vpn-b"))
    await host.create_network("n1", "vpn-[abc]")
    answers = [await host.create_endpoint("n1", f"e{number}") for number in range(3)]
    assert [
        (bool(answer.interface.address), bool(answer.interface.address_ipv6)) for answer in answers
    ] == [(False, True), (True, True), (True, False)]


@pytest.mark.parametrize("of_container", [True, False])
async def test_what_the_base_edition_does_not_do_is_warned_of(
    base: BaseHost, caplog: pytest.LogCaptureFixture, of_container: bool
) -> None:
    write(base, "vpn-a")
    if of_container:
        await base.create_network("n1", "vpn-a")
        await base.driver.create_endpoint(
            protocol.CreateEndpointRequest("n1", "e1", options={"wireguard-failback": "60"})
        )
        said = "wireguard-failback: it takes the live edition"
    else:
        await base.create_network("n1", "vpn-a", probe="10.0.0.1", failback="60")
        said = "wireguard-probe and wireguard-failback: it takes the live edition"
    assert [line for line in caplog.messages if line.startswith(said)]


async def test_probe_outside_the_allowed_ips_is_warned_of(
    host: PoolHost, caplog: pytest.LogCaptureFixture
) -> None:
    await host.create_network("n1", "vpn-a", probe="192.0.2.7")
    assert "vpn-a.conf: 192.0.2.7 can't be asked through the tunnel" in caplog.text


async def test_limits_of_the_base_edition_are_named(
    base: BaseHost, caplog: pytest.LogCaptureFixture
) -> None:
    base.write("vpn-a", "Address = 10.8.0.2/32, 10.8.0.3/32\n", key=key("vpn-a"))
    await base.create_network("n1", "vpn-*")
    said = "vpn-a is left out: vpn-a.conf has 2 IPv4 addresses, and Docker sets one; "
    assert f"{said}leave one of them, or use the live edition [WG128]" in caplog.messages


async def test_files_of_a_shared_network_s_pool_are_checked_at_its_creation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    host = LiveHost(tmp_path)
    write(host, "vpn-a", "vpn-b", "vpn-c")
    break_(host, "vpn-b")
    host.write("vpn-c", "Address = 10.9.0.5/32\n", key=key("vpn-c"))
    pools = (msgspec.structs.replace(DOCKER_POOL[0], gateway="10.9.0.1/24"),)
    await host.create_network("n1", "vpn-*", pools, mode="shared")
    assert network(host).mode == "shared"
    said = [line for line in caplog.messages if line.endswith("[WG128]")]
    assert [line.partition(" is left out: ")[0] for line in said] == ["vpn-b", "vpn-c"]
    with pytest.raises(PluginError, match="WG122"):
        await host.create_network("n2", "vpn-[c]", pools, mode="shared")


async def test_shared_network_with_a_pool_needs_the_live_edition(base: BaseHost) -> None:
    with pytest.raises(PluginError, match="WG119"):
        await base.create_network("n1", "vpn-*", mode="shared")
