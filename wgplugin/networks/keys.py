"""The private keys in use by containers of pools: one key serves one container.

A claim is to a configuration's name, and two files may have one key. What this run of the plugin
has given to containers is known; what an earlier run has given is in their files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder
from wgplugin.errors import ConfigError, PluginError
from wgplugin.model.device import Key, clamped
from wgplugin.model.pool import Pool
from wgplugin.state.records import Endpoint
from wgplugin.state.store import Records

Place = tuple[str, str]
"""An owner and a configuration. The owner is an endpoint's id, or that of a shared network."""


class Keys:
    """Remembers the digests of keys, in memory alone."""

    def __init__(self, folder: ConfigFolder, endpoints: Records[Endpoint]) -> None:
        self._folder = folder
        self._endpoints = endpoints
        self._given: dict[Place, frozenset[bytes]] = {}
        self._giving: set[Place] = set()

    @asynccontextmanager
    async def given(
        self, owner: str, configuration: str, key: Key, pool: Pool
    ) -> AsyncIterator[None]:
        """Keep a private key for an owner: in the block, and then as long as it has the claim.

        The block claims the configuration, unless that was done before, and gives the key to a
        device. If it fails, a key that the owner had by this configuration stays its own, too.

        Args:
            owner: an endpoint's id, or that of a shared network; it may have the key already.
            configuration: the name of the file with the key.
            key: the private key.
            pool: of the configurations in it, those that others claim are read if they have them
                from an earlier run.

        Raises:
            PluginError: another owner has the key.
        """
        place, digest = (owner, configuration), _digest(key)
        await self._check_files(place, digest, pool)
        # From here on to the note there is no pause, so of two that ask at once one gets the key.
        self._check_given(place, digest)
        self._given[place] = self._given.get(place, frozenset()) | {digest}
        self._giving.add(place)
        try:
            yield
            self._given[place] = frozenset({digest})
        finally:
            self._giving.discard(place)

    def _check_given(self, place: Place, digest: bytes) -> None:
        claimed = {
            (owner, name)
            for each in self._endpoints
            for owner in (each.id, each.network_id)
            for name in each.claims
        } | self._giving
        self._given = {each: kept for each, kept in self._given.items() if each in claimed}
        for (owner, name), digests in self._given.items():
            if owner != place[0] and digest in digests:
                raise _same_key(place[1], name, owner)

    async def _check_files(self, place: Place, digest: bytes, pool: Pool) -> None:
        for endpoint in self._endpoints:
            owners = (endpoint.id, endpoint.network_id)
            if place[0] in owners:
                continue
            for name in pool.matched(endpoint.claims):
                is_known = any((owner, name) in self._given for owner in owners)
                if not is_known and await self._digest_in_file(name) == digest:
                    raise _same_key(place[1], name, endpoint.id)

    async def _digest_in_file(self, name: str) -> bytes | None:
        try:
            return _digest((await self._folder.read(name)).config.private_key)
        except ConfigError:
            return None


def _same_key(configuration: str, other: str, owner: str) -> PluginError:
    return PluginError(
        Code.SAME_KEY,
        f"{configuration}.conf has the private key that {owner:.12} has by {other}.conf; give each "
        "file a key of its own",
    )


def _digest(key: Key) -> bytes:
    return sha256(clamped(key).raw).digest()
