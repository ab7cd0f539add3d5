"""Tables for statistics_referee.py out of published data, which are not part of this project: the folder is given, and what is not there
is skipped by name. Nothing here computes a statistic: it counts, and says which statistic to ask for.

medperturb/data.csv              texts in five versions, yes/no answers of three clinicians and four models (MedPerturb, CC BY 4.0)
ethnicity_triage/*.tsv           a model's triage answers by case, gender and ethnicity (gpt3-clinical-vignettes, MIT)
"""
import collections
import csv
import itertools
from pathlib import Path

VERSIONS = {"1": "baseline", "2": "gender-swapped", "3": "gender-removed", "4": "uncertain", "5": "colourful"}
MODELS = ["GPT4", "LLAMA3", "LLAMA3-70", "PALMYRA-MED"]
QUESTIONS = ["MANAGE", "VISIT", "RESOURCE"]
TRIAGE = ["Self-care", "1-week", "1-day", "Emergent"]

# Recomputed by others from medperturb, VISIT: (rater, version): base rate, perturbed rate, b (1 -> 0), c (0 -> 1), p of exact McNemar
# with its digits
PUBLISHED = {
    ("GPT4", "gender-swapped"): (.69, .73, 2, 6, .2891, 4), ("GPT4", "gender-removed"): (.69, .75, 1, 7, .07031, 4),
    ("GPT4", "uncertain"): (.69, .84, 0, 15, 6.104e-05, 4), ("GPT4", "colourful"): (.69, .85, 1, 17, 1.45e-04, 3),
    ("LLAMA3", "gender-swapped"): (.70, .59, 19, 8, .05224, 4), ("LLAMA3-70", "uncertain"): (.78, .85, 2, 9, .06543, 4),
}

# Likewise: (rater, VISIT): Hotelling's T2 of all four versions against the baseline, F on (4, 96), p
PUBLISHED_AT_ONCE = {"GPT4": ("21.08086", "5.110512", "8.914667e-04")}


def medperturb(folder):
    """{(dataset, context): {version: row}} of the contexts that exist in all five versions; None where the data are not."""
    path = Path(folder) / "medperturb" / "data.csv"
    if not path.exists():
        return None
    contexts = collections.defaultdict(dict)
    with open(path, encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f):
            contexts[row["dataset"], row["context_id"]][VERSIONS[row["dataset_id"]]] = row
    return {key: versions for key, versions in contexts.items() if len(versions) == len(VERSIONS)}


def outputs(contexts, models):
    """The same as a table of outputs, one row an answer, for `clinsafe report --from`."""
    for (dataset, context), versions in contexts.items():
        for version, row in versions.items():
            for model in models:
                yield {"model": model, "case_id": f"{dataset}/{context}", "factor.version": version, "outcome": "ok",
                       **{f"answer.{q}": "Yes" if row[f"{model}_{q}"] == "1" else "No" for q in QUESTIONS}}


def medperturb_tables(contexts):
    """(name, arguments) of every statistic asked for."""
    rows = [row for versions in contexts.values() for row in versions.values()]
    p_values = []
    for model, question in itertools.product(MODELS, QUESTIONS):
        column = f"{model}_{question}"
        answers = {v: [int(versions[v][column]) for versions in contexts.values()] for v in VERSIONS.values()}
        n = len(contexts)
        for version in list(VERSIONS.values())[1:]:
            base, moved = answers["baseline"], answers[version]
            b, c = sum(x > y for x, y in zip(base, moved)), sum(x < y for x, y in zip(base, moved))
            both, neither = sum(x & y for x, y in zip(base, moved)), sum(not x | y for x, y in zip(base, moved))
            yield "mcnemar", (b, c)
            yield "newcombe", (sum(moved), n, sum(base), n)
            yield "stuart_maxwell", ([[neither, c], [b, both]],)
            yield "cluster_t", ([y - x for x, y in zip(base, moved)], 0.05)
            yield "signed_rank_ties", ([y - x for x, y in zip(base, moved)],)
            if b and c:
                yield "odds_ratio", (b, c)
            p_values.append((b, c))
        for answer in answers.values():
            yield "wilson", (sum(answer), n)
        for rater in "123":
            table = [[0, 0], [0, 0]]
            for row in rows:
                table[int(row[f"{question}_{rater}"])][int(row[column])] += 1
            yield "cohen", (table, 0)
    for question in QUESTIONS:
        votes = [sum(int(row[f"{question}_{rater}"]) for rater in "123") for row in rows]
        yield "fleiss", ([[3 - v, v] for v in votes],)
    for method in ("holm", "fdr_bh", "fdr_by"):
        yield "adjust_mcnemar", (p_values, method)


def ethnicity_triage(folder):
    """{(case, gender, ethnicity): triage of each prompt, 0 = self-care}; None where the data are not."""
    found = sorted(Path(folder).glob("ethnicity_triage/*.tsv"))
    if not found:
        return None
    answers = collections.defaultdict(list)
    with open(found[0], encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f, delimiter="\t"):
            answers[row["Case #"], row["Gender"], row["Ethnicity"]].append(TRIAGE.index(row["Predicted Triage"]))
    return answers


def ethnicity_tables(answers):
    """Cluster differences of mean triage between groups, and the tables of one prompt against another."""
    cases = sorted({case for case, _, _ in answers})
    groups = sorted({(gender, ethnicity) for _, gender, ethnicity in answers})
    for a, b in itertools.combinations(groups, 2):
        pairs = [(answers[(case, *a)], answers[(case, *b)]) for case in cases]
        # equal shifts are ties for us however they were computed; rounded, they are for scipy too
        d = [round(sum(x) / len(x) - sum(y) / len(y), 9) for x, y in pairs]
        yield "cluster_t", (d, 0.1)
        yield "signed_rank_ties", (d,)
        table = [[0] * len(TRIAGE) for _ in TRIAGE]
        for x, y in pairs:
            table[x[0]][y[0]] += 1
        yield "stuart_maxwell", (table,)
        for weights in range(3):
            yield "cohen", (table, weights)
    raters = [[sum(answers[(case, *g)][0] == k for g in groups) for k in range(len(TRIAGE))] for case in cases]
    yield "fleiss", (raters,)
