#!/usr/bin/env python3
"""Judges a run against a provider that erred, by the provider's own log: what each trial was answered, attempt by attempt, says how it
must have ended. The rules are written here a second time, after the vendors' documents; nothing of ours is asked but the export.

    storm_judge.py SIMULATOR_LOG EXPORT.jsonl
"""
import json
import sys
from collections import Counter, defaultdict

TRIES = 6
SPARED = 2  # further ones that cost no try: five trials in a row had failed for the first time, and nobody was answered
# Further starts of a trial after a timeout, where the lane had become slow with the calls that we made at once. How many trials meet with
# that is the machine's affair; a model whose limit is declared has none.
EASED = 2
# What ends a trial at once: state, outcome.
FINAL = {"invalid": ("failed", "invalid_request"), "too_large": ("failed", "invalid_request"),
         "unprocessable": ("failed", "invalid_request"), "filtered": ("done", "content_filtered"), "hang": ("done", "timeout")}
# What is tried again, and what it is when it was tried too often.
AGAIN = {**dict.fromkeys(("server_error", "unavailable", "overloaded", "their_timeout", "conflict", "model_failed", "no_capacity",
                          "client_left", "bad_gateway", "gateway_timeout", "cloudflare", "error_in_200"), "provider_error"),
         **dict.fromkeys(("reset", "truncated", "malformed", "no_end"), "transport")}
ANSWERS = {"ok", "refused", "content_filtered", "truncated", "unparsable", "timeout"}


class Call:
    def __init__(self, line):
        us, self.key, self.model, self.digest, attempt, _, status, self.fault = line.rstrip("\n").split("\t")[:8]
        self.at, self.attempt, self.status = int(us) / 1e6, int(attempt), int(status)


def calls(path):
    with open(path) as lines:
        return [Call(line) for line in lines if line.endswith("\n") and line[0].isdigit()]  # each start writes a head


def fate(met):
    """(state, outcome or None for any answer, ambiguous, tries) of the attempts of one trial, or what is wrong with them."""
    tries = ambiguous = 0
    for i, call in enumerate(met):
        last = i == len(met) - 1
        if call.attempt != i + 1:
            return f"attempt {call.attempt} where {i + 1} was due"
        ambiguous += call.status == 0
        if call.fault in ("-", "drip") and call.status == 200:
            return ("done", None, ambiguous, tries) if last else f"asked again after its answer in attempt {i + 1}"
        if call.fault in FINAL:
            return (*FINAL[call.fault], ambiguous, tries) if last else f"asked again after {call.fault}"
        if call.fault == "rate_limited" or (call.fault == "-" and call.status == 429):
            continue  # costs no try
        if call.fault not in AGAIN:
            return f"unknown: {call.fault} {call.status}"
        tries += 1
        if tries >= TRIES and last:
            return "failed", AGAIN[call.fault], ambiguous, tries
        if tries == TRIES + SPARED:
            return f"tried more than {tries} times"
    return f"given up after {tries} tries: {[c.fault for c in met]}"


def begun_again(group):
    """Takes off the calls that ended in a timeout of our own making, after which the trial was begun anew."""
    eased = 0
    while eased < EASED and len(group) > 1 and group[0].fault == "hang" and group[1].attempt == 1:
        group.pop(0)
        eased += 1
    return eased


def judge(log, rows, limited=()):
    """Lists what is wrong, counts what was met (`eased`: hangs of trials that were begun again, and told of no more), and how many trials
    were spared a try. `limited`: the providers' names of models with a declared limit."""
    by_digest, wrong, over = defaultdict(list), [], 0
    for call in calls(log):
        by_digest[call.digest].append(call)
    met = Counter(call.fault for group in by_digest.values() for call in group)
    for row in rows:
        group = sorted(by_digest.pop(row["digest"], []), key=lambda c: c.attempt)
        again = begun_again(group)
        met["eased"] += again
        if again and group[0].model in limited:
            wrong.append(f"{row['digest']}: begun again after a timeout, under a declared limit")
        want = fate(group)
        got = (row["state"], row["outcome"], row["ambiguous"])
        if isinstance(want, str):
            wrong.append(f"{row['digest']}: {want}")
        elif got[0] != want[0] or got[2] != want[2] or got[1] not in ([want[1]] if want[1] else ANSWERS):
            wrong.append(f"{row['digest']}: is {got}, must be {want}")
        elif row["attempts"] != len(group):
            wrong.append(f"{row['digest']}: {row['attempts']} attempts, the provider saw {len(group)}")
        else:
            over += want[3] > TRIES
    wrong += [f"{digest}: asked for, and no row of the export" for digest in by_digest]
    return wrong, met, over


if __name__ == "__main__":
    with open(sys.argv[2]) as export:
        problems, seen, spared = judge(sys.argv[1], [json.loads(line) for line in export])
    print(*problems, sep="\n")
    print(dict(seen), f"{spared} spared a try, {len(problems)} wrong")
    sys.exit(1 if problems else 0)
