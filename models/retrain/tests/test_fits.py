"""Fits against the vectors that tests/test_fit_vectors.c checks, too."""

import unittest
from pathlib import Path

import torch

from retrain import fits

VECTORS = Path(__file__).parents[3] / "tests" / "fit_vectors.txt"


def read_vectors():
    """(weights [K], fit, bits, scales [B], codes [K])"""
    found, row = [], None
    for line in VECTORS.read_text().splitlines()[1:]:
        kind, *words = line.split()
        if kind == "row":
            row = torch.tensor([float.fromhex(w) for w in words[1:]])
            continue
        bits = int(words[1])
        scales = torch.tensor([float.fromhex(w) for w in words[2 : 2 + bits]], dtype=torch.float64)
        found.append((row, words[0], bits, scales, torch.tensor(list(bytes.fromhex(words[-1])))))
    return found


class Fits(unittest.TestCase):
    def test_c_finds_the_same(self):
        vectors = read_vectors()
        self.assertGreater(len(vectors), 50)
        for row, name, bits, scales, codes in vectors:
            got_scales, got_codes = fits.fit(name, row[None], bits)
            with self.subTest(fit=name, bits=bits, columns=len(row)):
                self.assertTrue(torch.equal(got_scales[0], scales), f"{got_scales[0]} {scales}")
                self.assertTrue(torch.equal(got_codes[0].long(), codes))

    def test_rows_do_not_depend_on_each_other(self):
        rows = torch.randn(9, 50, generator=torch.Generator().manual_seed(3))
        for name in ("greedy", "alternating", "uniform"):
            scales, codes = fits.fit(name, rows, 3)
            for r in range(9):
                alone = fits.fit(name, rows[r : r + 1], 3)
                self.assertTrue(torch.equal(alone[0][0], scales[r]))
                self.assertTrue(torch.equal(alone[1][0], codes[r]))

    def test_decoding_a_code_gives_the_nearest_value(self):
        rows = torch.randn(4, 30, generator=torch.Generator().manual_seed(4)).double()
        scales, codes = fits.fit("alternating", rows, 2)
        values = fits.code_values(scales)
        error = (rows - fits.decode(codes, scales)).abs()
        least = (rows[:, :, None] - values[:, None, :]).abs().amin(-1)
        self.assertTrue(torch.equal(error, least))


if __name__ == "__main__":
    unittest.main()
