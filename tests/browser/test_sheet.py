#!/usr/bin/env python3
"""The page for raters, filled in a real browser: tests/browser/test_sheet.py [--build DIR]

Makes a sheet of a small study that was run, opens it in headless Chromium, writes a name, chooses a word for every field of every
item by clicking, goes on, and compares what would be saved with what was clicked; then imports it. A page with images draws each of them at its
own size, under the policy that it came with. Without Chromium: `skipped: no chromium`.
"""
import argparse
import csv
import html
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
FILL = """<script>
window.addEventListener('load', function () {
  el('rater').value = 'Dr. Browser'; el('rater').dispatchEvent(new Event('input'))
  for (var k = 0; k < D.items.length; k++) {
    document.querySelectorAll('#item fieldset').forEach(function (set, i) {
      var radios = set.querySelectorAll('input[type=radio]'), text = set.querySelector('input:not([type=radio])')
      if (radios.length) radios[(k + i) % radios.length].click()
      else { text.value = 'note, "' + k + '"'; text.dispatchEvent(new Event('input')) }
    })
    if (k < D.items.length - 1) el('next').click()
  }
  var kept = JSON.parse(localStorage.getItem(D.id) || '{}'), saved = table()
  document.body.textContent = ''
  var out = document.createElement('pre'); out.id = 'saved'
  out.textContent = JSON.stringify({table: saved, kept: Object.keys(kept.said || {}).length, wide: document.documentElement.scrollWidth})
  document.body.appendChild(out)
})
</script>"""

LOOK = """<script>
window.addEventListener('load', async function () {
  var seen = []
  for (var k = 0; k < D.items.length; k++) {
    show(k, false)
    var now = [...document.querySelectorAll('#item img')]
    await Promise.all(now.map(function (i) { return i.complete || new Promise(function (go) { i.onload = i.onerror = go }) }))
    seen.push(now.map(function (i) { return [i.alt, i.naturalWidth, i.naturalHeight, i.getBoundingClientRect().right <= innerWidth] }))
  }
  document.body.textContent = ''
  var out = document.createElement('pre'); out.id = 'saved'; out.textContent = JSON.stringify(seen); document.body.appendChild(out)
})
</script>"""


def main():
    parser = argparse.ArgumentParser(description="Fills the raters' page in Chromium.")
    parser.add_argument("--build", default="build", help="where the programs are")
    args = parser.parse_args()
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        print("skipped: no chromium\n0 passed, 0 failed, 1 skipped")
        return 0
    os.environ["CLINSAFE_BUILD"] = args.build
    sys.path[:0] = [str(TOP / "tests" / "lib"), str(TOP / "tests" / "e2e")]
    import harness
    import test_images
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        shutil.copytree(harness.FIXTURES / "small", folder / "small")
        study, page = folder / "small" / "study.yaml", folder / "sheet.html"

        def clinsafe(*words):
            done = subprocess.run([harness.program("clinsafe"), *map(str, words)], env=harness.environment(), capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return done.stdout
        clinsafe("run", study, "--workers", 1)
        clinsafe("labels", study, "--sample", 8, "--blind", "--rate", "remark", "--out", page)

        def told_by(page, script):
            """What the script says on the page, and the page's data."""
            text = page.read_text(encoding="utf-8")
            page.write_text(text.replace("</body>", script + "</body>"), encoding="utf-8")
            dom = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile", "--virtual-time-budget=4000",
                                  "--window-size=420,900", "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=90).stdout
            return (json.loads(html.unescape(re.search(r'<pre id="saved">(.*?)</pre>', dom, re.S).group(1))),
                    json.loads(re.search(r'id="data">(.*?)</script>', text, re.S).group(1)))
        saved, data = told_by(page, FILL)
        rows = list(csv.DictReader(io.StringIO(saved["table"], newline="")))
        wanted = []
        for k, item in enumerate(data["items"]):
            said = {f"rating.{f}": w[(k + i) % len(w)] if w else f'note, "{k}"' for i, (f, w) in enumerate(zip(data["fields"], item["words"]))}
            wanted.append({"item": item["values"][0], "rater": "Dr. Browser", **said})
        out = folder / "ratings-Dr-Browser.csv"
        out.write_text(saved["table"], newline="")
        brought = clinsafe("labels", study, "--import", out)

        (folder / "skin").mkdir()
        skin, photos = test_images.write(folder / "skin", ["chat"])
        clinsafe("review", skin, "--out", folder / "review.html")
        seen, data = told_by(folder / "review.html", LOOK)
        sizes = {"a.png": [9, 5], "b.jpg": [8, 6], "large.bin": [640, 640], "d.webp": [8, 6], "e.png": [400, 3]}
        drawn = [[["image 1", *list(sizes.values())[k % len(photos)], True], ["image 2", 20, 20, True]] for k in range(len(seen))]
        found = [("each item has its images, whole, and none is wider than the page", len(seen) == 10 and seen == drawn),
                 ("what was clicked is what is saved", rows == wanted), ("every item is kept in the browser", saved["kept"] == 8),
                 ("nothing spills over the side of a phone", saved["wide"] <= 500), ("what is saved comes back", "24 ratings added" in brought)]
    for name, good in found:
        print(f"  {'ok' if good else 'FAILED':6} {name}")
    failed = sum(not good for _, good in found)
    print(f"{len(found) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
