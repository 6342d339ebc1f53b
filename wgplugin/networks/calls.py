"""The plugin's own calls, which ``wgplugin`` makes beside Docker's, as values and as JSON. Pure."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from wgplugin.model.identity import Id

LONGEST_WAIT = 3600.0
"""The longest time, in seconds, that a call to wait may ask for."""


class SwitchRequest(msgspec.Struct, frozen=True):
    """Asks for another configuration of a pool; it and ``endpoint`` are as in Insides.switch()."""

    endpoint: Id
    configuration: Annotated[str, msgspec.Meta(max_length=64)] = ""


class SwitchAnswer(msgspec.Struct, frozen=True):
    """The configuration that the tunnel has now."""

    configuration: str


class WaitRequest(msgspec.Struct, frozen=True):
    """Waits for a handshake, at most ``timeout`` seconds; ``endpoint`` as in Insides.wait()."""

    endpoint: Id
    timeout: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_WAIT)]


class WaitAnswer(msgspec.Struct, frozen=True):
    """The tunnel's health at the end."""

    health: str


class Refusal(msgspec.Struct, frozen=True):
    """What is answered to a call that failed, as to Docker: the error, with its code."""

    err: str = msgspec.field(name="Err")


Answer = TypeVar("Answer", bound=msgspec.Struct)


def encode(message: msgspec.Struct) -> bytes:
    """Return a message as JSON."""
    return msgspec.json.encode(message)


def decode(data: bytes, kind: type[Answer]) -> Answer:
    """Return the message of this kind in a JSON text.

    Raises:
        ValueError: it isn't one.
    """
    return msgspec.json.decode(data, type=kind)
