"""Whether a tunnel's device still has the configuration that it was given. Pure."""

from __future__ import annotations

from wgplugin.model.device import Device, DeviceConfig, diff, settings
from wgplugin.networks.pauses import Pauses


class Drift:
    """Compares a device only if it has changed, and tells of a difference that stays seldom.

    The kernel may not take everything that it is given without an error. Nothing is gained if
    that is set again at each look.
    """

    def __init__(self, pauses: Pauses) -> None:
        """Let ``pauses`` pass before the same difference is told again."""
        self._pauses = pauses
        self._tell_at = 0.0
        self._verified: tuple[Device, DeviceConfig] | None = None

    def is_due(self, device: Device, wanted: DeviceConfig, now: float) -> bool:
        """Return whether a device should be put right, at ``now`` in seconds."""
        seen = settings(device), wanted
        if seen == self._verified:
            return False
        if diff(device, wanted) == DeviceConfig():
            self._verified, self._tell_at = seen, 0.0
            self._pauses.reset()
            return False
        if now < self._tell_at:
            return False
        self._tell_at = now + self._pauses.next()
        return True
