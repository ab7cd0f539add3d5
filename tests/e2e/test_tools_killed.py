#!/usr/bin/env python3
"""kill -9 in the middle of a loop of tools: whoever goes on does so from the calls that stand on disk, and paid again is only what flew."""
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import local_fleet
import talker

KEY = "tools-key-0123456789"
CASES, CALLS, SLOTS, PRICE = 8, 3, 4, 10
STUDY = f"""study: looked-up
seed: 7
cases: {{file: cases.csv, id: [case_id]}}
prompt: {{user: "{{{{case.text}}}} {{{{question.ask}}}}"}}
tools:
  max_calls: {CALLS}
  here: {{describe: A book., arguments: {{page: text}}, returns: "The book says {{{{case.case_id}}}}."}}
questions: [{{name: urgent, ask: "Is it urgent?", answer: {{urgent: {{boolean: ["Yes", "No"]}}}}, derive: {{n: {{calls: any}}}}}}]
models: [m]
parameters: {{max_output_tokens: 100, timeout_s: 20}}
"""


class Killed(local_fleet.TestCase):
    def setUp(self):
        super().setUp()
        self.provider = talker.Talker(0.15)
        self.addCleanup(self.provider.shutdown)
        self.study = self.box.dir / "study.yaml"
        self.study.write_text(STUDY)
        self.write_cases(CASES)
        (self.box.dir / "providers.yaml").write_text(
            f"accounts: {{a: {{protocol: openai-chat, base_url: {self.provider.url}, key: {{env: TOOLS_KEY}}}}}}\n"
            f"models: {{m: {{account: a, model: m, price: {{input: {PRICE}, cache_write: {PRICE}, output: {PRICE}}}}}}}\n")
        self.calls = CASES * (CALLS + 1)

    def write_cases(self, n):
        (self.box.dir / "cases.csv").write_text("case_id,text\n" + "".join(f"c{i},Case {i}.\n" for i in range(n)))

    def start_worker(self, name="w", slots=SLOTS):
        return self.box.start("clinsafe-worker", "--coordinator", self.where["work"], "--announce", self.where["pub"], "--redis",
                              self.redis, "--slots", slots, "--name", name, env={"TOOLS_KEY": KEY})

    def submit(self):
        harness.must(self.box.clinsafe("submit", self.study, "--coordinator", self.where["admin"]))

    def status(self):
        done = self.box.clinsafe("status", "--redis", self.redis, "--json")
        return done.json() if done.code == 0 else {}

    def finish(self, again_at_most=0):
        harness.wait_for(lambda: self.status().get("state") == "finished", timeout=60, what="the study to finish")
        verified = self.box.clinsafe("verify", "--store", self.store, "--json").json()
        self.assertEqual((verified["done"], verified["missing"], verified["faults"]), (CASES, 0, 0))
        self.assertEqual((verified["turns"], verified["requests_replayed"]), (CASES * CALLS, self.calls))
        self.assertLessEqual(self.provider.count(), self.calls + again_at_most)
        histories = talker.Histories.of(self.provider.calls())
        self.assertEqual((histories.changed, len(histories.asked)), ([], self.calls))
        for call in self.provider.calls():
            said = call.messages
            called = [c["id"] for m in said for c in m.get("tool_calls", [])]
            told = [(m["tool_call_id"], m["content"]) for m in said if m["role"] == "tool"]
            case = said[0]["content"].split(".")[0].replace("Case ", "c")
            self.assertEqual(told, [(i, f"The book says {case}.") for i in called])
        rows = harness.rows_jsonl(harness.must(self.box.clinsafe("export", "--store", self.store, "--format", "jsonl", "--out", "-")).out)
        self.assertEqual({(r["outcome"], r["turns_done"], r["derived.n"]) for r in rows}, {("ok", CALLS + 1, CALLS)})
        return verified

    def test_workers_that_are_killed(self):
        self.submit()
        worker = self.start_worker()
        for share in (0.2, 0.45, 0.7):
            harness.wait_for(lambda: self.provider.count() >= share * self.calls, what="calls", process=worker)
            worker.kill()
            worker = self.start_worker()
        self.finish(again_at_most=3 * 2 * SLOTS)

    def test_a_coordinator_that_is_killed(self):
        """Nothing is paid again; no two calls have one id."""
        self.submit()
        worker = self.start_worker()
        for share in (0.3, 0.6):
            harness.wait_for(lambda: self.provider.count() >= share * self.calls, what="calls", process=worker)
            self.coordinator.kill()
            self.start_coordinator()
        verified = self.finish()
        self.assertEqual((self.provider.count(), verified["duplicates"]), (self.calls, 0))
        self.assertEqual(len({c.id for c in self.provider.calls()}), self.calls)

    def test_a_budget_holds_and_gives_back(self):
        """By the provider's bill. A trial reserves its worst case and gives back what it does not need: one fits at a time, and far more end. All
        would cost more than there is; at the end there is less left than one may cost."""
        cases, usd, worst = 3 * CASES, 0.6, 0.4  # a trial costs $0.033
        self.provider.seconds, self.provider.bytes_a_token, self.provider.output_tokens = 0.02, 1, 100
        self.write_cases(cases)
        self.study.write_text(STUDY + f"budget_usd: {usd}\n")
        self.submit()
        self.start_worker()
        state = {}
        while state.get("state") in (None, "running"):
            state = self.status()
            known = sum(state.get(f"{what}_usd", 0) for what in ("committed", "presumed", "reserved"))
            self.assertLessEqual(max(known, self.provider.bill(PRICE, PRICE)), usd + 1e-9, state)
        self.assertEqual((state["state"], state["presumed_usd"], state["reserved_usd"]), ("stopped", 0, 0))
        bill = self.provider.bill(PRICE, PRICE)
        self.assertAlmostEqual(bill, state["committed_usd"], 9)
        self.assertGreater(bill, usd - worst)
        rows = harness.rows_jsonl(harness.must(self.box.clinsafe("export", "--store", self.store, "--format", "jsonl", "--out", "-")).out)
        self.assertEqual({r["outcome"] for r in rows}, {"ok"})
        self.assertEqual(len(rows), state["done"])
        self.assertGreater(cases, len(rows))
        self.assertGreater(len(rows), 3 * usd / worst)


if __name__ == "__main__":
    harness.main()
