#!/usr/bin/env python3
"""How many calls a lane makes at once: found by trying, or declared; and beside a neighbour that is dead. The servers count."""
import json
import signal
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import servers

TRIALS = 126  # of a model with three repeats


class Case(harness.TestCase):
    TIME_LIMIT_S = 240

    def server(self, kind, *args, **kw):
        server = kind(*args, **kw)
        self.addCleanup(server.close)
        return server

    def start(self, lanes, repeats=3, timeout_s=30, workers=2, slots=128):
        """lanes: {model: (server, limits of it, as in the file, or "")}"""
        self.study = self.box.copy("small")
        text = self.study.read_text().replace("repeats: 3\n", f"repeats: {repeats}\n").replace("timeout_s: 30", f"timeout_s: {timeout_s}")
        self.study.write_text(text.replace("[model-a, model-b]", f"[{', '.join(lanes)}]"))
        lines = ["accounts:"] + [f'  {m}: {{protocol: openai-chat, base_url: "{s.url}"}}' for m, (s, _) in lanes.items()]
        lines += ["models:"] + [f"  {m}: {{account: {m}, model: {m}{f', limits: {limits}' if limits else ''}}}"
                                for m, (_, limits) in lanes.items()]
        (self.study.parent / "providers.yaml").write_text("\n".join(lines) + "\n")
        self.run_ = self.box.start("clinsafe", "run", self.study, "--workers", workers, "--slots", slots)

    def lane(self, model):
        done = self.box.clinsafe("status", self.study, "--json")
        lanes = json.loads(done.out)["lanes"] if done.code == 0 else []
        return next((lane for lane in lanes if lane["model"] == model), {})

    def outcomes(self):
        done = harness.must(self.box.clinsafe("export", self.study, "--format", "jsonl"))
        rows = harness.rows_jsonl(done.out)
        return len(rows), sum(row["outcome"] == "ok" for row in rows)


class Undeclared(Case):
    def test_one_slot_that_queues(self):
        """With all slots of the workers at once, most calls would wait longer than the time limit."""
        server = self.server(servers.Server, slots=1, takes=0.1)
        self.start({"model-a": (server, "")}, timeout_s=5)
        self.assertExit(self.run_.wait(100))
        rows, ok = self.outcomes()
        self.assertEqual(rows, TRIALS)
        self.assertGreaterEqual(ok, 0.99 * TRIALS)
        self.assertLessEqual(server.peak, 16)
        self.assertGreaterEqual(server.peak, 2, "it was tried whether more helps")


class Declared(Case):
    """Redis is new: none of the limits may be waited for, since nobody else can have used of them."""

    @harness.short
    def test_all_that_is_declared_is_used_before_any_answer(self):
        server = self.server(servers.Gate, together=20)
        self.start({"model-a": (server, "{concurrent: 20}")})
        harness.wait_for(server.open.is_set, 25, "20 calls together", self.run_)
        self.assertEqual(server.answered_before, 0)
        self.assertExit(self.run_.wait(60))
        self.assertEqual(server.peak, 20)
        self.assertEqual(self.outcomes(), (TRIALS, TRIALS))

    @harness.short
    def test_a_rate_bounds_fifty_calls_before_any_answer(self):
        server = self.server(servers.Gate, together=50)
        self.start({"model-a": (server, "{requests_per_minute: 6000}")}, workers=1)
        harness.wait_for(server.open.is_set, 25, "50 calls together", self.run_)
        self.assertEqual(server.answered_before, 0)
        self.assertExit(self.run_.wait(60))
        self.assertEqual(self.outcomes(), (TRIALS, TRIALS))

    def comes_at_once(self, limits):
        """A neighbour without limits, one answer of 0.1 s after the other, is the clock: before the first call is nothing
        that takes a second, as filling a bucket does that may have been emptied (10 answers), or six, as a lost list of holders (57)."""
        clock, declared = self.server(servers.Server, slots=1, takes=0.1), self.server(servers.Server, slots=64, takes=0.01)
        seen = []
        declared.at_first_call = lambda: seen.append(clock.answered)
        self.start({"model-a": (clock, ""), "model-b": (declared, limits)})
        harness.wait_for(lambda: declared.answered == TRIALS, 60, "the declared lane", self.run_)
        self.assertLess(seen[0], 6)
        self.run_.signal(signal.SIGINT)
        self.run_.wait(60)

    @harness.short
    def test_the_first_call_under_a_declared_concurrent_comes_at_once(self):
        self.comes_at_once("{concurrent: 20}")

    @harness.short
    def test_the_first_call_under_a_declared_rate_comes_at_once(self):
        self.comes_at_once("{requests_per_minute: 6000}")


class DeadNeighbour(Case):
    def test_the_healthy_lane_ends_while_the_dead_one_was_hardly_called(self):
        """Two workers with 64 slots each: a silent server gets four calls of each, until it has answered one."""
        well, dead = self.server(servers.Server, slots=64, takes=0.1), self.server(servers.Silent)
        began = time.monotonic()
        self.start({"model-a": (well, ""), "model-b": (dead, "")}, repeats=60, slots=64)
        harness.wait_for(lambda: (lane := self.lane("model-a")) and lane["done"] == lane["planned"], 180, "the healthy lane", self.run_)
        self.assertEqual(well.answered, 60 * TRIALS // 3)
        self.assertGreaterEqual(dead.calls, 1)
        self.assertLessEqual(dead.calls, 16 + 8 * int((time.monotonic() - began) / 30))  # on a slow machine each runs into its time limit, and comes again
        self.assertEqual(self.lane("model-b")["failed"], 0)
        self.run_.signal(signal.SIGINT)
        dead.hang_up.set()
        self.run_.wait(60)


if __name__ == "__main__":
    harness.main()
