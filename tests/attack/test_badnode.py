#!/usr/bin/env python3
"""One worker behind a proxy that blocks every call: it is alone with that, and shown; the others go on."""
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from siege import Siege, harness


class Blocked(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        text = b"<html>Blocked by the proxy</html>"
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.server.calls += 1

    def log_message(self, *args):
        pass


class BadNode(Siege):
    def node(self, status):
        server = harness.HttpServer(("127.0.0.1", 0), Blocked)
        server.status, server.calls = status, 0
        threading.Thread(target=server.serve_forever, daemon=True).start()
        bad = self.fleet.worker("w1", "--simulator", f"http://127.0.0.1:{server.server_address[1]}", "--slots", 16, name="bad")
        harness.wait_for(lambda: self.log().count("ev=lane_trouble") >= 2 or bad.poll(), what="its trouble")
        self.assertIsNone(bad.poll())
        said = server.calls
        self.stands()
        self.assertLess(said, 200)
        self.assertLessEqual(server.calls, said + 20)  # it asks no more, or seldom
        bad.stop()
        server.shutdown()
        server.server_close()
        self.ends_well()

    @harness.short
    def test_every_call_is_forbidden(self):
        self.node(403)

    @harness.short
    def test_every_call_finds_nothing(self):
        self.node(404)


if __name__ == "__main__":
    harness.main()
