#!/usr/bin/env python3
"""A worker decides itself which key goes where; children get the secrets they need; what is written is for its user alone."""
import json
import os
import stat
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness
from curve_fleet import CurveFleet

KEY, VICTIM = "sk-test-5d41402abc4b2a76b9719d911017c592", "env-of-the-victim-0123456789"


class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.server.keys.append(self.headers["authorization"])
        self.server.held.wait(20)
        text = json.dumps({"model": "m", "usage": {"prompt_tokens": 5, "completion_tokens": 5}, "choices": [{
            "index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": json.dumps(
                {"triage": "urgent", "mental_health_assessment": "No"})}}]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


class Secrets(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.server = harness.HttpServer(("127.0.0.1", 0), Provider)
        self.server.keys, self.server.held = [], threading.Event()
        self.server.held.set()
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.study = self.box.copy("small")

    def tearDown(self):
        self.server.held.set()
        self.server.shutdown()
        self.server.server_close()
        super().tearDown()

    def accounts(self, **keys):
        lines = "".join(f"  {a}: {{protocol: openai-chat, base_url: 'http://{self.host}/v1', key: {k}}}\n" for a, k in keys.items())
        first, second = (list(keys) * 2)[:2]
        (self.study.parent / "providers.yaml").write_text(
            f"accounts:\n{lines}models:\n  model-a: {{account: {first}, model: a}}\n  model-b: {{account: {second}, model: b}}\n")


@harness.short
class Cluster(Secrets):
    def setUp(self):
        super().setUp()
        self.fleet = CurveFleet(self.box, redis=True)
        self.keys = self.box.dir / "keys.yaml"
        self.env = {"GOOD_KEY": KEY, "VICTIM": VICTIM}

    def reason(self):
        done = self.box.clinsafe("status", "--redis", self.fleet.redis, "--json")
        return " ".join(lane["reason"] for lane in done.json()["lanes"]) if done.code == 0 else ""

    def test_the_honest_study_gets_its_answers(self):
        self.accounts(a="{env: GOOD_KEY}")
        self.keys.write_text(f"{self.host}: {{env: GOOD_KEY}}\n")
        worker = self.fleet.worker("w1", "--keys", self.keys, env=self.env)
        self.assertExit(self.fleet.ask("submit", self.study))
        harness.wait_for(lambda: len(self.server.keys) >= 252, what="all answers", process=worker)
        self.assertEqual(set(self.server.keys), {f"Bearer {KEY}"})

    def test_a_study_cannot_name_what_the_workers_file_does_not(self):
        """Submitted by an operator even: another variable, any file, this worker's own secret key."""
        self.accounts(a="{env: VICTIM}", b=f"{{file: {self.fleet.key('w1')}}}")
        self.keys.write_text(f"{self.host}: {{env: GOOD_KEY}}\n")
        self.fleet.worker("w1", "--keys", self.keys, env=self.env)
        self.assertExit(self.fleet.ask("submit", self.study))
        reason = harness.wait_for(lambda: ("may not send" in self.reason()) and self.reason(), what="the refusal")
        self.assertIn(f"`{self.host}: {{env: VICTIM}}`", reason)
        self.assertEqual(self.server.keys, [])

    def test_a_worker_without_a_file_sends_no_key_and_says_what_to_write(self):
        self.accounts(a="{env: GOOD_KEY}")
        worker = self.fleet.worker("w1", env=self.env)
        self.assertExit(self.fleet.ask("submit", self.study))
        harness.wait_for(lambda: "--keys keys.yaml" in self.reason(), what="what to write", process=worker)
        self.assertEqual(self.server.keys, [])

    def test_a_faulty_file_is_refused_at_the_start(self):
        self.keys.write_text(f"{self.host}: {KEY}\n")
        done = self.fleet.worker("w1", "--keys", self.keys, env=self.env).wait()
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertIn("keys.yaml:1:", done.err)
        self.assertNotIn(KEY, done.err)


@harness.short
class OwnMachine(Secrets):
    def test_children_get_the_secrets_they_need_and_nobody_looks_into_them(self):
        self.server.held.clear()
        self.accounts(a="{env: GOOD_KEY}")
        run = self.box.start("clinsafe", "run", self.study, "--workers", 1, "--slots", 4,
                             env={"GOOD_KEY": KEY, "OTHER_SECRET": VICTIM, "CLINSAFE_REDIS_PASSWORD": "redis-secret"})
        harness.wait_for(lambda: self.server.keys, what="a call", process=run)
        seen = {}
        for pid in (p for p in os.listdir("/proc") if p.isdigit()):
            try:
                if f"\nPPid:\t{run.pid}\n" in Path(f"/proc/{pid}/status").read_text():
                    seen[Path(f"/proc/{pid}/comm").read_text().strip()] = (Path(f"/proc/{pid}/environ").read_bytes(), os.stat(f"/proc/{pid}/environ").st_uid)
            except OSError:  # gone, also between opening and reading, or another user's
                continue
        self.assertEqual(set(seen), {"redis-server", "clinsafe-coordi", "clinsafe-worker"})
        for name, (environ, _) in seen.items():
            self.assertEqual(KEY.encode() in environ, name == "clinsafe-worker", name)
            self.assertEqual(b"redis-secret" in environ, name != "redis-server", name)
            self.assertNotIn(VICTIM.encode(), environ, name)
        if not harness.SANITIZED:  # a core of it, or a debugger of the same user, would show the key
            worker = next(int(p) for p in os.listdir("/proc") if p.isdigit() and self.is_worker(p, run.pid))
            limits = Path(f"/proc/{worker}/limits").read_text()
            self.assertRegex(limits, r"Max core file size\s+0\s+0")
        self.server.held.set()
        run.stop()

    @staticmethod
    def is_worker(pid, parent):
        try:
            return f"\nPPid:\t{parent}\n" in Path(f"/proc/{pid}/status").read_text() and Path(f"/proc/{pid}/comm").read_text() == "clinsafe-worker\n"
        except OSError:
            return False

    def test_a_key_file_that_others_can_read_is_refused(self):
        secret = self.box.dir / "secret"
        secret.write_text(KEY + "\n")
        secret.chmod(0o644)
        self.accounts(a=f"{{file: {secret}}}")
        done = self.box.clinsafe("providers", "check", self.study)
        self.assertIn("chmod 600", done.out)
        self.assertEqual(self.server.keys, [])
        secret.chmod(0o600)
        self.assertExit(self.box.clinsafe("providers", "check", self.study))

    def test_what_is_written_is_for_its_user_alone_unless_asked(self):
        self.accounts(a="{env: GOOD_KEY}")
        self.assertExit(self.box.clinsafe("run", self.study, "--workers", 1, env={"GOOD_KEY": KEY}))
        mode = lambda path: stat.S_IMODE((self.box.dir / path).stat().st_mode)
        (self.box.dir / "o.csv").write_text("old")
        (self.box.dir / "o.csv").chmod(0o644)
        for args, wrote in ((("export", "--out", "o.csv"), "o.csv"), (("report", "--out", "r.html"), "r.html"),
                            (("report", "--csv", "tables"), "tables/contrasts.csv"), (("plan", "--prompts", "p.csv"), "p.csv")):
            self.assertExit(self.box.clinsafe(args[0], self.study, *args[1:]))
            self.assertEqual(mode(wrote), 0o600, wrote)
            if args[0] != "plan":
                self.assertExit(self.box.clinsafe(args[0], self.study, *args[1:], "--readable"))
                self.assertEqual(mode(wrote), 0o644, wrote)

    def test_plain_http_is_for_this_machine_or_by_declaration(self):
        path = self.study.parent / "providers.yaml"
        self.accounts(a="{env: GOOD_KEY}")
        good = path.read_text()
        for host in ("127.evil.com", "localhost.evil.com", "10.0.0.1:8000"):
            path.write_text(good.replace(self.host, host))
            done = self.box.clinsafe("plan", self.study)
            self.assertExit(done, harness.EXIT_INVALID)
            self.assertOneLine(done.err, "insecure_network: yes", "providers.yaml:2:")
            path.write_text(good.replace(self.host, host).replace("key:", "insecure_network: yes, key:"))
            self.assertExit(self.box.clinsafe("plan", self.study))


if __name__ == "__main__":
    harness.main()
