"""The tunnels' status in Prometheus' text format. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from wgplugin.networks.status import Status

CONTENT_TYPE = CONTENT_TYPE_LATEST

TUNNEL = ("configuration", "endpoint", "network")
PEER = (*TUNNEL, "peer")


def encode(status: Status) -> bytes:
    """Return the metrics of all tunnels, in the format of CONTENT_TYPE."""
    registry = CollectorRegistry()
    registry.register(_Collector(status))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Yield each metric with the values of all tunnels."""
        info = InfoMetricFamily("wireguard_plugin", "The plugin's version and edition")
        info.add_metric((), {"version": self._status.version, "edition": self._status.edition})
        health = GaugeMetricFamily(
            "wireguard_tunnel_health", "1 for the present health", labels=(*TUNNEL, "health")
        )
        configured = GaugeMetricFamily(
            "wireguard_tunnel_configured_timestamp_seconds",
            "When the configuration was applied last",
            labels=TUNNEL,
        )
        failing = GaugeMetricFamily(
            "wireguard_tunnel_error", "1 if the status has an error", labels=TUNNEL
        )
        handshake = GaugeMetricFamily(
            "wireguard_peer_last_handshake_timestamp_seconds",
            "When the last handshake was, 0 for never",
            labels=PEER,
        )
        received = CounterMetricFamily(
            "wireguard_peer_received_bytes", "Bytes received from the peer", labels=PEER
        )
        sent = CounterMetricFamily(
            "wireguard_peer_sent_bytes", "Bytes sent to the peer", labels=PEER
        )
        switches = CounterMetricFamily(
            "wireguard_tunnel_switches",
            "Changes from one configuration of a pool to another",
            labels=("endpoint", "network"),
        )
        containers = GaugeMetricFamily(
            "wireguard_container_error",
            "1 if the status of a container on a shared network has an error",
            labels=TUNNEL,
        )
        for tunnel in self._status.tunnels:
            labels = (tunnel.configuration, tunnel.endpoint[:12], tunnel.network[:12])
            for state in ("up", "stale", "down", "never", "unknown"):
                health.add_metric((*labels, state), tunnel.health == state)
            configured.add_metric(labels, tunnel.configured or 0)
            failing.add_metric(labels, bool(tunnel.error))
            if tunnel.pool:
                switches.add_metric(labels[1:], tunnel.switches)
            for peer in tunnel.peers:
                whose = (*labels, peer.public_key)
                handshake.add_metric(whose, peer.last_handshake or 0)
                received.add_metric(whose, peer.received_bytes)
                sent.add_metric(whose, peer.sent_bytes)
            for each in tunnel.containers:
                where = (tunnel.configuration, each.endpoint[:12], tunnel.network[:12])
                containers.add_metric(where, bool(each.error))
        yield from (info, health, configured, failing, switches)
        yield from (handshake, received, sent, containers)
