#!/usr/bin/env python3
"""Providers that mean harm: by what they bill, what they say, how long they let wait, and every odd reply at once beside an honest one."""
import json
import re
import signal
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
import hostile
from hostile import harness

# Control characters but for newline and tab, C1, overrides and isolates of direction.
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
MIB_MAX = 300


class Case(harness.TestCase):
    TIME_LIMIT_S = 150
    ENV = {"HOSTILE_KEY": hostile.KEY}

    def provider(self, **takes):
        provider = hostile.Provider(**takes)
        self.addCleanup(provider.close)
        return provider

    def status(self, study):
        done = self.box.clinsafe("status", study, "--json", env=self.ENV)
        return done.json() if done.code == 0 else {"lanes": []}

    def lane(self, study, model):
        return next((lane for lane in self.status(study)["lanes"] if lane["model"] == model), {})

    def rows(self, study):
        done = harness.must(self.box.clinsafe("export", study, "--format", "jsonl", "--all"))
        for line in done.out.splitlines():
            json.loads(line, parse_constant=lambda c: self.fail(f"{c} is no JSON"))
        return harness.rows_jsonl(done.out)

    def control(self, study, model="good"):
        """The positive control: the honest provider's answers are all there, each asked once."""
        mine = [r for r in self.rows(study) if r["model"] == model]
        ok = sum(r.get("outcome") == "ok" for r in mine)
        print(f"    the honest provider: {ok} of {len(mine)} answers", flush=True)
        self.assertGreater(len(mine), 0)
        self.assertEqual(ok, len(mine))
        self.assertEqual({r["attempts"] for r in mine}, {1})

    def clean(self, what, text):
        found = HIDDEN.search(text)
        self.assertIsNone(found, f"{what}: {text[max(0, found.start() - 100):found.end() + 60]!r}" if found else "")
        self.assertNotIn("SECRETMARK", text, what)


class Money(Case):
    @harness.short
    def test_one_that_bills_ten_times_under_a_budget(self):
        """Stopped by the first reply over its cap; the other ends."""
        provider = self.provider(lie=0.3)
        study = hostile.study(self.box.dir / "s", provider.port, ["good", "lie"], cases=150, more="budget_usd: 1")
        run = self.box.start("clinsafe", "run", study, "--workers", 4, "--slots", 16, env=self.ENV)
        harness.wait_for(lambda: self.lane(study, "good").get("done") == 300, 60, "the honest provider", run)
        liar = self.lane(study, "lie")
        self.assertEqual(liar["state"], "paused")
        self.assertIn("max_tokens_field", liar["reason"])
        status = self.status(study)
        self.assertLess(status["committed_usd"] + status["presumed_usd"] + status["reserved_usd"], 1)
        run.stop()
        self.assertLess(provider.calls["lie"], 50)
        self.control(study)

    @harness.short
    def test_bills_that_no_sum_holds(self):
        """Of a dear model: nothing wraps, the others go on, and a larger budget needs not pay for the lie."""
        provider = self.provider()
        study = hostile.study(self.box.dir / "s", provider.port, ["good", "huge", "largest"], cases=100, more="budget_usd: 50",
                              price="{input: 1000, output: 1000}")
        study.write_text(study.read_text().replace("budget_usd: 50", "budget_usd: 1000"))
        run = self.box.start("clinsafe", "run", study, "--workers", 1, "--slots", 16, env=self.ENV)
        harness.wait_for(lambda: self.lane(study, "good").get("done") == 200, 60, "the honest provider", run)
        for model in ("huge", "largest"):
            lane = harness.wait_for(lambda: (l := self.lane(study, model)).get("state") == "paused" and l, what=f"the end of {model}")
            self.assertGreater(lane["counters"]["absurd_usd"], 0)
        status = self.status(study)
        self.assertTrue(0 < status["committed_usd"] < 1000, status["committed_usd"])
        voided = harness.must(self.box.clinsafe("void", "huge", "--dir", study.with_suffix(".clinsafe"), "--reason", "no such tokens on the bill"))
        self.assertRegex(voided.out, r"^\$\d{6,}")
        run.stop()
        rows = self.rows(study)
        self.assertTrue(all(r.get("cost_usd") is None or r["cost_usd"] >= 0 for r in rows))
        self.control(study)


class Replies(Case):
    @harness.short
    def test_half_a_character_in_one_of_ten(self):
        """A thousand calls, a thousand answers."""
        provider = self.provider()
        study = hostile.study(self.box.dir / "s", provider.port, ["emoji", "good"], cases=500)
        done = self.box.clinsafe("run", study, "--workers", 2, env=self.ENV)
        self.assertIn(done.code, (0, 2), done)  # 2: over two percent were cut at their cap, and that is said
        rows = [r for r in self.rows(study) if r["model"] == "emoji"]
        outcomes = {o: sum(r["outcome"] == o for r in rows) for o in ("ok", "truncated")}
        print(f"    {provider.calls['emoji']} calls, {outcomes}", flush=True)
        self.assertEqual((provider.calls["emoji"], sum(outcomes.values())), (1000, 1000))
        self.assertGreater(outcomes["truncated"], 50)
        self.assertTrue(all("\ufffd" in r["text"] for r in rows if r["outcome"] == "truncated"))
        self.control(study)

    @harness.short
    def test_waits_without_end(self):
        """429 and 503 whose Retry-After is nothing, nonsense, or eighty years: the lanes are asked on, and status names what is waited for."""
        provider = self.provider()
        study = hostile.study(self.box.dir / "s", provider.port, ["good", *hostile.WAITS], cases=20)
        run = self.box.start("clinsafe", "run", study, "--workers", 1, "--slots", 32, env=self.ENV)
        harness.wait_for(lambda: self.lane(study, "good").get("done") == 40, 60, "the honest provider", run)
        huge = harness.wait_for(lambda: (l := self.lane(study, "wait_huge")).get("reason") and l, 20, "the wait", run)
        self.assertIn("asks to wait (retry-after); asked again in", huge["reason"])
        harness.wait_for(lambda: self.lane(study, "wait_huge").get("binds") == "told_to_wait", 20, "what binds", run)
        before = dict(provider.calls)
        harness.wait_for(lambda: all(provider.calls[n] > before[n] for n in ("wait_neg", "wait_garbage")), 30, "further calls", run)
        self.assertLess(provider.calls["wait_huge"], 50)
        shown = self.box.clinsafe("status", study).out
        self.assertIn("the provider asks to wait (retry-after)", shown)
        run.stop()
        self.assertTrue(all(r["state"] == "planned" for r in self.rows(study) if r["model"] != "good"))
        self.control(study)

    @harness.short
    def test_every_odd_reply_beside_an_honest_one(self):
        """Nothing unescaped and no key on screen, in logs, page or store; valid JSON; a worker below its cap; the honest study has its answers."""
        provider, names = self.provider(), [n for n in hostile.REPLIES if n not in hostile.WAITS]
        study = hostile.study(self.box.dir / "s", provider.port, names, timeout_s=4, parameters=", logprobs: true, top_logprobs: 2")
        quick = [n for n in names if n not in ("silent", "drip", "drip_head")]  # it would wait a minute for these
        check = self.box.start("clinsafe", "providers", "check", hostile.study(self.box.dir / "c", provider.port, quick), env=self.ENV)
        run = self.box.start("clinsafe", "run", study, "--workers", 1, "--slots", 512, env=self.ENV)
        worker = harness.wait_for(lambda: next((w["pid"] for w in self.status(study).get("worker_list", [])), None), what="the worker", process=run)
        peak = 0

        def ends():
            nonlocal peak
            text = Path(f"/proc/{worker}/status").read_text() if Path(f"/proc/{worker}").exists() else ""
            peak = max([peak, *map(int, re.findall(r"VmHWM:\s+(\d+) kB", text))])
            return time.monotonic() > began + 12 and set(provider.calls) == set(names) and self.lane(study, "good").get("done") == 4
        began = time.monotonic()
        harness.wait_for(ends, 60, "calls of all kinds", run)
        self.assertTrue(Path(f"/proc/{worker}").exists(), "the worker lives")
        run.signal(signal.SIGINT)
        texts = {"run": run.wait(30), "check": check.wait(60)}
        texts |= {verb: self.box.clinsafe(verb, study, *more) for verb, more in (("verify", ()), ("report", ("--out", self.box.dir / "page.html")))}
        for what, done in texts.items():
            self.clean(what, done.out + done.err)
        self.clean("the page", (self.box.dir / "page.html").read_text())
        folder = study.with_suffix(".clinsafe")
        for log in (folder / "logs").iterdir():
            self.clean(log.name, log.read_text(errors="replace"))
        for file in folder.rglob("*"):
            self.assertFalse(file.is_file() and b"SECRETMARK" in file.read_bytes(), file)
        print(f"    {sum(provider.calls.values())} calls of {len(names)} kinds; worker: {peak >> 10} MiB", flush=True)
        if not harness.SANITIZED:
            self.assertLess(peak >> 10, MIB_MAX)
        self.assertNotIn("smuggled", "".join(r.get("text", "") for r in self.rows(study)))
        self.control(study)


if __name__ == "__main__":
    harness.main()
