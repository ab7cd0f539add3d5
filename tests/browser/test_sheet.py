#!/usr/bin/env python3
"""The page for raters, filled in a real browser: tests/browser/test_sheet.py [--build DIR]

Makes a sheet of a small study that was run, opens it in headless Chromium, writes a name, chooses a word for every field of every
item by clicking, goes on, and compares what would be saved with what was clicked; then imports it. Without Chromium:
`skipped: no chromium`.
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


def main():
    parser = argparse.ArgumentParser(description="Fills the raters' page in Chromium.")
    parser.add_argument("--build", default="build", help="where the programs are")
    args = parser.parse_args()
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        print("skipped: no chromium\n0 passed, 0 failed, 1 skipped")
        return 0
    os.environ["CLINSAFE_BUILD"] = args.build
    sys.path.insert(0, str(TOP / "tests" / "lib"))
    import harness
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
        text = page.read_text(encoding="utf-8")
        data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S).group(1))
        page.write_text(text.replace("</body>", FILL + "</body>"), encoding="utf-8")
        dom = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile", "--virtual-time-budget=4000",
                              "--window-size=420,900", "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=90).stdout
        saved = json.loads(html.unescape(re.search(r'<pre id="saved">(.*?)</pre>', dom, re.S).group(1)))
        rows = list(csv.DictReader(io.StringIO(saved["table"], newline="")))
        wanted = []
        for k, item in enumerate(data["items"]):
            said = {f"rating.{f}": w[(k + i) % len(w)] if w else f'note, "{k}"' for i, (f, w) in enumerate(zip(data["fields"], item["words"]))}
            wanted.append({"item": item["values"][0], "rater": "Dr. Browser", **said})
        out = folder / "ratings-Dr-Browser.csv"
        out.write_text(saved["table"], newline="")
        brought = clinsafe("labels", study, "--import", out)
        found = [("what was clicked is what is saved", rows == wanted), ("every item is kept in the browser", saved["kept"] == 8),
                 ("nothing spills over the side of a phone", saved["wide"] <= 500), ("what is saved comes back", "24 ratings added" in brought)]
    for name, good in found:
        print(f"  {'ok' if good else 'FAILED':6} {name}")
    failed = sum(not good for _, good in found)
    print(f"{len(found) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
