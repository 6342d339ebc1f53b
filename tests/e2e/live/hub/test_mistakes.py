"""A mistake is told, and changes nothing."""

from tests.e2e.commands import refused, wait_until
from tests.e2e.docker import docker
from tests.e2e.live.hub.dialling import Client, Hub


def test_mistake_is_told_and_the_file_is_as_it_was(hub: Hub) -> None:
    hub.peer("add", "phone")
    before = hub.path.read_bytes()
    for arguments, code in (
        (("add", "phone"), "WG601"),
        (("remove", "tablet"), "WG602"),
    ):
        command = ("docker", "wireguard", "peer", *arguments, "--hub", "office")
        assert f"[{code}]" in refused(*command)
    assert hub.path.read_bytes() == before
    assert [path.name for path in hub.folder.iterdir()] == ["office.conf"]


def test_mistake_by_hand_changes_nothing_and_is_in_the_status(hub: Hub) -> None:
    with Client("phone", hub.peer("add", "phone")) as phone:
        text = hub.path.read_text()
        hub.path.write_text(text.replace("name=phone", "name=phone reech=10.0.0.5/32"))
        wait_until(lambda: "WG230" in docker("wireguard", "status"), "the status")
        assert phone.fetch("pages") == "hello"
        hub.path.write_text(text)
        wait_until(lambda: "WG230" not in docker("wireguard", "status"), "the status")
