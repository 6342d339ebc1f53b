"""A registry on this machine's loopback: just enough to push a plugin to, and to pull it from."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

# Docker asks only a loopback address without TLS.
HOST = "127.0.0.1"


class Registry(ThreadingHTTPServer):
    """Keeps blobs and manifests by the last part of their path: a digest, or a manifest's tag."""

    def __init__(self) -> None:
        super().__init__((HOST, 0), Handler)
        self.content: dict[str, tuple[str, bytes]] = {}


@contextmanager
def registry() -> Iterator[str]:
    """The registry, for as long as the block lasts; its HOST:PORT."""
    with Registry() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def put_plugin(repository: str, tag: str, config: dict[str, Any], rootfs: Path) -> str:
    """Put a plugin into the registry, and return the name under which Docker finds it.

    Its one layer is ``rootfs``, a tar archive; it isn't compressed, as that takes a while.
    """
    host, _, name = repository.partition("/")
    connection = HTTPConnection(host)

    def put(kind: str, path: str, data: bytes) -> dict[str, Any]:
        connection.request("PUT", f"/v2/{name}/{path}", data, {"Content-Type": kind})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 201, answer.status
        return {"mediaType": kind, "size": len(data), "digest": _digest(data)}

    def put_blob(kind: str, data: bytes) -> dict[str, Any]:
        return put(kind, f"blobs/uploads/upload?digest={_digest(data)}", data)

    layer = put_blob("application/vnd.docker.image.rootfs.diff.tar.gzip", rootfs.read_bytes())
    config = {**config, "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": put_blob("application/vnd.docker.plugin.v1+json", json.dumps(config).encode()),
        "layers": [layer],
    }
    put(str(manifest["mediaType"]), f"manifests/{tag}", json.dumps(manifest).encode())
    connection.close()
    return f"{repository}:{tag}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Registry

    def do_GET(self) -> None:
        if self.path == "/v2/":
            self._answer(200, {})
        elif kept := self.server.content.get(self.path.rpartition("/")[2]):
            kind, data = kept
            headers = {"Content-Type": kind, "Docker-Content-Digest": _digest(data)}
            self._answer(200, headers, data)
        else:
            self._answer(404, {})

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self._answer(202, {"Location": f"{self.path}upload"})

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        url = urlsplit(self.path)
        (name,) = parse_qs(url.query).get("digest", [url.path.rpartition("/")[2]])
        kind = self.headers.get("Content-Type", "application/octet-stream")
        self.server.content[name] = self.server.content[_digest(data)] = (kind, data)
        self._answer(201, {"Location": self.path, "Docker-Content-Digest": _digest(data)})

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
