"""Completion: what a command line's last word may become, by the parser that will read it."""

import argparse
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgplugin.cli.completion import Answer, Directive, answer, complete, offer
from wgplugin.codes import Code
from wgplugin.errors import PluginError

PEERS = {"": ["phone", "tablet"], "home": ["laptop"]}


def peers(values: Mapping[str, str]) -> Iterable[str]:
    return PEERS[values.get("hub", "")]


def nobody(values: Mapping[str, str]) -> Iterable[str]:
    raise PluginError(Code.NO_ANSWER, "nobody answers")


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog="program")
    whole.add_argument("--version", action="version", version="1", help="its version")
    commands = whole.add_subparsers(dest="command", required=True)
    files = commands.add_parser("files", help="take files")
    files.add_argument("--json", action="store_true")
    files.add_argument("--tag", action="append")
    files.add_argument("--hidden", help=argparse.SUPPRESS)
    offer(files.add_argument("--folder"), Directive.FOLDERS)
    offer(files.add_argument("file", nargs="+"), Directive.FILES)
    peer = commands.add_parser("peer", help="do something to a peer").add_subparsers()
    peer.add_parser("not-shown")
    show = peer.add_parser("show", help="show it")
    show.add_argument("--hub")
    show.add_argument("--colour", choices=("red", "green"))
    offer(show.add_argument("name"), peers)
    offer(peer.add_parser("fail", help="fail").add_argument("name"), nobody)
    return whole


def words(line: str) -> list[str]:
    return line.split(" ")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("", ["files", "peer"]),
        ("pe", ["peer"]),
        ("no", []),
        ("no-such-command ", []),
        ("peer ", ["show", "fail"]),
        ("peer show ", ["phone", "tablet"]),
        ("peer show p", ["phone"]),
        ("peer show phone ", []),
        ("--", ["--help", "--version"]),
        ("peer show --", ["--help", "--hub", "--colour"]),
        ("peer show --h", ["--help", "--hub"]),
        ("peer show --colour ", ["red", "green"]),
        ("peer show --colour g", ["green"]),
        ("peer show --colour=g", ["--colour=green"]),
        ("peer show --colour=red --", ["--help", "--hub"]),
        ("peer show --hub home ", ["laptop"]),
        ("peer show --hub=home ", ["laptop"]),
        ("peer show --no-such-option ", ["phone", "tablet"]),
        ("peer show --no-such-option=", []),
        ("peer show -- --", []),
        ("peer show -- ", ["phone", "tablet"]),
        ("files --", ["--help", "--json", "--tag", "--folder"]),
        ("files --json --", ["--help", "--tag", "--folder"]),
        ("files --tag x --t", ["--tag"]),
    ],
)
def test_last_word_may_become_what_the_parser_takes(line: str, wanted: list[str]) -> None:
    assert [word for word, _ in complete(parser(), words(line)).candidates] == wanted


@pytest.mark.parametrize(
    ("line", "directive"),
    [
        ("files ", Directive.FILES),
        ("files one ", Directive.FILES),
        ("files --json x", Directive.FILES),
        ("files --folder ", Directive.FOLDERS),
        ("files --folder=", Directive.FOLDERS),
        ("peer show ", Directive.NOTHING),
        ("peer show phone ", Directive.NOTHING),
    ],
)
def test_files_and_folders_are_left_to_the_shell(line: str, directive: Directive) -> None:
    assert complete(parser(), words(line)).directive == directive


def test_names_that_cannot_be_had_are_no_error() -> None:
    assert complete(parser(), words("peer fail ")) == Answer()


def test_answer_is_in_the_form_of_cobra() -> None:
    described = answer(parser(), "__complete", ["p"])
    assert described == "peer\tdo something to a peer\n:4"
    assert answer(parser(), "__completeNoDesc", ["p"]) == "peer\n:4"
    assert answer(parser(), "__complete", []).splitlines()[0] == "files\ttake files"
    assert answer(parser(), "__complete", ["files", ""]) == ":0"


PIECES = st.sampled_from(["", "-", "--", "--hub", "--hub=home", "--json", "files", "peer", "show"])


@given(st.lists(PIECES | st.text(max_size=3), max_size=6))
def test_any_command_line_gets_candidates_that_continue_its_last_word(line: list[str]) -> None:
    current = line[-1] if line else ""
    assert all(word.startswith(current) for word, _ in complete(parser(), line).candidates)
