"""`docker wireguard`: what Docker's client makes of it, what the program in its container sees, and
what is left behind."""

import json
import os
import shlex
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.commands import exit_status, refused, run, succeeds, wait_until
from tests.e2e.docker import docker, make, wireguard
from tests.e2e.docker_release import at_hand
from tests.e2e.engine import ask
from wgplugin import __version__

CHECKOUT = Path(__file__).parents[2]
IMAGE = "wireguard-docker-plugin:commands"
SYSTEM = Path("/usr/local/lib/docker/cli-plugins")
SCRIPT = SYSTEM / "docker-wireguard"
ASKS_PLUGINS = (23, 0)
"""The first release whose completion asks the plugins of Docker's client."""

CONFIGURATION = """\
[Interface]
PrivateKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=
Address = 10.64.0.2/32
[Peer]
PublicKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI=
Endpoint = 192.0.2.1:51820
AllowedIPs = 0.0.0.0/0
"""


@pytest.fixture(scope="module", autouse=True)
def installed(plugin: str) -> None:
    """`make install` has installed it with the plugin under test."""
    if os.access(SYSTEM, os.W_OK):
        assert SCRIPT.exists()


def containers() -> list[dict[str, Any]]:
    """Return the commands' containers, running or not."""
    found: list[dict[str, Any]] = ask("/containers/json?all=1")
    return [each for each in found if each["Image"] == IMAGE]


@contextmanager
def waiting() -> Iterator[dict[str, Any]]:
    """The container of a command that runs for as long as the block lasts."""
    command = wireguard("wait", "--timeout", "600", "nobody")
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: any(each["State"] == "running" for each in containers()), IMAGE)
            yield ask(f"/containers/{containers()[0]['Id']}/json")
        finally:
            # As a terminal's Ctrl-C does, it reaches Docker's client and its plugin.
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


def test_docker_lists_it_with_its_version() -> None:
    plugins = json.loads(docker("info", "--format", "{{json .ClientInfo.Plugins}}"))
    (found,) = [each for each in plugins if each["Name"] == "wireguard"]
    assert found["Version"] == __version__
    assert "Err" not in found


def test_help_names_the_command_as_it_is_typed() -> None:
    said = run(*wireguard("--help"))
    assert said.startswith("usage: docker wireguard ")
    assert "serve" not in said


def test_files_are_found_from_where_the_user_is(tmp_path: Path) -> None:
    here, there = tmp_path / 'a "b", c', tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    (here / "good.conf").write_text(CONFIGURATION)
    (there / "bad.conf").write_text(CONFIGURATION.replace("Address", "Adress"))
    (there / "wgplugin.yaml").write_text("log-level: loud\n")
    check = shlex.join(wireguard("check", "good.conf", "../there/bad.conf", "absent.conf"))
    said = refused("sh", "-c", f"cd {shlex.quote(str(here))} && {check}")
    assert "10.64.0.2/32" in said
    assert "../there/bad.conf:3:1: unknown key 'Adress'" in said
    assert "../there/wgplugin.yaml:1:12: log-level: 'loud'" in said
    assert "absent.conf: no such file" in said


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("status",), 0),
        (("switch", "nobody"), 1),
        (("check", "absent.conf"), 2),
        (("no-such-command",), 2),
        (("wait", "--timeout", "0", "nobody"), 124),
    ],
    ids=str,
)
def test_exit_status_is_the_program_s(arguments: tuple[str, ...], status: int) -> None:
    assert exit_status(*wireguard(*arguments)) == status


def test_container_has_the_folder_and_leaves_neither_a_log_nor_itself(config_dir: Path) -> None:
    with waiting() as container:
        assert container["HostConfig"]["LogConfig"]["Type"] == "none"
        mounts = {each["Destination"]: each for each in container["Mounts"]}
        assert mounts[str(config_dir)]["RW"]
    assert not containers()


def test_docker_completes_it() -> None:
    if at_hand() < ASKS_PLUGINS:
        command = (str(SCRIPT), "__complete", "wireguard")
    else:
        command = ("docker", "__complete", "wireguard")
    assert run(*command, "wait", "--t").startswith("--timeout\t")


def test_missing_image_and_silent_docker_are_told_with_a_cure(tmp_path: Path) -> None:
    other = tmp_path / "docker-wireguard"
    other.write_text(SCRIPT.read_text().replace(IMAGE, "wireguard-docker-plugin:nothing"))
    other.chmod(0o755)
    assert "run make install" in refused(str(other), "status")
    said = refused("docker", "--host", "unix:///run/nobody.sock", "wireguard", "status")
    assert "Docker doesn't answer" in said


def install_command(*before: str, environment: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the command that installs it, after shell commands that change what is mounted."""
    script = " && ".join([*before, 'exec "$@"'])
    install = ("plugin/install_command.sh", "build/commands.tar")
    return ("unshare", "--mount", "sh", "-ec", script, "sh", "env", *environment, *install)


def test_file_of_somebody_else_stays() -> None:
    foreign = f"mount -t tmpfs none {SYSTEM} && echo foreign >{SCRIPT}"
    assert f"{SCRIPT} is there, and isn't of this project" in refused(*install_command(foreign))
    assert SCRIPT.exists()


def test_user_s_own_folder_is_used_where_the_system_s_cannot_be_written(tmp_path: Path) -> None:
    own = tmp_path / "cli-plugins/docker-wireguard"
    install = install_command(
        f"mount -t tmpfs -o ro none {SYSTEM}", environment=(f"DOCKER_CONFIG={tmp_path}",)
    )
    assert str(own) in run(*install)
    assert json.loads(run(str(own), "docker-cli-plugin-metadata"))["SchemaVersion"] == "0.1.0"
    assert "installed already" in run(*install)


def test_it_goes_with_the_last_plugin(config_dir: Path) -> None:
    uninstall = "plugin/uninstall_command.sh"
    assert "docker wireguard stays" in run(uninstall)
    make("uninstall", config_dir)
    try:
        assert not SCRIPT.exists()
        assert not succeeds("docker", "image", "inspect", IMAGE)
        assert run(uninstall) == ""
    finally:
        make("install", config_dir)
    assert SCRIPT.exists()


def test_plugin_has_nothing_of_the_commands_and_they_nothing_of_the_plugin() -> None:
    def modules(archive: str) -> set[str]:
        with tarfile.open(CHECKOUT / "build" / archive) as tar:
            names = (name.partition("/dist-packages/")[2] for name in tar.getnames())
            return {name for name in names if name}

    plugin, commands = modules("rootfs.tar"), modules("commands.tar")
    commands_own = ("wgplugin/cli", "wgplugin/__main__", "segno", "nacl", "cffi", "_cffi")
    plugins_own = ("wgplugin/kernel", "wgplugin/docker", "starlette", "uvicorn", "pyroute2")
    assert not [name for name in plugin if name.startswith(commands_own)]
    assert not [name for name in commands if name.startswith(plugins_own)]
    assert "wgplugin/serve.pyc" in plugin
    assert "wgplugin/cli/status.pyc" in commands
