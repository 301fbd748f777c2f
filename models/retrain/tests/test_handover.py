"""A toy model trained on the CPU and handed over. LUTWIDGE names the program."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from retrain import Refusal, export, layout, pack, pieces, train
from retrain import plan as plans
from retrain.__main__ import main
from retrain.layout import read_config, read_tensors
from retrain.model import Marian
from retrain.quant import Banks
from retrain.tests import lwm, toy

PLAN = """
name: toy
rules:
- {match: "*", bits: 2}
- {match: embedding, words: {clusters: 3, ratio: 2}}
- {match: fc2, bits: 3, group: 32}
- {match: encoder.self, bits: 2, alpha: uniform}
"""


def lutwidge(*arguments, **more):
    return subprocess.run([os.environ["LUTWIDGE"], *map(str, arguments)], capture_output=True, text=True,
                          check=False, **more)


@torch.no_grad()
def translate(folder, lines, longest):
    """Greedy translations by the folder's weights, and of each its log probability and words."""
    config, device = read_config(folder), torch.device("cpu")
    weights = train.fixed_weights(*read_tensors(folder, config)[:2], layout.list_vectors(config),
                                  read_tensors(folder, config)[2], torch.float32, device)
    marian, found = Marian(config, device), []
    source, target = (pieces.Tokenizer(folder, side) for side in ("source", "target"))
    for ids in source.encode(lines):
        ids = torch.from_numpy(ids).long()[None]
        words = marian.translate(weights, ids, longest)
        begun = torch.cat([torch.tensor([[config.start]]), words[:, :-1]], 1)
        logits = marian.logits(weights, marian.hidden(weights, ids, begun))
        logits[:, :, list(config.bad)] = -torch.inf
        count = int((words[0] != config.pad).sum())
        logs = logits.log_softmax(-1)[0].gather(1, words[0][:, None])[: min(count, longest - 1)]
        found.append((target.decode(words[0].tolist()), float(logs.sum()), count))
    return found


class Training(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kept = tempfile.TemporaryDirectory()
        cls.root = Path(cls.kept.name)
        cls.model = toy.make_model(cls.root / "model")
        cls.train, cls.val = toy.make_texts(cls.root, 200), toy.make_texts(cls.root, 20)
        cls.plan = cls.root / "toy.yaml"
        cls.plan.write_text(PLAN)

    @classmethod
    def tearDownClass(cls):
        cls.kept.cleanup()

    def arguments(self, name, *more):
        return [str(self.model), "--plan", str(self.plan), "--train", *self.train, "--val", *self.val, "-o",
                str(self.root / name), "--positions", "512", "--threads", "1", "--device", "cpu", "--workers", "1",
                "--cache", str(self.root / "pieces"), "--report", "1", "--every", "4", *more]

    def retrain(self, name, *more, expected=0):
        self.assertEqual(main(self.arguments(name, *more)), expected)
        return self.root / name

    def trained_for_lutwidge(self):
        """The folder, and the file that lutwidge makes of it."""
        folder, out = self.root / "c", self.root / "c.lwm"
        if not out.exists():
            self.retrain("c", "--steps", "2", "--rate", "1e-4")
            made = lutwidge("quantize", folder, "-o", out)
            self.assertEqual(made.returncode, 0, made.stderr)
        return folder, out

    def results(self, folder):
        return json.loads((folder / "results.json").read_text())

    def test_weights_are_the_codes_and_survive_packing(self):
        folder = self.retrain("ste", "--steps", "30", "--rate", "5e-3", "--warmup", "5")
        results = self.results(folder)
        self.assertLess(results["curve"][-1][2], results["curve"][0][2] - 0.1)
        export.verify(folder)
        matrices, vectors, bias = read_tensors(folder, read_config(folder))
        codes = load_file(folder / "codes.safetensors")
        self.assertEqual(np.bincount(codes["embedding.bits"].numpy()).tolist(), [0, 4571, 2286, 1143])
        self.assertEqual(codes["encoder.0.self.q.scales"].shape, (32, 1, 1))
        self.assertEqual(codes["encoder.0.ffn.fc2.scales"].shape, (32, 2, 3))
        self.assertLessEqual(len(matrices["encoder.0.self.q"][0].unique()), 4)
        pack.pack([folder], self.root / "archive")
        pack.unpack(self.root / "archive", self.root / "unpacked", [self.model])
        for name in ("model.safetensors", "codes.safetensors"):
            ours, theirs = load_file(folder / name), load_file(self.root / "unpacked" / "ste" / name)
            self.assertEqual(set(ours), set(theirs))
            for key in ours:
                self.assertTrue(torch.equal(ours[key], theirs[key]), key)

    def test_a_damaged_folder_is_found(self):
        folder = self.retrain("damaged", "--steps", "1")
        config = read_config(folder)
        matrices, vectors, bias = read_tensors(folder, config)
        matrices["decoder.0.ffn.fc1"][3, 3] += 1e-3
        other = self.root / "damaged2"
        other.mkdir()
        export.write_folder(folder, other, config, matrices, vectors, bias)
        (other / "codes.safetensors").write_bytes((folder / "codes.safetensors").read_bytes())
        with self.assertRaisesRegex(Refusal, "decoder.0.ffn.fc1"):
            export.verify(other)

    def test_a_stopped_run_goes_on_as_if_it_had_not_been(self):
        whole = self.results(self.retrain("whole", "--steps", "10", "--dropout", "0.1"))
        self.retrain("parts", "--steps", "10", "--dropout", "0.1", "--stop-at", "5")
        self.assertFalse((self.root / "parts" / "results.json").exists())
        self.retrain("parts", "--steps", "10", "--dropout", "0.2", expected=1)
        parts = self.results(self.retrain("parts", "--steps", "10", "--dropout", "0.1"))
        for a, b in zip(whole["curve"], parts["curve"], strict=True):
            self.assertAlmostEqual(a[1], b[1], places=4)
        self.assertFalse((self.root / "parts" / "checkpoint.pt").exists())

    def test_the_paper_s_schedule(self):
        folder = self.retrain("pnr", "--steps", "9", "--method", "pnr", "--order", "paper", "--distil", "0",
                              "--every", "2")
        export.verify(folder)

    def test_activations_and_no_plan(self):
        for act in ("a8", "t8"):
            export.verify(self.retrain(f"act-{act}", "--steps", "2", "--act", act))
        folder = self.retrain("none", "--steps", "2", "--plan", "none")
        self.assertFalse((folder / "codes.safetensors").exists())

    def test_bad_input_is_refused(self):
        self.plan.with_name("wrong.yaml").write_text('rules:\n- {match: nothing, bits: 2}\n')
        self.retrain("wrong", "--plan", str(self.plan.with_name("wrong.yaml")), expected=1)
        self.retrain("missing", "--train", "/nowhere.en", "/nowhere.de", expected=1)

    @unittest.skipUnless(os.environ.get("LUTWIDGE"), "LUTWIDGE does not name the program")
    def test_lutwidge_takes_the_codes(self):
        folder, out = self.trained_for_lutwidge()
        meta, matrices = lwm.read(out)
        self.assertEqual({m["arith"] for m in meta["matrices"]}, {"t8"})
        codes = load_file(folder / "codes.safetensors")
        weights, _, _ = read_tensors(folder, read_config(folder))
        self.assertEqual(set(matrices), set(weights))
        for name, found in matrices.items():
            for key in ("bits", "levels", "scales"):
                self.assertTrue(np.array_equal(found[key], codes[f"{name}.{key}"].numpy()), f"{name}.{key}")
            self.assertEqual(found["exponent"], int(codes[f"{name}.exponent"]))
            tensors = {f"{name}.{key}": torch.as_tensor(value) for key, value in found.items()}
            uniform = next(m["uniform"] for m in meta["matrices"] if m["name"] == name)
            decoded = export.decode_codes(tensors, name, uniform)
            self.assertEqual(decoded.numpy().tobytes(), weights[name].numpy().tobytes(), name)

    @unittest.skipUnless(os.environ.get("LUTWIDGE"), "LUTWIDGE does not name the program")
    def test_lutwidge_translates_alike(self):
        """Greedily, in fp32: translations, and their log probabilities to 1e-4 a word."""
        folder, out = self.trained_for_lutwidge()
        lines, longest = Path(toy.make_texts(self.root, 400)[0]).read_text().splitlines(), 24
        ours = translate(folder, lines, longest)
        made = lutwidge("translate", out, "--arith", "f32", "-b", 1, "--max-length", longest + 1, "--scores", "-q",
                        input="\n".join(lines) + "\n")
        self.assertEqual(made.returncode, 0, made.stderr)
        theirs = [line.split("\t") for line in made.stdout.splitlines()]
        same = 0
        for (text, score, count), (their_score, their_text) in zip(ours, theirs, strict=True):
            if text == their_text:
                same += 1
                self.assertAlmostEqual(score, float(their_score), delta=1e-4 * count)
        self.assertGreaterEqual(same, 0.995 * len(lines))
        self.assertGreater(len({text for text, _, _ in ours}), 20)  # of which a comparison says something

    @unittest.skipUnless(os.environ.get("LUTWIDGE"), "LUTWIDGE does not name the program")
    def test_fit_and_rounding_are_those_of_lutwidge(self):
        """Before any training: the codes of a plan without words are what `lutwidge quantize` finds."""
        plan = self.root / "plain.yaml"
        plan.write_text("\n".join(line for line in PLAN.splitlines() if "words" not in line))
        program = [os.environ["LUTWIDGE"], "quantize", str(self.model), "--plan", str(plan)]
        subprocess.run([*program, "-o", str(self.root / "plain.lwm")], check=True, capture_output=True)
        _, matrices = lwm.read(self.root / "plain.lwm")
        config = read_config(self.model)
        listed = layout.list_matrices(config)
        weights, _, _ = read_tensors(self.model, config)
        choices = plans.resolve(plans.read(plan), listed)
        bits = {m.name: plans.row_bits(None, choices[m.name], m.rows, None) for m in listed}
        banks = Banks(listed, weights, choices, bits, torch.device("cpu"))
        banks.start(lambda name: True)
        for name, (bits, levels, scales, exponent, *_) in export.take_codes(banks).items():
            found = matrices[name]
            self.assertEqual(found["exponent"], exponent, name)
            self.assertTrue(np.array_equal(found["bits"], bits.numpy()), name)
            self.assertTrue(np.array_equal(found["scales"], scales.numpy()), name)
            same = (found["levels"] == levels.numpy()).mean()  # theirs are nearest before rounding
            self.assertGreater(same, 0.9999, name)


if __name__ == "__main__":
    unittest.main()
