#!/usr/bin/env python3
"""Compares the report's statistics with scipy and statsmodels on generated tables: statistics_referee.py [--tables N] [--seed S]

Builds statistics_driver.c beside the library, asks both sides the same and prints `N passed, N failed`. Without scipy and
statsmodels it prints `skipped: why` and ends with 0; it is not part of `make test`. PYTHON=python of a venv that has them.
"""
import argparse
import glob
import importlib
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import warnings

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BASE = [os.path.join("protocol/base", name) for name in ("alloc.c", "error.c", "rng.c")]
OK, BOUND, UNDEFINED = 0, 1, 5


def build(folder):
    """The driver, by the compiler of $CC."""
    driver = os.path.join(folder, "statistics_driver")
    sources = ["tests/conformance/statistics_driver.c", *sorted(glob.glob("tools/report/stats/*.c", root_dir=TOP)), *BASE]
    subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-I.", "-O1", "-o", driver, *sources, "-ljansson",
                    "-lgsl", "-lgslcblas", "-lpthread", "-lm"], cwd=TOP, check=True)
    return driver


def differences(rng):
    """Cluster differences of rates in k answers: full of ties and zeros, as in life."""
    n, k = rng.randint(3, 60), rng.choice([1, 2, 3, 6, 20])
    drift = rng.uniform(-0.3, 0.3)
    return [round(rng.gauss(drift, 0.4) * k) / k for _ in range(n)]


def square_table(rng, most=40):
    k = rng.randint(2, 6)
    return k, [[rng.randint(0, most) for _ in range(k)] for _ in range(k)]


def flat(table):
    return [x for row in table for x in row]


class Referee:
    """Pairs of a request and the answer that independent software gives."""

    def __init__(self, rng):
        self.rng = rng
        self.np = importlib.import_module("numpy")
        self.stats = importlib.import_module("scipy.stats")
        self.prop = importlib.import_module("statsmodels.stats.proportion")
        self.tables = importlib.import_module("statsmodels.stats.contingency_tables")
        self.multi = importlib.import_module("statsmodels.stats.multitest")
        self.raters = importlib.import_module("statsmodels.stats.inter_rater")

    def cluster_t(self):
        d, margin = differences(self.rng), self.rng.uniform(0.02, 0.5)
        if len(set(d)) == 1:
            return {"fn": "cluster_t", "d": d, "margin": margin}, {"status": BOUND}
        r = self.stats.ttest_1samp(d, 0)
        ci = r.confidence_interval(0.95)
        tost = max(self.stats.ttest_1samp(d, margin, alternative="less").pvalue,
                   self.stats.ttest_1samp(d, -margin, alternative="greater").pvalue)
        return {"fn": "cluster_t", "d": d, "margin": margin}, {
            "status": OK, "t": r.statistic, "p": r.pvalue, "lo": ci.low, "hi": ci.high, "tost": tost}

    def sign_flip(self):
        d = [self.rng.gauss(0.1, 0.3) for _ in range(self.rng.randint(3, 11))]
        r = self.stats.permutation_test((self.np.array(d),), self.np.mean, permutation_type="samples", n_resamples=math.inf)
        return {"fn": "sign_flip", "d": d}, {"status": OK, "p": r.pvalue}

    def signed_rank(self):
        if self.rng.random() < 0.5:     # no ties: scipy is exact
            d = [self.rng.gauss(0.1, 0.3) for _ in range(self.rng.randint(5, 50))]
            r = self.stats.wilcoxon(d, zero_method="pratt", method="exact")
        else:                           # ties, zeros, normal on both sides
            d = [round(self.rng.gauss(0.05, 0.5) * 4) / 4 for _ in range(self.rng.randint(51, 200))]
            r = self.stats.wilcoxon(d, zero_method="pratt", correction=False, method="asymptotic")
        return {"fn": "signed_rank", "d": d}, {"status": OK, "p": r.pvalue, "least": r.statistic}

    def wilson(self):
        n = self.rng.randint(1, 3000)
        yes = self.rng.choice([0, n, self.rng.randint(0, n)])
        lo, hi = self.prop.proportion_confint(yes, n, method="wilson")
        return {"fn": "wilson", "yes": yes, "n": n}, {"status": OK, "lo": lo, "hi": hi}

    def newcombe(self):
        n1, n2 = self.rng.randint(1, 500), self.rng.randint(1, 500)
        y1, y2 = self.rng.randint(0, n1), self.rng.randint(0, n2)
        lo, hi = self.prop.confint_proportions_2indep(y1, n1, y2, n2, method="newcomb", compare="diff")
        return {"fn": "newcombe", "yes1": y1, "n1": n1, "yes2": y2, "n2": n2}, {"status": OK, "lo": lo, "hi": hi}

    def mcnemar(self):
        b, c = self.rng.randint(0, 60), self.rng.randint(0, 60)
        p = self.tables.mcnemar([[1, b], [c, 1]], exact=True).pvalue if b + c else 1
        return {"fn": "mcnemar", "b": b, "c": c}, {"status": OK, "p": p}

    def odds_ratio(self):
        b, c = self.rng.randint(1, 60), self.rng.randint(1, 60)
        ci = self.stats.binomtest(c, b + c).proportion_ci(method="exact")
        return {"fn": "odds_ratio", "b": b, "c": c}, {"status": OK, "lo": ci.low / (1 - ci.low), "hi": ci.high / (1 - ci.high)}

    def stuart_maxwell(self):
        k, table = square_table(self.rng)
        r = self.tables.SquareTable(self.np.array(table), shift_zeros=False).homogeneity()
        return {"fn": "stuart_maxwell", "k": k, "table": flat(table)}, {
            "status": OK, "statistic": r.statistic, "p": self.stats.chi2.sf(r.statistic, r.df), "df": r.df}

    def adjust(self):
        p = [self.rng.random() ** self.rng.choice([1, 3]) for _ in range(self.rng.randint(1, 60))]
        p += p[:2]                      # ties
        method = self.rng.choice(["holm", "fdr_bh", "fdr_by"])
        return {"fn": "adjust", "p": p, "method": method}, {"status": OK, "p": list(self.multi.multipletests(p, method=method)[1])}

    def cohen(self):
        k, table = square_table(self.rng)
        for i in range(k):
            table[i][i] += 20
        weights = self.rng.randrange(3)
        r = self.raters.cohens_kappa(self.np.array(table), **({"wt": ["", "linear", "quadratic"][weights]} if weights else {}))
        return {"fn": "cohen", "k": k, "table": flat(table), "weights": weights}, {
            "status": OK, "kappa": r.kappa, "se": r.std_kappa}

    def fleiss(self):
        k, raters = self.rng.randint(2, 5), self.rng.randint(2, 8)
        table = []
        for _ in range(self.rng.randint(5, 40)):
            votes = [self.rng.choice([0, self.rng.randrange(k)]) for _ in range(raters)]
            table.append([votes.count(c) for c in range(k)])
        if any(len({c for c, x in enumerate(map(sum, zip(*(table[:i] + table[i + 1:])))) if x}) < 2 for i in range(len(table))):
            return self.fleiss()
        fleiss = self.raters.fleiss_kappa
        left = self.np.array([fleiss(self.np.delete(self.np.array(table), i, 0)) for i in range(len(table))])
        se = math.sqrt((len(table) - 1) / len(table) * ((left - left.mean()) ** 2).sum())
        return {"fn": "fleiss", "k": k, "table": flat(table)}, {"status": OK, "kappa": fleiss(self.np.array(table)), "se": se}


def agrees(got, want):
    """Within 1e-7 of the value, so that a p of 1e-12 agrees in its digits too; or 1e-8 apart, if it is not as small as that."""
    if isinstance(want, list):
        return len(got) == len(want) and all(map(agrees, got, want))
    return abs(got - want) <= 1e-7 * abs(want) or (abs(want) > 1e-6 or abs(want) < 1e-15) and abs(got - want) < 1e-8


def main():
    parser = argparse.ArgumentParser(description="Compares the report's statistics with scipy and statsmodels.")
    parser.add_argument("--tables", type=int, default=200, help="generated tables for each statistic")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    try:
        referee = Referee(random.Random(args.seed))
    except ImportError as e:
        print(f"skipped: {e}")
        return 0
    warnings.simplefilter("ignore")
    names = [n for n in dir(referee) if not n.startswith("_") and callable(getattr(Referee, n, None))]
    pairs = [getattr(referee, name)() for name in names for _ in range(args.tables)]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([build(folder)], input=json.dumps([q for q, _ in pairs]), capture_output=True, text=True, check=True)
    failed = {name: 0 for name in names}
    for (asked, want), got in zip(pairs, json.loads(done.stdout), strict=True):
        wrong = [key for key, value in want.items() if not agrees(got[key], value)]
        if wrong:
            failed[asked["fn"]] += 1
            if failed[asked["fn"]] <= 3:
                print(f"{asked}\n  wanted {want}\n  got    {got}\n  differs in {', '.join(wrong)}")
    for name in names:
        print(f"  {'FAILED' if failed[name] else 'ok':6} {name:15} {args.tables - failed[name]} of {args.tables} agree")
    wrong = sum(failed.values())
    print(f"{len(pairs) - wrong} passed, {wrong} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
