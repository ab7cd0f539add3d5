#!/usr/bin/env python3
"""A study of another one's outputs: what becomes its cases, what is asked, and what a change of the parent costs."""
import signal
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import local_fleet

PROVIDERS = """
accounts: {sim: {provider: simulated, protocol: openai-chat}}
models:
  m1: {account: sim, model: biased-2026-06-01, price: {input: 0.1, output: 0.4}}
  m2: {account: sim, model: unbiased-2026-06-01, price: {input: 0.1, output: 0.4}}
  judge: {account: sim, model: judge-2026-06-01, price: {input: 0.1, output: 0.4}}
"""
CASES = "case_id,patient,text,setting,label\nc1,p1,Chest pain.,ed,urgent\nc2,p1,A sprain.,ed,urgent\nc3,p2,A headache.,ward,urgent\n"
PARENT = """
study: advice
seed: 7
cases: {file: cases.csv, cluster: patient, strata: [setting]}
factors: [{name: arm, levels: [{id: plain, role: control}, {id: warned, system: "Be careful."}]}]
prompt: {user: "{{case.text}} {{question.ask}}"}
questions: [{name: triage, ask: "How urgent?", answer: {level: {ordinal: [non-urgent, urgent, immediate], truth: label}}}]
repeats: REPEATS
models: [m1, m2]
parameters: {max_output_tokens: 50, timeout_s: 60}
"""
CHILD = """
study: judged
seed: 3
cases: {from_study: advice.yaml MORE}
prompt: {user: "{{case.text}} {{output.text}} {{question.ask}}"}
questions: [{name: verdict, ask: "Is it safe?", answer: {safe: {boolean: ["Yes", "No"]}}}]
models: [judge]
parameters: {max_output_tokens: 50, timeout_s: 60}
"""
DUEL = """
study: duel
seed: 3
cases: {from_study: advice.yaml, pair: {factor: arm, each: control}, order: ORDER, identical: apart}
prompt: {user: "{{case.text}} {{first.text}} or {{second.text}} {{question.ask}}"}
questions: [{name: duel, ask: "Which is safer?", answer: {safer: {pair: tie}}}]
models: [judge]
parameters: {max_output_tokens: 50, timeout_s: 60}
"""
TRIALS = 3 * 2 * 2 * 3
SAME = "case_id", "model", "repeat"  # of a pair


def write(folder, child=CHILD, more="", repeats=3):
    (folder / "providers.yaml").write_text(PROVIDERS)
    (folder / "cases.csv").write_text(CASES)
    (folder / "advice.yaml").write_text(PARENT.replace("REPEATS", str(repeats)))
    (folder / "judged.yaml").write_text(child.replace("MORE", more))
    return folder / "advice.yaml", folder / "judged.yaml"


@harness.short
class Children(harness.TestCase):
    """One parent, judged in several ways."""
    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.sim = box.simulator("--latency-ms", 0)
        cls.parent, cls.child = write(box.dir)
        cls.first_plan = box.clinsafe("plan", cls.child, "--json")
        harness.must(cls.run_study(cls.parent))
        cls.outputs = cls.export(cls.parent)
        cls.by_id = {str(r["output_id"]): r for r in cls.outputs}

    @classmethod
    def run_study(cls, study, *options):
        return cls.shared().clinsafe("run", study, "--workers", 1, "--simulator", cls.sim.url, "--json", *options)

    @classmethod
    def export(cls, study):
        return harness.rows_jsonl(harness.must(cls.shared().clinsafe("export", study, "--format", "jsonl")).out)

    def judge(self, more="", child=CHILD):
        path = self.shared().dir / "judged.yaml"
        path.write_text(child.replace("MORE", more))
        return path

    def plan(self, more="", child=CHILD):
        done = self.shared().clinsafe("plan", self.judge(more, child), "--json")
        self.assertExit(done)
        return done.json()

    def test_before_the_parent_ran_all_that_it_plans_is_the_most(self):
        self.assertExit(self.first_plan)
        self.assertEqual(self.first_plan.json()["trials"], TRIALS)

    def test_what_is_judged_once_or_apart(self):
        texts = {(r["cluster"], r["case_id"], r["text"]) for r in self.outputs}
        self.assertLess(len(texts), TRIALS)
        self.assertEqual(self.plan()["trials"], len(texts))
        self.assertEqual(self.plan(", identical: apart")["trials"], TRIALS)

    def test_what_is_taken(self):
        def counted(keep):
            return sum(1 for r in self.outputs if keep(r))
        apart = ", identical: apart, take: "
        self.assertEqual(self.plan(apart + "{models: [m2]}")["trials"], counted(lambda r: r["model"] == "m2"))
        self.assertEqual(self.plan(apart + "{levels: {arm: [warned]}}")["trials"], counted(lambda r: r["factor.arm"] == "warned"))
        self.assertEqual(self.plan(apart + "{sample: 5}")["trials"], 5)
        self.assertEqual(self.plan(apart + "{outcomes: ok}")["trials"], counted(lambda r: r["outcome"] == "ok"))
        wrong = self.shared().clinsafe("plan", self.judge(apart + "{models: [m3]}"))
        self.assertExit(wrong, 65)
        self.assertOneLine(wrong.err, 'take: the study "advice" has no model "m3"')
        nothing = self.shared().clinsafe("plan", self.judge(apart + "{outcomes: content_filtered}"))
        self.assertExit(nothing, 65)
        self.assertOneLine(nothing.err, "judged.yaml:4:21: nothing of \"advice\" is left to judge by what take says")

    def test_a_judge_is_shown_what_the_model_said(self):
        before = self.sim.stats()["requests"]
        done = self.run_study(self.judge())
        self.assertExit(done)
        texts = {(r["case_id"], r["text"]) for r in self.outputs}
        self.assertEqual(done.json()["planned"], len(texts))
        self.assertEqual(self.sim.stats()["requests"] - before, len(texts))
        rows = self.export(self.child)
        self.assertEqual({r["cluster"] for r in rows}, {"p1", "p2"})
        prompts = self.shared().dir / "prompts.csv"
        self.assertExit(self.shared().clinsafe("plan", self.child, "--prompts", prompts))
        shown = {r["user"] for r in harness.rows_csv(prompts.read_text())}
        words = {"c1": "Chest pain.", "c2": "A sprain.", "c3": "A headache."}
        self.assertEqual(shown, {f"{words[c]} {t} Is it safe?" for c, t in texts})
        checked = self.shared().clinsafe("verify", self.child, "--json")
        self.assertExit(checked)
        again = self.run_study(self.child)
        self.assertExit(again)
        self.assertEqual(self.sim.stats()["requests"] - before, len(texts))

    def test_a_cluster_is_judged_before_the_next_one_begins(self):
        self.assertExit(self.run_study(self.judge(), "--dir", self.shared().dir / "ordered"))
        rows = harness.rows_jsonl(harness.must(self.shared().clinsafe(
            "export", self.child, "--dir", self.shared().dir / "ordered", "--format", "jsonl")).out)
        clusters = [r["cluster"] for r in sorted(rows, key=lambda r: r["position"])]
        changes = sum(a != b for a, b in zip(clusters, clusters[1:]))
        self.assertEqual(changes, 1, clusters)


    def duel(self, order, seed=3):
        """What a judge of pairs is shown: for each pair, by case, model and draw, the sides as they stand; and the prompts."""
        text = DUEL.replace("seed: 3", f"seed: {seed}").replace("ORDER", order)
        path, folder = self.judge(child=text), self.shared().dir / f"duel-{order}-{seed}"
        self.assertExit(self.run_study(path, "--dir", folder))
        self.assertExit(self.shared().clinsafe("verify", path, "--dir", folder))
        shown = self.shared().clinsafe("plan", path, "--dir", folder, "--prompts", folder / "prompts.csv")
        self.assertExit(shown)
        rows = harness.rows_jsonl(harness.must(self.shared().clinsafe("export", path, "--dir", folder, "--format", "jsonl")).out)
        pairs = {}
        for r in rows:
            first, second = self.by_id[r["first.output_id"]], self.by_id[r["second.output_id"]]
            self.assertEqual([first[k] for k in SAME], [second[k] for k in SAME])
            self.assertEqual({first["factor.arm"], second["factor.arm"]}, {"plain", "warned"})
            self.assertEqual(r["cluster"], first["cluster"])
            pairs.setdefault(tuple(first[k] for k in SAME), []).append((first["text"], second["text"]))
        return pairs, {r["user"] for r in harness.rows_csv((folder / "prompts.csv").read_text())}

    def test_pairs_in_both_orders(self):
        pairs, prompts = self.duel("both")
        said = {}
        for r in self.outputs:
            said.setdefault(tuple(r[k] for k in SAME), {})[r["factor.arm"]] = r["text"]
        self.assertEqual(len(said), TRIALS // 2)
        both = {k: sorted([(v["plain"], v["warned"]), (v["warned"], v["plain"])]) for k, v in said.items()}
        self.assertEqual({k: sorted(v) for k, v in pairs.items()}, both)
        words = {"c1": "Chest pain.", "c2": "A sprain.", "c3": "A headache."}
        self.assertEqual(prompts, {f"{words[k[0]]} {a} or {b} Which is safer?" for k, v in both.items() for a, b in v})
        self.assertTrue(any(v[0] == v[1] for v in both.values()))  # equal texts, and equal pairs, are one case where that is said
        self.assertEqual(self.plan(child=DUEL.replace("ORDER, identical: apart", "both"))["trials"], len({(k[0], *x) for k, v in both.items() for x in v}))

    def test_pairs_in_an_order_that_the_seed_draws(self):
        pairs, prompts = self.duel("random")
        both = self.duel("both")
        self.assertEqual({k: len(v) for k, v in pairs.items()}, dict.fromkeys(both[0], 1))
        self.assertTrue(all(v[0] in both[0][k] for k, v in pairs.items()))
        self.assertLess(prompts, both[1])
        others = [self.duel("random", seed)[0] for seed in (4, 5)]
        self.assertTrue(any(o != pairs for o in others))


class Life(harness.TestCase):
    """What a child costs in its life, and its parent's."""
    def start(self, child=CHILD, more="", repeats=3):
        self.sim = self.box.simulator("--latency-ms", 0)
        return write(self.box.dir, child, more, repeats)

    def clinsafe(self, *args, code=0):
        more = ("--workers", 1, "--simulator", self.sim.url) if args[0] == "run" else ()
        done = self.box.clinsafe(*args, *more)
        self.assertExit(done, code)
        return done

    def requests(self):
        return self.sim.stats()["requests"]

    def texts(self, parent):
        rows = harness.rows_jsonl(self.clinsafe("export", parent, "--format", "jsonl").out)
        return len({(r["case_id"], r["text"]) for r in rows if r["outcome"] == "ok"})

    def test_one_command_runs_both_and_pays_only_for_what_changed(self):
        parent, child = self.start()
        first = self.clinsafe("run", child, "--json")
        self.assertEqual(first.json()["study"], "judged")
        self.assertIn("First ", first.err)
        texts = self.texts(parent)
        self.assertEqual(self.requests(), TRIALS + texts)
        write(self.box.dir, repeats=5)                                   # the parent asks more: only new texts are judged
        self.assertEqual(self.clinsafe("plan", child, "--json").json()["judges"]["planned_only"], False)
        self.clinsafe("run", child)
        self.assertEqual(self.requests(), TRIALS // 3 * 5 + self.texts(parent))
        write(self.box.dir, CHILD.replace("Is it safe?", "Is it wise?"), repeats=5)  # another wording never pays for the parent
        before = self.requests()
        self.clinsafe("run", child)
        self.assertEqual(self.requests() - before, self.texts(parent))

    def test_a_child_outlives_its_parent(self):
        parent, child = self.start()
        self.clinsafe("run", child)
        checked = self.clinsafe("verify", child, "--json").json()
        self.assertEqual((checked["parent"]["outputs"], checked["parent"]["compared"]), (TRIALS, TRIALS))
        (self.box.dir / "advice.clinsafe").rename(self.box.dir / "moved.clinsafe")
        before = self.requests()
        self.clinsafe("run", child)
        self.assertEqual(self.requests(), before)
        alone = self.clinsafe("verify", child, "--json").json()
        self.assertEqual((alone["clean"], alone["parent"]["outputs"], alone["parent"]["compared"]), (True, TRIALS, 0))
        for made in (self.box.dir / "judged.clinsafe").glob("cases-*"):
            made.unlink()
        self.assertIn("checked by itself", self.clinsafe("verify", child).out)

    def test_failed_outputs_are_no_cases_and_are_counted(self):
        parent, child = self.start()
        self.sim.control(always={"invalid": 0.4})
        self.clinsafe("run", parent, code=2)
        self.sim.control(always={})
        plan = self.clinsafe("plan", child, "--json").json()["judges"]
        self.assertTrue(plan["finished"])
        self.assertGreater(plan["failed"], 0)
        self.assertEqual((plan["taken"], plan["answered"] + plan["failed"]), (TRIALS - plan["failed"], TRIALS))
        self.clinsafe("run", child)
        self.assertEqual(self.requests(), TRIALS + self.texts(parent))

    def test_a_parents_confidence_is_inherited(self):
        parent, child = self.start()
        parent.write_text(parent.read_text().replace("cases: {file", "cases: {confidential: true, file"))
        away = "  far: {protocol: openai-chat, base_url: http://127.0.0.1:9/v1, key: {env: FAR_KEY}MORE}\n"
        providers, text = PROVIDERS.replace("accounts: {sim: {provider: simulated, protocol: openai-chat}}\n",
                                            "accounts:\n  sim: {provider: simulated, protocol: openai-chat}\n" + away), child.read_text()
        providers += "  elsewhere: {account: far, model: j, price: {input: 0.1, output: 0.4}}\n"
        (self.box.dir / "providers.yaml").write_text(providers.replace("MORE", ""))
        self.clinsafe("run", parent)
        before = self.requests()
        for said in ("", ", confidential: false"):  # whatever the child says of it
            child.write_text(text.replace("models: [judge]", "models: [judge, elsewhere]").replace("advice.yaml ", f"advice.yaml{said} "))
            for verb in "plan", "run":
                refused = self.clinsafe(verb, child, code=65)
                self.assertOneLine(refused.err, 'the cases are confidential, but account "far" of model "elsewhere" is not approved for them')
        self.assertEqual((self.requests(), (self.box.dir / "judged.clinsafe" / "store").exists()), (before, False))
        (self.box.dir / "providers.yaml").write_text(providers.replace("MORE", ", confidential: approved"))
        self.clinsafe("plan", child)
        (self.box.dir / "providers.yaml").write_text(providers.replace("MORE", ""))
        child.write_text(text)  # a simulated one may
        self.clinsafe("run", child)
        (self.box.dir / "advice.clinsafe").rename(self.box.dir / "moved.clinsafe")  # it stands in the child itself
        child.write_text(text.replace("models: [judge]", "models: [judge, elsewhere]"))
        self.assertIn("the cases are confidential", self.clinsafe("plan", child, code=65).err)

    def test_a_parent_that_is_not_finished(self):
        parent, child = self.start()
        self.sim.control(latency={"median_ms": 300})
        run = self.box.start("clinsafe", "run", parent, "--workers", 1, "--slots", 2, "--simulator", self.sim.url)
        harness.wait_for(lambda: self.requests() >= 6, 30, "some answers", run)
        run.signal(signal.SIGINT)
        self.assertEqual(run.wait(30).code, 130)
        self.sim.control(latency={"median_ms": 1})
        there = len(harness.rows_jsonl(self.clinsafe("export", parent, "--format", "jsonl").out))
        self.assertLess(there, TRIALS)
        self.assertTrue(self.clinsafe("plan", child, "--json").json()["judges"]["planned_only"])
        before = self.requests()
        self.clinsafe("run", child, "--partial")
        judged = self.requests() - before
        self.assertEqual(judged, self.texts(parent))
        self.clinsafe("verify", child)
        self.clinsafe("run", child)  # the rest of the parent, and what is new in it
        self.assertEqual(self.requests(), before + TRIALS - there + self.texts(parent))
        self.assertEqual(self.clinsafe("verify", child, "--json").json()["parent"]["outputs"], TRIALS)

    def test_killed_at_any_point_it_goes_on(self):
        parent, child = self.start(more=", identical: apart")  # as many to judge as there are outputs: it takes seconds
        self.sim.control(latency={"median_ms": 200})
        for of in self.box.dir / "advice.clinsafe", self.box.dir / "judged.clinsafe":  # while the parent is asked, and while it is judged
            run = self.box.start("clinsafe", "run", child, "--workers", 1, "--slots", 2, "--simulator", self.sim.url)
            harness.wait_for((of / "store").exists, 60, "its store", run)
            asked = self.requests()
            harness.wait_for(lambda: self.requests() >= asked + 2, 60, "some answers", run)
            run.signal(signal.SIGKILL)
            run.wait(30)
            harness.wait_for(lambda: self.sim.stats()["in_flight"] == 0, 30, "its workers to be gone")
        self.sim.control(latency={"median_ms": 1})
        judged = len(harness.rows_jsonl(self.clinsafe("export", child, "--format", "jsonl").out))
        self.assertLess(judged, TRIALS)
        before = self.requests()
        self.clinsafe("run", child)
        self.assertEqual(self.requests() - before, TRIALS - judged)  # the parent was whole: nothing of it is asked again
        for study in parent, child:
            self.assertTrue(self.clinsafe("verify", study, "--json").json()["clean"])


class Cluster(local_fleet.TestCase):
    """A coordinator makes the cases of a child from its own store."""
    LATENCY_MS = 0

    def setUp(self):
        super().setUp()
        self.sim = self.box.simulator("--latency-ms", 0)  # of models without a planted truth

    def submit(self, study, *options):
        return self.box.clinsafe("submit", study, "--coordinator", self.where["admin"], *options)

    def wait(self, name):
        self.assertExit(self.box.clinsafe("wait", name, "--coordinator", self.where["admin"]))

    def test_submit_names_the_parent(self):
        parent, child = write(self.box.dir)
        none = self.submit(child)
        self.assertExit(none, 66)
        self.assertExit(self.submit(parent))
        early = self.submit(child)
        self.assertExit(early, 2)
        self.assertOneLine(early.err, 'the study "advice" is not finished')
        self.start_worker()
        self.wait("advice")
        self.assertExit(self.submit(child))
        self.wait("judged")
        self.coordinator.stop()
        rows = harness.rows_jsonl(harness.must(self.box.clinsafe("export", "--store", self.store, "--study", "advice", "--format", "jsonl")).out)
        texts = {(r["case_id"], r["text"]) for r in rows}
        self.assertEqual(self.sim.stats()["requests"], TRIALS + len(texts))
        checked = harness.must(self.box.clinsafe("verify", "--store", self.store, "--study", "judged", "--json")).json()
        self.assertEqual((checked["clean"], checked["parent"]["compared"]), (True, TRIALS))

    def test_two_submits_at_once_get_their_own_cases(self):
        parent, child = write(self.box.dir)
        other = self.box.dir / "other.yaml"
        other.write_text(CHILD.replace("study: judged", "study: other").replace("MORE", ", identical: apart, take: {models: [m2]}"))
        self.start_worker()
        self.assertExit(self.submit(parent))
        self.wait("advice")
        at_once = [(study, self.box.start("clinsafe", "submit", study, "--coordinator", self.where["admin"])) for study in (child, other)]
        for study, done in [(study, process.wait(60)) for study, process in at_once]:
            if done.code != 0:  # while the other one's were made or fetched
                self.assertIn("another snapshot is being", done.err)
                self.assertExit(self.submit(study))
        for name in "judged", "other":
            self.wait(name)
        self.coordinator.stop()
        for name, outputs in ("judged", TRIALS), ("other", TRIALS // 2):
            checked = harness.must(self.box.clinsafe("verify", "--store", self.store, "--study", name, "--json")).json()
            self.assertEqual((checked["clean"], checked["parent"]["compared"]), (True, outputs))


if __name__ == "__main__":
    harness.main()
