"""Published ports lead to their container from its start to its end, in both modes."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import IPV4, TIMINGS, LiveHost, logged_once, soon
from tests.memory_containers import Namespace
from tests.networks.live.publishing import Publishing, a_notice
from tests.networks.live.sharing import key
from wgplugin.codes import Code
from wgplugin.errors import PluginError, StoreError
from wgplugin.model.identity import device_name
from wgplugin.model.namespace import MAIN_TABLE, Route
from wgplugin.model.published import NUMBERS, Link, link_addresses, link_name
from wgplugin.networks.member import Member

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["container", "shared"])
def ports(request: Any, host: LiveHost) -> Publishing:
    return Publishing(host, request.param)


def published(ports: Publishing) -> dict[str, str]:
    return ports.host.publishing.ports


# A container's life


async def test_port_works_at_the_container_s_first_instruction(ports: Publishing) -> None:
    await ports.start("e1", "8080:80", "53:5353/udp")
    assert published(ports) == {
        "8080/tcp": ports.leads_to("e1", 80),
        "53/udp": ports.leads_to("e1", 5353),
    }


async def test_port_works_once_a_container_is_set_up_that_came_after_docker_s_calls(
    ports: Publishing,
) -> None:
    """As with Docker before 28."""
    await ports.attach("e1", "8080:80")
    await ports.host.join(ports.network("e1"), "e1", key("e1"))
    await ports.settle("e1")
    ports.host.containers.namespaces[key("e1")] = Namespace()
    ports.move("e1")
    expected = ports.host.live.attachments["e1"].expected
    ports.inside("e1").routing |= {Route(net, MAIN_TABLE) for net in expected}
    ports.inside("e1").give_notice()
    await soon()
    assert published(ports) == {"8080/tcp": ports.leads_to("e1", 80)}


async def test_each_container_waits_for_its_own_ports(ports: Publishing) -> None:
    ports.host.publishing.seconds = 2.0
    first = asyncio.create_task(ports.start("e1", "8080:80"))
    await asyncio.sleep(1.0)
    await ports.start("e2", "8081:80")
    assert published(ports)["8081/tcp"] == ports.leads_to("e2", 80)
    await first


async def test_port_of_one_address_of_the_host_is_kept_so(ports: Publishing) -> None:
    await ports.start("e1", "127.0.0.1:8080:80")
    assert published(ports) == {"127.0.0.1:8080/tcp": ports.leads_to("e1", 80)}


async def test_container_without_published_ports_has_no_link(ports: Publishing) -> None:
    await ports.start("e1")
    assert (ports.links(), published(ports), ports.record("e1").number) == (set(), {}, 0)


@pytest.mark.parametrize("way", ["stop", "disconnect"])
async def test_nothing_is_left_of_a_container_s_ports(ports: Publishing, way: str) -> None:
    await ports.start("e1", "8080:80")
    await getattr(ports, way)("e1")
    await a_notice()
    assert (ports.links(), published(ports)) == (set(), {})


async def test_one_container_s_end_leaves_the_ports_of_another(ports: Publishing) -> None:
    await ports.start("e1", "8080:80")
    await ports.start("e2", "8081:80")
    await ports.stop("e1")
    await a_notice()
    assert published(ports) == {"8081/tcp": ports.leads_to("e2", 80)}


async def test_join_that_is_repeated_keeps_the_ports(ports: Publishing) -> None:
    await ports.start("e1", "8080:80")
    await ports.host.join(ports.network("e1"), "e1", key("e1"))
    await a_notice()
    assert published(ports) == {"8080/tcp": ports.leads_to("e1", 80)}


async def test_container_that_docker_forgot_loses_its_ports(ports: Publishing) -> None:
    await ports.start("e1", "8080:80")
    await ports.start("e2", "8081:80")
    ports.host.backend.containers.remove(device_name("e1"))
    del ports.host.containers.namespaces[key("e1")]
    await asyncio.sleep(2 * TIMINGS.settling)
    await ports.host.upkeep.reconcile()
    await a_notice()
    assert published(ports) == {"8081/tcp": ports.leads_to("e2", 80)}


async def test_status_has_the_ports(ports: Publishing) -> None:
    await ports.start("e1", "8080:80", "127.0.0.1:53:5353/udp")
    (status,) = await ports.host.live.statuses()
    has = status if ports.mode == "container" else status.containers[0]
    assert has.published == ("8080:80/tcp", "127.0.0.1:53:5353/udp")


# Plans


async def test_container_of_its_own_tunnel_is_planned_with_its_link(host: LiveHost) -> None:
    ports = Publishing(host, "container")
    await ports.start("e1", "8080:80")
    plan = host.live.attachments["e1"].plan
    assert plan is not None
    addresses = link_addresses(ports.record("e1").number, (4, 6))
    assert plan.link == Link(link_name("e1"), addresses)
    assert not plan.answers


async def test_container_of_a_shared_network_answers_by_its_router(host: LiveHost) -> None:
    ports = Publishing(host, "shared")
    await ports.start("e1", "8080:80")
    await ports.start("e2")
    plans = [host.live.attachments[name].plan for name in ("e1", "e2")]
    assert [plan and (plan.link, plan.answers) for plan in plans] == [(None, True), (None, False)]


def answers(host: LiveHost) -> dict[str, str]:
    """Return the containers' addresses that the router leads to, by those on its link."""
    plan = host.routers.spaces["shared"].plan
    assert plan is not None
    if not plan.answers:
        assert plan.link is None
    else:
        assert plan.link is not None
        assert [each.ip for each in plan.link.addresses] == [each for each, _ in plan.answers]
    return {str(container): str(address) for address, container in plan.answers}


async def test_ports_lead_to_the_address_for_leak_protection_too(host: LiveHost) -> None:
    """So clients by IPv6 reach a container that Docker gave none of its addresses."""
    host.edit("0.0.0.0/0")
    ports = Publishing(host, "shared")
    await ports.start("e1", "8080:80")
    assigned, made_up = (ip_address(text) for text in answers(host))
    assert str(assigned) == "172.20.0.2"
    (publication,) = host.publishing.published
    assert [each.version for each in publication.addresses] == [4, 6]
    plan = host.routers.spaces["shared"].plan
    assert plan
    assert any(made_up in gateway.network for gateway in plan.gateways)


@pytest.mark.parametrize("way", ["stop", "forget"])
async def test_router_s_link_has_the_containers_that_are_there(host: LiveHost, way: str) -> None:
    ports = Publishing(host, "shared")
    await ports.start("e1", "8080:80")
    await ports.start("e2")
    await ports.start("e3", "8081:80")
    there = {name: ports.leads_to(name, 80).partition(" ")[0] for name in ("e1", "e3")}
    assert answers(host) == {"172.20.0.2": there["e1"], "172.20.0.4": there["e3"]}
    if way == "stop":
        await ports.stop("e1")
    else:
        host.backend.containers.remove(device_name("e1"))
        await asyncio.sleep(2 * TIMINGS.settling)
        await host.upkeep.reconcile()
    await soon()
    assert answers(host) == {"172.20.0.4": there["e3"]}


async def test_forwarded_port_of_a_container_that_docker_forgot_leaves_the_router(
    host: LiveHost,
) -> None:
    ports = Publishing(host, "shared")
    await ports.start("e1", forward="80:8080")
    host.backend.containers.remove(device_name("e1"))
    await asyncio.sleep(2 * TIMINGS.settling)
    await host.upkeep.reconcile()
    await soon()
    plan = host.routers.spaces["shared"].plan
    assert plan is not None
    assert plan.forwards == ()


async def test_router_that_comes_later_knows_the_ports(host: LiveHost) -> None:
    ports = Publishing(host, "shared")
    await ports.start("e1", "8080:80")
    async with host.started_anew("10.0.0.0/8"):
        await soon()
        assert list(answers(host)) == ["172.20.0.2"]
        assert isinstance(host.live.attachments["e1"], Member)


# Which ports


async def test_port_that_another_container_has_is_refused_with_its_name(ports: Publishing) -> None:
    await ports.start("e1", "8080:80")
    error = await ports.refused("e2", "8081:80", "127.0.0.1:8080:80")
    assert error.code is Code.PORT_TAKEN
    assert "port 8080/tcp of the host is that of endpoint e1" in error.message
    assert [each.id for each in ports.host.store.endpoints] == ["e1"]
    await ports.start("e3", "8081:80", "8080:80/udp")


async def test_port_that_a_program_of_the_host_has_is_refused(ports: Publishing) -> None:
    ports.host.publishing.listening.add(("tcp", 8080))
    error = await ports.refused("e1", "8080:80")
    assert error.code is Code.PORT_TAKEN
    assert not list(ports.host.store.endpoints)
    assert ports.host.backend.devices == {}


async def test_two_containers_at_once_do_not_get_one_port(ports: Publishing) -> None:
    """They may not be on their way to one container: no one has joined."""
    await ports.start("e9")
    both = (ports.attach("e1", "8080:80"), ports.attach("e2", "8080:80"))
    found = await asyncio.gather(*both, return_exceptions=True)
    assert [isinstance(each, PluginError) for each in found].count(True) == 1


async def test_any_port_is_one_that_nobody_has(ports: Publishing) -> None:
    await ports.start("e1", "80", "8000-8001:81")
    await ports.start("e2", "80", "8000-8001:81")
    assert len(published(ports)) == 4
    error = await ports.refused("e3", "80", "8000-8001:81")
    assert error.code is Code.PORT_TAKEN


async def test_port_is_free_when_its_container_is_gone(ports: Publishing) -> None:
    await ports.start("e1", "8080:80")
    await ports.stop("e1")
    await ports.start("e2", "8080:80")
    assert published(ports) == {"8080/tcp": ports.leads_to("e2", 80)}


async def test_port_is_free_if_the_container_was_refused_after_all(ports: Publishing) -> None:
    await ports.start("e9")
    kernel = ports.host.backend if ports.mode == "container" else ports.host.routers
    step = "create" if ports.mode == "container" else "attach"
    kernel.failing.add(step)
    assert f"{step} fails" in (await ports.refused("e1", "8080:80")).message
    kernel.failing.clear()
    await ports.start("e2", "8080:80")


@pytest.mark.parametrize("step", ["choose", "numbers"])
async def test_call_that_is_cancelled_while_it_chooses_leaves_nothing(
    ports: Publishing, step: str
) -> None:
    ports.host.publishing.hanging.add(step)
    call = asyncio.create_task(ports.attach("e1", "8080:80"))
    await asyncio.sleep(1.0)
    call.cancel()
    await asyncio.wait([call])
    assert not list(ports.host.store.endpoints)
    ports.host.publishing.hanging.clear()
    await ports.start("e2", "8080:80")


async def test_ports_that_cannot_be_remembered_are_refused(
    ports: Publishing, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ports.start("e9")
    put = ports.host.store.endpoints.put

    async def refuse(record: Any) -> None:
        if record.number:
            raise StoreError(Code.STATE_NOT_WRITTEN, "no space is left")
        await put(record)

    monkeypatch.setattr(ports.host.store.endpoints, "put", refuse)
    assert (await ports.refused("e1", "8080:80")).code is Code.STATE_NOT_WRITTEN
    assert [each.id for each in ports.host.store.endpoints] == ["e9"]


async def test_repeated_call_keeps_the_port_that_was_chosen(ports: Publishing) -> None:
    await ports.attach("e1", "80", "8000-8009:81")
    before = ports.record("e1")
    for port in before.ports:
        ports.host.publishing.listening.add((port.protocol, port.host_port))
    await ports.attach("e1", "80", "8000-8009:81")
    after = ports.record("e1")
    assert (after.published, after.number) == (before.published, before.number)
    assert after.published


@pytest.mark.parametrize("text", ["8080:80", "8080-8080:80"])
async def test_port_of_a_container_that_docker_forgot_is_free(ports: Publishing, text: str) -> None:
    await ports.start("e1", "8080:80")
    await asyncio.sleep(2 * TIMINGS.settling)
    assert (await ports.refused("e2", text)).code is Code.PORT_TAKEN
    ports.host.backend.containers.remove(device_name("e1"))
    await ports.start("e2", text)
    assert published(ports) == {"8080/tcp": ports.leads_to("e2", 80)}
    assert [each.id for each in ports.host.store.endpoints] == ["e2"]


async def test_numbers_of_containers_are_nobody_else_s(ports: Publishing) -> None:
    await ports.attach("e1", "80")
    first = ports.record("e1").number
    await ports.host.delete_endpoint("e1")
    ports.host.publishing.others = {first}
    await ports.attach("e1", "80")
    await ports.attach("e2", "80")
    assert len({first, ports.record("e1").number, ports.record("e2").number}) == 3


async def test_last_numbers_are_given_once_and_then_none(ports: Publishing) -> None:
    ports.host.publishing.others = set(NUMBERS) - {77, 78}
    await ports.attach("e1", "80")
    await ports.attach("e2", "80")
    assert {ports.record(name).number for name in ("e1", "e2")} == {77, 78}
    assert (await ports.refused("e3", "80")).code is Code.NOT_PUBLISHED


async def test_port_of_an_address_of_the_other_family_than_the_container_s_is_refused(
    host: LiveHost,
) -> None:
    error = await Publishing(host, "shared").refused("e1", "[::1]:8080:80")
    assert error.code is Code.NOT_PUBLISHED
    assert "[::1]:8080:80/tcp can't be published: the container has no IPv6" in error.message
    await Publishing(host, "container").start("e2", "[::1]:8080:80")


async def test_host_without_ipv6_publishes_by_ipv4(tmp_path: Path) -> None:
    host = LiveHost(tmp_path, families=IPV4)
    host.edit()
    ports = Publishing(host, "container")
    async with host.kept():
        await ports.start("e1", "8080:80")
        (found,) = host.publishing.published
        assert [each.version for each in found.addresses] == [4]
        assert (await ports.refused("e2", "[::1]:80:80")).code is Code.NOT_PUBLISHED


# A second network


async def test_ports_are_left_to_a_second_network_where_the_settings_say_so(
    ports: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    ports.host.publishing.listening.add(("tcp", 8080))
    await ports.start("e1", "8080:80", publish="off")
    assert (ports.links(), published(ports)) == (set(), {})
    assert "8080" not in caplog.text


async def test_first_of_a_container_s_networks_publishes(host: LiveHost) -> None:
    ports = Publishing(host, "container")
    await ports.start("e1", "8080:80", "53:53/udp")
    await ports.attach("e2", "8080:80", "53:53/udp")
    await ports.join("e2", "e1")
    assert published(ports) == {
        "8080/tcp": ports.leads_to("e1", 80),
        "53/udp": ports.leads_to("e1", 53),
    }
    assert ports.record("e2").published == ()
    await ports.disconnect("e1")
    await a_notice()
    assert published(ports) == {}


async def test_any_ports_of_a_container_are_published_by_its_first_network(
    host: LiveHost,
) -> None:
    """It has one link, and its answers one way."""
    ports, other = Publishing(host, "container"), Publishing(host, "shared")
    await ports.start("e1", "80")
    before = published(ports)
    await other.attach("e2", "80")
    assert len(answers(host)) == 1
    await other.join("e2", "e1")
    await soon()
    assert (published(ports), other.record("e2").published) == (before, ())
    assert answers(host) == {}
    plan = host.live.attachments["e2"].plan
    assert plan is not None
    assert not plan.answers


async def test_ports_of_a_container_that_started_at_the_same_time_refuse_its_neighbour_s_join(
    host: LiveHost,
) -> None:
    ports = Publishing(host, "container")
    await ports.start("e1", "8080:80")
    await ports.attach("e2", "8080:80")
    with pytest.raises(PluginError, match="port 8080/tcp of the host is that of endpoint e1"):
        await ports.join("e2")
    await host.delete_endpoint("e2")
    assert published(ports) == {"8080/tcp": ports.leads_to("e1", 80)}


async def test_join_is_refused_if_the_endpoint_with_the_ports_is_gone(host: LiveHost) -> None:
    ports = Publishing(host, "container")
    await ports.start("e1", "8080:80")
    await ports.attach("e2", "8080:80")
    await ports.stop("e1")
    with pytest.raises(PluginError) as caught:
        await ports.join("e2")
    assert caught.value.code is Code.PORT_TAKEN


async def test_endpoint_that_got_ports_after_all_joins_any_container(host: LiveHost) -> None:
    ports = Publishing(host, "container")
    await ports.start("e1", "8080:80")
    await ports.attach("e2", "8080:80")
    await ports.stop("e1")
    await ports.start("e2", "8080:80")
    assert published(ports) == {"8080/tcp": ports.leads_to("e2", 80)}


@pytest.mark.parametrize(
    "other",
    [
        ("8080:80", "443:443", "81:81"),
        ("8080:80", "81:81"),
        ("8080:80", "443:444"),
        ("8080:80", "127.0.0.1:443:443"),
        ("8080:80",),
    ],
)
async def test_container_that_asks_for_other_ports_is_another_one(
    host: LiveHost, other: tuple[str, ...]
) -> None:
    ports = Publishing(host, "container")
    await ports.start("e1", "8080:80", "443:443")
    assert (await ports.refused("e2", *other)).code is Code.PORT_TAKEN


async def test_container_that_comes_later_is_another_one(host: LiveHost) -> None:
    ports = Publishing(host, "container")
    await ports.start("e1", "8080:80")
    await asyncio.sleep(TIMINGS.settling + 1)
    assert (await ports.refused("e2", "8080:80")).code is Code.PORT_TAKEN


async def test_container_on_the_same_network_is_another_one(host: LiveHost) -> None:
    ports = Publishing(host, "shared")
    await ports.start("e1", "8080:80")
    assert (await ports.refused("e2", "8080:80")).code is Code.PORT_TAKEN


async def test_endpoint_that_has_not_joined_is_another_container_s(host: LiveHost) -> None:
    ports = Publishing(host, "container")
    await ports.attach("e1", "8080:80")
    assert (await ports.refused("e2", "8080:80")).code is Code.PORT_TAKEN


async def test_which_network_publishes_is_logged(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    ports = Publishing(host, "container")
    with logged_once(caplog, "endpoint e1 publishes 8080:80/tcp"):
        await ports.start("e1", "8080:80")
    with logged_once(caplog, "endpoint e2 leaves its ports to endpoint e1"):
        await ports.attach("e2", "8080:80")
        await ports.join("e2", "e1")
