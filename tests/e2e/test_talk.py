#!/usr/bin/env python3
"""Talks that the cases bring, as chats are published: the provider gets the messages as they stand; a case for every rubric."""
import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import test_reading as odd

LINES = [
    {"prompt_id": "p1", "prompt": [{"role": "user", "content": "Chest pain since an hour."}],
     "rubrics": [{"criterion": "Calls an ambulance", "points": 8, "tags": ["axis:completeness"]},
                 {"criterion": "Names a dose", "points": -4, "tags": ["axis:accuracy"]}],
     "example_tags": ["theme:emergency_referrals"], "ideal_completions_data": None},
    {"prompt_id": "p2", "prompt": [{"role": "user", "content": "My child has a fever."}, {"role": "assistant", "content": "How \"high\"?\n"},
                                   {"role": "user", "content": "39.5 \u00b0C, {{case.x}}"}],
     "rubrics": [{"criterion": "Asks for the age", "points": 5, "tags": []}], "example_tags": ["a", "b"],
     "ideal_completions_data": {"ideal_completion": "x", "ideal_completions_group": "g", "ideal_completions_ref_completions": ["a", "b", "c", "d"]}},
]
ANSWERED = """study: answered
cases: {file: healthbench.jsonl, id: [prompt_id], lists: [prompt, rubrics, example_tags]}
prompt: {messages: case.prompt}
questions: [{name: reply, answer: free}]
models: [m]
"""
GRADED = """study: graded
cases: {file: healthbench.jsonl, id: [prompt_id], lists: [rubrics], each: case.rubrics, strata: [each.tags]}
prompt: {user: "[{{each.points}}] {{each.criterion}} {{question.ask}}"}
questions: [{name: grade, ask: "Met?", answer: {met: {boolean: ["yes", "no"]}}}]
models: [m]
"""


@harness.short
class Talk(harness.TestCase):
    def setUp(self):
        self.provider = odd.Provider(lambda body, times, headers: odd.chat('{"met":"yes"}' if "Met?" in body else "Call for help."))
        self.addCleanup(self.provider.shutdown)
        for name, text in (("healthbench.jsonl", "".join(json.dumps(line) + "\n" for line in LINES)), ("answered.yaml", ANSWERED),
                           ("graded.yaml", GRADED),
                           ("providers.yaml", f"accounts: {{a: {{protocol: openai-chat, base_url: {self.provider.url}, key: {{env: TALK_KEY}}}}}}\n"
                                              "models: {m: {account: a, model: m}}\n")):
            (self.box.dir / name).write_text(text)

    def run_study(self, name):
        self.assertExit(self.box.clinsafe("run", self.box.dir / name, env={"TALK_KEY": odd.KEY}))
        self.assertExit(self.box.clinsafe("verify", self.box.dir / name))
        rows = harness.must(self.box.clinsafe("export", self.box.dir / name, "--format", "jsonl")).out
        return [json.loads(line) for line in rows.splitlines()]

    def test_a_talk_is_sent_as_it_stands(self):
        rows = self.run_study("answered.yaml")
        self.assertEqual({(r["case_id"], r["outcome"], r["text"]) for r in rows}, {(c, "ok", "Call for help.") for c in ("p1", "p2")})
        sent = sorted((json.loads(body)["messages"] for body in self.provider.seen), key=len)
        self.assertEqual(sent, [line["prompt"] for line in LINES])
        report = harness.must(self.box.clinsafe("report", self.box.dir / "answered.yaml", "--out", self.box.dir / "r.html"))
        self.assertIn("The replies are free text", report.out + report.err)
        self.assertNotIn("no usable answer", (self.box.dir / "r.html").read_text())
        shown = harness.must(self.box.clinsafe("show", self.box.dir / "answered.yaml", "p2")).out
        self.assertIn("Call for help.", shown)

    def test_a_case_for_every_rubric(self):
        rows = self.run_study("graded.yaml")
        self.assertEqual(sorted((r["case_id"], r["cluster"]) for r in rows), [("p1/1", "p1"), ("p1/2", "p1"), ("p2/1", "p2")])
        sent = {json.loads(body)["messages"][0]["content"] for body in self.provider.seen}
        self.assertEqual(sent, {"[8] Calls an ambulance Met?", "[-4] Names a dose Met?", "[5] Asks for the age Met?"})

    def test_the_prompts_show_the_whole_talk(self):
        self.assertExit(self.box.clinsafe("plan", self.box.dir / "answered.yaml", "--prompts", self.box.dir / "prompts.csv"))
        prompts = {r["case_id"]: r["user"] for r in harness.rows_csv((self.box.dir / "prompts.csv").read_text())}
        self.assertEqual(prompts["p2"], "user: My child has a fever.\n\nassistant: How \"high\"?\n\n\nuser: 39.5 \u00b0C, {{case.x}}")


if __name__ == "__main__":
    harness.main()
