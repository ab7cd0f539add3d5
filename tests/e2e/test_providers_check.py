#!/usr/bin/env python3
"""`clinsafe providers check`: each lane asked once, in every dialect, and for all that can be wrong the line that says what to do."""
import http.server
import json
import os
import select
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import talker

KEY = "sk-check-5d41402abc4b2a76b9719d911017c592"
MODEL = "us.a-2026:0"
TRUTH = f"""
seed: 1
models:
  "{MODEL}":
    answers: {{x: {{boolean: ["Yes", "No"], base: 0.5}}}}
"""
ACCOUNTS = {
    "chat": "protocol: openai-chat, base_url: \"HOST/v1\"",
    "azure": "protocol: openai-chat, base_url: \"HOST/openai\", auth: api-key, "
             "path: \"/deployments/{model}/chat/completions?api-version=2024-10-21\"",
    "responses": "protocol: openai-responses, base_url: \"HOST/v1\"",
    "anthropic": "protocol: anthropic-messages, base_url: \"HOST/v1\"",
    "gemini": "protocol: gemini, base_url: \"HOST/v1beta\"",
    "bedrock": "protocol: bedrock-converse, base_url: \"HOST\"",
}


class Check(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.sim = self.box.simulator("--key", KEY)

    def providers(self, accounts=None, model=MODEL, host=None, more="", of_model=""):
        """A providers file with one model an account."""
        path = self.box.dir / "providers.yaml"
        accounts = accounts or ACCOUNTS
        lines = ["accounts:"]
        lines += [f"  {a}: {{key: {{env: CHECK_KEY}}, {rest.replace('HOST', host or self.sim.url)}{more}}}" for a, rest in accounts.items()]
        lines += ["models:"]
        lines += [f"  {a}: {{account: {a}, model: \"{model}\"{of_model}}}" for a in accounts]
        path.write_text("\n".join(lines) + "\n")
        return path

    def check(self, *args, key=KEY, code=0, **env):
        env = {"CHECK_KEY": key, **env}
        done = self.box.clinsafe("providers", "check", *args, "--json", env=env)
        self.assertExit(done, code)
        if key is not None:
            self.assertNotIn(key, done.out + done.err)
        return {lane["model"]: lane for lane in done.json()["lanes"]}

    def one(self, state, *args, account="chat", **how):
        """The only lane, which is in this state and says what to do."""
        lanes = self.check(*args, "--model", account, code=0 if state == "ok" else 2, **how)
        self.assertEqual(list(lanes), [account])
        lane = lanes[account]
        self.assertEqual(lane["state"], state, lane)
        self.assertEqual(bool(lane["todo"]), state != "ok", lane)
        return lane


@harness.short
class Dialects(Check):
    def test_every_dialect_answers(self):
        lanes = self.check(self.providers())
        self.assertEqual(list(lanes), list(ACCOUNTS))
        for name, lane in lanes.items():
            self.assertEqual((lane["state"], lane["http_status"], lane["account"]), ("ok", 200, name), lane)
            if name != "bedrock":  # which does not say
                self.assertEqual(lane["model_resolved"], MODEL)
        stats = self.sim.stats()
        self.assertEqual((stats["requests"], stats["invalid"]), (len(ACCOUNTS), 0))

    def test_every_dialect_knows_a_wrong_key(self):
        lanes = self.check(self.providers(), key="sk-wrong-5d41402abc4b2a76b9719d911", code=2)
        for name, lane in lanes.items():
            self.assertEqual(lane["state"], "not_allowed" if name == "bedrock" else "key_refused", lane)
            self.assertEqual(lane["said"], "")
            if name != "bedrock":
                self.assertIn("CHECK_KEY", lane["todo"])

    def test_every_dialect_knows_an_unknown_model(self):
        truth = self.box.dir / "truth.yaml"
        truth.write_text(TRUTH)
        self.sim = self.box.simulator("--truth", truth)
        lanes = self.check(self.providers(model="no-such-model"), code=2)
        for name, lane in lanes.items():
            self.assertEqual(lane["state"], "unknown_model", lane)
            self.assertIn("no-such-model", lane["todo"])

    def test_every_dialect_knows_a_used_up_quota(self):
        self.sim.control(faults={"quota": 1})
        states = {name: lane["state"] for name, lane in self.check(self.providers(), code=2).items()}
        self.assertEqual(states, {name: "day_used" if name == "gemini" else "no_money" for name in ACCOUNTS})

    def test_every_dialect_knows_a_limit_and_a_fault(self):
        self.sim.control(faults={"rate_limited": 1})
        for lane in self.check(self.providers(), code=2).values():
            self.assertEqual(lane["state"], "limited", lane)
        self.sim.control(faults={"server_error": 1})
        for lane in self.check(self.providers(), code=2).values():
            self.assertEqual(lane["state"], "provider_error", lane)


@harness.short
class Lanes(Check):
    def test_an_announced_end_is_told(self):
        lane = self.one("ok", self.providers(of_model=", sunset: 2020-01-31"))
        self.assertRegex(lane["sunset"], "2020-01-31, which is over")
        bad = self.box.clinsafe("providers", "check", self.providers(of_model=", sunset: 2027-02-30"), env={"CHECK_KEY": KEY})
        self.assertExit(bad, harness.EXIT_INVALID)
        self.assertOneLine(bad.err, 'sunset is "2027-02-30"; write a day, as in sunset: 2027-03-01')

    def test_limits_told_and_declared(self):
        self.sim.control(limits={"rpm": 600, "tpm": 90000})
        lane = self.one("ok", self.providers(of_model=", limits: {requests_per_minute: 5000}"))
        self.assertEqual(lane["limits"], {"requests_per_minute": {"told": 600, "declared": 5000},
                                          "tokens_per_minute": {"told": 90000, "declared": 0}})
        lane = self.one("ok", self.providers(), account="anthropic")
        self.assertEqual(lane["limits"]["requests_per_minute"], {"told": 600, "declared": 0})
        every = {f"{what}_per_{span}": 5000 for what, span in (("requests", "minute"), ("input_tokens", "minute"), ("output_tokens", "minute"),
                                                               ("requests", "day"), ("tokens", "day"))}
        lane = self.one("ok", self.providers(of_model=f", limits: {{{', '.join(f'{k}: {v}' for k, v in every.items())}}}"))
        self.assertEqual({k: lane["limits"][k]["declared"] for k in every}, every)
        text = self.box.clinsafe("providers", "check", self.providers(of_model=", limits: {requests_per_minute: 5000}"),
                                 "--model", "chat", env={"CHECK_KEY": KEY})
        self.assertExit(text)
        self.assertOneLine(text.out, "chat", "ok", "600 requests per minute (5,000 declared: lower it)", "90,000")

    def test_no_key(self):
        self.assertIn("CHECK_KEY", self.one("no_key", self.providers(), key=None)["todo"])
        self.assertEqual(self.sim.stats()["requests"], 0)

    def test_nothing_listens(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            lane = self.one("unreachable", self.providers(host=f"http://127.0.0.1:{s.getsockname()[1]}"))
        self.assertIn("127.0.0.1", lane["todo"])

    def test_a_name_that_is_none(self):
        lane = self.one("unreachable", self.providers(host="https://no-such-host.invalid"))
        self.assertIn("no-such-host.invalid", lane["todo"])

    def test_a_wrong_address(self):
        lane = self.one("wrong_address", self.providers(host=self.sim.url + "/elsewhere"))
        self.assertIn("base_url", lane["todo"])

    def test_a_parameter_that_the_provider_refuses(self):
        lane = self.one("refused", self.providers(of_model=", parameters: {no_such_field: 3}"))
        self.assertIn("omit", lane["todo"])
        self.assertTrue(lane["said"])

    def test_a_parameter_that_the_dialect_has_not(self):
        before = self.sim.stats()["requests"]
        lane = self.one("refused", self.providers(of_model=", parameters: {frequency: 3}"), account="gemini")
        self.assertIn("frequency", lane["todo"])
        self.assertEqual(self.sim.stats()["requests"], before)

    def test_a_study_is_asked_with_its_form(self):
        study = self.box.copy("dialects")
        done = self.box.clinsafe("providers", "check", study, "--json", "--simulator", self.sim.url)
        lanes = {lane["model"]: lane["state"] for lane in done.json()["lanes"]}
        self.assertEqual(set(lanes.values()), {"key_refused"})  # a simulated account is sent no key
        open_sim = self.box.simulator()
        done = self.box.clinsafe("providers", "check", study, "--json", "--simulator", open_sim.url)
        self.assertExit(done)
        self.assertEqual({lane["state"] for lane in done.json()["lanes"]}, {"ok"})
        done = self.box.clinsafe("providers", "check", study)
        self.assertExit(done)
        self.assertEqual(done.out.count("skipped"), 7)

    def test_a_trial_of_several_calls(self):
        """Its first reply is no answer yet: free words, or a call of a tool."""
        provider = talker.Talker(0)
        self.addCleanup(provider.shutdown)
        self.providers({"a": f"protocol: openai-chat, base_url: \"{provider.url}\""}, model="m")
        study = self.box.dir / "study.yaml"
        nothing = {"finish_reason": "stop", "message": {"role": "assistant", "content": " "}}
        for prompt in ('prompt: {turns: [{user: "{{case.text}}"}, {user: "{{question.ask}}"}]}',
                       'prompt: {user: "{{case.text}} {{question.ask}}"}\ntools: {max_calls: 2, lab: {describe: Lab., returns: Fine.}}'):
            study.write_text(f"study: talk\ncases: {{rows: [{{case_id: c, text: One.}}]}}\n{prompt}\n"
                             "questions: [{name: q, ask: Which?, answer: {pick: {nominal: [A, B]}}}]\nmodels: [a]\nparameters: {max_output_tokens: 50}\n")
            lane = self.check(study)["a"]
            self.assertEqual((lane["state"], lane["todo"]), ("ok", "this was a trial's first call; those that give its answer are not tried"))
            provider.special = lambda call: nothing
            lane = self.check(study, code=2)["a"]
            self.assertEqual(lane["state"], "unparsable")
            self.assertIn("(empty)", lane["todo"])
            provider.special = lambda call: None

    def test_usage(self):
        done = self.box.clinsafe("providers", "check", "--help")
        self.assertExit(done)
        self.assertIn("Example:", done.out)
        self.assertExit(self.box.clinsafe("providers", "look"), harness.EXIT_USAGE)
        done = self.box.clinsafe("providers", "check", "nowhere.yaml")
        self.assertExit(done, harness.EXIT_MISSING)
        self.assertOneLine(done.err, "nowhere.yaml")
        done = self.box.clinsafe("providers", "check", self.providers(), "--model", "chit", env={"CHECK_KEY": KEY})
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertOneLine(done.err, "chit", "chat")


class Secure(Check):
    """A provider behind TLS with a CA of its own, and a proxy in front of it."""

    def setUp(self):
        super().setUp()
        if shutil.which("openssl") is None:
            self.skipTest("openssl is not installed")
        self.cert = self.box.dir / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.box.dir / "key.pem", "-out", self.cert,
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:model.test"], check=True,
                       capture_output=True)
        self.server = self.serve(Provider)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.box.dir / "key.pem")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.host = f"https://localhost:{self.server.server_address[1]}"

    def serve(self, handler):
        server = harness.HttpServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        server.seen = []
        threading.Thread(target=lambda: server.serve_forever(poll_interval=0.05), daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def test_a_certificate_that_nobody_vouches_for(self):
        lane = self.one("tls", self.providers(host=self.host))
        self.assertIn("ca_file", lane["todo"])
        self.assertEqual(self.server.seen, [])

    def test_a_private_ca(self):
        self.assertEqual(self.one("ok", self.providers(host=self.host, more=", ca_file: cert.pem"))["model_resolved"], "m-1")
        self.assertEqual(self.server.seen, [f"Bearer {KEY}"])

    def test_a_proxy_of_the_environment(self):
        """Nodes of a cluster often know no other way out."""
        proxy = self.serve(Proxy)
        there = self.host.replace("localhost", "model.test")
        way = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.server_address[1]}"}
        lane = self.one("ok", self.providers(host=there, more=", ca_file: cert.pem"), **way)
        self.assertEqual((len(proxy.seen), lane["from"]), (1, os.uname().nodename))
        lane = self.one("unreachable", self.providers(host=there, more=", ca_file: cert.pem"), NO_PROXY="model.test", **way)
        self.assertIn("model.test", lane["todo"])
        self.assertEqual(len(proxy.seen), 1)
        text = self.box.clinsafe("providers", "check", self.box.dir / "providers.yaml", "--model", "chat",
                                 env={"CHECK_KEY": KEY, "SLURMD_NODENAME": "node7", **way})
        self.assertOneLine(text.out, "reachable from node7, key accepted")

    def test_a_proxy(self):
        proxy = self.serve(Proxy)
        at = f"http://127.0.0.1:{proxy.server_address[1]}"
        self.one("ok", self.providers(host=self.host, more=f", ca_file: cert.pem, proxy: \"{at}\""))
        self.assertEqual(len(proxy.seen), 1)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            lane = self.one("unreachable", self.providers(
                host=self.host, more=f", ca_file: cert.pem, proxy: \"http://127.0.0.1:{s.getsockname()[1]}\""))
        self.assertIn("proxy", lane["todo"])


class Provider(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.seen.append(self.headers["Authorization"])
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"model": "m-1", "choices": [{"message": {"content": "ready"}, "finish_reason": "stop"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Proxy(http.server.BaseHTTPRequestHandler):
    def do_CONNECT(self):
        self.server.seen.append(self.path)
        host, port = self.path.rsplit(":", 1)
        with socket.create_connection(("127.0.0.1" if host in ("localhost", "model.test") else host, int(port))) as far:
            self.send_response(200)
            self.end_headers()
            while True:
                ready, _, _ = select.select([self.connection, far], [], [], 10)
                if not ready:
                    return
                for s in ready:
                    data = s.recv(65536)
                    if not data:
                        return
                    (far if s is self.connection else self.connection).sendall(data)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    harness.main()
