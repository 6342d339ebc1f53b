"""The program as Docker starts it: ``python -m wgplugin.start serve``.

Docker gives up on a plugin that doesn't listen soon. So this listens first, and then imports the
command line. To import the standard library's socket alone would take longer than to listen. With
other arguments than Docker's, the command line decides: the socket may be that of a running plugin.
"""

from __future__ import annotations

import sys

from wgplugin.listener import SOCKET, listen


def main() -> int:
    """Listen if Docker starts this, then run the command line; return the exit status."""
    listener = listen(SOCKET) if sys.argv[1:] == ["serve"] else None
    from wgplugin import program

    return program.main(listener)


if __name__ == "__main__":
    sys.exit(main())
