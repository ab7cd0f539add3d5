#!/usr/bin/env python3
"""A study that uses every way of varying a prompt at once, run without a truth file: requests, coordinates and parsed answers
are compared with the independent computation."""
import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from expected import Study, options_shown

TRIALS = 640


@harness.short
class Wide(harness.TestCase):
    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.study = box.copy("wide")
        cls.log = box.dir / "arrivals"
        cls.sim = box.simulator("--latency-ms", 0, "--log", cls.log)
        harness.must(box.clinsafe("run", cls.study, "--workers", 2, "--slots", 32, "--simulator", cls.sim.url))
        cls.export = harness.must(box.clinsafe("export", cls.study, "--format", "jsonl"))
        cls.rows = {r["digest"]: r for r in harness.rows_jsonl(cls.export.out)}
        cls.expected = {t.digest: t for t in Study(cls.study).trials()}

    def test_plan_has_the_same_size(self):
        plan = self.shared().clinsafe("plan", self.study, "--json").json()
        self.assertEqual((plan["trials"], len(self.expected)), (TRIALS, TRIALS))
        self.assertEqual({lane["model"]: lane["trials"] for lane in plan["lanes"]}, {"plain": 256, "other": 384})

    def test_every_trial_has_its_coordinates(self):
        self.assertEqual(self.rows.keys(), self.expected.keys())
        for digest, trial in self.expected.items():
            wanted = trial.coordinates()
            self.assertEqual({k: self.rows[digest].get(k) for k in wanted},
                             {k: None if v == "" else v for k, v in wanted.items()})

    def test_the_provider_got_exactly_these_requests(self):
        stats = self.sim.stats()
        self.assertEqual((stats["requests"], stats["unique_digests"], stats["paid_again"]), (TRIALS, TRIALS, 0))
        self.assertEqual(stats["unique_bodies"], len({t.body for t in self.expected.values()}))
        self.assertEqual((stats["digest_body_conflicts"], stats["invalid"]), (0, 0))

    def test_answers_are_read_as_they_were_shown(self):
        """Letters go back to the options of the order that this trial saw; derived answers follow."""
        seen = set()
        for digest, trial in self.expected.items():
            row = self.rows[digest]
            self.assertEqual(row["outcome"], "ok")
            said = json.loads(row["text"])
            if trial.question["name"] == "choice":
                shown = options_shown(trial.question["answer"]["choice"], trial.picks)
                option = shown[ord(said["choice"]) - ord("A")]
                seen.add((said["choice"], option))
                self.assertEqual(row["answer.choice"], option)
                self.assertEqual(row["answer.sure"], said["sure"])
                self.assertEqual(row["derived.picks_cue"], option == trial.case["cue_option"])
                self.assertEqual(row["derived.is_sure"], said["sure"] == "Yes")
                self.assertNotIn("answer.urgency", row)
            else:
                self.assertEqual(row["answer.urgency"], said["urgency"])
                self.assertEqual(float(row["answer.percent"]), said["percent"])
                self.assertTrue(0 <= said["percent"] <= 100)
                self.assertEqual(row.get("answer.why", ""), said["why"])
                self.assertNotIn("answer.choice", row)
        self.assertEqual(len(seen), 6, "three letters in two orders")

    def test_verify_is_clean(self):
        self.assertExit(self.shared().clinsafe("verify", self.study))


if __name__ == "__main__":
    harness.main()
