"""Small suites out of shipped studies: what tests/e2e/test_suite.py and tests/conformance/run run."""
import json
import re
import shutil

import yaml

import harness

SHIPPED = yaml.safe_load((harness.TOP / "ops" / "suites" / "v1.yaml").read_text())


def write(path, suite):
    path.write_text(yaml.safe_dump(suite, sort_keys=False, width=1000))


def small(box, studies=("pressure", "fabricated"), repeats=1, edit=lambda text: text):
    """A suite of these shipped studies with few repeats, edited, at the digests that they then have. Returns its file."""
    folder = box.dir / "ops"
    (folder / "suites").mkdir(parents=True)
    suite = {k: SHIPPED[k] for k in ("suite", "title", "canary")} | {"studies": []}
    for entry in json.loads(json.dumps(SHIPPED["studies"])):
        if entry["study"] not in studies:
            continue
        source = folder / "studies" / entry["study"]
        shutil.copytree(harness.TOP / "ops" / "studies" / entry["study"], source, ignore=shutil.ignore_patterns("*.clinsafe"))
        study = source / "study.yaml"
        study.write_text(edit(re.sub(r"(?m)^repeats: \d+", f"repeats: {repeats}", study.read_text())))
        suite["studies"].append(entry)
    path = folder / "suites" / "v1.yaml"
    write(path, suite)
    fix(box, path)
    return path


def fix(box, path):
    """Writes the digests that the studies have into the suite."""
    suite = yaml.safe_load(path.read_text())
    for entry, now in zip(suite["studies"], box.clinsafe("suite", "show", path, "--json").json()["studies"]):
        for part, digests in zip([entry] + [entry[k] for k in ("judged",) if k in entry], now["parts"]):
            part.update(spec=digests["spec"], analysis=digests["analysis"])
    write(path, suite)
