#!/usr/bin/env python3
"""The published rheumatology design, whole: 36,000 trials of one model, run to completion against the simulator."""
import collections
import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from expected import Study

STUDY = harness.TOP / "ops" / "studies" / "rheumatology.yaml"
DATA = Path(os.environ.get("CLINSAFE_DATA") or harness.TOP / ".." / "shared" / "data" / "rheumatology")
FIELDS = ["refer_rheumatology", "referral_urgency", "order_labs", "labs_ordered", "order_imaging", "imaging_ordered",
          "joint_aspiration", "attributes_to_psychological", "recommend_reassurance_only", "acuity_assessment",
          "red_flags_identified", "immediate_action", "primary_diagnosis", "differential_2", "differential_3", "rationale"]


class Rheumatology(harness.TestCase):
    TIME_LIMIT_S = 300

    def test_runs_to_completion(self):
        if not DATA.is_dir():
            self.skipTest("published data is not here: rheumatology (CLINSAFE_DATA, default ../shared/data/rheumatology)")
        where = ["--dir", self.box.dir / "rheumatology.clinsafe"]
        done = self.box.clinsafe("run", STUDY, *where, "--data", DATA, "--simulator-args", "--latency-ms 0", "--json", timeout=280)
        self.assertExit(done)
        summary = done.json()
        lanes = len(summary["lanes"])
        self.assertEqual((summary["done"], summary["failed"]), (36_000 * lanes, 0))
        print(f"         {36_000 * lanes:,} trials in {done.seconds:.1f} s")
        self.assertExit(self.box.clinsafe("verify", STUDY, *where, "--data", DATA, timeout=120))

        out = self.box.dir / "outputs.jsonl"
        self.assertExit(self.box.clinsafe("export", STUDY, *where, "--format", "jsonl", "--out", out, timeout=120))
        outcomes, cells, clusters, digests = collections.Counter(), collections.Counter(), set(), set()
        with out.open(encoding="utf-8") as f:
            for row in map(harness.json.loads, f):
                outcomes[row["outcome"]] += 1
                cells[tuple(v for k, v in row.items() if k.startswith(("factor.", "wording."))) + (row["case_id"],)] += 1
                clusters.add(row["cluster"])
                digests.add(row["digest"])
                if row["outcome"] == "ok":
                    self.assertTrue(all(f"answer.{f}" in row for f in FIELDS), row)
                    self.assertIn(row["answer.referral_urgency"], ("None", "Routine", "Urgent", "Emergent"))
        self.assertEqual(outcomes.total(), 36_000 * lanes)
        self.assertEqual(digests, {t.digest for t in Study(STUDY, DATA).trials()})
        self.assertEqual((len(clusters), set(cells.values())), (30, {5 * lanes}))
        self.assertEqual(len(cells), 90 * 4 * 20)


if __name__ == "__main__":
    harness.main()
