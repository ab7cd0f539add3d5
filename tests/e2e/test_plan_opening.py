#!/usr/bin/env python3
"""The first lines of `clinsafe plan`: every figure computed a second time, for six studies, from the documents alone."""
import json
import math
import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from expected import Study, load_yaml

STUDIES = harness.TOP / "ops" / "studies"


# ---- power, by the definition: t on cluster differences whose SE is estimated ---------------------------------

def phi(x):
    return (1 + math.erf(x / math.sqrt(2))) / 2


def simpson(f, a, b, n=2000):
    h = (b - a) / n
    return h / 3 * sum((1 if i in (0, n) else 4 if i % 2 else 2) * f(a + i * h) for i in range(n + 1))


def t_critical(tail, df):
    """The value above which Student's t has this probability."""
    c = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    lo, hi = 0.0, 2000.0
    for _ in range(60):
        middle = (lo + hi) / 2
        # t = sqrt(df) tan(u): the tail is an integral over a bounded angle
        mass = simpson(lambda u: c * math.sqrt(df) * math.cos(u) ** (df - 1), math.atan(middle / math.sqrt(df)), math.pi / 2, 400)
        lo, hi = (middle, hi) if mass > tail else (lo, middle)
    return (lo + hi) / 2


def power(n, tau, noise, ka, k0, alpha, shift, critical={}):
    """Chance that |mean| > critical x estimated SE."""
    se, df = math.sqrt((tau ** 2 + noise / ka + noise / k0) / n), n - 1
    t = critical.setdefault((alpha, df), None) or critical.update({(alpha, df): t_critical(alpha / 2, df)}) or critical[alpha, df]

    def density(s):
        return 0 if s <= 0 else 2 * math.exp(df / 2 * math.log(df / 2) - math.lgamma(df / 2) + (df - 1) * math.log(s) - df * s * s / 2)
    reach = 9 / math.sqrt(2 * df)
    return 1 - simpson(lambda s: density(s) * (phi(t * s - shift / se) - phi(-t * s - shift / se)), max(0, 1 - reach), 1 + reach, 400)


def tokens(text):
    """As protocol/study/tokens.h says: words cost more the longer they are, digits and signs each for itself."""
    cost = 0
    for piece in re.findall(r"[A-Za-z]+|[0-9]+|\n+|[^A-Za-z0-9\n]", text):
        if piece[0].isascii() and piece[0].isalpha():
            cost += 1000 + 100 * max(0, len(piece) - 4)
        elif piece[0].isascii() and piece[0].isdigit():
            cost += 150 + 600 * len(piece)
        elif piece[0] == "\n":
            cost += 900
        elif not piece.isascii():
            cost += 900 if piece < "\u0800" else 1200
        elif piece > " ":
            cost += 800
    return -(-cost // 1000)


LIMITED = """study: limited
title: Limits, a budget, declared spread
cases: {file: cases.csv}
factors:
  - {name: group, levels: [{id: plain, role: control, text: ""}, {id: a, text: "A."}, {id: b, text: "B."}], insert: {into: case.text, after_first: ". "}}
prompt: {user: "{{case.text}} {{question.ask}}"}
questions: [{name: q, ask: "Now?", answer: {visit: {boolean: ["Yes", "No"]}, urgency: {ordinal: [low, middle, high]}}}]
repeats: 2
models: [fast, slow]
parameters: {max_output_tokens: 50}
budget_usd: 20
analysis: {primary: {visit: {margin: 5 points, tau: 4 points, noise: 18 points}, urgency: {margin: 0.2 levels}}, adjust: none, contrasts: [{factor: group, each: control}]}
"""
PROVIDERS = """accounts: {s: {provider: simulated, limits: {requests_per_minute: 600}}}
models:
  fast: {account: s, model: f, price: {input: 1, output: 2}}
  slow: {account: s, model: s, price: {input: 1, output: 2}, limits: {requests_per_minute: 19}}
"""


class Opening(harness.TestCase):
    TIME_LIMIT_S = 200

    def look(self, study):
        self.path = study
        done = self.box.clinsafe("plan", study)
        self.assertExit(done)
        self.lines = done.out.splitlines()[:15]
        self.text = "\n".join(self.lines)
        self.plan = harness.must(self.box.clinsafe("plan", study, "--json")).json()
        self.file = load_yaml(study)
        self.providers = load_yaml(study.parent / "providers.yaml")
        self.trials = list(Study(study).trials())
        self.check_counts()
        self.check_price()
        self.check_time()
        self.check_power()

    def found(self, pattern):
        m = re.search(pattern, self.text)
        self.assertIsNotNone(m, f"{pattern}\n{self.text}")
        return [g and g.replace(",", "") for g in m.groups()]

    def check_counts(self):
        trials, cases, clusters, models, questions, least = map(int, self.found(
            r"([\d,]+) trials, one call each: ([\d,]+) cases in (\d+) clusters, (\d+) models?, (\d+) questions?, each prompt (\d+) times? or more"))
        self.assertEqual(trials, len(self.trials))
        ids = {t.case["id"] if isinstance(t.case, dict) and "id" in t.case else t.coordinates()["case_id"] for t in self.trials}
        self.assertEqual((cases, clusters), (len(ids), len({t.coordinates()["cluster"] for t in self.trials})))
        self.assertEqual((models, questions), (len(self.file["models"]), len(self.file["questions"])))
        repeats = [int(b.get("repeats", self.file.get("repeats", 1))) for b in self.file.get("blocks", [{}])]
        self.assertEqual(least, min(repeats))

    def lanes(self):
        for name in dict.fromkeys(t.model for t in self.trials):
            yield name, [t for t in self.trials if t.model == name]

    def check_price(self):
        low = high = 0
        for name, trials in self.lanes():
            price = self.providers["models"][name].get("price")
            bodies = [json.loads(t.body) for t in trials]
            messages = sum(2 + sum(3 + tokens(m["content"]) for m in b["messages"]) for b in bodies)
            around = sum(len(t.body) - sum(len(json.dumps(m["content"], ensure_ascii=False).encode()) - 2 for m in b["messages"])
                         for t, b in zip(trials, bodies))
            whole = messages + around / 4
            short = max(4 + sum(24 if f in ("text", {"text": "free"}) else 8 for f in q["answer"].values()) for q in self.file["questions"])
            cap = max(b["max_completion_tokens"] for b in bodies)
            low += (float(price["input"]) * messages + float(price["output"]) * min(short, cap) * len(trials)) / 1e6
            high += (1.25 * float(price["input"]) * whole + float(price["output"]) * cap * len(trials)) / 1e6
        said = [float(x) for x in self.found(r"Price: about \$([\d.,]+) \(short answers\) to \$([\d.,]+) \(every answer at its cap, every prompt written to the provider's cache\)")]
        self.assertAlmostEqual(said[0], low, delta=0.03 * low + 0.006)  # what a level sets beside texts is taken for text
        self.assertAlmostEqual(said[1], high, delta=0.01 * high + 0.006)
        budget = self.file.get("budget_usd")
        self.assertEqual(re.findall(r"budget \$(\d+\.\d+)", self.text), [f"{float(budget):.2f}"] if budget else [])

    def check_time(self):
        slowest = {}
        for name, trials in self.lanes():
            model = self.providers["models"][name]
            limits = {**self.providers["accounts"][model["account"]].get("limits", {}), **model.get("limits", {})}
            if "requests_per_minute" in limits:
                slowest[name] = len(trials) / int(limits["requests_per_minute"])
        if not slowest:
            return self.found(r"(Time: not known; no model has a declared limit)")
        name = max(slowest, key=slowest.get)
        minutes, seconds, who = self.found(r"Time: at least (\d+) min (\d+) s, by the slowest model, ([\w-]+), at its declared limits")
        self.assertEqual(who, name)
        self.assertAlmostEqual(int(minutes) + int(seconds) / 60, slowest[name], delta=0.02)

    def check_power(self):
        if not self.file.get("analysis", {}).get("primary"):
            return self.found("(What it can see is not known)")
        tests, alpha = self.found(r"each of (\d+) tests at ([\d.e-]+) \(")
        self.assertEqual(int(tests), self.plan["power"]["family"])
        alpha = self.plan["power"]["alpha_each"]
        for outcome, declared in self.file["analysis"]["primary"].items():
            margin, unit = declared["margin"].split()
            margin, points = float(margin), unit == "points"
            scale = 100 if points else 1
            noise = float(declared["noise"].split()[0]) if "noise" in declared else 50 if points else 0.7
            variance = noise / 200 if points else noise ** 2
            tau = float(declared["tau"].split()[0]) if "tau" in declared else margin / 2
            rows = [r for r in self.plan["power"]["rows"] if r["outcome"] == outcome and abs(r["tau"] - tau) < 1e-9]
            clusters, ka, k0 = min(((r["clusters"], r["answers"], r["answers_comparator"]) for r in rows),
                                   key=lambda d: power(d[0], tau / scale, variance, d[1], d[2], alpha, margin / scale))

            def at(shift, n=clusters, times=1):
                return power(n, tau / scale, variance, ka * times, k0 * times, alpha, shift / scale)
            smallest, said_margin, chance = self.found(
                rf"(?m)^  {outcome}: (?:a shift of ([\d.e+]+) {unit} with 90 %|no shift with 90 %, however large); of ([\d.]+) {unit} \(its margin\) with (\d+) %")
            self.assertEqual(float(said_margin), margin)
            if smallest is None:  # no answer moves by more than all of them
                self.assertTrue(points and at(100) < 0.904)
            else:
                self.assertAlmostEqual(at(float(smallest)), 0.9, delta=0.004)
            self.assertAlmostEqual(int(chance), 100 * at(margin), delta=0.51)
            if at(margin) < 0.8:
                self.check_advice(outcome, margin, unit, at)

    def check_advice(self, outcome, margin, unit, at):
        line = self.lines[next(i for i, text in enumerate(self.lines) if text.startswith(f"  {outcome}: ")) + 1]
        self.assertIn(f"For {margin:g} {unit} with 80 %: ", line)
        cases = len({t.coordinates()["case_id"] for t in self.trials})
        repeats = self.plan["summary"]["repeats"]
        clusters = self.plan["clusters"]
        both = re.search(r": (?:(\d+) cases x (\d+) repeats(?:, or )?)?(?:(\d+) x (\d+))?", line)
        if both[2]:
            self.assertEqual(int(both[1]), cases)
            self.assertGreaterEqual(at(margin, times=int(both[2]) / repeats), 0.8 - 1e-6)
            self.assertLess(at(margin, times=(int(both[2]) - 1) / repeats), 0.8 + 1e-6)
        else:
            self.assertLess(at(margin, times=200 / repeats), 0.8)
        if both[3]:
            self.assertEqual(int(both[4]), repeats)
            n = int(both[3]) * clusters // cases
            self.assertGreaterEqual(at(margin, n=n), 0.8 - 1e-6)
            self.assertLess(at(margin, n=n - 1), 0.8 + 1e-6)

    @harness.short
    def test_small(self):
        self.look(self.box.copy("small"))

    def limited(self, name, study, n):
        folder = self.box.dir / name
        folder.mkdir()
        (folder / "providers.yaml").write_text(PROVIDERS)
        (folder / "study.yaml").write_text(study)
        (folder / "cases.csv").write_text("case_id,text\n" + "".join(f"c{i},One patient of {i} years. Has a cough.\n" for i in range(100, 100 + n)))
        return folder / "study.yaml"

    @harness.short
    def test_limits_a_budget_and_what_is_declared(self):
        self.look(self.limited("limited", LIMITED, 24))
        self.assertRegex(self.text, r"24 cases x \d+ repeats, or \d+ x 2\.")

    @harness.short
    def test_more_cases_than_are_looked_at(self):
        self.look(self.limited("many", LIMITED.replace("repeats: 2", "repeats: 1"), 300))

    @harness.short
    def test_nothing_declared(self):
        self.look(self.limited("bare", LIMITED.split("analysis:")[0], 30))

    @harness.short
    def test_begun(self):
        self.assertExit(self.box.clinsafe("init", self.box.dir / "begun"))
        self.look(self.box.dir / "begun" / "study.yaml")

    def test_demo(self):
        self.look(STUDIES / "demo" / "study.yaml")

    @harness.short
    def test_a_claude_that_thinks_cannot_be_made_to_call(self):
        study = self.box.copy("small")
        thinking, off = "{thinking_budget: 1024, max_output_tokens: 2000}", "{thinking_budget: 0, max_output_tokens: 2000}"
        deep = "{additional_model_request_fields: {thinking: {type: enabled, budget_tokens: 1024}}, max_output_tokens: 2000}"
        adaptive = "{thinking: {type: adaptive}, max_output_tokens: 2000}"
        models = {"a": ("anthropic-messages", "tool", thinking), "b": ("anthropic-messages", "tool", adaptive), "c": ("bedrock-converse", "tool", deep),
                  "d": ("anthropic-messages", "tool", off), "e": ("anthropic-messages", "json_schema", thinking), "f": ("bedrock-converse", "none", thinking)}
        (study.parent / "providers.yaml").write_text("accounts:\n" + "".join(
            f"  {n}: {{provider: simulated, protocol: {p}, response_format: {form}}}\n" for n, (p, form, _) in models.items()) + "models:\n" + "".join(
                f"  {n}: {{account: {n}, model: m, parameters: {more}}}\n" for n, (_, _, more) in models.items()))
        text = study.read_text().replace("[model-a, model-b]", f"[{', '.join(models)}]").replace(
            "{temperature: 0.7, max_output_tokens: 400, timeout_s: 30}", "{timeout_s: 30}")
        study.write_text(text)
        out = harness.must(self.box.clinsafe("plan", study)).out
        self.assertEqual(re.findall(r"^  (\w): a Claude that thinks refuses response_format: tool,.* in account \1, or", out, re.M), ["a", "b", "c"])

    @harness.short
    def test_missing_keys_and_prices_are_said_at_the_top(self):
        study = self.limited("keys", LIMITED, 4)
        (study.parent / "providers.yaml").write_text(
            PROVIDERS.replace("{provider: simulated,", '{base_url: "http://127.0.0.1:1/v1", key: {env: NO_SUCH_KEY},').replace(", price: {input: 1, output: 2}", "", 1))
        done = self.box.clinsafe("plan", study)
        self.assertExit(done)
        top = "\n".join(done.out.splitlines()[:15])
        for part in ("NO_SUCH_KEY", "Price unknown of fast;", "group: one wording a level", "without the 1 models that have no price"):
            self.assertIn(part, top)


if __name__ == "__main__":
    harness.main()
