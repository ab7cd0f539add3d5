#!/usr/bin/env python3
"""Judged by openpyxl: what it writes into a workbook is what our tables read out of it. tests/conformance/xlsx_referee.py [--build DIR]
                                                                                        [--books N] [--seed N] [--install]

Random workbooks of texts (all of Unicode that a sheet can hold), numbers, truth values and empty cells, at random places; then one of
each kind that is refused: date, merged cells, second sheet, formula without a value. Ends on `N passed, N failed`. Without openpyxl it
says so and ends with 0; --install gets it (`packages.py`).
"""
import argparse
import csv
import datetime
import importlib
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import packages

STUDY = """study: book
cases: {file: cases.xlsx, id: [id]}
prompt: {user: "%s"}
questions: [{name: q, ask: "?", answer: free}]
models: [m]
"""
PROVIDERS = "accounts: {s: {provider: simulated}}\nmodels: {m: {account: s, model: m}}\n"
LETTERS = "abc xyz,;\"'\t\n&<>=+-@äßçñ–’“漢字かな🙂עברית"


def value(rng):
    """A cell's value, and the text that it is."""
    kind = rng.randrange(6)
    if kind == 0:
        return None, ""
    if kind == 1:
        n = rng.randrange(-10 ** rng.randrange(1, 15), 10 ** 14)
        return n, str(n)
    if kind == 2:
        x = round(rng.uniform(-1000, 1000), rng.randrange(0, 9))
        return x, "%.15g" % x
    if kind == 3:
        return True, "TRUE"
    text = "".join(rng.choice(LETTERS) for _ in range(rng.randrange(1, 200))).strip()
    if text[:1] in ("=", "") or text.startswith("'"):
        text = "t" + text
    return text, text


def plan(build, folder, columns):
    (folder / "study.yaml").write_text(STUDY % "|".join("{{case.%s}}" % c for c in columns))
    (folder / "providers.yaml").write_text(PROVIDERS)
    return subprocess.run([f"{build}/clinsafe", "plan", folder / "study.yaml", "--prompts", folder / "book.csv"], capture_output=True, text=True)


def random_book(openpyxl, rng, build, folder):
    """None, or what differs."""
    columns, book = [f"c{i}" for i in range(rng.randrange(1, 8))], openpyxl.Workbook()
    sheet, wanted, at = book.active, {}, rng.randrange(1, 4)
    for i, name in enumerate(["id", *columns], 1):
        sheet.cell(at, i, name)
    for case in range(rng.randrange(1, 30)):
        at += rng.randrange(1, 3)
        sheet.cell(at, 1, f"case-{case}")
        cells = [value(rng) for _ in columns]
        for i, (v, _) in enumerate(cells, 2):
            if v is not None:
                sheet.cell(at, i, v)
        wanted[f"case-{case}"] = "|".join(text for _, text in cells)
    if rng.random() < 0.3:
        book.create_sheet("Empty")
    book.save(folder / "cases.xlsx")
    done = plan(build, folder, columns)
    if done.returncode != 0:
        return done.stderr
    with open(folder / "book.csv", newline="", encoding="utf-8") as f:
        got = {row["case_id"]: row["user"] for row in csv.DictReader(f)}
    return None if got == wanted else f"{got}\nwanted {wanted}"


def refused_book(openpyxl, kind, build, folder):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["id", "c"], ["a", "x"], ["b", "y"]):
        sheet.append(row)
    if kind == "is a date":
        sheet["B3"] = datetime.date(2026, 3, 1)
    elif kind == "are merged":
        sheet.merge_cells("B2:B3")
    elif kind == "a second sheet":
        book.create_sheet("More")["A1"] = 1
    else:
        sheet["B3"] = "=1+1"
    book.save(folder / "cases.xlsx")
    done = plan(build, folder, ["c"])
    return None if done.returncode == 65 and kind in done.stderr else f"{done.returncode}: {done.stderr}"


def main():
    parser = argparse.ArgumentParser(description="Compares our reading of Excel workbooks with openpyxl's writing.")
    parser.add_argument("--build", default="build", help="where the programs are")
    parser.add_argument("--books", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--install", action="store_true", help="get openpyxl into the cache folder first")
    args = parser.parse_args()
    try:
        openpyxl = importlib.import_module("openpyxl")
    except ImportError as e:
        if args.install:
            return packages.again_with("xlsx", "openpyxl", ["openpyxl==3.1.5"])
        print(f"skipped: {e}; --install gets it into the cache folder")
        return 0
    rng, found = random.Random(args.seed), []
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        found += [(f"book {i}", random_book(openpyxl, rng, args.build, folder)) for i in range(args.books)]
        for kind in ("is a date", "are merged", "a second sheet", "is a formula that was never computed"):
            found.append((kind, refused_book(openpyxl, kind, args.build, folder)))
    for name, why in found:
        if why:
            print(f"  FAILED {name}: {why}")
    failed = sum(why is not None for _, why in found)
    print(f"{len(found) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
