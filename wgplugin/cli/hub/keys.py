"""Keys for hubs and peers, as wg(8) makes them: genkey, pubkey, genpsk."""

from __future__ import annotations

import secrets

from nacl.bindings import crypto_scalarmult_base

from wgplugin.model.device import KEY_LENGTH, Key, clamped


def private_key() -> Key:
    """Return a new private key."""
    return clamped(Key(secrets.token_bytes(KEY_LENGTH)))


def public_key(private: Key) -> Key:
    """Return the public key of a private key."""
    return Key(crypto_scalarmult_base(private.raw))


def preshared_key() -> Key:
    """Return a new preshared key."""
    return Key(secrets.token_bytes(KEY_LENGTH))
