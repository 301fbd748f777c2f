"""Where runs start, and what they read: codes, another teacher, several text pairs, runs after runs."""

import contextlib
import io
import shutil
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from retrain import Refusal, data, export, runs
from retrain.__main__ import main
from retrain.tests import toy

PLAN = """
name: toy
rules:
- {match: "*", bits: 2}
- {match: embedding, words: {clusters: 3, ratio: 2}}
- {match: fc2, bits: 3, group: 32}
- {match: encoder.self, bits: 2, alpha: uniform}
"""


class Starts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kept = tempfile.TemporaryDirectory()
        cls.root = Path(cls.kept.name)
        cls.model = toy.make_model(cls.root / "model")
        cls.train, cls.val = toy.make_texts(cls.root, 60), toy.make_texts(cls.root, 20)
        cls.plan = cls.root / "toy.yaml"
        cls.plan.write_text(PLAN)
        cls.first = cls.root / "first"
        cls.common = ["--plan", str(cls.plan), "--val", *cls.val, "--positions", "512", "--threads", "1", "--device", "cpu",
                      "--workers", "1", "--every", "2", "--alpha", "0"]
        if cls.retrain(cls.model, "first", "--train", *cls.train, "--steps", "3", "--rate", "3e-3") != 0:
            raise AssertionError("the first run failed")

    @classmethod
    def tearDownClass(cls):
        cls.kept.cleanup()

    @classmethod
    def retrain(cls, model, name, *more):
        return main([str(model), *cls.common, "-o", str(cls.root / name), "--cache", str(cls.root / "pieces"), *more])

    def codes(self, name):
        return load_file(self.root / name / "codes.safetensors")

    def assert_same_codes(self, name, others):
        ours, theirs = self.codes(name), self.codes(others)
        self.assertEqual(set(ours), set(theirs))
        for key in ours:
            self.assertTrue(torch.equal(ours[key], theirs[key]), key)

    def test_a_run_of_no_rate_gives_the_codes_back(self):
        done = self.retrain(self.first, "same", "--train", *self.train, "--teacher", str(self.model), "--steps", "5",
                            "--rate", "1e-9")
        self.assertEqual(done, 0)
        self.assert_same_codes("same", "first")

    def test_codes_of_another_form_are_fitted_anew(self):
        other = self.root / "other.yaml"
        other.write_text(PLAN.replace("bits: 3, group: 32", "bits: 1"))
        done = self.retrain(self.first, "other", "--plan", str(other), "--train", *self.train, "--steps", "1", "--rate",
                            "1e-9")
        self.assertEqual(done, 0)
        ours, theirs = self.codes("other"), self.codes("first")
        for key, found in ours.items():
            same = found.shape == theirs[key].shape and torch.equal(found, theirs[key])
            self.assertEqual(same, "fc2" not in key or key.endswith("exponent") and same, key)

    def test_damaged_codes_and_a_teacher_of_another_shape_are_refused(self):
        damaged = self.root / "damaged"
        shutil.copytree(self.first, damaged)
        tensors = load_file(damaged / "model.safetensors")
        name = "model.decoder.layers.0.fc1.weight"
        export.replace(damaged / "model.safetensors",
                       lambda to: export.save_file(tensors | {name: tensors[name] + 1}, to, metadata={"format": "pt"}))
        self.assertEqual(self.retrain(damaged, "no-1", "--train", *self.train, "--steps", "1"), 1)
        wider = toy.make_model(self.root / "wider", d=64)
        done = self.retrain(self.model, "no-2", "--train", *self.train, "--teacher", str(wider), "--steps", "1")
        self.assertEqual(done, 1)

    def test_an_epoch_is_all_pairs(self):
        def load(*texts):
            epochs = data.Epochs(self.model, texts, self.root / "pieces", None, 1, 1)
            return epochs.load(0)

        both, first, second = load(*self.train, *self.val), load(*self.train), load(*self.val)
        for side in ("source", "target"):
            for found, *parts in zip(both[side], first[side], second[side]):
                self.assertTrue(np.array_equal(found, np.concatenate(parts)))
        self.assertEqual(self.retrain(self.model, "two", "--train", *self.train, *self.val, "--steps", "1"), 0)

    def test_texts_that_are_no_pairs_are_refused(self):
        for texts in (self.train[:1], [*self.train, self.val[0]]):
            with self.assertRaises(SystemExit) as caught, contextlib.redirect_stderr(io.StringIO()) as said:
                self.retrain(self.model, "odd", "--train", *texts, "--steps", "1")
            self.assertEqual(caught.exception.code, 2)
            self.assertIn("--train takes pairs", said.getvalue())
        self.assertEqual(self.retrain(self.model, "uneven", "--train", self.train[0], self.val[1], "--steps", "1"), 1)


class Runs(unittest.TestCase):
    def setUp(self):
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.root = Path(kept.name)

    def write(self, *listed):
        path = self.root / "runs.yaml"
        path.write_text("\n".join([f"out: {self.root}/runs", "sets:", f"  a: {self.sets('a')}", f"  b: {self.sets('b')}",
                                   "runs:", *(f"- {{{run}}}" for run in listed)]))
        return path

    def sets(self, name):
        model = self.root / ("model" if name == "a" else "runs/one")
        texts = " ".join(str(self.root / f"text20.{side}") for side in ("en", "de"))
        return f"{model} --train {texts} --val {texts} --steps 1 --positions 512 --device cpu --threads 1 --alpha 0"

    def drive(self, path, *more):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            return runs.main([str(path), "--gpus", "0", *more]), said.getvalue()

    def test_a_run_waits_for_the_one_that_it_starts_from(self):
        toy.make_model(self.root / "model")
        toy.make_texts(self.root, 20)
        (self.root / "p.yaml").write_text(PLAN)
        plan = f"--plan {self.root / 'p.yaml'}"
        path = self.write(f"name: one, set: a, args: {plan}", f"name: two, set: b, args: {plan}, after: one")
        status, said = self.drive(path, "--only", "two")
        self.assertEqual((status, said.splitlines()[1:]), (3, ["two\twaits for one", "0 of 1 runs are done"]))
        status, said = self.drive(path)
        self.assertEqual((status, said.splitlines()[-1]), (0, "2 of 2 runs are done"), said)

    def test_it_waits_for_no_run_that_is_not_listed_above(self):
        for listed in (("name: two, set: a, args: x, after: one",),
                       ("name: two, set: a, args: x, after: one", "name: one, set: a, args: x")):
            with self.assertRaisesRegex(Refusal, "two comes after one"):
                runs.read(self.write(*listed))


if __name__ == "__main__":
    unittest.main()
