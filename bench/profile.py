"""A profile of an attachment: the time of the plugin's stages, one inside the other."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from bench.attach import peers_link, repetitions, rounds, visit
from bench.attachments import write_configurations
from bench.plugin import Root
from bench.stats import summarize

ROUNDS = 200
STAGES = Path(__file__).with_name("stages.py")
POLL_SECONDS = 0.01

# Each stage's depth, description and function.
TREE = (
    (1, "CreateEndpoint", "wgplugin.docker.driver:Driver.create_endpoint"),
    (2, "the configuration, and wgplugin.yaml", "wgplugin.conf.folder:ConfigFolder.read"),
    (3, "its thread: reading and parsing", "wgplugin.conf.folder:ConfigFolder._files"),
    (4, "parsing alone", "wgplugin.conf.parser:parse"),
    (2, "the routes to give", "wgplugin.networks.direct:attachment"),
    (2, "the record", "wgplugin.state.store:Records.put"),
    (2, "where the peers are", "wgplugin.networks.peers:Peers.locate"),
    (2, "the MTU of the way there", "wgplugin.networks.peers:Peers.mtu"),
    (2, "the device, configured", "wgplugin.kernel.host:KernelHost.create"),
    (3, "its thread: netlink", "wgplugin.kernel.host:KernelHost._create"),
    (1, "Join", "wgplugin.docker.driver:Driver.join"),
    (1, "Leave", "wgplugin.docker.driver:Driver.leave"),
    (1, "DeleteEndpoint", "wgplugin.docker.driver:Driver.delete_endpoint"),
    (2, "the device", "wgplugin.kernel.host:KernelHost.delete"),
    (3, "its thread: netlink", "wgplugin.kernel.host:KernelHost._delete"),
    (2, "the record", "wgplugin.state.store:Records.remove"),
)


def profile(root: Root, facts: Mapping[str, str], effort: float) -> str:
    """Return the profile of attaching and detaching a container, as text."""
    count = repetitions(ROUNDS, effort)
    targets = ",".join(dict.fromkeys(target for _, _, target in TREE))
    shutil.copy(STAGES, root.path)
    write_configurations(root.configurations, {"bench": 1})
    with peers_link(), ExitStack() as stack:
        process = stack.enter_context(root.running(f"/{STAGES.name}", targets))
        step = visit(stack, process, "bench")
        step()
        _stages(root, process.pid)
        (samples,) = rounds({"": step}, count).values()
        stages = _stages(root, process.pid)
    lines = [f"{name}: {value}" for name, value in facts.items()]
    mean = sum(samples) / count
    lines += [
        "",
        *_lines(stages, count + 1, mean),
        "",
        f"median {summarize(samples).median:.2f} ms",
    ]
    return "\n".join(lines) + "\n"


def _lines(stages: Mapping[str, tuple[int, float]], count: int, mean: float) -> Iterator[str]:
    def line(depth: int, name: str, target: str) -> str:
        calls, seconds = stages[target]
        return _line(depth, name, calls / count, 1000 * seconds / count, mean)

    yield f"{'one attach and detach':58}{'calls':>6}{'ms':>9}{'share':>7}"
    yield _line(0, "as a client sees it", 4, mean, mean)
    yield from (line(*entry) for entry in TREE)
    served = sum(1000 * stages[target][1] / count for depth, _, target in TREE if depth == 1)
    yield _line(1, "HTTP, JSON, the event loop, the client", 4, mean - served, mean)


def _line(depth: int, name: str, calls: float, milliseconds: float, mean: float) -> str:
    share = f"{100 * milliseconds / mean:.0f} %"
    return f"{'  ' * depth + name:58}{calls:6.0f}{milliseconds:9.2f}{share:>7}"


def _stages(root: Root, pid: int) -> dict[str, tuple[int, float]]:
    """Return the calls and the seconds of each stage since the last time."""
    file = root.path / "stages"
    file.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    while not file.exists():
        time.sleep(POLL_SECONDS)
    return {
        target: (calls, seconds)
        for target, (calls, seconds) in json.loads(file.read_text()).items()
    }
