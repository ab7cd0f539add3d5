#!/usr/bin/env python3
"""`--json` of what is said to a running coordinator, beside what the coordinator itself then lists."""
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import local_fleet
from test_json import Referee

TRIALS = 252


class Fleet(local_fleet.TestCase, Referee):
    def said(self, *words, code=0):
        return self.document(*words, "--coordinator", self.where["admin"], code=code)

    def study(self, name, *edits):
        study = self.box.copy("small", name)
        text = study.read_text().replace("study: small", f"study: {name}", 1)
        for old, new in edits:
            self.assertIn(old, text)
            text = text.replace(old, new)
        study.write_text(text)
        return study


@harness.short
class SubmitAndWait(Fleet):
    def test_what_was_taken_and_how_it_ended(self):
        alpha = self.study("alpha", ("timeout_s: 30", "timeout_s: 4"))  # which no other call comes near
        self.sim.control(always={"hang": 0.1})
        beta, broken = self.study("beta"), self.study("broken", ("repeats: 3\n", "repeats: three\n"))
        taken = self.said("submit", alpha, beta)["studies"]
        self.assertEqual([(s["study"], s["gen"], s["new"], s["unanswered"]) for s in taken], [("alpha", 1, True, []), ("beta", 2, True, [])])
        self.assertEqual({s["state"] for s in taken}, {"running"})
        late = self.said("wait", "alpha", "--for", 1, code=harness.EXIT_BUSY)
        self.assertEqual([late[k] for k in ("study", "state", "planned", "done", "timed_out")], ["alpha", "running", TRIALS, 0, True])
        self.start_worker(slots=32)
        done = self.said("wait", "alpha", "--for", 60)
        self.assertEqual({k: done[k] for k in done if k not in ("schema", "as_of")},
                         {"study": "alpha", "state": "finished", "planned": TRIALS, "done": TRIALS, "failed": 0, "cancelled": 0, "timed_out": False})
        again = self.said("submit", alpha)["studies"]
        self.assertEqual([(s["gen"], s["new"], s["state"]) for s in again], [(1, False, "finished")])
        rows = harness.rows_jsonl(self.box.clinsafe("export", "--store", self.store, "--study", "alpha", "--format", "jsonl").out)
        self.assertEqual({u["model"]: (u["answers"], u["timeouts"], u["unparsable"]) for u in again[0]["unanswered"]},
                         {m: (TRIALS // 2, sum(r["model"] == m and r["outcome"] == "timeout" for r in rows), 0) for m in ("model-a", "model-b")})
        for files in ([broken], [beta, broken]):  # a fault in one file is found before another is given away
            none = self.box.clinsafe("submit", *files, "--coordinator", self.where["admin"], "--json")
            self.assertExit(none, harness.EXIT_INVALID)
            self.assertEqual(none.out, "")
            self.assertOneLine(none.err, "repeats")

    def test_those_before_one_that_is_refused_are_told(self):
        alpha, beta = self.study("alpha"), self.study("beta")
        self.said("submit", alpha)
        half = self.box.clinsafe("submit", beta, alpha, "--after", "alpha", "--coordinator", self.where["admin"], "--json")
        self.assertExit(half, harness.EXIT_INVALID)
        self.assertOneLine(half.err, "after itself")
        self.assertEqual([(s["study"], s["state"]) for s in half.json()["studies"]], [("beta", "queued")])


@harness.short
class Acts(Fleet):
    """Each beside what the coordinator itself lists, tells in `events`, or exports."""

    def act(self, command, *words, **more):
        document = self.said(command, *words, **more)
        self.assertEqual(document["command"], command)
        return {k: v for k, v in document.items() if k not in ("schema", "as_of", "command")}

    def listed(self, name):
        return {s["study"]: s for s in self.said("list")["studies"]}.get(name)

    def test_what_holds_a_study_up_and_ends_it(self):
        self.said("submit", self.study("alpha", ("analysis:", "budget_usd: 50\nanalysis:")))
        none = {"study": None, "model": None}
        self.assertEqual(self.act("pause"), none)
        self.assertEqual(self.listed("alpha")["state"], "paused")
        self.assertEqual(self.act("resume", "--study", "alpha"), {"study": "alpha", "model": None})
        self.assertEqual(self.act("pause", "model-a", "--study", "alpha"), {"study": "alpha", "model": "model-a"})
        self.assertEqual(self.act("set", "budget_usd=12.50", "requests_per_minute=60", "--reason", "late"),
                         {**none, "set": [{"key": "budget_usd", "value": "12.50"}, {"key": "requests_per_minute", "value": "60"}]})
        self.assertEqual(self.listed("alpha")["budget_usd"], 12.5)
        self.assertEqual(self.act("set", "--lift", "requests_per_minute", "--model", "model-b"),
                         {"study": None, "model": "model-b", "set": [{"key": "requests_per_minute", "value": None}]})
        self.assertIn("requests_per_minute=60 (model-a)", self.listed("alpha")["by_hand"])
        self.assertEqual(self.act("cancel", "--study", "alpha"), {"study": "alpha", "model": None})
        self.assertEqual(self.listed("alpha")["cancelled"], TRIALS)
        self.assertEqual(self.act("delete", "alpha", "--yes"), {"study": "alpha", "model": None})
        self.assertIsNone(self.listed("alpha"))
        for words, code in ((["delete", "alpha", "--yes"], harness.EXIT_MISSING), (["pause", "model-x"], harness.EXIT_MISSING)):
            refused = self.box.clinsafe(*words, "--coordinator", self.where["admin"], "--json")
            self.assertExit(refused, code)
            self.assertEqual(refused.out, "")
            self.assertOneLine(refused.err)

    def test_a_drain_names_its_worker(self):
        self.said("submit", self.study("alpha", ("repeats: 3\n", "repeats: 30\n")))
        worker, other = self.start_worker("node1"), self.start_worker("node2")
        harness.wait_for(lambda: all(f"ev=worker_hello worker={n}" in self.coordinator.printed() for n in ("node1", "node2"))
                         and self.listed("alpha")["done"] > 50, what="both to work", process=self.coordinator)
        self.assertEqual(self.act("drain", "node1"), {"study": None, "model": None, "worker": "node1"})
        self.assertExit(worker.wait(20))
        self.assertEqual(self.act("drain"), {"study": None, "model": None, "worker": None})
        self.assertExit(other.wait(20))
        self.assertExit(self.coordinator.wait(20))

    def test_what_is_asked_again(self):
        self.sim.control(always={"hang": 0.1, "invalid": 0.1})
        self.said("submit", self.study("alpha", ("timeout_s: 30", "timeout_s: 4")))
        self.start_worker(slots=32)
        failed = self.said("wait", "alpha", code=2)["failed"]
        rows = harness.rows_jsonl(self.box.clinsafe("export", "--store", self.store, "--format", "jsonl").out)
        late = {m: sum(r["model"] == m and r["outcome"] == "timeout" for r in rows) for m in ("model-a", "model-b")}
        self.sim.control(always={})
        some = sum(r["model"] == "model-a" and r["state"] == "failed" for r in rows)
        self.assertTrue(0 < some < failed)
        self.assertEqual(self.act("retry", "model-a", "--class", "invalid_request"), {"study": None, "model": "model-a", "trials": some})
        self.said("wait", "alpha", code=2)
        self.assertEqual(self.act("retry"), {"study": None, "model": None, "trials": failed - some})
        self.said("wait", "alpha")
        asked = self.act("retry", "--timeouts", "--study", "alpha")
        self.assertEqual(asked["trials"], sum(late.values()))
        self.assertEqual({a["model"]: (a["timeouts"], a["timeouts_kept"], a["unparsable"], a["unparsable_kept"]) for a in asked["asked_again"]},
                         {m: (n, 0, 0, 0) for m, n in late.items()})
        self.said("wait", "alpha")
        self.assertEqual(self.act("retry", "--timeouts", "--unparsable")["asked_again"], [])
        self.assertEqual(self.act("void"), {"study": None, "model": None, "voids": []})


if __name__ == "__main__":
    harness.main()
