"""A pool stands for the configurations that its text says, in one order."""

from __future__ import annotations

import string
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.pool import MAX_LENGTH, Pool, ranked, read

FOLDER = ("home", "mullvad-de", "mullvad-se", "office", "vpn-a", "vpn-b", "vpn-c", "vpn-c2")

letters = string.ascii_letters + string.digits + "_=+.-"
names = st.text(letters, min_size=1, max_size=12).filter(lambda name: not name.endswith(".conf"))
patterns = st.text(letters + "*?", min_size=1, max_size=8).filter(lambda text: "*" in text)
folders = st.lists(names, unique=True, max_size=12)


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("home", "home"),
        ("gone", ""),
        ("vpn-b,vpn-a", "vpn-b vpn-a"),
        ("vpn-b,gone,vpn-a", "vpn-b vpn-a"),
        ("vpn-b,vpn-b", "vpn-b"),
        ("mullvad-*", "mullvad-de mullvad-se"),
        ("vpn-?", "vpn-a vpn-b vpn-c"),
        ("vpn-[bc]", "vpn-b vpn-c"),
        ("vpn-[!b]", "vpn-a vpn-c"),
        ("vpn-c,vpn-*", "vpn-c vpn-a vpn-b vpn-c2"),
        ("vpn-*,mullvad-*", "vpn-a vpn-b vpn-c vpn-c2 mullvad-de mullvad-se"),
        ("MULLVAD-*", ""),
        ("nord-*", ""),
        ("*", " ".join(FOLDER)),
    ],
)
def test_pool_matches_files_in_its_order(text: str, matched: str) -> None:
    assert read(text).matched(FOLDER[::-1]) == tuple(matched.split())


@pytest.mark.parametrize(
    ("text", "is_choice", "named"),
    [
        ("home", False, "home"),
        ("home,home", False, "home"),
        ("a,b", True, "a b"),
        ("a*", True, ""),
        ("a*,b", True, "b"),
        ("[a]", True, ""),
    ],
)
def test_pool_is_a_choice_unless_it_is_one_name(text: str, is_choice: bool, named: str) -> None:
    assert read(text).is_choice is is_choice
    assert read(text).named == tuple(named.split())


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "a,",
        "a,,b",
        "a/b",
        "../*",
        "a b",
        "é",
        "a;b",
        "{a,b}",
        "!a",
        "]",
        "a" * 65,
        "a.conf",
    ],
)
def test_text_that_is_no_pool_is_refused(text: str) -> None:
    with pytest.raises(PluginError) as caught:
        read(text)
    assert caught.value.code is Code.CONFIGURATION_NAME


def test_pool_has_a_longest_text() -> None:
    item = "a" * 63 + "*"
    read(",".join(f"{number:02}{item[2:]}" for number in range(15)))
    with pytest.raises(PluginError, match=f"longer than {MAX_LENGTH} characters"):
        read(",".join(f"{number:02}{item[2:]}" for number in range(16)))


@given(st.lists(names | patterns, min_size=1, max_size=6))
def test_text_of_a_pool_is_read_as_it_was_written(items: list[str]) -> None:
    pool = read(", ".join(items))
    assert pool == Pool(tuple(dict.fromkeys(items)))
    assert read(str(pool)) == pool


@given(st.lists(names | patterns, min_size=1, max_size=6), folders)
def test_what_is_matched_is_there_once_and_is_asked_for(
    items: list[str], folder: list[str]
) -> None:
    pool = read(",".join(items))
    found = pool.matched(folder)
    assert len(found) == len(set(found))
    assert set(found) == {
        name for name in folder if any(name == item or fnmatchcase(name, item) for item in items)
    }
    first = [
        next(n for n, item in enumerate(pool.items) if fnmatchcase(name, item)) for name in found
    ]
    assert first == sorted(first)
    assert found == pool.matched(folder[::-1])


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("mulvad-*", ("mullvad-de", "mullvad-se")),
        ("ofice", ("office",)),
        ("hone,ofice", ("home", "office")),
        ("zzzzzz-*", ()),
        ("*", ()),
    ],
)
def test_near_names_are_those_like_what_is_asked_for(text: str, near: tuple[str, ...]) -> None:
    assert set(read(text).near(FOLDER)) == set(near)


@pytest.mark.parametrize(
    ("rotate", "used", "failed", "order"),
    [
        (False, "", "", "a b c d"),
        (False, "a b c d", "", "a b c d"),
        (False, "", "a", "b c d a"),
        (False, "", "c a", "b d a c"),
        (False, "", "a b c d", "a b c d"),
        (True, "", "", "a b c d"),
        (True, "a", "", "b c d a"),
        (True, "c a", "", "b d c a"),
        (True, "b a d c", "", "b a d c"),
        (True, "b", "a", "c d b a"),
        (True, "gone b", "gone", "a c d b"),
    ],
)
def test_order_of_trying(rotate: bool, used: str, failed: str, order: str) -> None:
    given = {"used": used.split(), "failed": failed.split()}
    assert ranked(tuple("abcd"), rotate=rotate, **given) == tuple(order.split())


@given(folders, st.booleans(), folders, folders)
def test_all_are_tried_once_and_those_that_failed_come_last(
    matched: list[str], rotate: bool, used: list[str], failed: list[str]
) -> None:
    found = ranked(matched, rotate=rotate, used=used, failed=failed)
    assert sorted(found) == sorted(matched)
    has_failed = [name in failed for name in found]
    assert has_failed == sorted(has_failed)
