#!/usr/bin/env python3
"""What providers charge for, and who they say answered, through the whole of it: one odd bill, one liar, one moved name."""
import itertools
import json
import re
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from test_reading import Provider, chat

STUDY = """study: money
title: Money
seed: 3
cases: {file: cases.csv, id: [case_id], cluster: case_id}
factors:
  - name: group
    levels: [{id: control, role: control}, {id: warned, system: "Take care."}]
prompt: {system: "Triage.", user: "{{case.text}} {{question.ask}}"}
questions:
  - name: q
    ask: Answer as JSON.
    answer:
      level: {ordinal: [non-urgent, urgent, emergent]}
      mental: {boolean: ["Yes", "No"]}
      sure: {number: {min: 0, max: 100}}
REPEATS
models: [MODELS]
parameters: {temperature: 0.7, max_output_tokens: 200, timeout_s: 10}
analysis: {contrasts: [{factor: group, each: control}]}
BUDGET
"""


def billed(**usage):
    return dict(chat(), usage=usage)


class Money(harness.TestCase):
    def study(self, reply, models=("m",), budget="", cases=6, repeats="", price="{input: 1, cached: 0.1, output: 10}", name="money"):
        self.provider = Provider(reply)
        self.addCleanup(self.provider.server_close)
        self.addCleanup(self.provider.shutdown)
        folder = self.box.dir / name
        folder.mkdir(exist_ok=True)
        (folder / "cases.csv").write_text("case_id,text\n" + "".join(f"c{i},complaint {i}\n" for i in range(cases)))
        price = f", price: {price}" if price else ""
        (folder / "providers.yaml").write_text(
            "accounts:\n  a: {protocol: openai-chat, base_url: \"" + self.provider.url + "\"}\nmodels:\n"
            + "".join(f"  {m}: {{account: a, model: {m}{price}}}\n" for m in models))
        path = folder / "study.yaml"
        path.write_text(STUDY.replace("MODELS", ", ".join(models)).replace("BUDGET", budget and f"budget_usd: {budget}").replace("REPEATS", repeats))
        return path

    def run_study(self, path, exit=0):
        done = self.box.clinsafe("run", path, "--workers", 1, "--slots", 4, "--json")
        self.assertExit(done, exit)
        return done.json()

    def export(self, path):
        return harness.rows_jsonl(harness.must(self.box.clinsafe("export", path, "--format", "jsonl", "--all")).out)

    @harness.short
    def test_usage_as_vendors_tell_it(self):
        told = {
            0: (billed(prompt_tokens=32, completion_tokens=9, total_tokens=135, completion_tokens_details={"reasoning_tokens": 94}), 103, False),
            1: (billed(prompt_tokens=32, completion_tokens=103, total_tokens=135, completion_tokens_details={"reasoning_tokens": 94}), 103, False),
            2: (billed(prompt_tokens=32.0, completion_tokens="103"), 103, False),
            3: (billed(prompt_tokens=32, completion_tokens=103, total_tokens=200), 103, True),  # 65 of something
            4: (billed(prompt_tokens=32, completion_tokens=9, completion_tokens_details={"reasoning_tokens": 94}), 103, False),
            5: (dict(chat(), usage=None), 0, True),
        }
        path = self.study(lambda body, *_: told[int(re.search(r"complaint (\d)", body)[1])][0])
        status = self.run_study(path)
        for row in self.export(path):
            _, output, bound = told[int(row["case_id"][1:])]
            self.assertEqual((row["output_tokens"], row["cost_bound"]), (output, bound), row["case_id"])
            self.assertEqual(row.get("cost_usd"), None if output == 0 else 0.001062, row["case_id"])
        counters = status["lanes"][0]["counters"]
        self.assertEqual((counters["untold"], counters["cost_usd"]), (4, 0.01062))
        self.assertIn("at least USD 0.01", harness.must(self.box.clinsafe("report", path, "--json")).out)

    @harness.short
    def test_unknown_prices_are_no_zero(self):
        path = self.study(lambda *_: chat(), price="")
        shown = self.box.clinsafe("run", path, "--workers", 1, "--slots", 4)
        self.assertExit(shown)
        self.assertNotIn("$0.00", shown.out)
        self.assertRegex(shown.out, r"\bunknown\b")
        report = harness.must(self.box.clinsafe("report", path, "--json")).json()
        self.assertIsNone(report["models"][0]["cost_usd"])

    def unusable_first(self, body, times, headers):
        return chat(finish="abort") if times == 1 else chat()

    @harness.short
    def test_a_reply_that_gave_nothing_is_in_the_cost(self):
        path = self.study(self.unusable_first)
        counters = self.run_study(path)["lanes"][0]["counters"]
        self.assertEqual((counters["cost_usd"], counters["wasted_usd"]), (0.00408, 0.00204))
        rows = self.export(path)
        self.assertEqual({(r["wasted_calls"], r["wasted_usd"], r["cost_usd"]) for r in rows}, {(1, 0.00017, 0.00034)})
        report = harness.must(self.box.clinsafe("report", path, "--json")).json()
        self.assertAlmostEqual(report["models"][0]["cost_usd"], 24 * 0.00017)

    @harness.short
    def test_under_a_budget_it_gets_another_grant(self):
        path = self.study(self.unusable_first, budget=5)
        counters = self.run_study(path)["lanes"][0]["counters"]
        self.assertEqual((counters["outcome"]["ok"], counters["cost_usd"], counters["wasted_usd"]), (12, 0.00408, 0.00204))
        report = harness.must(self.box.clinsafe("report", path, "--json")).json()
        self.assertAlmostEqual(report["models"][0]["cost_usd"], 24 * 0.00017)

    def lane(self, path, model):
        done = self.box.clinsafe("status", path, "--json")
        lanes = {l["model"]: l for l in done.json()["lanes"]} if done.code == 0 else {}
        return lanes.get(model, {})

    def test_one_liar_stops_alone_and_can_be_voided(self):
        def reply(body, *_):
            if '"model":"liar"' not in body:
                return chat()
            time.sleep(0.05)  # so that it does not end first
            return billed(prompt_tokens=50, completion_tokens=2**32 - 2)
        path = self.study(reply, models=("good", "liar"), budget=2, cases=40)
        run = self.box.start("clinsafe", "run", path, "--workers", 1, "--slots", 8)
        harness.wait_for(lambda: self.lane(path, "good").get("done") == 80, 60, "the other model to end", run)
        liar = harness.wait_for(lambda: (lane := self.lane(path, "liar")).get("state") == "paused" and lane, what="the liar's pause", process=run)
        self.assertEqual((liar["state"], "max_tokens_field" in liar["reason"]), ("paused", True))
        self.assertLess(liar["done"], 20)
        self.assertGreater(liar["counters"]["absurd_usd"], 40000)
        status = json.loads(self.box.clinsafe("status", path, "--json").out)
        self.assertLess(status["committed_usd"], 2)
        dir = path.with_suffix(".clinsafe")
        self.assertExit(self.box.clinsafe("void", "liar", "--dir", dir), harness.EXIT_USAGE)  # without a reason
        voided = harness.must(self.box.clinsafe("void", "liar", "--dir", dir, "--reason", "no such tokens on the bill", "--json"))
        self.assertGreater(voided.json()["voided_usd"], 40000)
        self.assertFalse(voided.json()["presumed"])
        self.assertExit(self.box.clinsafe("void", "liar", "--dir", dir, "--reason", "once more"), harness.EXIT_INVALID)
        self.assertRegex(harness.must(self.box.clinsafe("void", "--dir", dir)).out, r"Z  \$\d{5,}.*, liar: no such tokens on the bill\n")
        self.assertEqual([(v["model"], v["presumed"], v["amount_usd"], v["reason"]) for v in harness.must(self.box.clinsafe("void", "--dir", dir, "--json")).json()["voids"]],
                         [("liar", False, voided.json()["voided_usd"], "no such tokens on the bill")])
        run.stop()
        counters = self.lane(path, "liar").get("counters") or liar["counters"]
        self.assertGreaterEqual(counters["over"], 1)

    @harness.short
    def test_a_cap_that_is_not_kept_is_said_without_a_budget_too(self):
        path = self.study(lambda *_: billed(prompt_tokens=50, completion_tokens=6000))
        lane = self.run_study(path)["lanes"][0]
        self.assertEqual((lane["done"], lane["counters"]["over"]), (12, 12))
        self.assertIn("max_tokens_field", lane["reason"])

    @harness.short
    def test_who_answers_is_noted_when_it_changes(self):
        seen = itertools.count(1)

        def reply(body, *_):
            late = next(seen) > 30  # threads: each takes a number of its own
            return dict(chat(), model="m-2" if late else "m-1", system_fingerprint="fp_b" if late else "fp_a")
        path = self.study(reply, cases=20)
        lane = self.run_study(path)["lanes"][0]
        self.assertEqual(lane["counters"]["moved"], 1)
        self.assertRegex(lane["served"], "m-1 fp_a.*m-2 fp_b")
        rows = self.export(path)
        self.assertEqual({(r["served"], r["model_resolved"]) for r in rows}, {(1, "m-1"), (2, "m-2")})
        self.assertEqual(sum(r["served"] == 2 for r in rows), 10)
        again = path.read_text().replace("title: Money", "title: Money, edited").replace("max_output_tokens: 200", "max_output_tokens: 201")
        path.write_text(again)
        lane = self.run_study(path)["lanes"][0]  # m-2 again, in a new generation
        self.assertRegex(lane["served"], "m-1 fp_a.*m-2 fp_b")

    def test_kept_replies_are_no_draws(self):
        def reply(body, times, headers):
            good = dict(chat(), id="chatcmpl-" + str(abs(hash(body))))
            return (200, {"X-Cache": "HIT" if times > 1 else "MISS"}, json.dumps(good).encode()) if "complaint 0" in body else good
        path = self.study(reply, repeats="repeats: 4")
        lane = self.run_study(path)["lanes"][0]
        self.assertEqual(lane["counters"]["cached"], 36)  # all but the first of each prompt, by header or by id
        self.assertEqual(sum(r["cache_hit"] for r in self.export(path)), 6)
        path = self.study(lambda *_: dict(chat(), id="chatcmpl-123"), repeats="repeats: 5", name="none")  # an id that is none
        self.assertEqual(self.run_study(path)["lanes"][0]["counters"]["cached"], 0)


if __name__ == "__main__":
    harness.main()
