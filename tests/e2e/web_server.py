"""Answer every request, on any address, with the address that it came from."""

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HAS_IPV6 = Path("/proc/net/if_inet6").exists()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = self.client_address[0].removeprefix("::ffff:").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6 if HAS_IPV6 else socket.AF_INET


Server(("::" if HAS_IPV6 else "", 80), Handler).serve_forever()
