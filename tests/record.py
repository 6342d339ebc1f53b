"""Make a recording for docker/test_http.py from dockerd's log, of the plugin at debug level.

    python3 -m tests.lab run --docker 28.5 --env DOCKER_TESTS=yes --dockerd-log dockerd.log -- \
        python3 -m pytest tests/e2e/test_tunnel.py -k 'connected or restarts or from_docker'
    python3 -m tests.record <dockerd.log >tests/recorded/docker-28.5.json
"""

import json
import re
import sys

CALL = re.compile(r'msg="DEBUG wgplugin\.docker\.http: (\S+) ((?:[^"\\]|\\.)*)" plugin=')


def main() -> None:
    """Read a log and write the calls in it, each as its name and its body's text."""
    calls = [(name, json.loads(f'"{body}"')) for name, body in CALL.findall(sys.stdin.read())]
    print(json.dumps(calls, indent=1))


if __name__ == "__main__":
    main()
