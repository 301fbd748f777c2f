"""Corpora: epochs of word ids, cut by worker processes ahead of time, and batches cut on the device.

Even epochs have the best segmentation, odd ones a sampled one. Epoch e of a seed is always the same."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from . import Refusal, pieces

LONGEST = 128  # words of a line, </s> included
LENGTHS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128)  # padded lengths of batches
CHUNK = 90_000  # lines that one worker cuts


class Epochs:
    """Word ids of text pairs, one after the other, by epoch; kept in the folder `cache`, which several
    runs may share. `texts`: source, target, source, target, ..."""

    def __init__(self, folder, texts, cache, alpha, seed, workers):
        self.folder, self.alpha, self.seed, self.workers = str(folder), alpha, seed, max(1, workers)
        self.pairs = []  # (source, target, lines, tag of the files that it is cut to)
        names = ("source.spm", "target.spm", "vocab.json")
        for source, target in zip(texts[::2], texts[1::2], strict=True):
            counts = [len(pieces.read_lines(path)) for path in (source, target)]
            if counts[0] != counts[1] or counts[0] == 0:
                raise Refusal(f"{source} has {counts[0]} lines, {target} {counts[1]}")
            digest = hashlib.sha256(repr((alpha, seed)).encode())
            for path in (source, target, *(Path(folder) / name for name in names)):
                digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
            self.pairs.append((str(source), str(target), counts[0], digest.hexdigest()[:16]))
        self.cache = Path(cache)
        self.cache.mkdir(parents=True, exist_ok=True)
        self.queue, self.running = [], {}

    def _jobs(self, epoch):
        sample = epoch % 2 == 1 and self.alpha is not None
        kind = f"e{epoch}" if sample else "plain"
        for source, target, lines, tag in self.pairs:
            for begin in range(0, lines, CHUNK):
                yield {
                    "folder": self.folder,
                    "source": source,
                    "target": target,
                    "begin": begin,
                    "end": min(begin + CHUNK, lines),
                    "alpha": self.alpha if sample else None,
                    "seed": (self.seed * 1_000_003 + epoch * 1009 + begin // CHUNK) % 2**31,
                    "out": str(self.cache / f"{tag}-{kind}-{begin}.npz"),
                }

    def prepare(self, epochs):
        """Queues epochs; workers start at once."""
        known = {job["out"] for job in self.queue} | set(self.running)
        for epoch in epochs:
            for job in self._jobs(epoch):
                if job["out"] not in known and not os.path.exists(job["out"]):
                    known.add(job["out"])
                    self.queue.append(job)
        self.pump()

    def pump(self):
        """Reaps workers that ended and starts others."""
        for out, process in list(self.running.items()):
            if process.poll() is None:
                continue
            del self.running[out]
            with process.stderr as said:
                message = said.read().decode()[-500:]
            if process.returncode:
                raise Refusal(f"a worker that cuts text failed: {message}")
        while self.queue and len(self.running) < self.workers:
            job = self.queue.pop(0)
            command = [sys.executable, "-m", "retrain.pieces", json.dumps(job)]
            path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
            environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
            self.running[job["out"]] = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)

    def close(self):
        self.queue = []
        for process in self.running.values():
            process.terminate()
            process.communicate()
        self.running = {}

    def load(self, epoch):
        """{side: (lengths, words)}; waits for workers."""
        jobs = list(self._jobs(epoch))
        wanted = {job["out"] for job in jobs}
        self.queue.sort(key=lambda job: job["out"] not in wanted)
        self.prepare([epoch])
        while self.queue and wanted & {job["out"] for job in self.queue} or wanted & set(self.running):
            time.sleep(0.05)
            self.pump()
        parts = []
        for job in jobs:
            with np.load(job["out"]) as part:
                parts.append(dict(part))
        return {
            side: tuple(np.concatenate([p[f"{side}_{what}"] for p in parts]) for what in ("lengths", "words"))
            for side in ("source", "target")
        }


def count_words(loaded, config):
    """How often each word occurs on both sides, by the matrix whose rows are these words."""
    source = np.bincount(loaded["source"][1], minlength=config.source_words)
    target = np.bincount(loaded["target"][1], minlength=config.target_words)
    both = source + target if config.shared else None
    return {
        "embedding": both,
        "embedding.source": source,
        "embedding.target": target,
        "output": both if config.shared else target,
    }


def plan_batches(loaded, positions, generator):
    """Batches in random order: (padded length, indices of pairs, -1 where there is none). The rest of a
    length that fills no batch moves to the next one."""
    lengths = np.maximum(loaded["source"][0], loaded["target"][0])
    lengths = np.where((loaded["source"][0] > 1) & (loaded["target"][0] > 1), lengths, LONGEST + 1)
    slots = np.searchsorted(LENGTHS, lengths)
    batches, left = [], np.zeros(0, np.int64)
    used = slots[slots < len(LENGTHS)]
    if not len(used):
        raise Refusal(f"no pair has 1 to {LONGEST - 1} pieces on both sides")
    for slot in range(int(used.max()) + 1):
        length = LENGTHS[slot]
        size = max(1, positions // length)
        members = np.concatenate([left, generator.permutation(np.flatnonzero(slots == slot))])
        full = len(members) // size * size
        batches += [(length, part) for part in members[:full].reshape(-1, size)]
        left = members[full:]
    if len(left):
        batches.append((length, np.pad(left, (0, size - len(left)), constant_values=-1)))
    return [batches[i] for i in generator.permutation(len(batches))]


class Cutter:
    """Word ids of one epoch on the device."""

    def __init__(self, loaded, config, device):
        self.config, self.sides = config, {}
        for side, (lengths, words) in loaded.items():
            begins = np.concatenate([[0], np.cumsum(lengths[:-1], dtype=np.int64)])
            arrays = (words, lengths.astype(np.int64), begins)
            self.sides[side] = [torch.from_numpy(a).to(device) for a in arrays]

    def _side(self, side, ids, length):
        words, lengths, begins = self.sides[side]
        rows = ids.clamp_min(0)
        at = torch.arange(length, device=ids.device)
        there = at < (lengths[rows] * (ids >= 0))[:, None]
        taken = words[(begins[rows, None] + at).clamp_max(len(words) - 1)].long()
        return torch.where(there, taken, self.config.pad), there

    def cut(self, ids, length):
        """(source, decoder input, words to predict, 1 where there is one), each [N, length]."""
        source, _ = self._side("source", ids, length)
        words, there = self._side("target", ids, length)
        shifted = torch.nn.functional.pad(words[:, :-1], (1, 0), value=self.config.start)
        return source, shifted, words, there.float()
