"""Beam search beside searches that try everything, or go word by word and line by line."""

import contextlib
import io
import itertools
import json
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import torch

from retrain import beam, export, pieces, train
from retrain.layout import list_vectors, read_config, read_tensors
from retrain.model import Marian
from retrain.tests import toy

CPU = torch.device("cpu")


def log_probabilities(marian, weights, source, words):
    """Of the word after each prefix of `words`: [len(words) + 1, V]."""
    begun = torch.tensor([[marian.config.start, *words]])
    logits = marian.logits(weights, marian.hidden(weights, source, begun))
    logits[:, :, list(marian.config.bad)] = -torch.inf
    return logits.log_softmax(-1)[0]


def search_slowly(marian, weights, source, beams, longest):
    """What beam.search does, for one line without padding, of the definition."""
    end = marian.config.end
    alive, best, ended = [(0.0, ())], (-torch.inf, ()), 0
    for t in range(longest):
        candidates = []
        for score, words in alive:
            logs = log_probabilities(marian, weights, source, words)[-1]
            wanted = [end] if t + 1 == longest else range(len(logs))
            candidates += [(score + float(logs[w]), (*words, w)) for w in wanted if logs[w] > -torch.inf]
        candidates.sort(reverse=True)
        for score, words in candidates[:beams]:
            if words[-1] == end:
                ended += 1
                best = max(best, (score / (t + 1), words[:-1]))
        alive = [c for c in candidates[: 2 * beams] if c[1][-1] != end][:beams]
        if not alive or (ended >= beams and best[0] >= alive[0][0] / (t + 1)):
            break
    return list(best[1])


class Beam(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kept = tempfile.TemporaryDirectory()
        cls.root = Path(cls.kept.name)
        cls.model = toy.make_model(cls.root / "model")
        config = read_config(cls.model)
        matrices, vectors, bias = read_tensors(cls.model, config)
        cls.weights = train.fixed_weights(matrices, vectors, list_vectors(config), bias, torch.float32, CPU)
        generator = torch.Generator().manual_seed(3)
        cls.weights["output"] = torch.randn(config.target_words, config.d, generator=generator) * 1.6
        cls.source = torch.full((5, 9), config.pad)
        for row, length in zip(cls.source, (9, 2, 5, 7, 1)):
            row[:length] = torch.randint(2, 7999, (length,), generator=generator)
            row[length - 1] = config.end
        cls.lively = cls.root / "lively"  # of which some lines end, and differ
        cls.lively.mkdir()
        matrices["embedding"] *= 2
        bias[config.end] += 6
        export.write_folder(cls.model, cls.lively, config, matrices, vectors, bias)
        settings = json.loads((cls.model / "generation_config.json").read_text())
        (cls.lively / "generation_config.json").write_text(json.dumps(settings | {"max_length": 13}))

    @classmethod
    def tearDownClass(cls):
        cls.kept.cleanup()

    def marian(self, words):
        """With no words but these and the end, and an output of its own: a tied one says words again and again."""
        config = read_config(self.model)
        bad = tuple(w for w in range(config.target_words) if w != config.end and w not in words)
        return Marian(replace(config, bad=bad, tied=False), CPU)

    def lines(self, marian):
        """Each without its padding."""
        return [row[row != marian.config.pad][None] for row in self.source]

    def test_with_beams_for_all_it_finds_the_best_of_all(self):
        allowed, longest = (17, 300, 4001, 77), 4
        marian = self.marian(allowed)
        found = beam.search(marian, self.weights, self.source, 100, longest)
        for source, ours in zip(self.lines(marian), found, strict=True):
            scores = {}
            for words in itertools.chain.from_iterable(itertools.product(allowed, repeat=n) for n in range(longest)):
                logs = log_probabilities(marian, self.weights, source, words)
                ends = (*words, marian.config.end)
                scores[words] = float(sum(logs[i, w] for i, w in enumerate(ends))) / len(ends)
            self.assertEqual(tuple(ours), max(scores, key=scores.get))

    def test_it_is_the_search_of_one_line_at_a_time(self):
        marian = self.marian(range(100, 110))
        lengths = set()
        for beams, longest in ((1, 6), (2, 14), (4, 14)):
            found = beam.search(marian, self.weights, self.source, beams, longest)
            for source, ours in zip(self.lines(marian), found, strict=True):
                self.assertEqual(ours, search_slowly(marian, self.weights, source, beams, longest))
                lengths.add(len(ours))
        self.assertGreater(len(lengths), 1)

    def test_a_text_is_translated_as_its_lines_are(self):
        lines = Path(toy.make_texts(self.root, 30)[0]).read_text().splitlines()
        config = read_config(self.lively)
        marian = Marian(config, CPU)
        source, target = (pieces.Tokenizer(self.lively, side) for side in ("source", "target"))
        matrices, vectors, bias = read_tensors(self.lively, config)
        weights = train.fixed_weights(matrices, vectors, list_vectors(config), bias, torch.float32, CPU)
        alone = []
        for ids in source.encode(lines):
            (words,) = beam.search(marian, weights, torch.from_numpy(ids).long()[None], 2, 12)
            alone.append(target.decode(words))
        self.assertEqual(beam.translate(self.lively, lines, 2, CPU, lambda text: None), alone)
        self.assertGreater(len(set(alone)), 5)

    def program(self, *arguments):
        return beam.main([str(self.lively), "--device", "cpu", "--beam", "2", *map(str, arguments)])

    def test_parts_make_the_whole(self):
        text = toy.make_texts(self.root, 7)[0]
        for part in ("0/1", "0/2", "1/2"):
            self.assertEqual(self.program(text, "-o", self.root / part.replace("/", "of"), "--part", part), 0)
        whole, *parts = ((self.root / name).read_text() for name in ("0of1", "0of2", "1of2"))
        self.assertEqual([len(t.splitlines()) for t in (whole, *parts)], [7, 3, 4])
        self.assertEqual(whole, "".join(parts))

    def test_bad_input_is_refused(self):
        text = toy.make_texts(self.root, 7)[0]
        self.assertEqual(self.program("/nowhere.en", "-o", self.root / "none"), 1)
        self.assertEqual(self.program(text, "-o", self.root / "no" / "folder"), 1)
        for wrong in (("--part", "2/2"), ("--part", "1"), ("--part", "-1/2"), ("--beam", "0")):
            with self.assertRaises(SystemExit) as caught, contextlib.redirect_stderr(io.StringIO()):
                self.program(text, "-o", self.root / "none", *wrong)
            self.assertEqual(caught.exception.code, 2)


if __name__ == "__main__":
    unittest.main()
