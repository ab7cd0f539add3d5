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
        harness.one_day(40)
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
        self.assertEqual(self.bill["schema"], "clinsafe.bill/2")
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
        self.assertEqual([d["explained"] for d in as_json.json()["differences"]], [False, False])
        self.against([(d, m, 99) for d, m, *_ in lines], "date,model,cost_usd")
        dearer = self.box.clinsafe("bill", self.study, "--against", self.box.dir / "usage.csv", "--json").json()["differences"]
        self.assertEqual({round(row["cost_usd"]) for row in dearer}, {99})

    def test_bad_input(self):
        day, header = "2026-11-30", "date,model,requests"
        no_numbers = [([(day, "m", 1), (day, "m", n)], header, f':3: requests: "{n}" is no number') for n in ("nan", "inf", "0x10", "1 000")]
        for lines, header, where in (([("x",)], "model", ":1: no column with the day"), ([("x", "m", 1)], header, ":2: date:"),
                                     ([("2026-13-01", "m", 1)], header, '"2026-13-01" is no day'), *no_numbers):
            bad = self.against(lines, header)
            self.assertEqual(bad.code, harness.EXIT_INVALID)
            self.assertIn(where, bad.err)
        self.assertEqual(self.box.clinsafe("bill", self.study, "--against", "/nowhere.csv").code, harness.EXIT_MISSING)


@harness.short
class Cache(harness.TestCase):
    """Prompts that come three times, through every dialect, to a provider that charges for what it writes to its cache."""

    @classmethod
    def prepare(cls):
        harness.one_day(40)
        box = cls.shared()
        cls.study = box.copy("dialects")
        text = cls.study.read_text()
        cls.study.write_text(text.replace("parameters: {", "repeats: 3\nbudget_usd: 20\nparameters: {", 1))
        models = cls.study.parent / "providers.yaml"
        models.write_text(models.read_text().replace('"us.a-2026:0"', '"us.a-2026:0", price: {input: 2, cached: 0.2, output: 10}'))
        cls.sim = box.simulator("--truth", cls.study.parent / "truth.yaml", "--cache", 60)
        cls.status = harness.must(box.clinsafe("run", cls.study, "--workers", 1, "--slots", 8, "--simulator", cls.sim.url, "--json")).json()
        cls.bill = harness.must(box.clinsafe("bill", cls.study, "--json")).json()
        cls.rows = harness.rows_jsonl(harness.must(box.clinsafe("export", cls.study, "--format", "jsonl")).out)

    @staticmethod
    def usd(r):
        read, written = r["cached_tokens"], r["cache_write_tokens"]
        plain = r["input_tokens"] - read - written
        return (plain * 2 + read * 0.2 + written * 2.5 + r["output_tokens"] * 10) / 1e6

    def test_the_bill_is_the_providers(self):
        [(model, theirs)] = self.sim.stats()["models"].items()
        ours = self.bill["sum"]
        for figure in ("input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens"):
            self.assertEqual(ours[figure], theirs[figure], figure)
        self.assertGreater(ours["cache_write_tokens"], 5000)
        self.assertGreater(ours["cached_tokens"], ours["cache_write_tokens"])
        self.assertAlmostEqual(ours["cost_usd"], self.usd(theirs), 9)
        usage = self.box.dir / "usage.csv"
        usage.write_text(f"date,model,cost_usd\n{self.bill['rows'][0]['day']},{model},{self.usd(theirs)}\n")
        without_name = [r for r in self.bill["rows"] if r["model"] != model]
        self.assertEqual(without_name, [], "bedrock does not say who answered: it stands by the name that was asked for")
        self.assertIn("agrees with this", harness.must(self.box.clinsafe("bill", self.study, "--against", usage)).out)

    def test_status_counts_what_was_read_and_written(self):
        for lane in self.status["lanes"]:
            rows = [r for r in self.rows if r["model"] == lane["model"]]
            for figure in ("input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens"):
                self.assertEqual(lane["counters"][figure], sum(r[figure] for r in rows), (lane["model"], figure))
        self.assertGreater(sum(lane["counters"]["cache_write_tokens"] for lane in self.status["lanes"]), 5000)

    def test_every_row_tells_what_was_written(self):
        lanes = set()
        for r in self.rows:
            self.assertAlmostEqual(r["cost_usd"], self.usd(r), 9)
            if r["cache_write_tokens"] > 0:
                lanes.add(r["model"])
        self.assertEqual(lanes, {"chat", "responses", "anthropic", "anthropic-tool", "bedrock", "bedrock-tool"})
        row = next(r for r in self.rows if r["cache_write_tokens"] > 0)
        shown = harness.must(self.box.clinsafe("show", self.study, row["case_id"]))
        self.assertIn(f"{row['cache_write_tokens']} written there", shown.out)

    def test_the_budget_knew_of_it(self):
        for lane in self.status["lanes"]:
            self.assertEqual((lane["counters"]["over"], lane["done"]), (0, lane["planned"]), lane["model"])
        spent = sum(lane["counters"]["cost_usd"] for lane in self.status["lanes"])
        self.assertAlmostEqual(spent, self.bill["sum"]["cost_usd"], 9)


if __name__ == "__main__":
    harness.main()
