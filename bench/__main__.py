"""The command line: measure, and write a report; or make a page of the reports there are."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import (
    attach,
    containers,
    crowded,
    hub,
    live_edit,
    live_join,
    live_rest,
    live_runs,
    ports,
    shared,
    shared_transfer,
    start,
)
from bench.attachments import Subject
from bench.containers import Network
from bench.machine import facts
from bench.plugin import Root, unpacked
from bench.profile import profile
from bench.table import Report, Table, from_json, markdown

RESULTS = Path(__file__).with_name("results")
EPILOG = """\
another plugin, to be measured beside this one:
  --plugin NAME,socket=PATH,driver=DRIVER,OPTION=VALUE,…
  NAME is what it is called in the tables; the options are those of its networks, where {n} stands
  for the name of a configuration. Without a socket it isn't in tables 1 to 3, without a driver
  not in table 4.

examples:
  sudo python3 -m bench attach growth --effort 0.1 --to attach.json
  sudo python3 -m bench runs --plugin other,driver=other:latest,some-option={n}
"""

MEASUREMENTS: dict[str, Callable[[Root, Any], Table]] = {
    "attach": lambda root, wanted: attach.measure_attachment(root, wanted.subjects, wanted.effort),
    "growth": lambda root, wanted: attach.measure_growth(root, wanted.subjects, wanted.effort),
    "peers": lambda root, wanted: attach.measure_peers(root, wanted.subjects, wanted.effort),
    "crowded": lambda root, wanted: crowded.measure_crowded(root, wanted.subjects, wanted.effort),
    "runs": lambda root, wanted: containers.measure_runs(wanted.networks, wanted.effort),
    "transfer": lambda root, wanted: containers.measure_transfer(wanted.effort),
    "start": lambda root, wanted: start.measure_start(root, wanted.effort, wanted.lab),
    "memory": lambda root, wanted: start.measure_memory(root),
    "size": lambda root, wanted: start.measure_size(),
    "enable": lambda root, wanted: start.measure_enable(wanted.effort, wanted.lab),
    "live-rest": lambda root, wanted: live_rest.measure_rest(root, wanted.effort),
    "live-join": lambda root, wanted: live_join.measure_join(root, wanted.effort),
    "live-runs": lambda root, wanted: live_runs.measure_live_runs(wanted.effort),
    "live-routes": lambda root, wanted: live_runs.measure_routes(wanted.effort),
    "live-edit": lambda root, wanted: live_edit.measure_edit(root, wanted.effort),
    "shared-attach": lambda root, wanted: shared.measure_shared_attach(root, wanted.effort),
    "shared-crowd": lambda root, wanted: shared.measure_shared_crowd(root, wanted.effort),
    "shared-transfer": lambda root, wanted: shared_transfer.measure_shared_transfer(wanted.effort),
    "hub": lambda root, wanted: hub.measure_hub(root, wanted.effort),
    "ports-requests": lambda root, wanted: ports.measure_ports(ports.PAGES, wanted.effort),
    "ports-transfer": lambda root, wanted: ports.measure_ports(ports.TRANSFER, wanted.effort),
}


def main() -> int:
    """Run the command line; return the exit status."""
    arguments = _parser().parse_args()
    arguments.subjects = [subject for subject, _ in arguments.plugin if subject]
    arguments.networks = [network for _, network in arguments.plugin if network]
    if unknown := set(arguments.what) - set(MEASUREMENTS):
        _parser().error(f"there is nothing called {', '.join(unknown)} to measure")
    if arguments.page:
        reports = [from_json(json.loads(path.read_text())) for path in arguments.page]
        before = arguments.before and from_json(json.loads(arguments.before.read_text()))
        (RESULTS / "README.md").write_text(markdown(reports, before))
        return 0
    with unpacked() as root:
        about = facts(root)
        tables = tuple(run(name, root, arguments) for name in arguments.what or MEASUREMENTS)
        if arguments.profile:
            arguments.profile.write_text(profile(root, about, arguments.effort))
    report = Report(arguments.name, about, tables)
    text = json.dumps(asdict(report), indent=1, ensure_ascii=False) + "\n"
    if arguments.to:
        arguments.to.write_text(text)
    print(markdown([report]))
    return 0


def run(name: str, root: Root, arguments: argparse.Namespace) -> Table:
    """Run one measurement, and print its duration."""
    print(f"bench: {name} …", end=" ", file=sys.stderr, flush=True)
    began = time.monotonic()
    table = MEASUREMENTS[name](root, arguments)
    print(f"done in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return table


def other_plugin(text: str) -> tuple[Subject | None, Network | None]:
    """Parse --plugin: return a subject for tables 1 to 3, and a network for table 4."""
    name, *pairs = text.split(",")
    options = dict(_pair(pair) for pair in pairs)
    socket = options.pop("socket", None)
    driver = options.pop("driver", None)
    return (
        Subject(name, Path(socket), options) if socket else None,
        Network.of(name, driver, options) if driver else None,
    )


def _pair(text: str) -> tuple[str, str]:
    name, is_given, value = text.partition("=")
    if not is_given:
        raise argparse.ArgumentTypeError(f"{text!r} isn't OPTION=VALUE")
    return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m bench",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "what",
        nargs="*",
        metavar="WHAT",
        help=f"of {', '.join(MEASUREMENTS)}; all, if none is named",
    )
    parser.add_argument("--name", default="here", help="what the report is called")
    parser.add_argument("--to", type=Path, metavar="FILE", help="write it there, as JSON")
    parser.add_argument(
        "--effort", type=float, default=1.0, help="repeat that many times as often as usual"
    )
    parser.add_argument(
        "--profile", type=Path, metavar="FILE", help="write there where an attachment's time goes"
    )
    parser.add_argument(
        "--lab", action="store_true", help="the targets for the start are the lab's"
    )
    parser.add_argument("--plugin", type=other_plugin, action="append", default=[])
    parser.add_argument(
        "--page", type=Path, nargs="+", metavar="FILE", help="make results/README.md of reports"
    )
    parser.add_argument(
        "--before", type=Path, metavar="FILE", help="show the figures of this report on the page"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
