#!/usr/bin/env python3
"""Judges a fleet by its provider's own record of arrivals: tests/bench/quota_log.py FOLDER...

A FOLDER of tests/bench/quota --keep holds:
  arrivals      the file of `clinsafe-simulator --log`: t_us key model digest attempt charge status fault
  workers       which worker's output came of which digest, from `clinsafe export`: digest, worker
  row.json      when was measured (begin, end), the limit a minute, its unit, the provider's burst, what is wanted, and
                for a limit that was changed: when (strike), what it was before, the latency

All figures are computed here, from the record alone; the fleet is not asked. Times are seconds of the machine's monotonic clock.
  share     admitted / (limit x time), in percent
  429s      in the measured time; where the limit changed: all from then on
  fairness  Jain's index over the workers' admitted units: (sum x)^2 / (n sum x^2)
  excess    the most by which any stretch of the whole record passed limit x its time; never more than the burst
One line a folder; ends on `N passed, N failed`, with status 1 if a folder is not what is wanted.
"""
import json
import sys
from collections import Counter, namedtuple
from pathlib import Path

Arrival = namedtuple("Arrival", "at_s digest charge status")
Figures = namedtuple("Figures", "share limited fairness excess")


def read(path):
    """In the order of time; without the heading, and a last line that is cut off."""
    found = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            part = line.rstrip("\n").split("\t")
            if len(part) == 8 and part[0].isdigit():
                found.append(Arrival(int(part[0]) / 1e6, part[3], int(part[5]), int(part[6])))
    found.sort()
    return found


def read_workers(path):
    return dict(line.split("\t") for line in Path(path).read_text(encoding="utf-8").splitlines())


def units(arrival, unit):
    return arrival.charge if unit == "tokens" else 1


def admitted(arrivals, begin, end, unit):
    return sum(units(a, unit) for a in arrivals if begin <= a.at_s < end and a.status != 429)


def refused(arrivals, begin, end):
    return sum(begin <= a.at_s < end and a.status == 429 for a in arrivals)


def excess(arrivals, begin, end, per_s, unit):
    """max over s <= t of admitted(s..t) - per_s (t - s), both ends included: what a bucket must have held."""
    level = most = last = 0.0
    for a in arrivals:
        if a.status == 429 or not begin <= a.at_s < end:
            continue
        level = max(0.0, level - per_s * (a.at_s - last)) + units(a, unit)
        most, last = max(most, level), a.at_s
    return most


def jain(arrivals, begin, end, unit, workers):
    parts = Counter({worker: 0 for worker in workers.values()})
    for a in arrivals:
        if begin <= a.at_s < end and a.status != 429:
            parts[workers.get(a.digest, "nobody")] += units(a, unit)
    squares = sum(p * p for p in parts.values())
    return sum(parts.values()) ** 2 / (len(parts) * squares) if squares else 0.0


def figures(row, arrivals, workers):
    begin, end, unit, limit = row["begin"], row["end"], row["unit"], row["limit"]
    strike = row.get("strike")
    share = 100 * admitted(arrivals, begin, end, unit) / (limit * (end - begin) / 60)
    limited = refused(arrivals, begin if strike is None else strike, end)
    fairness = jain(arrivals, begin, end, unit, workers) if workers else None
    # A limit that changed: the old one bounds the record before it, the new one the measured time after it.
    over = excess(arrivals, row["first"], end, limit / 60, unit) if strike is None else \
        excess(arrivals, begin, end, limit / 60, unit)
    return Figures(share, limited, fairness, over)


def judge(folder):
    """The line of a row, and whether it is what is wanted."""
    folder = Path(folder)
    row = json.loads((folder / "row.json").read_text(encoding="utf-8"))
    workers = read_workers(folder / "workers") if (folder / "workers").exists() else {}
    got = figures(row, read(folder / "arrivals"), workers)
    most_429s = row["limit_before"] / 60 * (row["latency"] + 1) if "strike" in row else 0
    wrong = []
    if not row["least"] <= got.share <= row["most"]:
        wrong.append(f"share: wanted {row['least']} to {row['most']} %")
    if got.limited > most_429s:
        wrong.append(f"429s: wanted at most {most_429s:.0f}")
    if row["least_fairness"] is not None and (got.fairness is None or got.fairness < row["least_fairness"]):
        wrong.append(f"fairness: wanted {row['least_fairness']}")
    if got.excess > row["burst"]:
        wrong.append(f"excess: wanted at most {row['burst']}")
    fairness = "  -  " if got.fairness is None else f"{got.fairness:.3f}"
    line = (f"{row['name']:34} share={got.share:6.2f} % 429s={got.limited:<4} fairness={fairness}"
            f" excess={got.excess:.0f}/{row['burst']}")
    return line + "".join(f"   NOT AS WANTED ({w})" for w in wrong), not wrong


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        sys.exit(0 if "--help" in sys.argv else 64)
    good = 0
    for folder in sys.argv[1:]:
        line, fine = judge(folder)
        print(line, flush=True)
        good += fine
    print(f"{good} passed, {len(sys.argv) - 1 - good} failed")
    sys.exit(0 if good == len(sys.argv) - 1 else 1)


if __name__ == "__main__":
    main()
