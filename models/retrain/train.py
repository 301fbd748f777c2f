"""One run: what a step does, when codes are refitted, checkpoints, and what is measured on the way."""

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from . import Refusal, data
from .loss import Mixture
from .model import Marian
from .quant import Banks

PHASES = {
    "all": [("",)],
    "paper": [("embedding", "output"), ("embedding", "output", "decoder"), ("",)],
}


@dataclass
class Setup:
    """A model on its way: what is trained, and the functions."""

    config: object
    banks: Banks
    vectors: torch.nn.Parameter  # all biases, then all norms
    listed: list  # of layout.Vector, in that order
    bias: torch.Tensor  # final_logits_bias, not trained
    marian: Marian
    dtype: torch.dtype  # of products

    def weights(self):
        w = self.banks.matrices(self.dtype)
        sizes = [v.size for v in self.listed]
        biases = sum(not v.norm for v in self.listed)
        split = sum(sizes[:biases])
        parts = self.vectors[:split].to(self.dtype).split(sizes[:biases])
        w.update((v.name, t) for v, t in zip(self.listed, parts))
        norms = self.vectors[split:].split(sizes[biases:])
        w.update((v.name, t) for v, t in zip(self.listed[biases:], norms))
        w["logits"] = self.bias
        return w

    def parameters(self):
        return [*self.banks.parameters(), self.vectors]


def fixed_weights(matrices, vectors, listed, bias, dtype, device):
    """Weights that are not trained: the teacher's, or those of a finished model."""
    w = {name: t.to(device, dtype) for name, t in matrices.items()}
    for v in listed:
        w[v.name] = vectors[v.name].to(device, torch.float32 if v.norm else dtype)
    w["logits"] = bias.to(device)
    return w


def rates(steps, warmup, peak, phases):
    """The rate of each step: warm-up and cosine to zero, once a phase."""
    table = []
    for phase in range(phases):
        count = steps * (phase + 1) // phases - steps * phase // phases
        for i in range(count):
            rise = min(1.0, (i + 1) / max(1, warmup))
            rest = max(0, i - warmup) / max(1, count - warmup)
            table.append(peak * rise * 0.5 * (1 + math.cos(math.pi * rest)))
    return table


class Stepper:
    """Steps on batches of a few shapes. On CUDA each shape's step is captured once as a graph."""

    def __init__(self, setup, teacher, args, device):
        self.setup, self.teacher, self.args, self.device = setup, teacher, args, device
        compiled = device.type == "cuda" and args.compile
        self.graphs = {} if device.type == "cuda" and args.graphs else None
        self.mixture = Mixture(args.smoothing, args.distil, compiled)
        self.teacher_marian = Marian(setup.config, device, "none", compiled)
        self.rate = torch.zeros((), device=device)
        self.sums = torch.zeros(3, dtype=torch.float64, device=device)  # loss, likelihood, words
        self.pool, self.table, self.count = None, None, torch.zeros((), dtype=torch.long, device=device)
        self.adam = torch.optim.Adam(
            setup.parameters(), lr=self.rate if device.type == "cuda" else 0.0,
            betas=(0.9, 0.98), eps=1e-9,
            fused=device.type == "cuda", capturable=device.type == "cuda",
        )
        self._prime()

    def _prime(self):
        """Adam makes its state in its first step: one of no gradient and no rate, not counted."""
        for p in self.setup.parameters():
            p.grad = torch.zeros_like(p)
        self.adam.step()
        for state in self.adam.state.values():
            state["step"].zero_()
        self.adam.zero_grad(set_to_none=True)

    def losses(self, batch, drop):
        source, shifted, words, keep = batch
        s = self.setup
        marian = s.marian
        w = s.weights()
        teacher = None
        if self.teacher is not None:
            with torch.no_grad():
                hidden = self.teacher_marian.hidden(self.teacher, source, shifted)
                name = marian.output
                teacher = (hidden.flatten(0, 1), self.teacher[name], self.teacher["logits"])
        hidden = marian.hidden(w, source, shifted, drop).flatten(0, 1)
        return self.mixture(hidden, w[marian.output], s.bias, words.flatten(), keep.flatten(), teacher)

    def gradients(self, batch):
        loss, likelihood, count = self.losses(batch, self.args.dropout)
        parameters = self.setup.parameters()
        for p, grad in zip(parameters, torch.autograd.grad(loss, parameters)):
            p.grad = grad
        return loss, likelihood, count

    def whole(self, batch):
        """Everything of a step but cutting the batch."""
        loss, likelihood, count = self.gradients(batch)
        if self.args.clip > 0:
            torch.nn.utils.clip_grad_norm_(self.setup.parameters(), self.args.clip, foreach=True)
        if self.device.type == "cuda":
            self.rate.copy_(self.table.index_select(0, self.count.view(1)).view(()))
        else:
            self.adam.param_groups[0]["lr"] = float(self.table[int(self.count)])
        self.adam.step()
        self.count += 1
        self.sums += torch.stack([loss.detach() * count, likelihood, count]).double()
        self.adam.zero_grad(set_to_none=True)

    def capture(self, batch):
        batch = [t.clone() for t in batch]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            self.gradients(batch)
            self.adam.zero_grad(set_to_none=True)
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            self.whole(batch)
        self.pool = self.pool or graph.pool()
        return graph, batch

    def step(self, batch):
        if self.graphs is None:
            self.whole(batch)
            return
        shape = tuple(batch[0].shape)
        if shape not in self.graphs:
            self.graphs[shape] = self.capture(batch)
        graph, inputs = self.graphs[shape]
        for place, tensor in zip(inputs, batch):
            place.copy_(tensor)
        graph.replay()


class Run:
    """Trains `setup`; everything that a restart needs is in its checkpoint."""

    def __init__(self, setup, teacher, epochs, args, out, device, say):
        self.setup, self.epochs, self.args = setup, epochs, args
        self.out, self.device, self.say = Path(out), device, say
        self.phases = PHASES[args.order] if args.plan else [()]
        self.stepper = Stepper(setup, teacher, args, device)
        table = rates(args.steps, args.warmup, args.rate, len(self.phases))
        self.stepper.table = torch.tensor(table, dtype=torch.float32, device=device)
        self.step, self.seconds, self.curve = 0, 0.0, []
        self.asked_to_stop = False

    def ask_to_stop(self, *_):
        """For signals: a checkpoint after the step that is under way, then the end."""
        self.asked_to_stop = True

    def wanted(self, step):
        """Which matrices are quantised at this step."""
        phase = min(len(self.phases) - 1, step * len(self.phases) // max(1, self.args.steps))
        heads = self.phases[phase]
        return lambda name: any(name.startswith(head) for head in heads)

    def phase_begins(self, step):
        counts = [self.args.steps * i // len(self.phases) for i in range(len(self.phases))]
        return step in counts

    def before_step(self, step):
        banks, every = self.setup.banks, self.args.every
        if not self.args.plan:
            return
        if self.args.method == "ste":
            if self.phase_begins(step):
                banks.start(self.wanted(step))
            elif step % every == 0:
                banks.refit()
        elif step % every == 0 or self.phase_begins(step):
            banks.replace(self.wanted(step))

    def save(self):
        s = self.stepper
        state = {
            "step": self.step, "seconds": self.seconds, "curve": self.curve,
            "arguments": identity(self.args),
            "banks": self.setup.banks.state(), "vectors": self.setup.vectors.data,
            "adam": [s.adam.state[p] for p in self.setup.parameters()],
            "cpu": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state() if self.device.type == "cuda" else None,
        }
        temporary = self.out / "checkpoint.tmp"
        with open(temporary, "wb") as stream:
            torch.save(state, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, self.out / "checkpoint.pt")

    def resume(self):
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location="cpu", weights_only=False)
        ours, theirs = identity(self.args), state["arguments"]
        changed = [f"{k}: {theirs.get(k)} there, {ours[k]} now" for k in ours if ours[k] != theirs.get(k)]
        if changed:
            raise Refusal(f"{path} is of a run with other arguments ({'; '.join(changed)}): "
                          "give the same ones, or another folder with -o")
        self.setup.banks.load(state["banks"])
        with torch.no_grad():
            self.setup.vectors.copy_(state["vectors"])
            for p, kept in zip(self.setup.parameters(), state["adam"], strict=True):
                for key, tensor in kept.items():
                    self.stepper.adam.state[p][key].copy_(tensor)
        torch.set_rng_state(state["cpu"])
        if state["cuda"] is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"])
        self.step, self.seconds, self.curve = state["step"], state["seconds"], state["curve"]
        self.stepper.count.fill_(self.step)
        self.say(f"resumed at step {self.step}")

    def batches(self):
        """(cutter, length, indices on the device) from self.step on."""
        at, epoch = 0, 0
        sizes = None
        while True:
            loaded = self.epochs.load(epoch)
            generator = np.random.default_rng([self.args.seed, epoch])
            plan = data.plan_batches(loaded, self.args.positions, generator)
            if sizes is None:
                sizes = len(plan)
                self.epochs.prepare(range(1, -(-self.args.steps // sizes) + 1))
            self.epochs.pump()
            if at + len(plan) > self.step:
                cutter = data.Cutter(loaded, self.setup.config, self.device)
                skip = max(0, self.step - at)
                flat = torch.from_numpy(np.concatenate([ids for _, ids in plan])).to(self.device)
                ends = np.cumsum([len(ids) for _, ids in plan])
                for i in range(skip, len(plan)):
                    yield cutter, plan[i][0], flat[ends[i] - len(plan[i][1]) : ends[i]]
            at, epoch = at + len(plan), epoch + 1

    def train(self):
        args, s = self.args, self.stepper
        self.resume()
        begun = time.monotonic() - self.seconds
        told, told_step = time.monotonic(), self.step
        stop = args.steps if args.stop_at is None else min(args.steps, args.stop_at)
        try:
            for cutter, length, ids in self.batches() if self.step < stop else ():
                self.before_step(self.step)
                s.step(cutter.cut(ids, length))
                self.step += 1
                stopping = self.step == stop or self.asked_to_stop
                if self.step % args.report == 0 or stopping:
                    loss, likelihood, words = s.sums.tolist()
                    s.sums.zero_()
                    if not math.isfinite(loss):
                        raise Refusal(f"the loss is no longer finite at step {self.step}: a lower --rate "
                                      "may help; the last checkpoint is kept")
                    now = time.monotonic()
                    self.seconds = now - begun
                    self.curve.append([self.step, loss / words, likelihood / words])
                    if now - told >= args.tell or stopping:
                        speed = 1000 * (now - told) / max(1, self.step - told_step)
                        self.say(f"step {self.step}/{args.steps}  loss {loss / words:.4f}  nll "
                                 f"{likelihood / words:.4f}  {speed:.1f} ms a step  {self.seconds:.0f} s")
                        told, told_step = now, self.step
                if self.step < args.steps and (stopping or self.step % args.save_every == 0):
                    self.save()
                if stopping:
                    break
        finally:
            self.epochs.close()
        if self.step < args.steps:
            return False
        if args.plan and args.method == "pnr":
            self.setup.banks.replace(lambda name: True)
        elif args.plan:
            self.setup.banks.refit()
        return True


def identity(args):
    """Arguments that a resumed run must share."""
    keys = ("plan_text", "method", "order", "distil", "act", "steps", "positions", "rate", "warmup", "dropout",
            "smoothing", "seed", "every", "clip", "alpha", "from_scratch", "teacher")
    return {key: getattr(args, key) for key in keys}


@torch.no_grad()
def evaluate(marian, weights, loaded, config, device, positions=8192):
    """Mean negative log likelihood of a text pair."""
    total = torch.zeros(2, dtype=torch.float64, device=device)
    cutter = data.Cutter(loaded, config, device)
    for length, ids in data.plan_batches(loaded, positions, np.random.default_rng(0)):
        source, shifted, words, keep = cutter.cut(torch.from_numpy(ids).to(device), length)
        for rows in torch.arange(len(ids), device=device).split(max(1, 2048 // length)):
            logits = marian.logits(weights, marian.hidden(weights, source[rows], shifted[rows]))
            nll = torch.nn.functional.cross_entropy(logits.flatten(0, 1), words[rows].flatten(), reduction="none")
            total += torch.stack([(nll * keep[rows].flatten()).sum(), keep[rows].sum()]).double()
    return float(total[0] / total[1])


@torch.no_grad()
def translate(marian, weights, tokenizers, lines, config, device, size=256):
    """Greedy translations of lines, in their order."""
    source, target = tokenizers
    cut = [ids[: config.positions] for ids in source.encode(lines)]
    order = sorted(range(len(cut)), key=lambda i: len(cut[i]))
    found = [""] * len(cut)
    for begin in range(0, len(order), size):
        rows = order[begin : begin + size]
        longest = -(-max(len(cut[i]) for i in rows) // 8) * 8
        ids = torch.full((len(rows), longest), config.pad)
        for k, i in enumerate(rows):
            ids[k, : len(cut[i])] = torch.from_numpy(cut[i]).long()
        most = min(config.max_length - 1, config.positions - 1, 2 * longest + 10)
        out = marian.translate(weights, ids.to(device), most)
        for i, words in zip(rows, out.tolist()):
            found[i] = target.decode(words)
    return found
