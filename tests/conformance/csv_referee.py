#!/usr/bin/env python3
"""Judged by pandas: an export read by the recipe of tools/README.md says None, NA and nothing as they are. And the copy for Excel.
tests/conformance/csv_referee.py [--build DIR] [--install]

Ends on `N passed, N failed`. Without pandas it says so and ends with 0; --install gets it (`packages.py`).
"""
import argparse
import importlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import packages

TOP = Path(__file__).resolve().parents[2]
STUDY = """study: words
cases: {rows: [{case_id: a, text: One.}, {case_id: "NA", text: Two.}]}
prompt: {user: "{{case.text}} {{question.ask}}"}
questions: [{name: q, ask: "?", answer: {care: {nominal: [None, NA, "1"]}}}]
repeats: 20
models: [m]
"""
PROVIDERS = "accounts: {s: {provider: simulated, truth: truth.yaml}}\nmodels: {m: {account: s, model: m}}\n"
TRUTH = """seed: 1
models:
  m:
    answers: {care: {nominal: [None, NA, "1"], base: [0.4, 0.4, 0.2]}}
    refusal: {rate: 0.2}
"""


def recipe(pandas, path):
    """The line of tools/README.md that reads an export, run as it stands there."""
    line = re.search(r"^outputs = (pd\.read_csv\(.*\))$", (TOP / "tools" / "README.md").read_text(), re.M).group(1)
    return eval(line.replace("outputs.csv", str(path)), {"pd": pandas, "str": str})


def main():
    parser = argparse.ArgumentParser(description="Reads exports with pandas.")
    parser.add_argument("--build", default="build", help="where the programs are")
    parser.add_argument("--install", action="store_true", help="get pandas into the cache folder first")
    args = parser.parse_args()
    try:
        pandas = importlib.import_module("pandas")
    except ImportError as e:
        if args.install:
            return packages.again_with("csv", "pandas", ["pandas==3.1.1"])
        print(f"skipped: {e}; --install gets it into the cache folder")
        return 0
    os.environ["CLINSAFE_BUILD"] = args.build
    sys.path.insert(0, str(TOP / "tests" / "lib"))
    harness = importlib.import_module("harness")
    found = []
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        for name, text in (("study.yaml", STUDY), ("providers.yaml", PROVIDERS), ("truth.yaml", TRUTH)):
            (folder / name).write_text(text)
        run = [harness.program("clinsafe"), "run", folder / "study.yaml"]
        subprocess.run(run, check=True, capture_output=True, env=harness.environment())
        for more in ((), ("--excel",)):
            out = folder / f"outputs{len(more)}.csv"
            subprocess.run([harness.program("clinsafe"), "export", folder / "study.yaml", "--out", out, *more], check=True, capture_output=True,
                           env=harness.environment())
            wanted = harness.rows_csv(out.read_text(encoding="utf-8-sig"))
            table = recipe(pandas, out)
            kind = "excel" if more else "plain"
            answers = ["" if pandas.isna(v) else v for v in table["answer.care"]]
            found.append((f"{kind}: answers", answers == [r["answer.care"] for r in wanted] and {"None", "NA", "1", ""} == set(answers)))
            found.append((f"{kind}: ids", list(table["case_id"]) == [r["case_id"] for r in wanted] and "NA" in set(table["case_id"])))
            found.append((f"{kind}: numbers", list(table["output_tokens"].astype(float)) == [float(r["output_tokens"]) for r in wanted]))
    for name, good in found:
        print(f"  {'ok' if good else 'FAILED':6} {name}")
    failed = sum(not good for _, good in found)
    print(f"{len(found) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
