#!/usr/bin/env python3
"""Words that move cursors, forge lines, or are no numbers: under an admitted worker's key, to log, status and store."""
import json
import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from siege import Siege, harness, wire

EVIL = "\x1b[2J\x1b]0;owned\x07\nts=2026-11-28T00:00:00.000Z lvl=error ev=forged\u202e"


class Words(Siege):
    @harness.short
    def test_names_and_reasons(self):
        named = wire.Worker(self.context, self.fleet, "evil", "evil" + EVIL)
        self.assertEqual(named.hello()[1], wire.REJECT)
        evil = self.evil()
        evil.say(wire.WANT, [[[1, lane, 0, "FAKE: all is well" + EVIL, "abcd1234"] for lane in (0, 1)]])
        status = self.status()
        self.assertIn("FAKE", status)
        for text in (status, self.log(), json.loads(status)["lanes"][0]["reason"]):
            self.assertIsNone(re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text))
            self.assertIsNone(re.search(r"(?m)^ts=2026-11-28", text))
        evil.close()
        self.ends_well()

    @harness.short
    def test_answers_that_are_no_numbers(self):
        """Unasked outputs of planned trials, under the right digests."""
        planned = self.still_planned(3)
        evil = self.evil()
        extras = [(float("nan"), 3, ""), (float("inf"), 3, ""), (float("-inf"), 3, "")]
        evil.say(wire.OUTPUTS, [1, [self.output(r, extra=extra) for r, extra in zip(planned, extras)]])
        seen = []
        while (m := evil.hear(1500)) is not None:
            seen.append(m)
        refused = [r for m in seen if m[1] == wire.ACK for r in m[5][1]]
        self.assertEqual(sorted(refused), [[1, 3], [2, 3], [3, 3]])
        evil.close()
        self.ends_well()
        exported = self.box.clinsafe("export", "--store", self.fleet.dir / "store", "--format", "jsonl")
        for line in exported.out.splitlines():
            json.loads(line, parse_constant=lambda c: self.fail(f"{c} is no JSON"))


if __name__ == "__main__":
    harness.main()
