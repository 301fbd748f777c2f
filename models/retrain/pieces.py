"""Text to word ids. As a program: cuts some lines of a text pair and writes them to a file, so that many
processes can do what Python does slowly. Needs no PyTorch.

    python -m retrain.pieces JOB, the JSON of a job of data.Epochs"""

import gzip
import itertools
import json
import lzma
import os
import sys
from pathlib import Path

import numpy as np
import sentencepiece

from . import Refusal


def open_text(path):
    opened = {".gz": gzip.open, ".xz": lzma.open}.get(Path(path).suffix, open)
    return opened(path, "rt", encoding="utf-8", newline="\n")


def read_lines(path, begin=0, end=None):
    try:
        with open_text(path) as stream:
            return [line.rstrip("\r\n") for line in itertools.islice(stream, begin, end)]
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise Refusal(f"{path}: {error}") from None


class Tokenizer:
    """One side: a SentencePiece model and the ids that vocab.json gives its pieces."""

    def __init__(self, folder, side):
        folder = Path(folder)
        path = folder / ("source.spm" if side == "source" else "target.spm")
        words = folder / "vocab.json"
        if side == "target" and (folder / "target_vocab.json").exists():
            words = folder / "target_vocab.json"
        if not path.exists():
            raise Refusal(f"{path}: there is no such file")
        self.model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        try:
            self.words = json.loads(words.read_text(encoding="utf-8"))
            self.end, self.unknown = self.words["</s>"], self.words["<unk>"]
        except (OSError, ValueError, KeyError) as error:
            raise Refusal(f"{words}: {error}") from None
        self.pieces = {word: piece for piece, word in self.words.items()}
        count = self.model.get_piece_size()
        self.ids = np.array(
            [self.words.get(self.model.id_to_piece(i), self.unknown) for i in range(count)], np.int32
        )

    def encode(self, lines, alpha=None):
        """A list of id arrays, each with </s>; alpha: sampled segmentation."""
        sampled = {} if alpha is None else {"enable_sampling": True, "nbest_size": -1, "alpha": alpha}
        cut = self.model.encode(lines, out_type=int, num_threads=1, **sampled)
        return [np.append(self.ids[np.array(ids, np.int64)], self.end) for ids in cut]

    def decode(self, ids):
        special = (self.end, self.words.get("<pad>"))
        pieces = [self.pieces[i] for i in ids if i not in special]
        return self.model.decode_pieces(pieces)


def _flat(rows):
    lengths = np.array([len(row) for row in rows], np.int32)
    words = np.concatenate(rows) if rows else np.zeros(0, np.int32)
    return lengths, words.astype(np.int16 if words.max(initial=0) < 2**15 else np.int32)


def run(job):
    """Writes lengths and words of both sides, whole or not at all."""
    if os.path.exists(job["out"]):
        return
    if job["alpha"] is not None:
        sentencepiece.set_random_generator_seed(job["seed"])  # once a process: later calls do nothing
    arrays = {}
    for side in ("source", "target"):
        lines = read_lines(job[side], job["begin"], job["end"])
        cut = Tokenizer(job["folder"], side).encode(lines, job["alpha"])
        arrays[side + "_lengths"], arrays[side + "_words"] = _flat(cut)
    temporary = f"{job['out']}.{os.getpid()}.tmp"
    with open(temporary, "wb") as stream:
        np.savez(stream, **arrays)
    os.replace(temporary, job["out"])


if __name__ == "__main__":
    try:
        run(json.loads(sys.argv[1]))
    except Refusal as refusal:
        sys.exit(str(refusal))
