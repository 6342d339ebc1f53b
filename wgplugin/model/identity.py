"""Docker's ids, and the names and numbers computed from them. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

import msgspec

# Long enough for the ids of every engine; safe as the name of a file.
Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,127}\Z")]

DEVICE_PREFIX = "wgp"
DEVICE_NAME = re.compile(rf"{DEVICE_PREFIX}[0-9a-f]{{12}}")


def device_name(endpoint_id: str) -> str:
    """Return the name of an endpoint's device on the host: 15 characters, Linux's limit.

    The name depends on the id alone, so a device can be found without a record of it.
    """
    return DEVICE_PREFIX + hashlib.sha256(endpoint_id.encode()).hexdigest()[:12]


def network_number(network_id: str) -> int:
    """Return a network's number of 28 bits, by which its routes and nftables are recognized.

    It outlives an endpoint: a container that is connected again gets its network's own back.
    """
    return int(hashlib.sha256(network_id.encode()).hexdigest()[:7], 16)
