#!/usr/bin/env python3
"""clinsafe bill: the sums of the export and of the provider's own count, and the vendor's account beside it."""
import collections
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import harness


@harness.short
class Bill(harness.TestCase):
    """A study whose provider now and then answers with an error, or not at all."""

    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.study = box.copy("small")
        cls.sim = box.simulator("--truth", cls.study.parent / "truth.yaml", "--latency-ms", 5, "--faults", "server_error=0.1,reset=0.05")
        harness.must(box.clinsafe("run", cls.study, "--workers", 1, "--simulator", cls.sim.url))
        cls.rows = harness.rows_jsonl(harness.must(box.clinsafe("export", cls.study, "--format", "jsonl")).out)
        cls.bill = harness.must(box.clinsafe("bill", cls.study, "--json")).json()

    def test_sums_are_those_of_the_export(self):
        mine = collections.defaultdict(lambda: [0, 0.0, 0, 0])
        for r in self.rows:
            at = mine[r["started"][:10], r["model_resolved"]]
            at[0] += r["attempts"]
            at[1] += r["cost_usd"]
            at[2] += r["input_tokens"]
            at[3] += r["ambiguous"]
        self.assertEqual(self.bill["schema"], "clinsafe.bill/1")
        self.assertEqual({(r["day"], r["model"]) for r in self.bill["rows"]}, set(mine))
        for r in self.bill["rows"]:
            calls, cost, tokens, ambiguous = mine[r["day"], r["model"]]
            self.assertEqual((r["calls"], r["input_tokens"], r["ambiguous_calls"]), (calls, tokens, ambiguous))
            self.assertAlmostEqual(r["cost_usd"], cost, 9)
        total = self.bill["sum"]
        self.assertAlmostEqual(total["unique_usd"] + total["twice_usd"] + total["wasted_usd"], total["cost_usd"], 9)
        self.assertGreater(total["ambiguous_calls"], 0)

    def vendor(self):
        """The provider's own figures, as a console would export them."""
        day = self.bill["rows"][0]["day"]
        models = self.sim.stats()["models"]
        return [(day, name, m["requests"], m["input_tokens"], m["output_tokens"]) for name, m in models.items()]

    def against(self, lines, header="date,model,requests,input_tokens,output_tokens"):
        usage = self.box.dir / "usage.csv"
        usage.write_text("\n".join([header] + [",".join(map(str, line)) for line in lines]) + "\n")
        return self.box.clinsafe("bill", self.study, "--against", usage)

    def test_the_providers_own_account_agrees(self):
        lines = self.vendor()
        self.assertEqual(sum(line[2] for line in lines), self.bill["sum"]["calls"], "every call that came is counted")
        agrees = self.against(lines)
        self.assertExit(agrees)
        self.assertIn("agrees with this", agrees.out)
        self.assertIn("calls ended without a status line", agrees.out)

    def test_what_differs_is_named(self):
        lines = self.vendor()
        more = [(d, m, n + 500, i + 9000, o) for d, m, n, i, o in lines[:1]] + lines[1:] + [("2020-01-01", "somebody-else", 3, 1, 1)]
        differs = self.against(more)
        self.assertEqual(differs.code, 3)
        self.assertIn(f"{lines[0][1]}: the vendor has +500 requests +9000 input tokens", differs.out)
        self.assertIn("2020-01-01  somebody-else: not asked by this study", differs.out)
        as_json = self.box.clinsafe("bill", self.study, "--against", self.box.dir / "usage.csv", "--json")
        self.assertEqual(as_json.code, 3)
        self.assertEqual(len(json.loads(as_json.out)["differences"]), 2)

    def test_bad_input(self):
        for lines, header, where in ([("x",)], "model", ":1: no column with the day"), ([("x", "m", 1)], "date,model,requests", ":2: date:"):
            bad = self.against(lines, header)
            self.assertEqual(bad.code, harness.EXIT_INVALID)
            self.assertIn(where, bad.err)
        self.assertEqual(self.box.clinsafe("bill", self.study, "--against", "/nowhere.csv").code, harness.EXIT_MISSING)


if __name__ == "__main__":
    harness.main()
