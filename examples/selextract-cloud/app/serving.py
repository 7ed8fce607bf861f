"""A small HTTP server of JSON that ends at once when it is told to."""

import json
import os
import signal
import socketserver
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def answer(self, status, content, kind="application/json"):
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self):
        return "selextract"


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self):
        # Without the look-up of the host's own name, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


def serve(port, handler):
    # The first process of a container ignores signals it has no handler for, and would be waited for.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    Server(("", port), handler).serve_forever()
