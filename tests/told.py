"""A status of a plugin that has a tunnel with two peers."""

from wgplugin.networks.status import PeerStatus, Status, TunnelStatus

NOW = 1_000_000.0
PEER = PeerStatus("AAAABBBBCCCC=", "192.0.2.1:51820", NOW - 90, 2048, 5, ("0.0.0.0/0",))
TUNNEL = TunnelStatus(
    endpoint="e" * 64,
    network="n" * 64,
    configuration="mynet",
    health="up",
    interface="wg0",
    namespace="/var/run/docker/netns/0123456789ab",
    configured=NOW,
    error="",
    peers=(PEER, PeerStatus("DDDDEEEEFFFF=", None, None, 0, 0, ())),
)
STATUS = Status("live", (TUNNEL,))
