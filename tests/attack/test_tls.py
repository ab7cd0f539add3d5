#!/usr/bin/env python3
"""Servers with certificates that are wrong, expired, their own, or of an authority that nobody named; and a proxy in between: no key reaches them."""
import shutil
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
import hostile
from hostile import harness
from test_providers import Case


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.server.keys.append(self.headers["authorization"])
        self.wfile.write(hostile.REPLIES["good"])

    def do_CONNECT(self):
        self.server.keys.append(str(self.headers))
        self.send_error(403)

    def log_message(self, *args):
        pass


class Server(harness.HttpServer):
    """keys: what it was shown."""

    def __init__(self, certificate=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.keys, self.port = [], self.server_address[1]
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(f"{certificate}.pem", f"{certificate}.k")
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """Who does not trust us hangs up."""


class Tls(Case):
    def openssl(self, *words):
        subprocess.run(["openssl", *map(str, words)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.box.dir)

    def signed(self, name, host, days):
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.k", "-out", f"{name}.csr", "-subj", f"/CN={host}")
        (self.box.dir / "names").write_text(f"subjectAltName=DNS:{host}")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.k", "-CAcreateserial", "-out", f"{name}.pem", "-days", days, "-extfile", "names")

    @harness.short
    def test_certificates(self):
        if shutil.which("openssl") is None:
            self.skipTest("openssl is not installed")
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.k", "-out", "ca.pem", "-days", 30, "-subj", "/CN=ca")
        for name, host, days in (("good", "localhost", 30), ("wrong", "other.example", 30), ("expired", "localhost", 0)):
            self.signed(name, host, days)
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "own.k", "-out", "own.pem", "-days", 30, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
        servers = {name: Server(self.box.dir / ("good" if name == "unnamed" else name)) for name in ("good", "wrong", "expired", "own", "unnamed")}
        for server in servers.values():
            self.addCleanup(server.close)
        study = hostile.study(self.box.dir / "s", 1, list(servers), cases=5)
        providers = study.parent / "providers.yaml"
        text = providers.read_text()
        for name, server in servers.items():
            ca = "" if name == "unnamed" else f", ca_file: {self.box.dir}/ca.pem"
            text = text.replace(f'"http://127.0.0.1:1/{name}/v1", key: {{env: HOSTILE_KEY}}', f'"https://localhost:{server.port}/v1", key: {{env: HOSTILE_KEY}}{ca}')
        providers.write_text(text)
        checked = self.box.clinsafe("providers", "check", study, env=self.ENV)
        self.assertExit(checked, 2)
        self.assertRegex(checked.out, r"(?m)^good +ok ")
        for name, why in (("wrong", "no alternative certificate subject name"), ("expired", "expired"), ("own", "self-signed"), ("unnamed", "issuer")):
            self.assertRegex(checked.out, rf"(?m)^{name} +FAILED +tls from \S+: the certificate of localhost:\d+ is not trusted.*{why}")
        run = self.box.start("clinsafe", "run", study, "--workers", 1, env=self.ENV)
        harness.wait_for(lambda: self.lane(study, "good").get("done") == 10, 60, "the honest provider", run)
        bad = [n for n in servers if n != "good"]
        harness.wait_for(lambda: all("no TLS connection" in self.lane(study, n).get("reason", "") for n in bad), 30, "what is wrong with the others", run)
        run.stop()
        self.assertEqual({n: servers[n].keys for n in bad}, {n: [] for n in bad})
        self.assertTrue(all(r["state"] == "planned" for r in self.rows(study) if r["model"] != "good"))
        self.control(study)

    @harness.short
    def test_a_proxy_that_refuses_sees_no_key(self):
        proxy = Server()
        self.addCleanup(proxy.close)
        study = hostile.study(self.box.dir / "s", 1, ["good"])
        providers = study.parent / "providers.yaml"
        providers.write_text(providers.read_text().replace("http://127.0.0.1:1/good/v1", "https://provider.example/v1"))
        done = self.box.clinsafe("providers", "check", study, env={**self.ENV, "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"})
        self.assertExit(done, 2)
        self.assertIn("proxy", done.out)
        self.assertTrue(proxy.keys)
        self.clean("what the proxy was shown", "".join(proxy.keys).replace("\r", ""))


if __name__ == "__main__":
    harness.main()
