#!/usr/bin/env python3
"""`status` names, per lane, what keeps it from going faster, and how much of that is in use."""
import json
import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness

WORKERS = 2


class Binding(harness.TestCase):
    def start(self, limits="{}", slots=32, latency=200, cap=400, faults="", head=""):
        self.study = self.box.copy("small")
        text = self.study.read_text()
        self.study.write_text(head + text.replace("timeout_s: 30", "timeout_s: 120").replace("repeats: 3\n", "repeats: 60\n").replace("[model-a, model-b]", "[model-a]")
                              .replace("max_output_tokens: 400", f"max_output_tokens: {cap}"))
        providers = self.study.parent / "providers.yaml"
        if limits != "{}":
            providers.write_text(providers.read_text().replace("truth: truth.yaml}", f"truth: truth.yaml, limits: {limits}}}"))
        sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--latency-ms", latency,
                                 *(["--faults", faults] if faults else []))
        self.run_ = self.box.start("clinsafe", "run", self.study, "--workers", WORKERS, "--slots", slots, "--simulator", sim.url)
        return sim

    def status(self, *args):
        return self.box.clinsafe("status", self.study, *args)

    def lane(self):
        done = self.status("--json")
        return json.loads(done.out)["lanes"][0] if done.code == 0 and json.loads(done.out)["lanes"] else {}

    def settles(self, binds, least=None, limit=None, most=1e9, shown=""):
        """Until status says so, and this much of the limit is in use. (Workers report every few seconds; of one that the machine held up
        a report may tell more than the limit, of calls made up for.) `shown` is how its table says it, which is another look."""
        def said():
            lane = self.lane()
            good = lane.get("binds") == binds and (least is None or (least <= lane.get("in_use", 0) <= most and lane["limit"] == limit))
            return lane if good and re.search(shown, self.status().out) else None
        lane = harness.wait_for(said, timeout=60, what=f"{binds} over {least}", process=self.run_)
        if least is not None:
            self.assertAlmostEqual(lane["in_use"], lane["used"] / lane["limit"])
        return lane

    @harness.short
    def test_requests_per_minute(self):
        self.start("{requests_per_minute: 1200, tokens_per_minute: 90000000}")
        self.settles("requests_per_minute", 0.85, 1200, most=1.1, shown=r"model-a\s+\d+ % of 1,200 requests a minute\n")
        self.run_.stop()

    def test_tokens_per_minute(self):
        self.start("{requests_per_minute: 60000, tokens_per_minute: 480000}", cap=400)  # 1,200 calls
        self.settles("tokens_per_minute", 0.85, 480000)
        self.run_.stop()

    @harness.short
    def test_slots(self):
        self.start(slots=3)
        self.settles("slots", 0.6, 3 * WORKERS)
        self.run_.stop()

    def test_calls_at_once(self):
        self.start("{concurrent: 3}")
        self.settles("concurrent", 0.6, 3)
        self.run_.stop()

    def test_a_day_that_is_used_up(self):
        harness.one_day(40)
        self.start("{requests_per_minute: 6000, requests_per_day: 60}", latency=20)
        lane = self.settles("requests_per_day", 0.995, 60)
        self.assertEqual(lane["used"], 60)
        self.run_.stop()

    def test_a_provider_that_is_away(self):
        sim = self.start()
        harness.wait_for(lambda: sim.stats()["answered"] > 20, what="answers", process=self.run_)
        sim.kill()
        self.settles("provider_away")
        self.run_.stop(timeout=60)

    def test_a_budget_that_is_used_up_while_calls_hang(self):
        """Neither slots nor workers hold it then, and nobody can say when it ends."""
        sim = self.start(slots=16, head="budget_usd: 50\n")
        harness.wait_for(lambda: self.lane().get("done", 0) > 20, what="answers", process=self.run_)
        sim.control(faults={"hang": 0.08})
        harness.wait_for(lambda: sim.stats()["faults"].get("hang", 0) > 1, what="calls that hang", process=self.run_)
        sim.control(faults={})  # some do; were it all of them, nothing could go on below
        self.assertExit(self.box.clinsafe("set", "budget_usd=0.0001", "--dir", self.study.with_suffix(".clinsafe")))
        lane = self.settles("budget", shown=r"model-a\s+what is left of the budget does not pay for more\n")
        self.assertEqual((lane["held"], lane["eta_s"], lane["limit"]), ("budget", -1, 0))
        self.assertGreater(lane["in_flight"], 0)
        self.assertExit(self.box.clinsafe("set", "budget_usd=50", "--dir", self.study.with_suffix(".clinsafe")))
        harness.wait_for(lambda: (lane := self.lane()).get("held") == "" and lane["outputs_per_s"] > 5, what="it to go on", process=self.run_)
        self.run_.kill()  # the calls that hang would hold it up

    @harness.short
    def test_workers_are_seen_at_once(self):
        self.start("{requests_per_day: 100000}")
        def workers():
            done = self.status("--json")
            said = json.loads(done.out) if done.code == 0 else {"lanes": [], "worker_list": []}
            if any(lane["done"] > 0 for lane in said["lanes"]):
                self.assertTrue(said["worker_list"], "whoever brought an output is there")
            return sorted(w["name"] for w in said["worker_list"])
        harness.wait_for(lambda: workers() == ["worker-0", "worker-1"], what="both", process=self.run_)
        self.run_.stop()


if __name__ == "__main__":
    harness.main()
