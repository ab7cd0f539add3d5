#!/usr/bin/env python3
"""The report in a real browser: tests/browser/test_report.py [--build DIR] [--page FILE] [--keep DIR]

Opens a page in headless Chromium, wide and narrow, light and dark: plots, tables and anchors are there, nothing spills over the
side, every text has a contrast of 4.5 : 1, nothing is fetched; the first screen says who differs in a picture, a list and few words;
figures are saved and tables copied; axe-core (from npm, in --cache) finds nothing serious. The page is that of the unit tests' fixture
(DIR/unit/test_report_html --page), or FILE, one that `clinsafe report` wrote. --keep leaves the screenshots for a look.
Not part of `make test`: Chromium is no package of this project. Without it: `skipped: no chromium`.
"""
import argparse
import hashlib
import html
import http.server
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
from html.parser import HTMLParser
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SIZES = {"wide": 1400, "narrow": 420}
SCHEMES = {"light": 1, "dark": 0}  # Chromium's setting preferredColorScheme
ASKED_S = 90
FIRST_SCREEN = (1400, 1000)  # what is seen without scrolling
WORDS_MAX = 150
PAGES_MAX = 20

# Shows the page in a frame of a given width (a window of Chromium has at least 500 px), looks at it, and writes what it saw.
FRAME = """<!DOCTYPE html><link rel="icon" href="data:,"><body style="margin:0"><iframe id="f" src="/page.html" style="border:0;width:WIDTHpx;height:3000px"></iframe>
<script>
function channel(v) { v /= 255; return v <= .03928 ? v / 12.92 : Math.pow((v + .055) / 1.055, 2.4) }
function luminance(c) { return .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]) }
function rgba(text) { var n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? n.concat(1) : n }
function behind(w, e) {
  for (; e; e = e.parentElement) { var c = rgba(w.getComputedStyle(e).backgroundColor); if (c[3] > 0) return c }
  return [255, 255, 255, 1]
}
function contrasts(w) {
  var poor = [], seen = 0
  w.document.querySelectorAll('body *').forEach(function (e) {
    var own = Array.from(e.childNodes).some(function (n) { return n.nodeType === 3 && n.textContent.trim() })
    if (!own || !e.getClientRects().length || /^(SCRIPT|TITLE|DESC)$/i.test(e.tagName)) return
    var s = w.getComputedStyle(e), svg = e.namespaceURI.indexOf('svg') > 0
    var a = luminance(rgba(svg ? s.fill : s.color)), b = luminance(behind(w, e))
    var ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05)
    seen++
    if (ratio < 4.5) poor.push(e.tagName + '.' + (e.getAttribute('class') || '') + ' ' + ratio.toFixed(2))
  })
  return {seen: seen, poor: Array.from(new Set(poor))}
}
document.getElementById('f').addEventListener('load', function () {
  var w = this.contentWindow, d = w.document, q = function (s) { return Array.from(d.querySelectorAll(s)) }
  q('details').forEach(function (x) { x.open = true })
  var plots = q('svg.row, svg.axis').filter(function (s) { return s.getClientRects().length }).map(function (s) { return s.getBoundingClientRect() })
  var seen = {
    background: w.getComputedStyle(d.body).backgroundColor,
    overflow: d.documentElement.scrollWidth - d.documentElement.clientWidth,
    fetched: w.performance.getEntriesByType('resource').map(function (e) { return e.name }),
    plots: plots.length, flat: plots.filter(function (r) { return r.width < 100 || r.height < 10 }).length,
    escaped: q('svg.row path, svg.row line').filter(function (m) {
      var r = m.getBoundingClientRect(), s = m.closest('svg.row').getBoundingClientRect()
      return r.left < s.left - 8 || r.right > s.right + 8 }).length,
    figures: q('figure').length, tables: q('table').length, tools: !d.getElementById('tools') || !d.getElementById('tools').hidden,
    mute: q('.scroll').filter(function (e) { return e.tabIndex !== 0 || e.getAttribute('role') !== 'region' ||
      !d.getElementById(e.getAttribute('aria-labelledby')) }).length,
    headless: q('table').filter(function (t) { return !t.querySelector('th[scope=col]') || !t.querySelector('th[scope=row]') }).length,
    unreached: q('a, summary, select, input').filter(function (e) {
      if (!e.getClientRects().length) return false
      e.focus()
      return d.activeElement !== e }).length,
    contrast: contrasts(w)
  }
  document.body.insertAdjacentHTML('beforeend', '<pre id="seen"></pre>')
  document.getElementById('seen').textContent = JSON.stringify(seen)
})
</script>"""


# The first screen of a window of 1,400 x 1,000 px, and what its buttons do.
FIRST = """<!DOCTYPE html><link rel="icon" href="data:,"><body style="margin:0"><iframe id="f" src="/page.html" style="border:0;width:1400px;height:1000px"></iframe>
<script>
function words(e) {
  if (e.nodeType === 3) return e.nodeValue.split(/\\s+/).filter(function (w) { return /[A-Za-z0-9]/.test(w) })
  if (e.nodeType !== 1 || /^(FIGURE|SCRIPT|STYLE)$/.test(e.tagName) || !e.getClientRects().length) return []
  if (e.tagName === 'DETAILS' && !e.open) return words(e.querySelector('summary'))
  return Array.from(e.childNodes).map(words).flat()
}
function tell(seen) {
  document.body.insertAdjacentHTML('beforeend', '<pre id="seen"></pre>')
  document.getElementById('seen').textContent = JSON.stringify(seen)
}
document.getElementById('f').addEventListener('load', function () {
  var w = this.contentWindow, d = w.document, q = function (s) { return Array.from(d.querySelectorAll(s)) }, saved = {}, copied = ''
  var head = d.querySelector('header.head'), picture = d.getElementById('picture')
  var seen = {
    words: words(head).length, bottom: head.getBoundingClientRect().bottom, figures: head.querySelectorAll('figure').length,
    picture: picture.getBoundingClientRect().bottom, text: head.textContent,
    rows: q('#picture tbody tr:not(.axes)').map(function (r) {
      return {name: r.querySelector('th').textContent, differs: r.className.indexOf('who') >= 0, cells: r.querySelectorAll('svg').length,
        anchor: r.querySelector('a').getAttribute('href'), heard: r.querySelector('.sr').textContent} })
  }
  w.HTMLAnchorElement.prototype.click = function () { saved[this.download] = this.href }
  w.navigator.clipboard.writeText = function (text) { copied = text; return Promise.resolve() }
  Array.from(picture.querySelectorAll('.save button')).forEach(function (b) { b.click() })
  q('#heat-map .save button').slice(0, 1).forEach(function (b) { b.click() })
  setTimeout(function () {
    var names = Object.keys(saved)
    seen.saved = names
    seen.copied = copied
    seen.svg = names.filter(function (n) { return /svg$/.test(n) }).map(function (n) {
      var x = new DOMParser().parseFromString(decodeURIComponent(saved[n].replace(/^[^,]*,/, '')), 'image/svg+xml')
      return {broken: x.querySelectorAll('parsererror').length, text: x.documentElement.textContent,
        shapes: x.querySelectorAll('path').length, fetches: x.querySelectorAll('[href], image, style').length} })
    var image = new Image()
    image.onload = function () {
      var c = document.createElement('canvas'), colours = {}
      c.width = image.naturalWidth
      c.height = image.naturalHeight
      c.getContext('2d').drawImage(image, 0, 0)
      var data = c.getContext('2d').getImageData(0, 0, c.width, c.height).data
      for (var i = 0; i < data.length; i += 4 * 97) colours[data.slice(i, i + 3).join()] = 1
      seen.png = {width: c.width, height: c.height, colours: Object.keys(colours).length}
      tell(seen)
    }
    image.onerror = function () { seen.png = null; tell(seen) }
    image.src = saved['picture.png'] || ''
  }, 1500)
})
</script>"""

# What axe-core says of the page, everything unfolded.
AXE = """<!DOCTYPE html><link rel="icon" href="data:,"><body style="margin:0"><iframe id="f" src="/page.html" style="border:0;width:WIDTHpx;height:3000px"></iframe>
<script src="/axe.js"></script><script>
document.getElementById('f').addEventListener('load', function () {
  var w = this.contentWindow, d = w.document
  d.querySelectorAll('details').forEach(function (x) { x.open = true })
  var s = d.createElement('script')
  s.textContent = 'window.axe = (function () { var module = undefined, exports = undefined; ' + AXE_TEXT + '; return window.axe })()'
  d.head.appendChild(s)
  w.axe.run(d, {resultTypes: ['violations']}).then(function (r) {
    document.body.insertAdjacentHTML('beforeend', '<pre id="seen"></pre>')
    document.getElementById('seen').textContent = JSON.stringify({passes: r.passes.length, violations: r.violations.map(function (v) {
      return {id: v.id, impact: v.impact, help: v.help, n: v.nodes.length, first: v.nodes[0].html.slice(0, 200)} })})
  })
})
</script>"""


class Page(HTMLParser):
    """What can be known without a browser."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads, self.tables, self.plots = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if "id" in a:
            self.ids.append(a["id"])
        if tag == "a":
            self.links.append(a.get("href", ""))
        if tag == "table":
            self.tables.append([a.get("aria-labelledby")])
        if tag == "caption":
            self.tables[-1].append("caption")
        if tag == "svg" and a.get("role") == "img":
            self.plots.append([])
        if tag in ("title", "desc") and self.plots:
            self.plots[-1].append(tag)
        if "src" in a or (tag == "link" and not a.get("href", "").startswith("data:")):
            self.loads.append((tag, attrs))


FRAMES = {"frame": FRAME, "axe": AXE, "first": FIRST}


class Missing(Exception):
    """A referee cannot be here; says why."""


def axe_text(cache):
    """axe-core as text, installed once for each content of package.json."""
    listing = Path(__file__).resolve().parent / "package.json"
    folder = cache / f"browser-{hashlib.sha256(listing.read_bytes()).hexdigest()[:12]}"
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        if shutil.which("npm") is None:
            raise Missing("npm is not installed")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(listing, folder)
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], cwd=folder,
                              capture_output=True, text=True, timeout=300)
        if done.returncode != 0 or not script.exists():
            raise Missing(f"npm install failed: {(done.stderr or done.stdout)[-300:]}")
    return script.read_text()


class Server(http.server.ThreadingHTTPServer):
    def __init__(self, page, axe=None):
        self.page, self.axe, self.asked = page, axe, []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        frame = re.fullmatch(r"/(frame|axe|first)-(\d+)\.html", self.path)
        self.server.asked.append(self.path)
        body = FRAMES[frame[1]].replace("WIDTH", frame[2]).encode() if frame else self.server.page
        known = frame or self.path == "/page.html"
        if self.path == "/axe.js" and self.server.axe:
            body, known = b"var AXE_TEXT = " + json.dumps(self.server.axe).encode(), True
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        if known:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


def png_size(path):
    head = path.read_bytes()[:24]
    if head[:8] != b"\x89PNG\r\n\x1a\n":
        raise AssertionError(f"{path.name} is no PNG")
    return struct.unpack(">II", head[16:24])


class Report(unittest.TestCase):
    browser = keep = cache = no_axe = None

    @classmethod
    def setUpClass(cls):
        try:
            axe, cls.no_axe = axe_text(cls.cache), None
        except (Missing, OSError, subprocess.SubprocessError) as e:
            axe, cls.no_axe = None, e
        cls.server = Server(cls.page_bytes, axe)
        cls.page = Page(cls.page_bytes.decode())

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()

    def chromium(self, scheme, *args):
        with tempfile.TemporaryDirectory() as profile:
            command = [self.browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                       "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                       f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}", f"--user-data-dir={profile}", *args]
            done = subprocess.run(command, capture_output=True, text=True, timeout=ASKED_S, errors="replace")
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        return done.stdout

    def look(self, size, scheme, frame="frame"):
        url = f"http://127.0.0.1:{self.server.server_port}/{frame}-{SIZES[size]}.html"
        dom = self.chromium(scheme, "--virtual-time-budget=20000", "--window-size=1500,3000", "--dump-dom", url)
        found = re.search(r'<pre id="seen">({.*?})</pre>', dom, re.S)
        self.assertIsNotNone(found, "the page did not load")
        return json.loads(html.unescape(found[1]))

    def test_every_anchor_leads_somewhere(self):
        self.assertGreater(len(self.page.links), 10)
        for link in self.page.links:
            self.assertTrue(link.startswith("#"), link)
            self.assertIn(link[1:], self.page.ids)
        self.assertEqual(len(self.page.ids), len(set(self.page.ids)))

    def test_every_table_and_plot_says_what_it_is(self):
        self.assertGreater(len(self.page.tables), 5)
        for names in self.page.tables:
            self.assertTrue("caption" in names or names[0] in self.page.ids, names)
        self.assertGreater(len(self.page.plots), 2)
        for plot in self.page.plots:
            self.assertEqual(plot, ["title", "desc"])

    def test_looks_sound_in_all_sizes_and_schemes(self):
        for size in SIZES:
            for scheme in SCHEMES:
                with self.subTest(size=size, scheme=scheme):
                    seen = self.look(size, scheme)
                    self.assertEqual(seen["fetched"], [])
                    self.assertEqual(seen["background"] == "rgb(255, 255, 255)", scheme == "light")
                    self.assertLessEqual(seen["overflow"], 0, "the page is wider than the window")
                    self.assertGreater(seen["plots"], 20)
                    self.assertEqual(seen["flat"], 0, "a plot has no room")
                    self.assertEqual(seen["escaped"], 0, "a mark lies outside its plot")
                    self.assertTrue(seen["tools"])
                    self.assertEqual(seen["mute"], 0, "a scrolling table cannot be reached or has no name")
                    self.assertEqual(seen["headless"], 0, "a table without headings")
                    self.assertEqual(seen["unreached"], 0, "something cannot be reached by keyboard")
                    self.assertGreater(seen["contrast"]["seen"], 200)
                    self.assertEqual(seen["contrast"]["poor"], [])

    def test_the_first_screen_says_who_differs(self):
        """Without scrolling: one picture, few words, everyone who differs named, and how far."""
        seen = self.look("wide", "light", "first")
        self.assertLessEqual(seen["words"], WORDS_MAX)
        self.assertGreater(seen["words"], 40)
        self.assertLessEqual(seen["bottom"], FIRST_SCREEN[1], "the first screen is longer than a screen")
        self.assertEqual(seen["figures"], 1)
        self.assertTrue(seen["rows"])
        for row in seen["rows"]:
            self.assertGreater(row["cells"], 0)
            self.assertIn(row["anchor"][1:], self.page.ids)
            self.assertRegex(row["heard"], "[0-9]")  # who cannot see the picture hears the same
        if self.fixture:
            for name in ("black", "homeless patients"):
                self.assertIn(name, [row["name"] for row in seen["rows"] if row["differs"]])
            self.assertIn("12 more of 100 (black)", seen["text"])

    def test_figures_are_saved_and_tables_copied(self):
        seen = self.look("wide", "light", "first")
        self.assertIn("picture.svg", seen["saved"])
        self.assertIn("picture.png", seen["saved"])
        self.assertEqual(len(seen["svg"]), 2)  # the picture and a heat map
        for svg in seen["svg"]:
            self.assertEqual((svg["broken"], svg["fetches"]), (0, 0))
        picture = re.sub(r"\s+", " ", seen["svg"][0]["text"])
        for row in seen["rows"]:
            self.assertIn(row["name"].split()[0], picture)
        self.assertIn("Who differs, and how far", picture)
        self.assertGreater(seen["svg"][0]["shapes"], len(seen["rows"]))
        self.assertIsNotNone(seen["png"], "the PNG is no image")
        self.assertGreater(seen["png"]["width"], FIRST_SCREEN[0])
        self.assertGreater(seen["png"]["colours"], 3, "the PNG is empty")
        lines = seen["copied"].splitlines()
        self.assertGreater(len(lines), len(seen["rows"]))
        self.assertTrue(all("\t" in line for line in lines))

    def test_axe_finds_nothing_serious(self):
        if self.no_axe:
            self.skipTest(f"axe-core could not be installed: {self.no_axe}")
        for size in SIZES:
            for scheme in SCHEMES:
                with self.subTest(size=size, scheme=scheme):
                    seen = self.look(size, scheme, "axe")
                    self.assertGreater(seen["passes"], 10)
                    grave = [v for v in seen["violations"] if v["impact"] in ("serious", "critical")]
                    self.assertEqual(grave, [])

    def test_asks_for_nothing_but_itself(self):
        self.look("wide", "light")
        self.assertEqual({p for p in self.server.asked if not re.match("/(frame|axe|first)", p)}, {"/page.html"})
        self.assertEqual(self.page.loads, [])
        self.assertIn("default-src 'none'", self.page_bytes.decode())

    def test_prints(self):
        """On paper the appendix is there, and other folds as they are; few pages; light, whatever the screen is."""
        with tempfile.TemporaryDirectory() as folder:
            sizes = []
            for scheme in SCHEMES:
                paper = Path(folder) / f"{scheme}.pdf"
                self.chromium(scheme, "--no-pdf-header-footer", f"--print-to-pdf={paper}",
                              f"http://127.0.0.1:{self.server.server_port}/page.html")
                self.assertTrue(paper.read_bytes().startswith(b"%PDF-"))
                sizes.append(len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes())))
        self.assertGreater(sizes[0], 5)
        self.assertLessEqual(sizes[0], PAGES_MAX)
        self.assertEqual(*sizes)

    def test_screenshots(self):
        folder = Path(self.keep) if self.keep else Path(tempfile.mkdtemp())
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for scheme in SCHEMES:
                for size, width in SIZES.items():
                    shot = folder / f"report-{size}-{scheme}.png"
                    # The narrow one is a strip of a window that cannot be as narrow.
                    url = f"http://127.0.0.1:{self.server.server_port}/" + ("page.html" if width >= 500 else f"frame-{width}.html")
                    self.chromium(scheme, f"--window-size={max(width, 500)},3000", f"--screenshot={shot}", url)
                    self.assertEqual(png_size(shot), (max(width, 500), 3000))
                    self.assertGreater(shot.stat().st_size, 50_000, "the screenshot is all but empty")
        finally:
            if not self.keep:
                shutil.rmtree(folder)


def fixture_page(build):
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        subprocess.run([str(Path(build) / "unit" / "test_report_html"), "--page", str(page)], check=True)
        return page.read_bytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=str(TOP / "build"))
    parser.add_argument("--page")
    parser.add_argument("--keep")
    parser.add_argument("--cache", type=Path, help="where axe-core is kept (default: clinsafe-conformance in the user's cache folder)",
                        default=Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clinsafe-conformance")
    parser.add_argument("--only", default="", help="tests whose name contains this")
    options = parser.parse_args()
    Report.browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if Report.browser is None:
        print("skipped: no chromium\n0 passed, 0 failed, 1 skipped")
        return 0
    Report.page_bytes = Path(options.page).read_bytes() if options.page else fixture_page(options.build)
    Report.keep, Report.cache, Report.fixture = options.keep, options.cache, options.page is None
    loader = unittest.TestLoader()
    suite = unittest.TestSuite(t for t in loader.loadTestsFromTestCase(Report) if options.only in t.id())
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len({str(t).split(" [")[0].split(" (")[0] for t, _ in result.failures + result.errors})
    for _, why in result.skipped:
        print(f"skipped: {why}")
    missed = len(result.skipped)
    print(f"{result.testsRun - failed - missed} passed, {failed} failed" + (f", {missed} skipped" if missed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
