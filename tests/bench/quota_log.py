#!/usr/bin/env python3
"""What a provider's own record of arrivals says of its limit: tests/bench/quota_log.py ARRIVALS FROM_S SECONDS [tokens]

ARRIVALS is the file of `clinsafe-simulator --log`; FROM_S counts from its first line. Prints what was admitted in a minute,
how often the provider said no, and the busiest second. Knows nothing of the fleet.
"""
import sys
from collections import namedtuple

Arrival = namedtuple("Arrival", "at_s model digest charge status")
Figures = namedtuple("Figures", "per_minute limited busiest_second")


def read(path):
    """In the order of time, seconds from the first; without the heading, and a last line that is cut off."""
    found = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            part = line.rstrip("\n").split("\t")
            if len(part) == 8 and part[0].isdigit():
                found.append(Arrival(int(part[0]) / 1e6, part[2], part[3], int(part[5]), int(part[6])))
    found.sort()
    first = found[0].at_s if found else 0
    return [a._replace(at_s=a.at_s - first) for a in found]


def figures(arrivals, begin_s, end_s, weigh=False):
    """Between two moments; weigh: tokens as the provider charged them, else requests."""
    inside = [a for a in arrivals if begin_s <= a.at_s < end_s]
    admitted = [(a.at_s, a.charge if weigh else 1) for a in inside if a.status != 429]
    busiest = window = oldest = 0
    for at, units in admitted:
        window += units
        while admitted[oldest][0] <= at - 1:
            window -= admitted[oldest][1]
            oldest += 1
        busiest = max(busiest, window)
    return Figures(sum(units for _, units in admitted) * 60 / (end_s - begin_s), len(inside) - len(admitted), busiest)


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    start, seconds = float(sys.argv[2]), float(sys.argv[3])
    got = figures(read(sys.argv[1]), start, start + seconds, "tokens" in sys.argv[4:])
    print(f"per_minute={got.per_minute:.1f} limited={got.limited} busiest_second={got.busiest_second}")
