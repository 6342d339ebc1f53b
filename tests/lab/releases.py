"""The Docker releases the lab offers, and the Debian suites they come from."""

from dataclasses import dataclass

COMMON_PACKAGES = (
    "busybox-static",
    "ca-certificates",
    "curl",
    "docker.io",
    "iproute2",
    "iptables",
    "iputils-ping",
    "kmod",
    "make",
    "nftables",
    "procps",
    "python3",
    "python3-pytest",
    "python3-yaml",
    "python3-zxing-cpp",
    "tcpdump",
    "wireguard-tools",
)


@dataclass(frozen=True)
class Release:
    """One Docker release: its version as on the command line, its suite, what is installed."""

    docker: str
    suite: str
    packages: tuple[str, ...]
    apt_options: tuple[str, ...] = ()


RELEASES = {
    release.docker: release
    for release in (
        Release("20.10", "bookworm", COMMON_PACKAGES),
        Release("26.1", "trixie", (*COMMON_PACKAGES, "docker-cli", "docker-compose")),
        Release(
            "28.5",
            "forky",
            (*COMMON_PACKAGES, "docker-cli", "docker-compose", "iperf3"),
            # Mirrors may carry this suite after its Release file's date; signatures still count.
            ('Acquire::Check-Valid-Until "false"',),
        ),
    )
}
