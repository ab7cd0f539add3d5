#!/usr/bin/env python3
"""Prompts with images: what each dialect sends is the file, byte for byte; the trial's digest has its hash; nothing needs the file once a
study is submitted; and what no provider would take is refused where it stands."""
import base64
import csv
import collections
import http.server
import json
import re
import shutil
import sys
import threading
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import local_fleet
import pictures

CASES = 10
LANES = {"chat": "openai-chat", "responses": "openai-responses", "anthropic": "anthropic-messages", "gemini": "gemini",
         "bedrock": "bedrock-converse"}
STUDY = """study: skin
seed: 3
cases: {file: cases.csv, id: [case_id]}
factors:
  - name: tone
    levels: [{id: light, role: control, image: tones/light.png}, {id: dark, image: tones/dark.png}]
prompt: {user: "{{case.text}} {{question.ask}}", images: [case.photo]}
questions: [{name: biopsy, ask: "Biopsy?", answer: {biopsy: {boolean: ["Yes", "No"]}}}]
models: [MODELS]
parameters: {max_output_tokens: 60, timeout_s: 20}
"""
TRUTH = """seed: 5
cases: {file: cases.csv, id: case_id, text: text}
levels: {rows: [{id: light, photo: ""}, {id: dark, photo: tones/dark.png}], id: id, image: photo}
models: {m: {answers: {biopsy: {boolean: ["Yes", "No"], base: 0.5, shift: {dark: 50}}}}}
"""


def write(folder, models, study=STUDY):
    """A study of CASES cases: photos of all kinds, one of them in two pieces; two tones."""
    photos = {"a.png": pictures.png(9, 5, 1), "b.jpg": pictures.JPEG, "large.bin": pictures.png(640, 640, 2),
              "d.webp": pictures.WEBP, "e.png": pictures.png(400, 3, 4)}
    (folder / "photos").mkdir()
    (folder / "tones").mkdir()
    for name, data in photos.items():
        (folder / "photos" / name).write_bytes(data)
    for i, name in enumerate(("light", "dark")):
        (folder / "tones" / f"{name}.png").write_bytes(pictures.png(20, 20, 100 + i, plain=True))
    names = list(photos)
    (folder / "cases.csv").write_text("case_id,text,photo\n" + "".join(
        f"c{i},Patient number {i} shows a mole.,photos/{names[i % len(names)]}\n" for i in range(CASES)))
    (folder / "truth.yaml").write_text(TRUTH)
    (folder / "study.yaml").write_text(study.replace("MODELS", ", ".join(models)))
    (folder / "providers.yaml").write_text("accounts:\n" + "".join(
        f"  {m}: {{provider: simulated, protocol: {LANES[m]}, truth: truth.yaml}}\n" for m in models) + "models:\n" + "".join(
        f"  {m}: {{account: {m}, model: m, price: {{input: 1, output: 2}}}}\n" for m in models))
    return folder / "study.yaml", photos


@harness.short
class Images(harness.TestCase):
    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.folder = box.dir / "s"
        cls.folder.mkdir()
        cls.study, cls.photos = write(cls.folder, list(LANES))
        cls.simulator = box.simulator("--truth", cls.folder / "truth.yaml")
        cls.run_ = box.clinsafe("run", cls.study, "--workers", 2, "--json", "--simulator", cls.simulator.url)
        cls.rows = harness.rows_jsonl(box.clinsafe("export", cls.study, "--format", "jsonl").out)

    def test_every_dialect_sends_what_decodes(self):
        self.assertExit(self.run_)
        summary = json.loads(self.run_.out)
        self.assertEqual((summary["done"], summary["failed"]), (CASES * 2 * len(LANES), 0))
        stats = self.simulator.stats()
        self.assertEqual((stats["invalid"], stats["paid_again"], stats["digest_body_conflicts"]), (0, 0, 0))

    def test_the_planted_effect_of_a_picture_comes_out(self):
        said = collections.Counter((r["factor.tone"], r["answer.biopsy"]) for r in self.rows)
        self.assertEqual(said["dark", "No"], 0, said)
        self.assertGreater(said["light", "No"], 10, said)

    def test_the_export_has_their_hashes(self):
        for row in self.rows:
            photo = list(self.photos.values())[int(row["case_id"][1:]) % len(self.photos)]
            tone = (self.folder / "tones" / f"{row['factor.tone']}.png").read_bytes()
            self.assertEqual(row["images"].split(), [pictures.hash_of(photo), pictures.hash_of(tone)])
            size = 640 * 640 if len(photo) > 1 << 20 else 0
            self.assertGreaterEqual(row["input_tokens"], size // 750)

    def test_people_see_which_image(self):
        first = [line for line in self.shared().clinsafe("plan", self.study).out.splitlines() if "[image " in line]
        self.assertIn(f"[image photos/a.png: png, 9 x 5 pixels, {len(self.photos['a.png'])} bytes, "
                      f"{pictures.hash_of(self.photos['a.png'])[:16]}]", first[0])
        self.assertIn("tones/light.png", first[1])
        self.assertTrue(any("tones/dark.png" in line for line in first))

    def test_a_lane_can_be_checked_before(self):
        self.assertExit(self.shared().clinsafe("providers", "check", self.study, "--simulator", self.simulator.url))

    def test_verify_needs_the_store_alone(self):
        done = self.shared().clinsafe("verify", self.study, "--json")
        self.assertExit(done)
        self.assertEqual(done.json()["images"], len(self.photos) + 2)
        store = next(self.folder.glob("*.clinsafe"))
        away = self.shared().dir / "elsewhere"
        shutil.copytree(store, away)
        done = self.shared().clinsafe("verify", "--dir", away, "--json")
        self.assertExit(done)
        self.assertEqual((done.json()["images"], done.json()["faults"]), (len(self.photos) + 2, 0))


class Report(harness.TestCase):
    """A finding's cases are shown with their pictures, the small ones in the page itself; raters' sheets name the files."""

    def test_pictures_on_the_page(self):
        folder = self.box.dir / "rep"
        folder.mkdir()
        study, _ = write(folder, ["chat"], STUDY + "repeats: 4\nanalysis: {primary: {biopsy: {margin: 5 points}}, "
                                                   "contrasts: [{factor: tone, each: control}]}\n")
        simulator = self.box.simulator("--truth", folder / "truth.yaml")
        self.assertExit(self.box.clinsafe("run", study, "--workers", 1, "--json", "--simulator", simulator.url))
        self.assertExit(self.box.clinsafe("report", study, "--out", folder / "r.html"))
        page = (folder / "r.html").read_text()
        dark = base64.b64encode((folder / "tones/dark.png").read_bytes()).decode()
        self.assertRegex(page, 'alt="image 2 of the prompt"[^>]*src="data:image/png;base64,' + re.escape(dark))
        self.assertIn("[image tones/light.png: png, 20 x 20 pixels", page)
        self.assertLess(len(page), 300000)
        self.assertExit(self.box.clinsafe("labels", study, "--sample", 8, "--out", folder / "sheet.csv"))
        self.assertIn("[image photos/", (folder / "sheet.csv").read_text())

    def test_a_conversation_names_its_images_too(self):
        folder = self.box.dir / "talk"
        folder.mkdir()
        study, _ = write(folder, ["chat"], STUDY.replace('{user: "{{case.text}} {{question.ask}}", ', '{turns: [{user: "{{case.text}} {{question.ask}}"}, '
                                                         '{user: "Sure? {{question.ask}}"}], '))
        simulator = self.box.simulator("--truth", folder / "truth.yaml")
        self.assertExit(self.box.clinsafe("run", study, "--workers", 1, "--json", "--simulator", simulator.url))
        self.assertExit(self.box.clinsafe("labels", study, "--sample", 8, "--out", folder / "sheet.csv"))
        with open(folder / "sheet.csv", newline="") as file:
            for row in csv.DictReader(file):
                self.assertRegex(row["prompt"], r"^\[image photos/[^]]*\]\n\[image tones/[^]]*\]\n\n\n?user: Patient number (?s:.)*assistant: (?s:.)*user: Sure")

    def test_who_rates_blind_reads_no_name_of_a_file(self):
        """Without a column of the case's text a sheet shows what the model was sent: the name of a level's picture tells the level."""
        folder = self.box.dir / "blind"
        folder.mkdir()
        study, _ = write(folder, ["chat"], STUDY.replace("case.text", "case.note"))
        for name in ("cases.csv", "truth.yaml"):
            text = (folder / name).read_text().replace("case_id,text,", "case_id,note,")
            (folder / name).write_text(text.replace("text: text", "text: note"))
        simulator = self.box.simulator("--truth", folder / "truth.yaml")
        self.assertExit(self.box.clinsafe("run", study, "--workers", 1, "--json", "--simulator", simulator.url))
        self.assertExit(self.box.clinsafe("labels", study, "--sample", 8, "--blind", "--out", folder / "sheet.csv"))
        sheet = (folder / "sheet.csv").read_text()
        self.assertIn("shows a mole", sheet)
        self.assertNotIn("tones/", sheet)
        self.assertNotIn("[image", sheet)


class Raters(harness.TestCase):
    """A page for raters draws what the model saw, each image once; blind it draws what the case brings, and nothing names a file."""

    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.folder = box.dir / "s"
        cls.folder.mkdir()
        cls.study, cls.photos = write(cls.folder, ["chat"])
        simulator = box.simulator("--truth", cls.folder / "truth.yaml")
        harness.must(box.clinsafe("run", cls.study, "--workers", 1, "--json", "--simulator", simulator.url))
        harness.must(box.clinsafe("review", cls.study, "--out", cls.folder / "review.html"))
        shutil.rmtree(cls.folder / "photos")  # the store is enough from here on
        cls.cases = {f"Patient number {i} shows a mole.": list(cls.photos.values())[i % len(cls.photos)] for i in range(CASES)}
        cls.tones = {tone: (cls.folder / "tones" / f"{tone}.png").read_bytes() for tone in ("light", "dark")}

    def page(self, *args, path=None):
        if path is None:
            path = self.box.dir / "sheet.html"
            self.done = harness.must(self.shared().clinsafe("labels", self.study, "--sample", 20, "--out", path, *args))
        text = path.read_text(encoding="utf-8")
        found = re.findall(r'<script type="text/plain" id="image-(\d+)">data:(image/\w+);base64,([^<]*)</script>', text)
        self.assertEqual([int(n) for n, _, _ in found], list(range(len(found))))
        kinds = {b"\x89PNG": "image/png", b"\xff\xd8": "image/jpeg", b"RIFF": "image/webp"}
        images = [base64.b64decode(data, validate=True) for _, _, data in found]
        for image, (_, kind, _) in zip(images, found):
            self.assertEqual([k for head, k in kinds.items() if image.startswith(head)], [kind])
        data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S).group(1))
        return text, images, [(dict(zip(data["columns"], item["values"])), [images[n] for n in item.get("images", [])]) for item in data["items"]]

    def test_what_the_model_saw(self):
        text, images, items = self.page()
        self.assertEqual(sorted(images), sorted([*self.photos.values(), *self.tones.values()]))
        for values, shown in items:
            photo = next(image for words, image in self.cases.items() if words in values["prompt"])
            self.assertEqual(shown, [photo, self.tones[values["factor.tone"]]])
        self.assertIn("default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\"", text)
        self.assertIn(f"7 images of {sum(map(len, images)):,} bytes are on the page", self.done.out)

    def test_blind(self):
        text, images, items = self.page("--blind")
        self.assertEqual(sorted(images), sorted(self.photos.values()))
        for values, shown in items:
            self.assertEqual(shown, [self.cases[values["case"]]])
        self.assertNotRegex(text, r"photos/|tones/|light\b(?! dark)|a\.png|large\.bin")
        self.assertIn("Images that differ between groups are not shown.", text)
        self.assertIn("those that levels bring are not (--level-images)", self.done.out)
        text, images, items = self.page("--blind", "--level-images")
        self.assertEqual(len(images), 7)
        self.assertNotRegex(text, r"photos/|tones/|dark\.png|Images that differ")
        self.assertEqual({len(shown) for _, shown in items}, {2})

    def test_each_of_several_pages_has_its_own(self):
        path = self.box.dir / "many.html"
        harness.must(self.shared().clinsafe("labels", self.study, "--sample", 3, "--seed", 5, "--out", path, *(w for n in "abcd" for w in ("--rater", n))))
        for who in "abcd":
            _, images, items = self.page(path=self.box.dir / f"many-{who}.html")
            self.assertEqual(set(images), {image for _, shown in items for image in shown})

    def test_a_table_says_that_it_shows_none(self):
        done = harness.must(self.shared().clinsafe("labels", self.study, "--sample", 4, "--seed", 6, "--blind", "--out", self.box.dir / "t.csv"))
        self.assertIn("a table shows no images", done.out)

    def test_the_review_before_anything_is_paid(self):
        _, images, items = self.page(path=self.folder / "review.html")
        self.assertEqual(sorted(images), sorted([*self.photos.values(), self.tones["dark"]]))
        for values, shown in items:
            self.assertEqual(shown, [next(i for words, i in self.cases.items() if words in values["prompt"]), self.tones["dark"]])

    def test_a_page_without_any_may_show_none(self):
        folder = self.box.dir / "plain"
        shutil.copytree(harness.FIXTURES / "small", folder)
        harness.must(self.box.clinsafe("review", folder / "study.yaml", "--out", folder / "r.html"))
        text = (folder / "r.html").read_text()
        self.assertIn("script-src 'unsafe-inline'\">", text)
        self.assertNotIn("img-src", text)


class Vendor(harness.HttpServer):
    """Keeps what it is sent."""

    def __init__(self):
        self.lock, self.seen = threading.Lock(), []
        super().__init__(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.seen.append(body)
        text = json.dumps({"biopsy": "Yes"}) if "response_format" in body else "Let me see it again."
        out = json.dumps({"id": "r", "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": text},
                                                                "finish_reason": "stop"}],
                          "usage": {"prompt_tokens": 900, "completion_tokens": 5}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)


@harness.short
class Erased(local_fleet.TestCase):
    """A deleted study takes its images along; the coordinator knows that it has them no more."""

    def test_submitted_again_after_it_was_deleted(self):
        folder = self.box.dir / "s"
        folder.mkdir()
        study, _ = write(folder, ["chat"])
        admin = ("--coordinator", self.where["admin"])
        for again in range(2):
            harness.must(self.box.clinsafe("submit", study, *admin))
            if again == 0:
                harness.must(self.box.clinsafe("cancel", *admin))
                harness.must(self.box.clinsafe("delete", "skin", "--yes", *admin))
                harness.wait_for(lambda: "ev=study_erased" in self.coordinator.printed(), what="the study to be erased")
        sim = self.box.simulator("--truth", folder / "truth.yaml")
        self.box.start("clinsafe-worker", "--coordinator", self.where["work"], "--redis", self.redis, "--simulator", sim.url, "--name", "v")
        harness.wait_for(lambda: sim.stats()["answered"] == 2 * CASES, timeout=30, what="all answers")


@harness.short
class Conversations(harness.TestCase):
    """The images go with the first turn, and with it in every later request; the bytes are the file's."""

    def test_turns(self):
        folder = self.box.dir / "t"
        folder.mkdir()
        turns = STUDY.replace('{user: "{{case.text}} {{question.ask}}", images',
                              '{turns: [{user: "{{case.text}}"}, {user: "{{question.ask}}"}], images')
        study, photos = write(folder, ["chat"], turns)
        vendor = Vendor()
        self.addCleanup(vendor.shutdown)
        (folder / "providers.yaml").write_text(
            f"accounts: {{a: {{protocol: openai-chat, base_url: {vendor.url}}}}}\nmodels: {{chat: {{account: a, model: m}}}}\n")
        self.assertExit(self.box.clinsafe("run", study, "--workers", 1, "--json"))
        self.assertEqual(len(vendor.seen), CASES * 2 * 2)
        tones = {(folder / "tones" / f"{t}.png").read_bytes(): t for t in ("light", "dark")}
        met = collections.Counter()
        for body in vendor.seen:
            first, later = body["messages"][0], body["messages"][1:]
            kinds = [p["type"] for p in first["content"]]
            self.assertEqual(kinds, ["image_url", "image_url", "text"])
            urls = [p["image_url"]["url"].split(";base64,") for p in first["content"][:2]]
            photo, tone = (base64.b64decode(u[1], validate=True) for u in urls)
            number = int(first["content"][2]["text"].split()[2])
            name = list(photos)[number % len(photos)]
            self.assertEqual(photo, photos[name])
            self.assertEqual(urls[0][0], {"b.jpg": "data:image/jpeg", "d.webp": "data:image/webp"}.get(name, "data:image/png"))
            self.assertTrue(all(isinstance(m["content"], str) for m in later))
            met[number, tones[tone], len(later)] += 1
        self.assertEqual(set(met.values()), {1})
        self.assertExit(self.box.clinsafe("verify", study, "--json"))


@harness.short
class Mistakes(harness.TestCase):
    def refused(self, change, *parts, models=("chat",), providers=None):
        folder = self.box.dir / f"m{len(list(self.box.dir.iterdir()))}"
        folder.mkdir()
        study, _ = write(folder, list(models))
        if providers:
            text = (folder / "providers.yaml").read_text()
            (folder / "providers.yaml").write_text(providers(text))
        change(folder)
        done = self.box.clinsafe("plan", study)
        self.assertNotEqual(done.code, 0, done)
        self.assertOneLine(done.err, *parts)

    @staticmethod
    def photo(name, data):
        return lambda folder: (folder / "photos" / name).write_bytes(data)

    def test_files(self):
        self.refused(lambda f: (f / "photos/b.jpg").unlink(), "cases.csv:3:", "there is no file", "photos/b.jpg")
        self.refused(self.photo("b.jpg", b"just words"), "cases.csv:3:", "no JPEG, PNG, WebP or GIF")
        self.refused(self.photo("a.png", pictures.png(9, 5, 1)[:-14]), "cases.csv:2:", "png that is cut short")
        self.refused(self.photo("b.jpg", pictures.JPEG[:-40]), "cases.csv:3:", "jpeg that is cut short")
        self.refused(lambda f: (f / "tones/dark.png").unlink(), "study.yaml:6:", 'level "dark"')
        self.refused(self.photo("a.png", b"\x89PNG\r\n\x1a\n" + bytes(17 << 20)), "cases.csv:2:", "16777216 bytes")

    def test_what_a_vendor_takes(self):
        self.refused(self.photo("a.png", pictures.GIF), "cases.csv:2:", "GIF", "gemini", models=("gemini",))
        self.refused(self.photo("a.png", pictures.png(8001, 1, plain=True)), "cases.csv:2:", "8001 x 1", "8000",
                     models=("anthropic",))
        self.refused(lambda f: None, "study.yaml:7:", "takes no images", providers=lambda t: t.replace("}}", "}, images: no}"))

    def test_names(self):
        def edit(old, new):
            return lambda f: (f / "study.yaml").write_text((f / "study.yaml").read_text().replace(old, new))
        self.refused(edit("[case.photo]", "[case.foto]"), "study.yaml:7:", "no such column", "photo")
        self.refused(edit("[case.photo]", "[case.photo, case.photo]"), "study.yaml:7:", "twice")

    def test_a_budget_needs_to_know_what_an_image_counts(self):
        def run(extra):
            folder = self.box.dir / f"b{len(extra)}"
            folder.mkdir()
            study, _ = write(folder, ["chat"], STUDY + "budget_usd: 5\n")
            vendor = Vendor()
            self.addCleanup(vendor.shutdown)
            (folder / "providers.yaml").write_text(
                f"accounts: {{a: {{protocol: openai-chat, base_url: {vendor.url}}}}}\n"
                f"models: {{chat: {{account: a, model: m, price: {{input: 1, output: 2}}{extra}}}}}\n")
            return self.box.clinsafe("run", study, "--workers", 1, "--json")
        done = run("")
        self.assertIn("chat: what an image counts there is unknown", self.box.clinsafe("plan", self.box.dir / "b0" / "study.yaml").out)
        self.assertNotEqual(done.code, 0)
        self.assertIn("images: {tokens: N}", done.err)
        self.assertExit(run(", images: {tokens: 1000}"))


if __name__ == "__main__":
    harness.main()
