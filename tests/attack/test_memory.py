#!/usr/bin/env python3
"""Replies of eight megabytes, slow, in every slot: a worker stays below its cap, also where the system gives it little, and makes answers."""
import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
import hostile
from hostile import harness
from test_providers import Case

REPLY_MEMORY_MIB, BESIDE_MIB = 256, 160  # by default; all else of a worker, generously


class Memory(Case):
    TIME_LIMIT_S = 240

    def swell(self, *args, prefix=(), most):
        provider = self.provider(good=0.05)
        study = hostile.study(self.box.dir / "s", provider.port, ["good", "swollen"], cases=300, timeout_s=60, limits=", limits: {concurrent: 256}")
        run = self.box.start("clinsafe", "run", study, "--workers", 1, "--slots", 256, *args, env=self.ENV, prefix=prefix)
        pid = harness.wait_for(lambda: next((w["pid"] for w in self.status(study).get("worker_list", [])), None), what="the worker", process=run)
        peak = 0

        def ends():
            nonlocal peak
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                peak = max(peak, int(re.search(r"VmRSS:\s+(\d+) kB", f.read())[1]) >> 10)
            return self.lane(study, "good").get("done") == 600 and self.lane(study, "swollen").get("done", 0) >= 40
        harness.wait_for(ends, 150, "answers of both", run)
        answers = self.lane(study, "swollen")["done"]
        run.stop()
        print(f"    worker: {peak} MiB at most, {answers} answers of 8 MB", flush=True)
        if not harness.SANITIZED:
            self.assertLess(peak, most)
        self.assertGreater(peak, 64)  # replies did pile up
        self.assertEqual((study.with_suffix(".clinsafe") / "logs" / "worker-0.log").read_text().count(" ev=worker "), 1)
        swollen = [r for r in self.rows(study) if r["model"] == "swollen" and r["state"] != "planned"]
        self.assertEqual({r["outcome"] for r in swollen}, {"ok"})
        self.control(study)

    @harness.short
    def test_replies_of_eight_megabytes_in_every_slot(self):
        self.swell(most=REPLY_MEMORY_MIB + BESIDE_MIB)


if __name__ == "__main__":
    harness.main()
