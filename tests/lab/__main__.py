"""The lab's command line."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from . import builder, cache, kernel, machine, packages, rootfs, xstate
from .progress import LabError, say
from .releases import RELEASES, Release

LAB_FAILED = 125

DESCRIPTION = """\
Runs commands beside a real Docker, on machines that lack what the tests need.

  run      in a fresh virtual machine with that Docker release and kernel WireGuard, without a
           network; needs no KVM, and root only to make the kernel and the disk, once
  build    as root on this machine, with its network, beside a private dockerd
"""
EPILOG = """\
The checkout is at /src, where the command starts; what it writes there stays. The exit status is
the command's, or 124 if it was stopped at its time limit, or 125 if the lab itself failed.

environment:
  LAB_CACHE    the cache folder (default: ~/.cache/wireguard-docker-plugin/lab)
  LAB_KERNEL   a User-Mode Linux kernel to use instead of building one, with the options of
               kernel.config
  INSTALL=yes  the same as --install

examples:
  python3 -m tests.lab run --docker 26.1 -- docker version
  python3 -m tests.lab run --docker 20.10 --timeout 900 -- python3 -m pytest tests/e2e
  python3 -m tests.lab build -- docker build --network host -t wireguard plugin
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the lab's command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        status: int = options.action(options)
    except LabError as error:
        say(str(error))
        return LAB_FAILED
    except BrokenPipeError:
        # Whoever read the output is gone; what is left of it must not be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return status


def _run(options: argparse.Namespace) -> int:
    release = RELEASES[options.docker]
    packages.require([*kernel.needs(), *xstate.needs(), *rootfs.needs(release)], options.install)
    job = machine.Job(
        command=options.command,
        environment=_environment(options.env),
        timeout=options.timeout,
        memory=options.memory,
        kernel_args=options.kernel_arg,
        dockerd=not options.no_dockerd,
        dockerd_log=options.dockerd_log,
        disk=options.disk,
    )
    status = machine.run(kernel.kernel(), rootfs.disk(release), job)
    if status and not options.dockerd_log:
        say(f"exit status {status}; --dockerd-log FILE keeps what dockerd logged")
    return status


def _build(options: argparse.Namespace) -> int:
    packages.require_root("build")
    packages.require(builder.needs(), options.install)
    return builder.run(options.command, _environment(options.env))


def _prepare(options: argparse.Namespace) -> int:
    releases: list[Release] = [RELEASES[docker] for docker in options.docker]
    wanted = [package for release in releases for package in rootfs.needs(release)]
    packages.require([*kernel.needs(), *xstate.needs(), *wanted], options.install)
    kernel.kernel()
    xstate.environment()
    for release in releases:
        rootfs.disk(release)
    return 0


def _clean(options: argparse.Namespace) -> int:
    cache.remove()
    return 0


def _environment(settings: Sequence[str]) -> dict[str, str]:
    environment = {"TERM": os.environ.get("TERM", "dumb")}
    for setting in settings:
        name, is_given, value = setting.partition("=")
        if is_given or name in os.environ:
            environment[name] = value if is_given else os.environ[name]
    return environment


def _stop(number: int, frame: FrameType | None) -> None:
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m tests.lab",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--install",
        action="store_true",
        default=os.environ.get("INSTALL") == "yes",
        help="install the packages that this machine lacks (as root)",
    )
    command = argparse.ArgumentParser(add_help=False)
    command.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="set a variable for the command, to its value here if none is given",
    )
    command.add_argument("command", nargs="+", metavar="COMMAND", help="after --: what to run")

    run = actions.add_parser(
        "run",
        parents=[common, command],
        help="run a command in a fresh virtual machine",
        usage="%(prog)s --docker RELEASE [option …] -- COMMAND …",
    )
    run.set_defaults(action=_run)
    run.add_argument("--docker", choices=RELEASES, required=True, help="the Docker release")
    run.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="stop the command after that long"
    )
    run.add_argument("--memory", default="3G", help="the machine's memory (default: %(default)s)")
    run.add_argument(
        "--kernel-arg",
        action="append",
        default=[],
        metavar="ARG",
        help="add to the kernel's command line",
    )
    run.add_argument(
        "--dockerd-log", type=Path, metavar="FILE", help="copy what dockerd logged to this file"
    )
    run.add_argument(
        "--no-dockerd", action="store_true", help="leave it to the command to start dockerd"
    )
    run.add_argument(
        "--disk",
        type=Path,
        metavar="FILE",
        help="keep what is written to the machine's disk here, and go on from it next time",
    )

    build = actions.add_parser(
        "build",
        parents=[common, command],
        help="run a command beside a private dockerd",
        usage="%(prog)s [option …] -- COMMAND …",
    )
    build.set_defaults(action=_build)

    prepare = actions.add_parser(
        "prepare", parents=[common], help="make the kernel and the disks, run nothing"
    )
    prepare.set_defaults(action=_prepare)
    which = prepare.add_mutually_exclusive_group()
    which.add_argument(
        "--docker", action="append", choices=RELEASES, default=[], help="make its disk; repeatable"
    )
    which.add_argument(
        "--all", action="store_const", const=list(RELEASES), dest="docker", help="all releases"
    )

    clean = actions.add_parser("clean", help="remove the cache, unless a lab is using it")
    clean.set_defaults(action=_clean)
    return parser


if __name__ == "__main__":
    sys.exit(main())
