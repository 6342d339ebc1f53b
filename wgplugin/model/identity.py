"""Docker's ids, and the names of the devices that they stand for. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

import msgspec

# Long enough for every engine's ids; nothing in it can name another file or folder.
Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,127}\Z")]

DEVICE_PREFIX = "wgp"
DEVICE_NAME = re.compile(rf"{DEVICE_PREFIX}[0-9a-f]{{12}}")


def device_name(endpoint_id: str) -> str:
    """Return the name of an endpoint's device on the host: 15 characters, Linux's most.

    The same id always gives the same name, so a device can be found without a record of it.
    """
    return DEVICE_PREFIX + hashlib.sha256(endpoint_id.encode()).hexdigest()[:12]
