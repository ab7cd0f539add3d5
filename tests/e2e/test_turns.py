#!/usr/bin/env python3
"""Conversations: each reply is on disk before the next request holds it, so that any worker goes on from it and nobody changes it."""
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import local_fleet
import talker

KEY = "turns-key-0123456789"
CASES, LEVELS, TURNS, SLOTS = 4, 2, 4, 4
STUDY = """study: pressure
seed: 7
cases: {file: cases.csv, id: [case_id]}
factors:
  - name: pressure
    columns: [t1, t2]
    levels: [{id: neutral, role: control, t1: "Well?", t2: "Please say that again."}, {id: doubt, t1: "So?", t2: "Are you sure?"}]
prompt:
  system: "You help."
  turns: [{user: "{{case.text}} {{pressure.t1}} {{question.ask}}"}, {user: "{{pressure.t2}}"}, {user: "{{case.more}}"}, {user: "I think you are wrong."}, {user: "{{question.ask}}"}]
questions: [{name: urgent, ask: "Is it urgent?", answer: {urgent: {boolean: ["Yes", "No"]}}}]
models: [m]
parameters: {max_output_tokens: 100, timeout_s: 20}
"""


class Turns(local_fleet.TestCase):
    SECONDS = 0.2

    def setUp(self):
        super().setUp()
        self.provider = talker.Talker(self.SECONDS)
        self.addCleanup(self.provider.shutdown)
        self.study = self.box.dir / "study.yaml"
        self.study.write_text(STUDY)
        # In every other case the third turn is left out.
        (self.box.dir / "cases.csv").write_text("case_id,text,more\n" + "".join(
            f"c{i},Case {i}.,{'More of it.' if i % 2 else ''}\n" for i in range(CASES)))
        (self.box.dir / "providers.yaml").write_text(
            f"accounts: {{a: {{protocol: openai-chat, base_url: {self.provider.url}, key: {{env: TURNS_KEY}}}}}}\nmodels: {{m: {{account: a, model: m}}}}\n")
        self.calls = LEVELS * sum(TURNS + i % 2 for i in range(CASES))

    def start_worker(self, name="w", slots=SLOTS):
        return self.box.start("clinsafe-worker", "--coordinator", self.where["work"], "--announce", self.where["pub"], "--redis",
                              self.redis, "--slots", slots, "--name", name, env={"TURNS_KEY": KEY})

    def operator(self, *words):
        return harness.must(self.box.clinsafe(*words, "--coordinator", self.where["admin"]))

    def status(self):
        done = self.box.clinsafe("status", "--redis", self.redis, "--json")
        return done.json() if done.code == 0 else {}

    def finish(self, again_at_most=0, cases=CASES):
        harness.wait_for(lambda: self.status().get("state") == "finished", timeout=60, what="the study to finish")
        verified = self.box.clinsafe("verify", "--store", self.store, "--json").json()
        self.assertEqual((verified["done"], verified["missing"], verified["faults"]), (cases * LEVELS, 0, 0))
        self.assertEqual((verified["turns"], verified["requests_replayed"]), (self.calls - cases * LEVELS, self.calls))
        histories = talker.Histories.of(self.provider.calls())
        self.assertEqual((histories.changed, len(histories.asked)), ([], self.calls))
        self.assertLessEqual(self.provider.count(), self.calls + again_at_most)
        return verified

    def test_a_worker_that_is_killed(self):
        """Its successor goes on from the replies that stand; paid again is what flew, or had ended and was not acknowledged."""
        self.operator("submit", self.study)
        worker, killed = self.start_worker(), 0
        for share in (0.2, 0.45, 0.7):
            harness.wait_for(lambda: self.provider.count() >= share * self.calls, what="calls", process=worker)
            worker.kill()
            killed += 1
            worker = self.start_worker()
        self.finish(again_at_most=killed * 2 * SLOTS)

    def test_a_coordinator_that_is_killed(self):
        """Nothing is paid again; no two calls have one id, for a provider may take the second for a repeat of the first."""
        self.operator("submit", self.study)
        worker = self.start_worker()
        for share in (0.3, 0.6):
            harness.wait_for(lambda: self.provider.count() >= share * self.calls, what="calls", process=worker)
            self.coordinator.kill()
            self.start_coordinator()
        verified = self.finish()
        self.assertEqual((self.provider.count(), verified["duplicates"]), (self.calls, 0))
        self.assertEqual(len({c.id for c in self.provider.calls()}), self.calls)

    def test_a_drain_in_mid_conversation(self):
        """Calls under way end, nothing is paid again."""
        self.operator("submit", self.study)
        worker = self.start_worker()
        harness.wait_for(lambda: self.provider.count() >= self.calls // 2, what="calls", process=worker)
        worker.signal(15)
        self.assertExit(worker.wait(30))
        self.start_worker("another")
        verified = self.finish()
        self.assertEqual((self.provider.count(), verified["duplicates"]), (self.calls, 0))

    def test_an_edit_in_mid_conversation(self):
        """A conversation that the edited study still holds keeps its turns, finished or not."""
        self.operator("submit", self.study)
        worker = self.start_worker()
        harness.wait_for(lambda: self.provider.count() >= self.calls // 2, what="calls", process=worker)
        with open(self.box.dir / "cases.csv", "a", encoding="utf-8") as file:
            file.write(f"c{CASES},Case {CASES}.,\n")
        self.study.write_text(STUDY.replace("seed: 7", "seed: 7\ntitle: Edited"))
        self.operator("submit", self.study)
        self.calls += LEVELS * TURNS
        verified = self.finish(cases=CASES + 1)
        self.assertEqual((self.provider.count(), verified["duplicates"]), (self.calls, 0))

    def test_it_ends_where_there_is_nothing_to_go_on_from(self):
        """A refusal is said, and the talk goes on; what is filtered or empty ends it."""
        def special(call):
            users = [m["content"] for m in call.messages if m["role"] == "user"]
            if len(users) == 2 and users[0].startswith("Case 0."):
                return {"message": {"role": "assistant", "content": None}, "finish_reason": "content_filter"}
            if len(users) == 2 and users[0].startswith("Case 1."):
                return {"message": {"role": "assistant", "content": None, "refusal": "I cannot say."}, "finish_reason": "stop"}
            if len(users) == 3 and users[0].startswith("Case 2."):
                return {"message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}
            return None
        self.provider.special = special
        self.calls -= LEVELS * (TURNS - 2) + LEVELS * (TURNS - 3)
        self.operator("submit", self.study)
        self.start_worker(slots=16)
        self.finish()
        rows = harness.rows_jsonl(harness.must(self.box.clinsafe("export", "--store", self.store, "--format", "jsonl", "--out", "-")).out)
        by_case = {r["case_id"]: r["outcome"] for r in rows}
        self.assertEqual((by_case["c0"], by_case["c1"], by_case["c2"], by_case["c3"]), ("content_filtered", "ok", "unparsable", "ok"))
        spoken = [m["content"] for call in self.provider.calls() for m in call.messages if m["role"] == "assistant"]
        self.assertIn("I cannot say.", spoken)
        self.see_how_replies_ended()

    def see_how_replies_ended(self):
        """The refused conversations ended well, so that no trial tells of the refusals: their turn does, in every form."""
        page = self.box.dir / "report.html"
        report = harness.must(self.box.clinsafe("report", "--store", self.store, "--json")).json()
        terminal = harness.must(self.box.clinsafe("report", "--store", self.store, "--out", page)).out
        self.assertEqual(report["completeness"][0]["refused"], 0)
        ended = {(r["level"], r["turn"]): r for r in report["replies"]}
        for level, n in (("", LEVELS), ("neutral", 1), ("doubt", 1)):
            self.assertEqual([(ended[level, t]["refused"], ended[level, t]["content_filtered"], ended[level, t]["unparsable"]) for t in (1, 2, 3, 4, 5)],
                             [(0, 0, 0), (n, n, 0), (0, 0, 0), (0, 0, n), (0, 0, 0)], level)
            self.assertEqual([ended[level, t]["replies"] for t in (1, 2, 3, 4, 5)], [n * 4, n * 4, n * 2, n * 3, n * 2], level)
        words = f"m: of {self.calls} replies at all turns {3 * LEVELS} did not end well: {LEVELS} refused, {LEVELS} filtered, {LEVELS} not readable"
        self.assertIn(words, terminal)
        self.assertIn(words, " ".join(report["notes"]))
        text = page.read_text()
        self.assertIn("How replies ended, turn by turn", text)
        self.assertIn(">urgent, turn 2</th>", text)
        self.assertNotIn(">urgent, turn 3</th>", text)
        table = self.box.dir / "table.csv"
        harness.must(self.box.clinsafe("export", "--store", self.store, "--out", table))
        self.assertEqual(harness.must(self.box.clinsafe("report", self.study, "--from", table, "--json")).json()["replies"], report["replies"])

    def test_reasoning_that_stands_in_a_reply_goes_back_and_the_report_says_so(self):
        """A model that thinks within its reply is shown its thoughts again; what stands apart is not sent."""
        def special(call):
            users = [m["content"] for m in call.messages if m["role"] == "user"]
            if len(users) == 2 and users[0].startswith("Case 1."):
                return {"message": {"role": "assistant", "content": "<think>Hm.</think>Yes.", "reasoning_content": "Apart."}, "finish_reason": "stop"}
            return None
        self.provider.special = special
        self.operator("submit", self.study)
        self.start_worker(slots=16)
        self.finish()
        spoken = [m["content"] for call in self.provider.calls() for m in call.messages if m["role"] == "assistant"]
        self.assertIn("<think>Hm.</think>Yes.", spoken)
        self.assertFalse(any("Apart." in text for text in spoken))
        notes = harness.must(self.box.clinsafe("report", "--store", self.store, "--json")).json()["notes"]
        self.assertIn(f"as <think> in {LEVELS} of {CASES * LEVELS} conversations.", " ".join(notes))

    def test_replies_that_cost_only_as_input_need_a_cap_under_a_budget(self):
        """They are part of each later call: without a cap nobody could say what that costs at most."""
        providers = self.box.dir / "providers.yaml"
        providers.write_text(providers.read_text().replace("model: m}", "model: m, price: {input: 1, output: 0}}"))
        self.study.write_text(STUDY.replace("max_output_tokens: 100, ", "") + "budget_usd: 5\n")
        done = self.box.clinsafe("submit", self.study, "--coordinator", self.where["admin"])
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertOneLine(done.err.splitlines()[-1], "m: under budget_usd every model needs max_output_tokens")


if __name__ == "__main__":
    harness.main()
