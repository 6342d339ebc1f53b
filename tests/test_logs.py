"""The log tells what happened, a line each, and stops nobody who has something to say."""

import logging
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager

from wgplugin.logs import LogHandler

KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
PIPE_SIZE = 64 * 1024


@contextmanager
def pipe() -> Iterator[tuple[int, logging.Logger]]:
    """A logger that writes into a pipe; its other end is for the test to read."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    log = logging.Logger("wgplugin.test")
    log.addHandler(LogHandler(writing))
    try:
        yield reading, log
    finally:
        os.close(reading)
        os.close(writing)


def test_line_has_its_level_and_its_logger() -> None:
    with pipe() as (reading, log):
        log.warning("%s happened", "this")
        assert os.read(reading, PIPE_SIZE) == b"WARNING wgplugin.test: this happened\n"


def test_log_without_a_reader_drops_lines_and_counts_them() -> None:
    with pipe() as (reading, log):
        for number in range(10_000):
            log.info("line %d", number)
        lines = os.read(reading, 2 * PIPE_SIZE).decode().splitlines()
        assert lines == [f"INFO wgplugin.test: line {number}" for number in range(len(lines))]
        assert 100 < len(lines) < 10_000

        log.info("read again")
        lost, last = os.read(reading, PIPE_SIZE).decode().splitlines()
        assert lost == f"WARNING wgplugin.logs: {10_000 - len(lines)} lines lost, as nobody " + (
            "read the log"
        )
        assert last == "INFO wgplugin.test: read again"


def test_log_whose_reader_is_gone_blocks_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    log = logging.Logger("wgplugin.test")
    log.addHandler(LogHandler(writing))
    log.info("to nobody")
    os.close(writing)


def test_line_with_a_key_is_logged_without_it() -> None:
    with pipe() as (reading, log):
        log.debug('{"wireguard-config":"%s"}', KEY)
        assert os.read(reading, PIPE_SIZE) == (
            b'DEBUG wgplugin.test: {"wireguard-config":"(key)"}\n'
        )


def test_long_line_is_cut_and_no_other_is_mixed_into_it() -> None:
    with pipe() as (reading, log):
        log.info("x" * PIPE_SIZE)
        log.info("next")
        first, second = os.read(reading, 2 * PIPE_SIZE).decode().splitlines()
        assert (len(first), second) == (select.PIPE_BUF - 1, "INFO wgplugin.test: next")


def test_traceback_is_written_and_names_the_error() -> None:
    with pipe() as (reading, log):
        try:
            raise ValueError("this went wrong")
        except ValueError:
            log.exception("failed")
        lines = os.read(reading, PIPE_SIZE).decode().splitlines()
    assert lines[0] == "ERROR wgplugin.test: failed"
    assert lines[-1] == "ValueError: this went wrong"


def test_text_that_is_not_unicode_is_written_as_far_as_it_goes() -> None:
    with pipe() as (reading, log):
        log.info("name \udcff")
        assert os.read(reading, PIPE_SIZE) == b"INFO wgplugin.test: name \\udcff\n"
