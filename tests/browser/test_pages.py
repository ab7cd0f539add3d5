#!/usr/bin/env python3
"""The coordinator's pages in headless Chromium: tests/browser/test_pages.py [--build DIR] [--keep DIR]

A fleet runs a small study; its two pages are opened wide and narrow, light and dark, as the coordinator sends them (only `frame-ancestors`
is taken off, so that they can be looked at from a frame): the style is applied under their own policy, nothing else is fetched, nothing
spills over the side, every text has a contrast of 4.5 : 1, tables can be reached and have headings. Without Chromium: `skipped: no chromium`.
"""
import argparse
import http.client
import http.server
import json
import os
import re
import shutil
import sys
import threading
import unittest
import urllib.parse
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "lib")]
import test_report


class Handler(http.server.BaseHTTPRequestHandler):
    """Frames of the test's own; all else is the coordinator's."""

    def do_GET(self):
        frame = re.fullmatch(r"/frame-(\d+)\.html", self.path)
        if frame:
            page, where = test_report.FRAME, json.dumps(self.server.path)
            body = page.replace("WIDTH", frame[1]).replace('"/page.html"', where).encode()
            self.reply(200, {"Content-Type": "text/html; charset=utf-8"}, body)
            return
        c = http.client.HTTPConnection(self.server.at, timeout=10)
        c.request("GET", self.path, headers={"Host": self.server.at})
        r = c.getresponse()
        headers = {k: v.replace("frame-ancestors 'none'", "frame-ancestors 'self'") for k, v in r.getheaders()
                   if k in ("Content-Type", "Content-Security-Policy", "X-Content-Type-Options")}
        self.reply(r.status, headers, r.read())

    def reply(self, status, headers, body):
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k, v)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Pages(unittest.TestCase):
    browser = keep = None
    chromium, look = test_report.Report.chromium, test_report.Report.look

    @classmethod
    def setUpClass(cls):
        import harness  # looks for the build
        cls.box = harness.Sandbox()
        study = cls.box.copy("small")
        sim = cls.box.simulator("--truth", study.parent / "truth.yaml", "--latency-ms", 20000)  # it runs for longer than all looks take
        run = cls.box.start("clinsafe", "run", study, "--workers", 2, "--slots", 2, "--simulator", sim.url, "--http", "127.0.0.1:0")
        at = harness.wait_for(lambda: re.search(r"pages: http://(\S+)", run.printed()), what="the pages", process=run)[1]
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        cls.server.at, cls.server.path = at, "/"
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        harness.wait_for(lambda: "worker-1" in cls.fetch("/"), what="the workers on the page", process=run)

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()
        cls.box.close(keep=False)

    @classmethod
    def fetch(cls, path):
        c = http.client.HTTPConnection(cls.server.at, timeout=10)
        c.request("GET", path)
        return c.getresponse().read().decode()

    def test_pages_look_sound(self):
        for path, tables in (("/", 4), ("/study/small", 0)):
            self.server.path = path
            for size in test_report.SIZES:
                for scheme in test_report.SCHEMES:
                    with self.subTest(path=path, size=size, scheme=scheme):
                        seen = self.look(size, scheme)
                        self.assertEqual({urllib.parse.urlsplit(f).path for f in seen["fetched"]}, {"/style.css"})
                        self.assertEqual(seen["background"] == "rgb(255, 255, 255)", scheme == "light", "the style is not applied")
                        self.assertLessEqual(seen["overflow"], 0, "the page is wider than the window")
                        self.assertGreaterEqual(seen["tables"], tables)
                        self.assertEqual((seen["mute"], seen["headless"], seen["unreached"]), (0, 0, 0))
                        self.assertGreater(seen["contrast"]["seen"], 5)
                        self.assertEqual(seen["contrast"]["poor"], [])

    def test_screenshots(self):
        folder = Path(self.keep or self.box.dir)
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in (("operator", "/"), ("study", "/study/small")):
            shot = folder / f"page-{name}.png"
            self.chromium("light", "--window-size=1400,1000", f"--screenshot={shot}", f"http://{self.server.at}{path}")
            self.assertEqual(test_report.png_size(shot), (1400, 1000))
            self.assertGreater(shot.stat().st_size, 10_000, "the screenshot is all but empty")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=str(test_report.TOP / "build"))
    parser.add_argument("--keep")
    options = parser.parse_args()
    os.environ["CLINSAFE_BUILD"] = options.build
    Pages.browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if Pages.browser is None:
        print("skipped: no chromium\n0 passed, 0 failed, 1 skipped")
        return 0
    Pages.keep = options.keep
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(unittest.TestLoader().loadTestsFromTestCase(Pages))
    failed = len({str(t).split(" [")[0].split(" (")[0] for t, _ in result.failures + result.errors})
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
