#!/usr/bin/env python3
"""Providers that are dead, or send without end, beside one that is well; workers that die, and who comes after them."""
import json
import os
import re
import signal
import socket
import socketserver
import sys
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness

MIB = 1 << 20
REPLY = 8_300_000  # below what one reply may have
REPLY_MEMORY = 256 * MIB  # of a worker, by default
BESIDE = 160 * MIB  # of it without replies, generously


class Hole:
    """A port whose queue of connections is full: no SYN is answered."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.fill = [socket.socket() for _ in range(6)]
        for s in self.fill:
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.port))

    def close(self):
        for s in [self.listener, *self.fill]:
            s.close()


class Endless(socketserver.ThreadingTCPServer):
    """Answers every call with blanks, nearly as many as a reply may have, and is silent then."""
    daemon_threads = True
    request_queue_size = 1024

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.server.calls += 1
            try:
                self.request.recv(65536)
                self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n")
                for _ in range(REPLY // 100_000):
                    self.request.sendall(b" " * 100_000)
                self.request.recv(65536)  # until the other end has had enough
            except OSError:
                pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.calls = 0
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Case(harness.TestCase):
    TIME_LIMIT_S = 150

    def start(self, repeats, workers, slots, port=None, latency=300, timeout_s=30, alone=False):
        """model-a at the simulator, model-b at this port (None: only model-a; alone: only model-b), declared to take as many calls as
        come: the trouble is in many of them, and a lane that is not declared tries four at first."""
        self.study = self.box.copy("small")
        text = self.study.read_text().replace("repeats: 3\n", f"repeats: {repeats}\n").replace("timeout_s: 30", f"timeout_s: {timeout_s}")
        if port is None:
            text = text.replace("[model-a, model-b]", "[model-a]")
        else:
            providers = self.study.parent / "providers.yaml"
            providers.write_text(providers.read_text().replace("models:\n", f'  odd: {{protocol: openai-chat, base_url: "http://127.0.0.1:{port}/v1", limits: {{concurrent: 256}}}}\nmodels:\n')
                                 .replace("model-b: {account: simulated", "model-b: {account: odd"))
        if alone:
            text = text.replace("[model-a, model-b]", "[model-b]")
        self.study.write_text(text)
        self.sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--latency-ms", latency)
        self.run_ = self.box.start("clinsafe", "run", self.study, "--workers", workers, "--slots", slots, "--simulator", self.sim.url)
        self.logs = self.study.with_suffix(".clinsafe") / "logs"

    def status(self):
        done = self.box.clinsafe("status", self.study, "--json")
        return json.loads(done.out) if done.code == 0 else {"lanes": [], "worker_list": []}

    def lane(self, model):
        return next((lane for lane in self.status()["lanes"] if lane["model"] == model), {})

    def workers(self):
        return {w["name"]: w["pid"] for w in self.status()["worker_list"]}

    def log(self, name):
        path = self.logs / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def lives(self, name):
        """How many processes have been this worker."""
        return self.log(name).count(" ev=worker ")


class DeadServers(Case):
    def test_a_black_hole_beside_a_healthy_lane(self):
        hole = Hole()
        self.addCleanup(hole.close)
        self.start(repeats=150, workers=2, slots=128, port=hole.port)
        for name in ("worker-0", "worker-1"):  # a time-out of a first connection, and one of all the others
            harness.wait_for(lambda: "ev=lane_away" in self.log(name), 60, "the end of the attempts", self.run_)
        harness.wait_for(lambda: (lane := self.lane("model-a")) and lane["done"] == lane["planned"], 100, "the healthy lane", self.run_)
        self.assertEqual((self.lives("worker-0"), self.lives("worker-1")), (1, 1))
        self.assertEqual(self.lane("model-b")["failed"], 0)
        self.assertEqual(self.sim.stats()["paid_again"], 0)
        self.run_.signal(signal.SIGINT)
        self.run_.wait(60)

    def test_a_black_hole_beside_a_healthy_lane_with_many_workers(self):
        hole, workers, slots = Hole(), 64, 20
        self.addCleanup(hole.close)
        self.start(repeats=250, workers=workers, slots=slots, port=hole.port, latency=1000)
        names = [f"worker-{i}" for i in range(workers)]
        harness.wait_for(lambda: self.lane("model-b").get("used", 0) > workers / 4, 60, "calls into the hole", self.run_)
        time.sleep(11)  # they end without a connection, and the next ones begin
        harness.wait_for(lambda: (lane := self.lane("model-a")) and lane["done"] == lane["planned"], 100, "the healthy lane", self.run_)
        self.assertEqual({name: self.lives(name) for name in names}, dict.fromkeys(names, 1))
        self.assertEqual(self.lane("model-b")["failed"], 0)
        stats = self.sim.stats()
        self.assertGreaterEqual(stats["peak_in_flight"], 0.95 * workers * slots)
        self.assertEqual(stats["paid_again"], 0)
        self.run_.signal(signal.SIGINT)
        self.run_.wait(60)

    def test_a_black_hole_alone(self):
        """The numbers of its sockets go to nobody else: what is armed too late is a closed descriptor."""
        hole = Hole()
        self.addCleanup(hole.close)
        self.start(repeats=20, workers=1, slots=256, port=hole.port, alone=True)
        harness.wait_for(lambda: "ev=lane_away" in self.log("worker-0") or self.lives("worker-0") > 1, 60, "the end of the attempts", self.run_)
        time.sleep(15)  # and that of a probe, alone
        self.run_.signal(signal.SIGINT)
        self.run_.wait(60)
        self.assertEqual(self.lives("worker-0"), 1, self.run_.printed())

    def test_replies_without_end_beside_a_healthy_lane(self):
        endless = Endless()
        self.addCleanup(endless.close)
        # Of its slots a worker lends a lane that is not answered a twentieth: of so many, more than the memory bears.
        self.start(repeats=100, workers=1, slots=1024, port=endless.port, timeout_s=6)
        pid = harness.wait_for(lambda: self.workers().get("worker-0"), what="the worker", process=self.run_)
        peak, bound = 0, False

        def ends():
            nonlocal peak, bound
            with open(f"/proc/{pid}/status") as f:
                peak = max(peak, int(re.search(r"VmRSS:\s+(\d+) kB", f.read())[1]) * 1024)
            a, b = self.lane("model-a"), self.lane("model-b")
            bound |= "reply_memory" in (a.get("binds"), b.get("binds"))
            return bound and a and b and a["done"] == a["planned"] and b["done"] >= 20
        harness.wait_for(ends, 100, "the healthy lane, answers of the other, and a status that names the memory", self.run_)
        self.assertEqual(self.lives("worker-0"), 1)
        self.assertGreater(peak, 64 * MIB)  # replies did pile up
        if not harness.SANITIZED:
            self.assertLess(peak, REPLY_MEMORY + BESIDE)
        self.assertEqual(self.sim.stats()["paid_again"], 0)
        self.assertEqual(self.lane("model-b")["failed"], 0)
        self.run_.signal(signal.SIGINT)
        self.run_.wait(60)


class DeadWorkers(Case):
    def kept(self, lost):
        """How many outputs are on disk; 0 while the machine holds the coordinator up, and much of what was asked is not. So many may have been
        lost at an earlier kill."""
        asked = self.sim.stats()["requests"]
        done = self.box.clinsafe("export", self.study, "--format", "jsonl")
        n = len(harness.rows_jsonl(done.out)) if done.code == 0 else 0
        return n if asked - n - lost <= 3 * 32 else 0

    @harness.short
    def test_it_says_why_and_is_followed_at_once(self):
        self.start(repeats=120, workers=1, slots=32, latency=100)
        lost = 0
        for number, words in ((signal.SIGABRT, "killed by SIGABRT (Aborted), its last line: ev=died signal=ABRT"),
                              (signal.SIGKILL, "killed by SIGKILL (Killed: by hand, or by the system for want of memory)")):
            harness.wait_for(lambda: self.sim.stats()["answered"] > 30, what="answers", process=self.run_)
            lives = self.lives("worker-0")
            harness.wait_for(lambda: self.workers(), what="the worker", process=self.run_)
            gone = self.log("coordinator").count("ev=worker_gone")
            hello = self.log("coordinator").count("ev=worker_hello")
            pid = int(re.findall(r"pid=(\d+) ev=worker ", self.log("worker-0"))[-1])
            kept = harness.wait_for(lambda: self.kept(lost), what="outputs on disk", process=self.run_)
            os.kill(pid, number)
            lost = self.sim.stats()["requests"] - kept
            harness.wait_for(lambda: self.log("coordinator").count("ev=worker_hello") > hello, what="its successor", process=self.run_)
            self.assertEqual(self.log("coordinator").count("ev=worker_gone"), gone + 1, "it was seen to be gone, not only silent")
            self.assertEqual(self.lives("worker-0"), lives + 1)
            self.assertIn(f"worker-0 ended: {words}", self.run_.printed())
        done = self.run_.wait(100)
        self.assertExit(done)
        # In flight, or not yet on disk: of what was on disk before the second kill nothing was asked after it.
        self.assertLessEqual(self.sim.stats()["paid_again"], lost)

    @harness.short
    def test_two_of_one_name(self):
        self.start(repeats=60, workers=1, slots=16, latency=100)
        harness.wait_for(lambda: self.sim.stats()["answered"] > 10, what="answers", process=self.run_)
        work = next(self.box.runtime.rglob("work"), None) or next(Path("/tmp").glob("clinsafe-*/work"))
        rival = self.box.start("clinsafe-worker", "--coordinator", f"ipc://{work}", "--name", "worker-0", "--slots", 4)
        harness.wait_for(lambda: rival.printed().count("ev=rejected code=name") >= 4, 30, "its refusals", rival)
        rival.kill()
        done = self.run_.wait(100)
        self.assertExit(done)
        self.assertEqual(self.log("coordinator").count("ev=worker_hello"), 1)
        self.assertNotIn("ev=worker_gone", self.log("coordinator"))
        self.assertEqual(self.sim.stats()["paid_again"], 0)


if __name__ == "__main__":
    harness.main()
