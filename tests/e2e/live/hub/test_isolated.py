"""With wireguard-isolate=on peers and containers reach containers and peers, and no others."""

from tests.e2e.conftest import Configurations
from tests.e2e.docker import container
from tests.e2e.live.hub.dialling import ENDPOINT, ONE_PAGE, Client, Hub, page
from tests.e2e.live.shared.conftest import reaches, shared, subnets


def test_isolated_clients_reach_containers_and_not_each_other(
    configurations: Configurations, host: None
) -> None:
    hub = Hub("apart", configurations.folder)
    hub.run("hub", "init", "apart", "--endpoint", ENDPOINT, *hub.subnets)
    options = ("--opt", "wireguard-isolate=on", *subnets("172.28.111.0/24"))
    with shared("apart", *options) as net, container(net, command=ONE_PAGE) as web:
        hub = hub.with_containers(net, web)
        with (
            Client("phone", hub.peer("add", "phone"), 1) as phone,
            Client("tablet", hub.peer("add", "tablet"), 2) as tablet,
        ):
            for client in (phone, tablet):
                assert client.fetch(page(hub.address(web))) == "hello"
            assert reaches(web, "10.99.0.3")
            assert not phone.reaches("10.99.0.3")
