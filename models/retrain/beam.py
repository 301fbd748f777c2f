"""python -m retrain.beam MODEL_DIR SOURCE -o TEXT: translations of a text by beam search, to train on instead of
references (sequence-level distillation, Kim and Rush 2016), or beside them.

A fast search for a GPU: keys and values are kept, a line's beams share its source. It ends a line
once as many translations have ended as there are beams, and none that goes on scores better."""

import argparse
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

from . import Refusal, pieces
from .layout import list_vectors, read_config, read_tensors
from .model import MASKED, Marian, add_norm
from .train import fixed_weights

ENCODED = 400_000  # source positions, padding included, of one batch at most
LINES = 3072  # of one batch at most


class Decoder:
    """One step of the decoder for the beams of N lines: rows are [line][beam]."""

    def __init__(self, marian, weights, source):
        self.m, self.w, c = marian, weights, marian.config
        memory, mask = marian.encode(weights, source)
        self.mask = mask
        self.heads, self.layers = c.decoder_heads, range(c.decoder_layers)
        self.kept = [None] * c.decoder_layers  # keys and values of self-attention, [rows, heads, t, d / heads]
        self.cross = [self._project(memory, f"decoder.{i}.cross", f"model.decoder.layers.{i}.encoder_attn", "kv")
                      for i in self.layers]

    def _project(self, x, lw, hf, parts):
        """[N, T, d] to a [N, heads, T, d / heads] for each of the parts."""
        found = []
        for part in parts:
            y = F.linear(x, self.w[f"{lw}.{part}"], self.w[f"{hf}.{part}_proj.bias"])
            found.append(y.view(*y.shape[:2], self.heads, -1).transpose(1, 2))
        return found

    def _leave(self, y, lw, hf):
        return F.linear(y, self.w[f"{lw}.o"], self.w[f"{hf}.out_proj.bias"])

    def _norm(self, hf, x, z):
        return add_norm(x, z, self.w[f"{hf}.weight"], self.w[f"{hf}.bias"], 0.0)

    def step(self, words, t, beams):
        """words [rows] at position t: log probabilities [rows, V]."""
        w, m, rows = self.w, self.m, len(words)
        x = F.embedding(words, w[m.target]).float() * m.scale + m.positions[t]
        y = x.to(w[m.target].dtype)
        for i in self.layers:
            lw, hf = f"decoder.{i}", f"model.decoder.layers.{i}"
            q, k, v = self._project(y[:, None], f"{lw}.self", f"{hf}.self_attn", "qkv")
            if self.kept[i] is not None:
                k, v = (torch.cat([old, new], 2) for old, new in zip(self.kept[i], (k, v)))
            self.kept[i] = (k, v)
            z = F.scaled_dot_product_attention(q, k, v).reshape(rows, -1)
            x, y = self._norm(f"{hf}.self_attn_layer_norm", x, self._leave(z, f"{lw}.self", f"{hf}.self_attn"))
            (q,) = self._project(y.view(-1, beams, y.shape[-1]), f"{lw}.cross", f"{hf}.encoder_attn", "q")
            k, v = self.cross[i]
            mask = self.mask.expand(-1, self.heads, beams, -1)
            z = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(rows, -1)
            x, y = self._norm(f"{hf}.encoder_attn_layer_norm", x, self._leave(z, f"{lw}.cross", f"{hf}.encoder_attn"))
            x, y = self._norm(f"{hf}.final_layer_norm", x, m.feed_forward(w, f"{lw}.ffn", hf, y))
        logits = m.logits(w, y)
        logits[:, list(m.config.bad)] = -torch.inf
        return logits.log_softmax(-1)

    def choose(self, rows, lines=None):
        """Keeps these rows, and these lines."""
        self.kept = [tuple(t[rows] for t in pair) for pair in self.kept]
        if lines is not None:
            self.mask = self.mask[lines]
            self.cross = [tuple(t[lines] for t in pair) for pair in self.cross]


@torch.no_grad()
def search(marian, weights, source, beams, longest):
    """source [N, S] padded; the best translations as lists of words without the end."""
    c, device, count = marian.config, source.device, len(source)
    decoder = Decoder(marian, weights, source)
    found = torch.full((count, longest), c.pad, device=device)
    best = torch.full((count,), -torch.inf, device=device)  # log probability a word
    ended = torch.zeros(count, dtype=torch.long, device=device)
    line = torch.arange(count, device=device)  # of the lines that are searched still
    scores = torch.full((count, beams), MASKED, device=device)
    scores[:, 0] = 0
    words = torch.full((count * beams,), c.start, device=device)
    prefix = torch.full((count, beams, longest), c.pad, device=device)
    for t in range(longest):
        logs = decoder.step(words, t, beams).view(len(line), beams, -1)
        if t + 1 == longest:
            logs[..., : c.end] = logs[..., c.end + 1 :] = -torch.inf
        total = (scores[:, :, None] + logs).flatten(1)
        top, at = total.topk(2 * beams, 1)
        beam, word = at // logs.shape[-1], at % logs.shape[-1]
        ends = (word == c.end) & (torch.arange(2 * beams, device=device) < beams)
        value = torch.where(ends, top / (t + 1), -torch.inf)
        better, which = value.max(1)
        wins = better > best[line]
        text = prefix.gather(1, beam.gather(1, which[:, None])[..., None].expand(-1, -1, longest))[:, 0]
        found[line[wins]] = text[wins]
        best[line[wins]] = better[wins]
        ended[line] += ends.sum(1)
        alive = torch.where(word == c.end, -torch.inf, top)
        scores, order = alive.topk(beams, 1)
        beam, word = beam.gather(1, order), word.gather(1, order)
        prefix = prefix.gather(1, beam[..., None].expand(-1, -1, longest))
        prefix[:, :, t] = word
        rows = (torch.arange(len(line), device=device)[:, None] * beams + beam).flatten()
        goes_on = (ended[line] < beams) | (best[line] < scores[:, 0] / (t + 1))
        words = word.flatten()
        lines = None
        if t % 4 == 3:  # drops lines that have ended
            lines = goes_on.nonzero().flatten()
            if not len(lines):
                break
            rows = rows.view(-1, beams)[lines].flatten()
            line, scores, prefix, words = line[lines], scores[lines], prefix[lines], word[lines].flatten()
        decoder.choose(rows, lines)
    return [[w for w in row if w != c.pad] for row in found.tolist()]


def translate(folder, lines, beams, device, say):
    """The best translation of each line, in their order."""
    config = read_config(folder)
    matrices, vectors, bias = read_tensors(folder, config)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    weights = fixed_weights(matrices, vectors, list_vectors(config), bias, dtype, device)
    marian = Marian(config, device)
    source, target = (pieces.Tokenizer(folder, side) for side in ("source", "target"))
    cut = [ids[: config.positions] for ids in source.encode(lines)]
    order = sorted(range(len(cut)), key=lambda i: -len(cut[i]))
    found, begin, told = [""] * len(cut), 0, 0
    while begin < len(order):
        width = len(cut[order[begin]])
        rows = order[begin : begin + max(1, min(LINES, ENCODED // width))]
        ids = torch.full((len(rows), width), config.pad)
        for k, i in enumerate(rows):
            ids[k, : len(cut[i])] = torch.from_numpy(cut[i]).long()
        longest = min(config.max_length - 1, config.positions - 1, 2 * width + 10)
        for i, words in zip(rows, search(marian, weights, ids.to(device), beams, longest)):
            found[i] = target.decode(words)
        begin += len(rows)
        if begin - told >= 50_000 or begin == len(order):
            told = begin
            say(f"{begin} of {len(order)} lines")
    return found


def part(text):
    """(I, N) of I/N."""
    this, _, of = text.partition("/")
    if not (this.isdecimal() and of.isdecimal() and int(this) < int(of)):
        raise argparse.ArgumentTypeError(f"{text} is not I/N with I below N")
    return int(this), int(of)


def main(arguments=None):
    p = argparse.ArgumentParser(prog="python -m retrain.beam", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", metavar="MODEL_DIR")
    p.add_argument("source", help="text, .gz or .xz")
    p.add_argument("-o", "--out", required=True, metavar="TEXT")
    p.add_argument("--beam", type=int, default=4, metavar="N")
    p.add_argument("--part", type=part, default="0/1", metavar="I/N", help="lines of the I-th of N equal parts, from 0")
    p.add_argument("--device", help="cuda or cpu; the first GPU where there is one")
    args = p.parse_args(arguments)
    if args.beam < 1:
        p.error("--beam is at least 1")
    try:
        lines = pieces.read_lines(args.source)
        this, of = args.part
        lines = lines[len(lines) * this // of : len(lines) * (this + 1) // of]
        device = torch.device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        found = translate(args.model, lines, args.beam, device, lambda text: print(text, file=sys.stderr, flush=True))
        temporary = Path(args.out + ".tmp")
        try:
            temporary.write_text("".join(line + "\n" for line in found), encoding="utf-8")
            temporary.replace(args.out)
        except OSError as error:
            raise Refusal(f"{args.out}: {error.strerror}") from None
    except Refusal as refusal:
        print(f"retrain.beam: {refusal}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
