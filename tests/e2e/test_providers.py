"""Files in the shape of each provider's work unedited, and give the device that wg gives."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import run, succeeds
from tests.e2e.conftest import Configurations
from tests.e2e.docker import container, network

FILES = sorted((Path(__file__).parents[1] / "provider_files").glob("*.conf"))
HOSTS = Path("/etc/hosts")
REFERENCE = "wg-reference"
FOREIGN = re.compile(r"(?im)^(j(c|min|max)|[shi][1-5]|reserved) *=.*\n")
"""The lines of other programs, which the plugin ignores and wg refuses."""


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig")


@pytest.fixture(scope="module")
def surroundings(plugin: str) -> Iterator[None]:
    """The hosts and the interface that the files name; /etc/hosts is put back afterwards."""
    names = re.findall(r"(?im)^endpoint *= *([a-z][^:\s]*):", "\n".join(map(text_of, FILES)))
    before = HOSTS.read_text()
    # Changed in place, as the plugin has this very file mounted.
    HOSTS.write_text(before + "".join(f"\n192.0.2.99 {name}" for name in names) + "\n")
    has_eth0 = succeeds("ip", "link", "show", "eth0")
    if not has_eth0:
        run("ip", "link", "add", "eth0", "type", "dummy")
    yield
    if not has_eth0:
        run("ip", "link", "del", "eth0")
    HOSTS.write_text(before)


def by_wg(path: Path, folder: Path) -> set[str]:
    """Return what `wg showconf` says after wg-quick and wg have set a device from the file."""
    copy = folder / path.name
    copy.write_text(FOREIGN.sub("", text_of(path)))
    run("ip", "link", "add", REFERENCE, "type", "wireguard")
    try:
        run("wg", "setconf", REFERENCE, "/dev/stdin", stdin=run("wg-quick", "strip", str(copy)))
        # In the container, an interface of the host has no name any more.
        index = Path("/sys/class/net/eth0/ifindex").read_text().strip()
        return settings(run("wg", "showconf", REFERENCE).replace("%eth0", f"%{index}"))
    finally:
        run("ip", "link", "del", REFERENCE)


def settings(shown: str) -> set[str]:
    """Return the lines of `wg showconf`, each with its section's key, in any order of items."""
    found = set()
    section = ""
    for line in shown.splitlines():
        key, _, value = line.partition(" = ")
        if key in ("[Interface]", "PublicKey"):
            section = line
        found.add(f"{section} {key} = {', '.join(sorted(value.split(', ')))}")
    return found


def addresses(text: str) -> set[str]:
    """Return the addresses of a file, without prefix lengths."""
    values = re.findall(r"(?im)^address *= *(.*)$", text)
    return {item.partition("/")[0] for value in values for item in re.split(r"[,\s]+", value)} - {
        ""
    }


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_of_a_provider_works_unedited(
    configurations: Configurations, path: Path, tmp_path: Path
) -> None:
    (configurations.folder / path.name).write_bytes(path.read_bytes())
    with network(path.stem) as net, container(net) as box:
        shown = settings(box.in_namespace("wg", "showconf", "wg0"))
        own = set(re.findall(r"inet6? ([^ /]+)/", box.run("ip", "address", "show", "wg0")))
    expected = by_wg(path, tmp_path)
    ports = {line for line in shown - expected if "ListenPort" in line}
    assert shown - ports == expected
    # A sink's made-up address stands beside those of the file.
    assert addresses(text_of(path)) <= own
    assert len(ports) <= 1
