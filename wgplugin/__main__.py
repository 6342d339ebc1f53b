"""The program for a person at a terminal: ``python -m wgplugin``, which is ``wgplugin``.

Wiring only.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib.util import find_spec

from wgplugin import program
from wgplugin.cli import arguments, completion


def main() -> int:
    """Run the command line; return the exit status."""
    if os.getpid() == 1:
        # The first process of a container is ended by no signal that it doesn't handle.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    parser, commands = program.parser(arguments.EXIT)
    arguments.add(commands)
    # For development: the image of the commands is without the plugin.
    if find_spec("wgplugin.serve"):
        program.add(commands)
    if sys.argv[1:2] and sys.argv[1] in completion.REQUESTS:
        print(completion.answer(parser, sys.argv[1], sys.argv[2:]))
        return 0
    given = parser.parse_args()
    status: int = given.run(given)
    return status


if __name__ == "__main__":
    sys.exit(main())
