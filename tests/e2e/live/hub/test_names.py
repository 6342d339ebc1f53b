"""A hub's clients ask it for names; its containers can't."""

import subprocess
import sys
from pathlib import Path

from tests.e2e.commands import run, succeeds, wait_until
from tests.e2e.live.hub.dialling import ENDPOINT, HOST, Client, Hub, inside

DNS_SERVER = Path(__file__).parents[1] / "dns_server.py"
GATEWAY = "172.28.110.1"


def test_other_names_are_refused_or_forwarded(hub: Hub, tmp_path: Path) -> None:
    log = tmp_path / "names"
    with Client("phone", hub.peer("add", "phone")) as phone:
        assert not succeeds(*phone.command("getent", "ahosts", "example.org"))
        server = (sys.executable, str(DNS_SERVER), HOST, "203.0.113.9", str(log))
        with subprocess.Popen(server) as process:
            wait_until(log.exists, "the server")
            hub.run("hub", "init", "office", "--endpoint", ENDPOINT, "--dns", HOST)
            asks = phone.command("getent", "ahostsv4", "example.org")
            wait_until(lambda: succeeds(*asks), "the servers of the hub")
            assert "203.0.113.9" in run(*asks)
            assert phone.fetch("pages") == "hello"
            process.kill()
    # Containers' names are the hub's own matter.
    assert set(log.read_text().split()[1::2]) == {"example.org"}


def test_container_gets_nothing_from_the_hub_s_resolver(hub: Hub) -> None:
    with Client("phone", hub.peer("add", "phone")) as phone:
        assert "pages" in phone.run(*query("pages", GATEWAY))
    box = hub.containers[1]
    assert not succeeds(*inside(box), *query("pages", GATEWAY))


def query(name: str, server: str) -> tuple[str, ...]:
    """Return the command that asks a server for a name."""
    return ("busybox", "nslookup", name, server)
