#!/usr/bin/env python3
"""Compares the report's statistics with scipy, statsmodels and scikit-learn: statistics_referee.py [--tables N] [--seed S] [--data DIR] [--build DIR]
                                                                                 [--install]

Builds statistics_driver.c beside the library and asks both sides the same: on generated tables; on the published data in DIR (or
$CLINSAFE_SHARED_DATA; statistics_shared.py says which); against values that others printed; and the table of medperturb by
`clinsafe report --from`. Prints `N passed, N failed`, with what was skipped and why. It is not part of `make test`.

Without them it says so and ends with 0; --install gets them (`packages.py`).
"""
import argparse
import csv
import importlib
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import packages
import statistics_shared as shared

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OK, BOUND, TOO_FEW, CONSTANT, UNDEFINED = 0, 1, 2, 3, 5
# yes, of, and the 95 % interval in percent as printed by others, with its digits
PRINTED_WILSON = [(390, 600, 61.10, 68.71, 2), (157, 564, 24.3, 31.7, 1), (11, 564, 1.1, 3.5, 1), (487, 564, 83.3, 88.9, 1),
                  (308, 564, 50.5, 58.7, 1), (15709, 27600, 56.3, 57.5, 1)]


def build(folder, programs):
    """The driver, by the compiler of $CC, with the libraries that the programs are made of."""
    driver = os.path.join(folder, "statistics_driver")
    subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-I.", "-O1", "-o", driver, "tests/conformance/statistics_driver.c",
                    *(os.path.join(programs, f"lib{name}.a") for name in ("stats", "base")), "-ljansson", "-lsodium", "-lgsl", "-lgslcblas", "-lpthread", "-lm"],
                   cwd=TOP, check=True)
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
    """Pairs of a request and the answer that independent software gives. NAME() makes a table up, NAME_of(...) takes one."""

    def __init__(self, rng):
        self.rng = rng
        self.np = importlib.import_module("numpy")
        self.stats = importlib.import_module("scipy.stats")
        self.integrate = importlib.import_module("scipy.integrate")
        self.prop = importlib.import_module("statsmodels.stats.proportion")
        self.tables = importlib.import_module("statsmodels.stats.contingency_tables")
        self.multi = importlib.import_module("statsmodels.stats.multitest")
        self.raters = importlib.import_module("statsmodels.stats.inter_rater")
        self.linear = importlib.import_module("sklearn.linear_model")

    def cluster_t(self):
        return self.cluster_t_of(differences(self.rng), self.rng.uniform(0.02, 0.5))

    def cluster_t_of(self, d, margin):
        if len(set(d)) == 1:
            return {"fn": "cluster_t", "d": d, "margin": margin}, {"status": BOUND}
        r = self.stats.ttest_1samp(d, 0)
        ci = r.confidence_interval(0.95)
        tost = max(self.stats.ttest_1samp(d, margin, alternative="less").pvalue,
                   self.stats.ttest_1samp(d, -margin, alternative="greater").pvalue)
        moved = sum(x != 0 for x in d)
        if 0 < moved <= 10 and moved < len(d) and abs(sum(d) / len(d)) < margin:
            tost = self._tost_where_few_moved(d, moved, margin)
        return {"fn": "cluster_t", "d": d, "margin": margin}, {
            "status": OK, "t": r.statistic, "p": r.pvalue, "lo": ci.low, "hi": ci.high, "tost": tost}

    def _tost_where_few_moved(self, d, moved, margin):
        """Each bound is wider by what Clopper and Pearson leave to clusters that might have moved; answers range over 1."""
        n, mean, se = len(d), self.np.mean(d), self.stats.sem(d)

        def inside(alpha):
            wider = self.stats.beta.ppf(1 - alpha, moved + 1, n - moved) - moved / n
            half = self.stats.t.ppf(1 - alpha, n - 1) * se + wider
            return mean - half > -margin and mean + half < margin
        low, high = 0.0, 0.5
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if inside(middle) else (middle, high)
        return high

    def sign_flip(self):
        d = [self.rng.gauss(0.1, 0.3) for _ in range(self.rng.randint(3, 11))]
        r = self.stats.permutation_test((self.np.array(d),), self.np.mean, permutation_type="samples", n_resamples=math.inf)
        return {"fn": "sign_flip", "d": d}, {"status": OK, "p": r.pvalue}

    def signed_rank(self):
        if self.rng.random() < 0.5:     # no ties: scipy is exact
            d = [self.rng.gauss(0.1, 0.3) for _ in range(self.rng.randint(5, 50))]
            r = self.stats.wilcoxon(d, zero_method="pratt", method="exact")
            return {"fn": "signed_rank", "d": d}, {"status": OK, "p": r.pvalue, "least": r.statistic}
        return self.signed_rank_ties_of([round(self.rng.gauss(0.05, 0.5) * 4) / 4 for _ in range(self.rng.randint(51, 200))])

    def signed_rank_ties_of(self, d):
        """Ties and zeros: scipy is normal, and so are we above 50 differences; below only the rank sums are compared."""
        if not any(d):
            return {"fn": "signed_rank", "d": d}, {"status": UNDEFINED}
        r = self.stats.wilcoxon(d, zero_method="pratt", correction=False, method="asymptotic")
        want = {"status": OK, "least": r.statistic}
        return {"fn": "signed_rank", "d": d}, want | ({"p": r.pvalue} if len(d) > 50 else {})

    def task_horizon(self):
        """METR's fit: scikit-learn's, with the weights of the header. A table where every run does the same has none."""
        n = self.rng.randint(4, 40)
        minutes = [round(2 ** self.rng.uniform(-2, 11), 2) for _ in range(n)]
        runs = [self.rng.randint(1, 12) for _ in range(n)]
        family = [self.rng.randrange(max(2, n // 3)) for _ in range(n)]
        at, slope = self.rng.uniform(1, 8), self.rng.uniform(0.2, 2)
        successes = [sum(self.rng.random() < 1 / (1 + math.exp(-slope * (at - math.log2(m)))) for _ in range(r)) for m, r in zip(minutes, runs)]
        asked = {"fn": "task_horizon", "minutes": minutes, "runs": runs, "successes": successes, "family": family}
        if sum(successes) in (0, sum(runs)):
            return asked, {"status": CONSTANT}
        rows = [(math.log2(m), int(j < s), 1 / r / math.sqrt(family.count(f))) for m, r, s, f in zip(minutes, runs, successes, family) for j in range(r)]
        x, y, w = (self.np.array(column) for column in zip(*rows))
        fit = self.linear.LogisticRegression(C=10, solver="newton-cholesky", tol=1e-14, max_iter=1000).fit(x[:, None], y, sample_weight=w / w.sum())
        a, b = fit.intercept_[0], fit.coef_[0][0]
        want = {"status": OK, "intercept": a, "slope": b}
        return asked, want | ({"half": 2 ** (-a / b), "most": 2 ** ((math.log(4) - a) / b)} if b < -1e-3 else {})

    def wilson(self):
        n = self.rng.randint(1, 3000)
        return self.wilson_of(self.rng.choice([0, n, self.rng.randint(0, n)]), n)

    def wilson_of(self, yes, n):
        lo, hi = self.prop.proportion_confint(yes, n, method="wilson")
        return {"fn": "wilson", "yes": yes, "n": n}, {"status": OK, "lo": lo, "hi": hi}

    def newcombe(self):
        n1, n2 = self.rng.randint(1, 500), self.rng.randint(1, 500)
        return self.newcombe_of(self.rng.randint(0, n1), n1, self.rng.randint(0, n2), n2)

    def newcombe_of(self, y1, n1, y2, n2):
        lo, hi = self.prop.confint_proportions_2indep(y1, n1, y2, n2, method="newcomb", compare="diff")
        return {"fn": "newcombe", "yes1": y1, "n1": n1, "yes2": y2, "n2": n2}, {"status": OK, "lo": lo, "hi": hi}

    def mcnemar(self):
        return self.mcnemar_of(self.rng.randint(0, 60), self.rng.randint(0, 60))

    def mcnemar_of(self, b, c):
        p = self.tables.mcnemar([[1, b], [c, 1]], exact=True).pvalue if b + c else 1
        return {"fn": "mcnemar", "b": b, "c": c}, {"status": OK, "p": p}

    def odds_ratio(self):
        return self.odds_ratio_of(self.rng.randint(1, 60), self.rng.randint(1, 60))

    def odds_ratio_of(self, b, c):
        ci = self.stats.binomtest(c, b + c).proportion_ci(method="exact")
        return {"fn": "odds_ratio", "b": b, "c": c}, {"status": OK, "lo": ci.low / (1 - ci.low), "hi": ci.high / (1 - ci.high)}

    def stuart_maxwell(self):
        return self.stuart_maxwell_of(square_table(self.rng)[1])

    def stuart_maxwell_of(self, table):
        asked = {"fn": "stuart_maxwell", "k": len(table), "table": flat(table)}
        moved = self.np.array(table) + self.np.array(table).T
        self.np.fill_diagonal(moved, 0)
        keep = self.np.flatnonzero(moved.sum(0))  # a category in which nothing moved says nothing, and makes statsmodels divide by 0
        if len(keep) == 0:
            return asked, {}
        r = self.tables.SquareTable(self.np.array(table)[self.np.ix_(keep, keep)], shift_zeros=False).homogeneity()
        return asked, {"status": OK, "statistic": r.statistic, "p": self.stats.chi2.sf(r.statistic, r.df), "df": r.df}

    def adjust(self):
        p = [self.rng.random() ** self.rng.choice([1, 3]) for _ in range(self.rng.randint(1, 60))]
        return self.adjust_of(p + p[:2], self.rng.choice(["holm", "fdr_bh", "fdr_by"]))  # with ties

    def adjust_of(self, p, method):
        return {"fn": "adjust", "p": p, "method": method}, {"status": OK, "p": list(self.multi.multipletests(p, method=method)[1])}

    def adjust_mcnemar_of(self, pairs, method):
        return self.adjust_of([self.mcnemar_of(b, c)[1]["p"] for b, c in pairs], method)

    def cohen(self):
        k, table = square_table(self.rng)
        for i in range(k):
            table[i][i] += 20
        return self.cohen_of(table, self.rng.randrange(3))

    def cohen_of(self, table, weights):
        r = self.raters.cohens_kappa(self.np.array(table), **({"wt": ["", "linear", "quadratic"][weights]} if weights else {}))
        return {"fn": "cohen", "k": len(table), "table": flat(table), "weights": weights}, {
            "status": OK, "kappa": r.kappa, "se": r.std_kappa}

    def fleiss(self):
        k, raters = self.rng.randint(2, 5), self.rng.randint(2, 8)
        table = []
        for _ in range(self.rng.randint(5, 40)):
            votes = [self.rng.choice([0, self.rng.randrange(k)]) for _ in range(raters)]
            table.append([votes.count(c) for c in range(k)])
        if any(len({c for c, x in enumerate(map(sum, zip(*(table[:i] + table[i + 1:])))) if x}) < 2 for i in range(len(table))):
            return self.fleiss()
        return self.fleiss_of(table)

    def fleiss_of(self, table):
        fleiss = self.raters.fleiss_kappa
        left = self.np.array([fleiss(self.np.delete(self.np.array(table), i, 0)) for i in range(len(table))])
        se = math.sqrt((len(table) - 1) / len(table) * ((left - left.mean()) ** 2).sum())
        return {"fn": "fleiss", "k": len(table[0]), "table": flat(table)}, {
            "status": OK, "kappa": fleiss(self.np.array(table)), "se": se}

    def power(self):
        """Difference: the noncentral t (where scipy's is not a number, by quadrature too). Equivalence: by adaptive quadrature over the
        estimated standard error; a chance below 1e-9 is none."""
        n, ka, k0 = self.rng.randint(4, 400), self.rng.randint(1, 60), self.rng.randint(1, 200)
        tau, noise, alpha = self.rng.uniform(0, 0.1), self.rng.uniform(0.02, 0.25), 10 ** self.rng.uniform(-4, -1)
        se = math.sqrt((tau ** 2 + noise / ka + noise / k0) / n)
        shift, margin = self.rng.uniform(-5, 5) * se, self.rng.uniform(0.5, 8) * se
        t, nct, normal, chi = self.stats.t, self.stats.nct, self.stats.norm, self.stats.chi
        c, one = t.isf(alpha / 2, n - 1), t.isf(alpha, n - 1)

        def inside(s):
            bound = margin / se - one * s
            between = normal.cdf(bound - shift / se) - normal.cdf(-bound - shift / se) if bound > 0 else 0
            return between * chi.pdf(s * math.sqrt(n - 1), n - 1) * math.sqrt(n - 1)
        most = margin / se / one
        equal = self.integrate.quad(inside, 0, most, points=[p for p in (0.7, 1, 1.3) if p < most], limit=400, epsabs=0, epsrel=1e-10)[0]
        found = nct.sf(c, n - 1, abs(shift) / se) + nct.cdf(-c, n - 1, abs(shift) / se)
        if math.isnan(found):
            def missed(s):
                return (normal.cdf(c * s - abs(shift) / se) - normal.cdf(-c * s - abs(shift) / se)) * \
                    chi.pdf(s * math.sqrt(n - 1), n - 1) * math.sqrt(n - 1)
            found = 1 - self.integrate.quad(missed, 0, 3, points=[0.7, 1, 1.3], limit=400, epsabs=1e-12)[0]
        return {"fn": "power", "n": n, "tau": tau, "noise": noise, "ka": ka, "k0": k0, "alpha": alpha, "shift": shift, "margin": margin}, {
            "status": OK, "se": se, "difference": found, "equivalence": equal if equal > 1e-9 else 0.0}


def agrees(got, want):
    """Within 1e-7 of the value, so that a p of 1e-12 agrees in its digits too; or 1e-8 apart, if it is not as small as that."""
    if isinstance(want, list):
        return len(got) == len(want) and all(map(agrees, got, want))
    return abs(got - want) <= 1e-7 * abs(want) or (abs(want) > 1e-6 or abs(want) < 1e-15) and abs(got - want) < 1e-8


class Tally:
    def __init__(self, driver):
        self.driver, self.passed, self.failed = driver, 0, 0

    def ask(self, pairs):
        """What our library answers to the requests of the pairs."""
        done = subprocess.run([self.driver], input=json.dumps([q for q, _ in pairs]), capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def line(self, name, agree, of, more=""):
        self.passed += agree
        self.failed += of - agree
        print(f"  {'FAILED' if agree < of else 'ok':6} {name:28} {agree} of {of} agree{more}", flush=True)


def compare(tally, heading, named):
    """named: [(name, (request, wanted))]."""
    print(heading)
    counts = {}
    for (name, (asked, want)), got in zip(named, tally.ask([pair for _, pair in named]), strict=True):
        wrong = [key for key, value in want.items() if not agrees(got[key], value)]
        agree, of = counts.get(name, (0, 0))
        counts[name] = agree + (not wrong), of + 1
        if wrong and of - agree < 3:
            print(f"{asked}\n  wanted {want}\n  got    {got}\n  differs in {', '.join(wrong)}")
    for name, (agree, of) in counts.items():
        tally.line(name, agree, of)


def printed_vectors(tally):
    print("intervals printed by others")
    answers = tally.ask([({"fn": "wilson", "yes": yes, "n": n}, None) for yes, n, *_ in PRINTED_WILSON])
    right = sum((round(100 * got["lo"], digits), round(100 * got["hi"], digits)) == (lo, hi)
                for (_, _, lo, hi, digits), got in zip(PRINTED_WILSON, answers))
    tally.line("Wilson", right, len(PRINTED_WILSON))


def medperturb_report(tally, contexts, build):
    """The published table, by `clinsafe report --from` on the answers alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "outputs.csv")
        rows = list(shared.outputs(contexts, shared.MODELS))
        with open(path, "w", encoding="utf-8", newline="") as f:
            out = csv.DictWriter(f, rows[0].keys())
            out.writeheader()
            out.writerows(rows)
        done = subprocess.run([os.path.join(TOP, build, "clinsafe"), "report", "--from", path, "--json"], capture_output=True, text=True)
        if not done.stdout.startswith("{"):
            tally.line("clinsafe report --from", 0, 1, f": {done.stderr.strip()}")
            return
        report = json.loads(done.stdout)
    found = {(c["model"], c["level"]): c for c in report["contrasts"] if c["outcome"] == "VISIT"}
    print("table of medperturb, VISIT, by clinsafe report --from")
    for (rater, version), (base, moved, b, c, p, digits) in shared.PUBLISHED.items():
        got = found.get((rater, version), {})
        mine = [got.get(key) for key in ("rate_comparator", "rate_level", "flips_b", "flips_c", "p_mcnemar")]
        same = None not in mine and all(abs(x - y) < 1e-9 for x, y in zip(mine, (base, moved, b, c)))
        same = same and f"{mine[4]:.{digits}g}" == f"{p:.{digits}g}"
        tally.line(f"{rater}, {version}", int(same), 1, f": {mine}")
    at_once = {o["model"]: o for o in report["omnibus"] if o["outcome"] == "VISIT"}
    for rater, printed in shared.PUBLISHED_AT_ONCE.items():
        mine = [at_once.get(rater, {}).get(key) for key in ("statistic", "f", "p")]
        same = None not in mine and all(abs(x / float(y) - 1) < 5e-7 for x, y in zip(mine, printed))
        tally.line(f"{rater}, all versions at once", int(same), 1, f": {mine}")


def beside():
    """The published data, where it lies beside the checkout."""
    data = Path(__file__).resolve().parents[3] / "shared" / "data"
    return str(data) if data.is_dir() else None


def main():
    parser = argparse.ArgumentParser(description="Compares the report's statistics with scipy and statsmodels.")
    parser.add_argument("--tables", type=int, default=200, help="generated tables for each statistic")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", default=os.environ.get("CLINSAFE_SHARED_DATA") or beside(),
                        help="folder of the published data; default: ../shared/data beside the checkout")
    parser.add_argument("--build", default="build", help="where the programs are")
    parser.add_argument("--install", action="store_true", help="get scipy, statsmodels and scikit-learn into the cache folder first")
    args = parser.parse_args()
    try:
        referee = Referee(random.Random(args.seed))
    except ImportError as e:
        if args.install:
            return packages.again_with("statistics", "scipy and statsmodels", ["scipy==1.17.1", "statsmodels==0.15.0", "scikit-learn==1.9.1"])
        print(f"skipped: {e}; --install gets it into the cache folder")
        return 0
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        return judge(Tally(build(folder, os.path.join(TOP, args.build))), referee, args)


def judge(tally, referee, args):
    skipped = []
    names = [n for n in dir(referee) if not n.startswith("_") and not n.endswith("_of") and callable(getattr(Referee, n, None))]
    compare(tally, "generated tables", [(name, getattr(referee, name)()) for name in names for _ in range(args.tables)])
    printed_vectors(tally)
    contexts = shared.medperturb(args.data) if args.data else None
    triage = shared.ethnicity_triage(args.data) if args.data else None
    for data, name, tables in ((contexts, "medperturb", shared.medperturb_tables), (triage, "ethnicity_triage", shared.ethnicity_tables)):
        if data is None:
            skipped.append(name)
            print(f"skipped: published data is not here: {name}: not in {args.data}" if args.data else f"skipped: published data is not here: {name}: no --data and no $CLINSAFE_SHARED_DATA")
            continue
        compare(tally, f"published data: {name}", [(fn, getattr(referee, fn + "_of")(*given)) for fn, given in tables(data)])
    if contexts is not None:
        medperturb_report(tally, contexts, args.build)
    print(f"{tally.passed} passed, {tally.failed} failed" + (f", {len(skipped)} skipped" if skipped else ""))
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
