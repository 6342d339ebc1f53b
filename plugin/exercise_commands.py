"""Exercise the commands for a person, and list the files that they use.

    python3 -I -B exercise_commands.py FOLDER

FOLDER is empty at first. In the end its file `used` lists the files of all imported modules. If a
command imports a module only in some form, run that form here.
"""

from __future__ import annotations

import pkgutil
import runpy
import socket
import sys
import threading
from importlib import import_module
from pathlib import Path

import wgplugin.cli

CONFIGURATION = """\
[Interface]
PrivateKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=
Address = 192.0.2.2/24, 2001:db8::2/64
DNS = 192.0.2.1
[Peer]
PublicKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI=
Endpoint = localhost:51820
AllowedIPs = 0.0.0.0/0, ::/0
"""
SETTINGS = """\
log-level: info
defaults: {dns: warn, sink: on, bypass: [192.168.0.0/16, "fd00::/8"]}
configurations:
  right:
    default: tunnel
"""
ENDPOINT = "e" * 64
# A request to a plugin, and its answer.
ANSWERS = {
    "/status": f"""{{"edition": "live", "version": "0", "tunnels": [{{
        "endpoint": "{ENDPOINT}", "network": "{"f" * 64}", "configuration": "right",
        "health": "up", "peers": [{{"public_key": "A", "endpoint": "192.0.2.1:1",
        "last_handshake": 1, "received_bytes": 1, "sent_bytes": 1,
        "allowed_ips": ["0.0.0.0/0"]}}]}}]}}""",
    "/wait": """{"health": "up"}""",
    "/switch": """{"configuration": "other"}""",
}
UP, FAILED, WRONG = 0, 1, 2


def main(folder: Path) -> None:
    """Exercise everything, and write the list."""
    import_module("wgplugin.__main__")
    for module in pkgutil.walk_packages(wgplugin.cli.__path__, "wgplugin.cli."):
        import_module(module.name)
    ask(folder)
    check(folder)
    have_a_hub(folder)
    complete()
    expect(UP, "--help")
    expect(UP, "--version")
    expect(WRONG, "no-such-command")
    files = {getattr(module, "__file__", None) for module in sys.modules.values()}
    (folder / "used").write_text("\n".join(sorted(filter(None, files))))


def ask(folder: Path) -> None:
    """Ask a plugin that there is, and one that there isn't."""
    answering = socket.socket(socket.AF_UNIX)
    answering.bind(str(folder / "sock"))
    answering.listen()
    threading.Thread(target=answer_all, args=(answering,), daemon=True).start()
    for status, name in ((UP, "sock"), (FAILED, "absent")):
        there = ("--socket", str(folder / name))
        expect(status, "status", *there)
        expect(status, "status", "--json", *there)
        expect(status, "wait", "--timeout", "1", ENDPOINT, *there)
        expect(status, "switch", ENDPOINT, *there)
        expect(status, "switch", ENDPOINT, "other", *there)
    # There is no Docker to ask for a name.
    expect(FAILED, "switch", "name", "--socket", str(folder / "sock"))


def answer_all(answering: socket.socket) -> None:
    """Answer requests by `ANSWERS`, for ever."""
    while True:
        connection, _ = answering.accept()
        with connection:
            target = connection.recv(65536).split()[1].decode()
            connection.sendall(f"HTTP/1.0 200 OK\r\n\r\n{ANSWERS[target]}".encode())


def check(folder: Path) -> None:
    """Check files of each kind, in each form."""
    (folder / "right.conf").write_text(CONFIGURATION)
    (folder / "wrong.conf").write_text(CONFIGURATION.replace("Private", "Privat"))
    (folder / "wgplugin.yaml").write_text(SETTINGS)
    names = ("right.conf", "wrong.conf", "wgplugin.yaml")
    right, wrong, settings = (str(folder / name) for name in names)
    expect(UP, "check", right, settings)
    expect(FAILED, "check", "--json", right, wrong, settings)
    expect(FAILED, "check", wrong)
    expect(WRONG, "check", str(folder / "absent.conf"))


def have_a_hub(folder: Path) -> None:
    """Make a hub, and add, show, change and remove a peer."""
    there = ("--folder", str(folder))
    routes = ("--routes", "192.0.2.0/24")
    expect(UP, "hub", "init", "office", "--endpoint", "192.0.2.1", *there)
    expect(UP, "peer", "add", "phone", *routes, "--expires", "1d", "--qr", *there)
    expect(FAILED, "peer", "add", "phone", *routes, *there)
    expect(UP, "peer", "rotate", "phone", *routes, "--json", *there)
    expect(UP, "peer", "list", *there)
    expect(UP, "peer", "set", "phone", "--reach", "192.0.2.0/24", *there)
    for action in ("show", "disable", "enable", "remove"):
        expect(UP, "peer", action, "phone", *there)


def complete() -> None:
    """Complete a command line, and print each shell's script."""
    for request in ("__complete", "__completeNoDesc"):
        expect(UP, request, "")
        expect(UP, request, "wait", "--")
    for shell in ("bash", "zsh", "fish"):
        expect(UP, "completion", shell)


def expect(status: int, *arguments: str) -> None:
    """Run a command line. Raise RuntimeError unless that is its exit status."""
    sys.argv = ["wgplugin", *arguments]
    ended: object = 0
    try:
        runpy.run_module("wgplugin", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        ended = end.code or 0
    if ended != status:
        raise RuntimeError(f"{arguments} ended with {ended}, not {status}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
