"""Each compose example is started by the commands of its page, and does what the page promises."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.documents import ROOT, RUN, blocks
from tests.e2e.commands import run, succeeds, wait_until
from tests.e2e.docker import Container
from tests.e2e.documents import host
from tests.e2e.documents.conftest import Reader
from tests.e2e.provider import ENDPOINT, NAMESPACE, WEB_IPV4, Provider
from tests.e2e.test_lan import HOST, lan

__all__ = ["lan"]

EXAMPLES = ROOT / "examples"
DNS = "10.64.0.1"
DNS_SERVER = Path(__file__).parents[1] / "live" / "dns_server.py"
ADDRESSES = tuple(f"10.64.0.{number}" for number in range(2, 6))
# Any name: the provider's DNS has its web server, which answers with the address that asks.
WEBSITE = "www.example.test"


@pytest.fixture(scope="module", autouse=True)
def compose() -> None:
    if not succeeds("docker", "compose", "version"):
        pytest.skip("Debian has no compose with this release of Docker")


@pytest.fixture(scope="module")
def provider_with_dns(
    provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Provider]:
    """A provider whose DNS, as the examples' files have it, knows its web server by every name."""
    in_wg0 = (f"{DNS}/24", "dev", "wg0")
    run("ip", "-n", NAMESPACE, "address", "add", *in_wg0)
    asked = tmp_path_factory.mktemp("dns") / "asked"
    server = (sys.executable, str(DNS_SERVER), DNS, WEB_IPV4, str(asked))
    process = subprocess.Popen(["ip", "netns", "exec", NAMESPACE, *server])
    wait_until(asked.exists, "the DNS server")
    yield provider
    process.kill()
    process.wait()
    run("ip", "-n", NAMESPACE, "address", "del", *in_wg0)


@pytest.fixture
def plugins(name: str) -> None:
    host.install(host.named((EXAMPLES / name / "compose.yaml").read_text()))


@pytest.fixture
def files(reader: Reader, provider_with_dns: Provider) -> None:
    """The files mynet-1 to mynet-4, whose addresses are 10.64.0.2 to 10.64.0.5."""
    for number, address in enumerate(ADDRESSES, 1):
        private_key = run("wg", "genkey")
        provider_with_dns.admit(run("wg", "pubkey", stdin=private_key), address)
        (host.CONFIGURATIONS / f"mynet-{number}.conf").write_text(
            f"[Interface]\nPrivateKey = {private_key}\nAddress = {address}/32\nDNS = {DNS}\n"
            f"[Peer]\nPublicKey = {provider_with_dns.public_key}\nEndpoint = {ENDPOINT}\n"
            "AllowedIPs = 0.0.0.0/0, ::/0\n"
        )


class Project:
    """A compose project that is up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def compose(self, *arguments: str) -> str:
        return run("docker", "compose", "--project-directory", str(self.folder), *arguments)

    def service(self, name: str) -> Container:
        (container,) = self.replicas(name)
        return container

    def replicas(self, name: str) -> list[Container]:
        return [*map(Container, self.compose("ps", "--quiet", name).split())]


def one_container(project: Project) -> None:
    app = project.service("app")
    assert app.run("ls", "/sys/class/net").split() == ["lo", "wg0"]
    assert app.fetch(WEBSITE) == "10.64.0.2"
    project.compose("up", "--detach", "--force-recreate", "--timeout", "0")
    assert project.service("app").fetch(WEBSITE) == "10.64.0.2"


def two_containers(project: Project) -> None:
    assert project.service("first").fetch(WEBSITE) == "10.64.0.2"
    assert project.service("second").fetch(WEBSITE) == "10.64.0.3"


def from_the_lan() -> str:
    """Return the published page."""
    page = ("ip", "netns", "exec", "lan", "curl", "-sf", "-m", "10", f"http://{HOST}:8080/")
    wait_until(lambda: succeeds(*page), "the published page")
    return run(*page)


def web_app(project: Project) -> None:
    assert from_the_lan() == "hello"
    assert project.service("app").fetch(WEBSITE) == "10.64.0.2"


def web_app_live(project: Project) -> None:
    assert from_the_lan() == "hello"
    downloader = project.service("downloader")
    assert downloader.fetch(WEBSITE) == "10.64.0.2"
    assert "eth0" not in downloader.run("ls", "/sys/class/net").split()


def shared_vpn(project: Project) -> None:
    assert from_the_lan() == "downloads"
    downloader, *others = map(project.service, ("downloader", "indexer", "browser"))
    for each in (downloader, *others):
        assert each.fetch(WEBSITE) == "10.64.0.2"
    assert downloader.fetch("indexer") == "index"
    for each in others:
        assert each.run("ls", "/sys/class/net").split() == ["eth0", "lo"]


def backend(project: Project) -> None:
    app, behind = project.service("app"), project.service("backend")
    wait_until(lambda: succeeds("docker", "exec", app.name, "wget", "-qO-", "backend"), "backend")
    assert app.fetch("backend") == "data"
    assert app.fetch(WEBSITE) == "10.64.0.2"
    assert "default" not in behind.run("ip", "route")


def pool(project: Project) -> None:
    seen = {each.fetch(WEBSITE) for each in project.replicas("app")}
    assert seen == {*ADDRESSES}


CHECKS: dict[str, Callable[[Project], None]] = {
    "backend": backend,
    "one-container": one_container,
    "pool": pool,
    "shared-vpn": shared_vpn,
    "two-containers": two_containers,
    "web-app": web_app,
    "web-app-live": web_app_live,
}


def test_every_example_is_tried() -> None:
    assert {folder.name for folder in EXAMPLES.iterdir()} == set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_example_does_what_its_page_promises(
    name: str, reader: Reader, files: None, lan: tuple[str, ...]
) -> None:
    folder = EXAMPLES / name
    page, text = f"examples/{name}/README.md", (folder / "README.md").read_text()
    *before, last = [block for block in blocks(page, text) if block.language == RUN]
    reader.do(*before, start=folder)
    project = Project(folder)
    CHECKS[name](project)
    # A stand-in for an app doesn't end when it is told to; Docker would wait ten seconds for it.
    project.compose("kill")
    reader.do(last, start=folder)
