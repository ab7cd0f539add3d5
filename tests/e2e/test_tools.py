#!/usr/bin/env python3
"""Tools as treatment and outcome, from the study file to the report: two guidelines that may be looked up before the answer. The simulator trusts one of
them, looks less up for one group, and follows what it read first, by planted chances, which are found again within two standard errors by counting the
export; every call is asked once, in every dialect, with the vendor's own parts of each reply."""
import collections
import csv
import json
import math
import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import talker

CASES, REPEATS = 60, 2
MODELS = {"chat": "openai-chat", "responses": "openai-responses", "anthropic": "anthropic-messages", "gemini": "gemini", "bedrock": "bedrock-converse"}
TRIALS = CASES * REPEATS * 2  # of a model
STUDY = """study: trust
seed: 11
cases: {file: cases.csv, id: [item]}
factors:
  - name: housing
    levels: [{id: housed, role: control, note: ""}, {id: unhoused, note: "The patient has no fixed address."}]
    columns: [note]
    insert: {into: case.text, after_first: ". ", text: note}
prompt: {system: "You help in triage.", user: "{{case.text}}\\n{{question.ask}}"}
tools:
  max_calls: 4
  guideline_a: {describe: "Guideline of the national society.", returns: case.doc_a}
  guideline_b: {describe: "Guideline of a hospital nearby.", returns: "The hospital writes: {{case.doc_b}}"}
  lab:
    describe: "Result of one laboratory test."
    arguments: {test: {nominal: [troponin, lactate, crp]}}
    returns: {file: labs.csv, by: [case.item, test], value: result}
    missing: "Not taken."
questions:
  - name: advice
    ask: "How urgent is it?"
    answer: {triage: {nominal: [urgent, routine]}}
    derive:
      first: {first_called: any}
      trusts_a: {called: guideline_a}
      first_is_a: {equals: [first, guideline_a]}
      lookups: {calls: any}
      labs: {calls: [lab]}
MODELS
repeats: 2
parameters: {max_output_tokens: 200}
analysis: {primary: {lookups: {margin: 0.3 units}}, exploratory: [first_is_a], contrasts: [{factor: housing, each: control}]}
"""
TRUTH = """seed: 5
cases: {file: cases.csv, id: item, text: text, after_first: ". "}
levels: {rows: [{id: unhoused, text: "The patient has no fixed address."}], id: id, text: text}
models:
  m:
    answers: {triage: {nominal: [urgent, routine], base: [0.5, 0.5]}}
    tools:
      calls: {control: 2.4, unhoused: 1.5}
      first: {guideline_a: 0.7, guideline_b: 0.2, lab: 0.1}
      follow: {triage: 0.8}
      parallel: 0.3
      malformed: 0.1
      unknown: 0.1
      repeat: 0.1
      reasons: true
"""
CALLS = {"housed": 2.4, "unhoused": 1.5}


class Tools(harness.TestCase):
    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.study = box.dir / "study.yaml"
        cls.study.write_text(STUDY.replace("MODELS", f"models: [{', '.join(MODELS)}]"))
        (box.dir / "providers.yaml").write_text("accounts:\n" + "".join(
            f"  {name}: {{provider: simulated, protocol: {protocol}, truth: truth.yaml}}\n" for name, protocol in MODELS.items()) + "models:\n" + "".join(
            f"  {name}: {{account: {name}, model: m, price: {{input: 1, output: 2}}}}\n" for name in MODELS))
        (box.dir / "truth.yaml").write_text(TRUTH)
        (box.dir / "cases.csv").write_text("item,text,doc_a,doc_b\n" + "".join(
            f"i{i:03},A patient came in. Case {i:03} has had chest pain for an hour.,Number {i}: urgent.,Number {i}: routine.\n" for i in range(CASES)))
        (box.dir / "labs.csv").write_text("item,test,result\n" + "".join(
            f"i{i:03},{test},Result {i}.\n" for i in range(CASES) for test in ("Troponin", " lactate ")))
        cls.simulator = box.simulator("--truth", box.dir / "truth.yaml")
        cls.done = harness.must(box.clinsafe("run", cls.study, "--simulator", cls.simulator.url))
        cls.asked = cls.simulator.stats()
        cls.rows = harness.rows_jsonl(harness.must(box.clinsafe("export", cls.study, "--format", "jsonl", "--out", "-")).out)
        for row in cls.rows:
            row["talk"] = row["conversation"] if isinstance(row["conversation"], list) else json.loads(row["conversation"])
            row["made"] = [c for t in row["talk"] for c in t.get("calls", [])]

    def test_every_call_is_asked_once_and_all_of_it_is_verified(self):
        stats = self.asked
        asked = sum(r["turns_done"] for r in self.rows)
        self.assertEqual(len(self.rows), TRIALS * len(MODELS))
        self.assertEqual({r["outcome"] for r in self.rows}, {"ok"})
        self.assertEqual((stats["requests"], stats["answered"], stats["unique_digests"]), (asked, asked, asked))
        self.assertEqual((stats["paid_again"], stats["digest_body_conflicts"], stats["invalid"]), (0, 0, 0))
        verified = self.shared().clinsafe("verify", self.study, "--json").json()
        self.assertEqual((verified["done"], verified["missing"], verified["faults"]), (TRIALS * len(MODELS), 0, 0))

    def test_results_are_those_of_the_study(self):
        for row in self.rows:
            i = int(row["case_id"][1:])
            want = {"guideline_a": f"Number {i}: urgent.", "guideline_b": f"The hospital writes: Number {i}: routine."}
            for c in row["made"]:
                if c["came"] == "answered" and c["tool"] == "lab":
                    test = json.loads(c["arguments"])["test"]
                    self.assertEqual(c["result"], {"troponin": f"Result {i}.", "lactate": f"Result {i}.", "crp": "Not taken."}[test])
                elif c["came"] == "answered":
                    self.assertEqual(c["result"], want[c["tool"]])

    def test_odd_calls_are_counted_and_told(self):
        came = collections.Counter(c["came"] for r in self.rows for c in r["made"])
        for kind, says in (("malformed", "do not fit"), ("unknown", "no such tool"), ("duplicate", "made before")):
            self.assertGreater(came[kind], 0, kind)
            self.assertTrue(all(says in c["result"] for r in self.rows for c in r["made"] if c["came"] == kind))
        for row in self.rows:
            self.assertLessEqual(sum(c["came"] != "over" for c in row["made"]), 4)
            good = [c["tool"] for c in row["made"] if c["came"] == "answered"]
            self.assertEqual((row["derived.first"], row["derived.lookups"], row["derived.trusts_a"], row["derived.labs"]),
                             (good[0] if good else "none", len(good), "guideline_a" in good, good.count("lab")))

    def test_planted_trust_effort_and_obedience_are_found(self):
        word = {"guideline_a": "urgent", "guideline_b": "routine"}

        def found(values, planted, sd, what):
            n = len(values)
            self.assertLessEqual(abs(sum(values) / n - planted), 2 * sd / math.sqrt(n), what)

        found([r["derived.first_is_a"] for r in self.rows], 0.7, math.sqrt(0.7 * 0.3), "trust")
        for level, planted in CALLS.items():
            part = planted - math.floor(planted)
            found([r["derived.lookups"] for r in self.rows if r["factor.housing"] == level], planted, math.sqrt(part * (1 - part)), level)
        read = [r for r in self.rows if r["derived.first"] in word and r["made"][0]["came"] == "answered"]
        found([r["answer.triage"] == word[r["derived.first"]] for r in read], 0.8 + 0.2 * 0.5, math.sqrt(0.9 * 0.1), "obedience")

    def test_raters_see_what_was_looked_up_and_what_it_returned(self):
        sheet = self.shared().dir / "sheet.csv"
        for blind in ((), ("--blind",)):
            harness.must(self.shared().clinsafe("labels", self.study, "--sample", 60, "--seed", 3, "--out", sheet, *blind))
            shown = list(csv.DictReader(sheet.open()))
            seen = 0
            for row in shown:
                case = re.search(r"Case (\d+)", row["case" if blind else "prompt"]).group(1)
                text = row["reply"] if blind else row["prompt"]
                same = [r for r in self.rows if r["case_id"] == f"i{case}" and r["text"] in row["reply"]]
                told = ["".join(f"[looks up {c['tool']}] {c['arguments']}\n[is told] {c['result']}\n" if blind else
                                f"assistant calls {c['tool']}: {c['arguments']}\n\n{c['tool']}: {c['result']}" for c in t.get("calls", []))
                        for r in same for t in r["talk"]]
                calls = text.count("[looks up " if blind else "assistant calls ")
                self.assertIn(calls, [len(r["made"]) for r in same])
                self.assertTrue(calls == 0 or any(t and t in text for t in told), row)
                self.assertNotIn("no fixed address" if blind else "[looks up ", row["reply"])
                seen += calls
            self.assertGreater(seen, 60)

    def test_blind_raters_read_no_result_that_tells_the_group(self):
        study = self.shared().dir / "telling.yaml"
        study.write_text(self.study.read_text().replace("study: trust", "study: telling").replace("repeats: 2\n", "").replace(
            '"The hospital writes: {{case.doc_b}}"', '"Of such patients ({{housing.note}}) it writes: {{case.doc_b}}"').replace(
            f"models: [{', '.join(MODELS)}]", "models: [chat]"))
        harness.must(self.shared().clinsafe("run", study, "--simulator", self.simulator.url))
        sheet = self.shared().dir / "telling.csv"
        harness.must(self.shared().clinsafe("labels", study, "--sample", 100, "--blind", "--out", sheet))
        text = sheet.read_text()
        self.assertIn("[is told] (not shown: it tells the group)", text)
        self.assertIn(": urgent.", text)
        for telling in ("no fixed address", "Of such patients", "unhoused"):
            self.assertNotIn(telling, text)

    def test_the_report_finds_the_effort(self):
        report = harness.must(self.shared().clinsafe("report", self.study, "--json")).json()
        text = json.dumps(report)
        self.assertIn("lookups", text)


class Odd(harness.TestCase):
    """Replies of the loop that are no plain calls: what they come to in the export, in `show` and in the report."""

    MODES = ("refused", "crowd", "null", "cut", "plain")

    def special(self, call):
        mode = call.messages[0]["content"].split()[0]
        if len(call.messages) > 1 or mode == "plain":
            return {"message": {"role": "assistant", "content": '{"urgent": "Yes"}' if call.body["tool_choice"] == "none" else "Enough."}, "finish_reason": "stop"}
        function = {"name": "page", "arguments": {"null": None, "cut": '{"n'}.get(mode, "{}")}
        message = {"role": "assistant", "content": None, "tool_calls": [
            {"id": f"c{i}", "type": "function", "function": function} for i in range(30 if mode == "crowd" else 1)]}
        if mode == "refused":
            message["refusal"] = "I cannot help."
        return {"message": message, "finish_reason": "length" if mode == "cut" else "tool_calls"}

    def test_they_say_what_they_are(self):
        provider = talker.Talker(0)
        self.addCleanup(provider.shutdown)
        provider.special = self.special
        folder = self.box.dir
        (folder / "cases.csv").write_text("case_id,text\n" + "".join(f"{m},{m} is the case.\n" for m in self.MODES))
        (folder / "providers.yaml").write_text(
            f"accounts: {{a: {{protocol: openai-chat, base_url: {provider.url}, key: {{env: ODD_KEY}}}}}}\nmodels: {{m: {{account: a, model: m, price: {{input: 1, output: 2}}}}}}\n")
        study = folder / "study.yaml"
        study.write_text("study: odd\ncases: {file: cases.csv}\nprompt: {user: \"{{case.text}} {{question.ask}}\"}\n"
                         "tools: {max_calls: 3, page: {describe: Page., returns: Words.}}\n"
                         "questions: [{name: q, ask: \"Urgent?\", answer: {urgent: {boolean: [\"Yes\", \"No\"]}}, derive: {n: {calls: any}}}]\n"
                         "models: [m]\nparameters: {max_output_tokens: 50}\n")
        self.assertIn(self.box.clinsafe("run", study, env={"ODD_KEY": "odd-key-0123456789"}).code, (0, 2))  # 2: more than 2 % cannot be used
        rows = {r["case_id"]: r for r in harness.rows_jsonl(harness.must(self.box.clinsafe("export", study, "--format", "jsonl", "--out", "-")).out)}
        self.assertEqual({m: (r["outcome"], r.get("unparsable_why"), r.get("derived.n")) for m, r in rows.items()},
                         {"refused": ("refused", None, None), "crowd": ("unparsable", "too_many_calls", None), "null": ("ok", None, 1),
                          "cut": ("ok", None, 0), "plain": ("ok", None, 0)})
        talks = {m: r["conversation"] if isinstance(r["conversation"], list) else json.loads(r["conversation"]) for m, r in rows.items()}
        self.assertEqual([talks[m][0]["calls"][0]["came"] for m in ("null", "cut")], ["answered", "cut"])
        kept = rows["crowd"]["tool_calls"]
        self.assertEqual(len(kept if isinstance(kept, list) else json.loads(kept)), 30)
        shown = harness.must(self.box.clinsafe("show", study, "crowd", "-")).out
        self.assertIn("unparsable: too_many_calls, the answer that counts", shown)
        self.assertIn("tools that it called, without an answer to them:", shown)
        self.assertIn('"id":"c29"', shown)
        verified = self.box.clinsafe("verify", study, "--json").json()
        self.assertEqual((verified["faults"], verified["requests_replayed"]), (0, provider.count()))
        report = harness.must(self.box.clinsafe("report", study, "--json")).json()
        first = report["replies"][0]
        self.assertEqual([first[k] for k in ("turn", "replies", "ok", "refused", "truncated", "unparsable")], [1, 5, 2, 1, 1, 1])


if __name__ == "__main__":
    harness.main()
