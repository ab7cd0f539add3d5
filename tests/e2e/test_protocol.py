#!/usr/bin/env python3
"""Before the first output: the protocol in words, its registration, and a pilot whose contrasts stay blind."""
import csv
import datetime
import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from test_report_odd import Lab, lay_out

ANALYSIS = ('{primary: {visit: {margin: 5 points, why: "smaller than what clinicians differ by"}, urgency: {margin: 0.2 levels}}, '
            "contrasts: [{factor: group, each: control}]}")


@harness.short
class Protocol(Lab):
    def lay(self, **how):
        self.study = lay_out(self.box.dir / "odd", **{"analysis": ANALYSIS, **how})

    def run_it(self, *options):
        harness.must(self.box.clinsafe("run", self.study, "--workers", 1, *options, timeout=120))

    def protocol(self, *options, code=0):
        done = self.box.clinsafe("protocol", self.study, *options)
        self.assertExit(done, code)
        return done

    def registration(self, text):
        path = self.box.dir / "registration.yaml"
        path.write_text(text)
        return path

    def test_the_protocol_says_in_words_what_the_file_declares(self):
        self.lay(repeats=4)
        path = self.box.dir / "protocol.md"
        self.assertEqual(self.protocol("--out", path).out, "")
        text = path.read_text()
        self.assertEqual(text, self.protocol().out)
        for words in ("8 cases in 8 clusters", "96 calls are planned", '- `a`: "Note A is filed."', "- `plain`, the control", "sent as `m-1`",
                      "**Contrast**: `a` minus `plain`; `b` minus `plain`; in each model by itself", "**Population**", "**Weight**",
                      "**Margin**: 5 points, the largest difference that is called unimportant. Reason: smaller than what clinicians differ by",
                      "**Margin**: 0.2 levels, the largest difference that is called unimportant. Reason: *the author must say",
                      "count as \"not this answer\"", "**Failures and timeouts** are missing data", "The 4 primary comparisons are one family",
                      "Holm's method", "## Power", "## Stopping", "## Sensitivity analyses"):
            self.assertIn(words, text)
        plan = harness.must(self.box.clinsafe("plan", self.study, "--json")).json()
        self.assertIn(f"- of the analysis: `{plan['analysis_digest']}`", text)
        self.run_it()
        report = self.look()
        ran = next(p["text"] for p in report["provenance"] if p["item"].startswith("14f"))
        self.assertEqual(re.search(r"study digest ([0-9a-f]{64})", ran).group(1), re.search(r"analysis\): `([0-9a-f]{64})`", text).group(1))
        self.assertEqual(report["registration"], "The study is not registered.")
        self.assertIn("The study is not registered.", self.said)
        self.assertIn("<li>not registered</li>", self.page, "on the first screen")

    def test_registered_before_the_first_output(self):
        self.lay()
        for text, words in (("{doi: 10.1/x}", '"date"'), ("{date: 2026-03-01}", "one of doi, url and tag"), ("{doi: x, date: soon}", "2026-03-01"),
                            ("{doi: x, url: y, date: 2026-03-01}", "one of doi, url and tag"), ("{doi: x, date: 2026-03-01, by: me}", '"by"')):
            done = self.protocol("--register", self.registration(text), code=harness.EXIT_INVALID)
            self.assertOneLine(done.err, "registration.yaml:1:", words)
        self.assertIn("registered 2026-03-01 (DOI 10.1/x), noted in",
                      self.protocol("--register", self.registration("{doi: 10.1/x, date: 2026-03-01}")).err)
        self.run_it()
        report = self.look()
        first = min(m["first_call"] for m in report["models"])[:10]
        days = (datetime.date.fromisoformat(first) - datetime.date(2026, 3, 1)).days
        said = f"Registered 2026-03-01 (DOI 10.1/x), first output {first}: {days} days later."
        self.assertEqual(report["registration"], said)
        self.assertIn(said, self.said)
        self.assertIn(said, self.page)
        self.assertIn('<li class="good">registered 2026-03-01</li>', self.page, "on the first screen")

        later = (datetime.date.fromisoformat(first) + datetime.timedelta(days=1)).isoformat()
        self.study.write_text(self.study.read_text().replace("0.2 levels", "0.3 levels"))
        self.protocol("--register", self.registration(f"{{tag: v2, date: {later}}}"))
        report = self.look()
        self.assertEqual(report["registration"], said, "of the analysis that ran, whatever was registered since")
        self.run_it()
        self.assertEqual(self.look()["registration"], f"Registered {later} (tag v2), first output {first}: 1 day earlier.")
        self.study.write_text(self.study.read_text().replace("0.3 levels", "0.4 levels"))
        self.run_it()
        self.assertIn("What was registered is another analysis", self.look()["registration"])

    def test_a_pilots_contrasts_are_blind_unless_unblinded(self):
        self.lay(cases=12, repeats=4, analysis=ANALYSIS[:-2] + ", {factor: group, trend: [plain, a, b]}]}")
        self.run_it("--cases", 6)
        report = self.look()
        for key in ("contrasts", "rates", "ranges", "category_tests", "labels", "moved"):
            self.assertEqual(report[key], [], key)
        for key in ("pooled", "omnibus", "variants", "trends", "interactions"):
            self.assertNotIn(key, report)
        for part in report["components"]:
            self.assertEqual((part["systematic"], part["systematic_ci"]), (None, None), part)
        self.assertTrue(any(part["case_sd"] is not None for part in report["components"]))
        self.assertIn("Its contrasts are blind; --unblind shows them", self.said)
        self.assertRegex(self.said, r"visit: noise of asking again [0-9.]+ points, tau [0-9.]+ points \(group\)")
        self.assertNotIn("Nothing is compared", self.said)
        self.assertNotRegex(self.page, r"data-v=")

        seen = harness.must(self.box.clinsafe("report", self.study, "--unblind", "--json")).json()
        self.assertGreater(len(seen["contrasts"]), 0)
        self.assertTrue(any("were looked at, first on 2" in n for n in seen["notes"]), seen["notes"])
        report = self.look()
        self.assertEqual(report["contrasts"], [])
        self.assertIn("The contrasts of a pilot (generation 1) were looked at, first on 2", self.said)

        self.run_it()
        report = self.look()
        self.assertGreater(len(report["contrasts"]), 0)
        self.assertIn("The contrasts of a pilot (generation 1) were looked at, first on 2", self.said)
        self.assertIn("2 generations of the study were run: 1 pilot, 0 abandoned before completion. Reported is generation 2.", self.said)
        self.assertEqual([(g["pilot"], g["complete"]) for g in report["generations"]], [(True, True), (False, True)])
        done = self.box.clinsafe("report", self.study, "--unblind")
        self.assertExit(done, harness.EXIT_USAGE)
        self.assertOneLine(done.err, "nothing else is blind")
        with open(str(self.study).removesuffix(".yaml") + ".clinsafe/store.acts.csv", newline="", encoding="utf-8") as f:
            acts = list(csv.DictReader(f))
        self.assertEqual([(a["act"], a["generation"]) for a in acts], [("unblinded", "1"), ("reported", "2")])


if __name__ == "__main__":
    harness.main()
