"""python -m retrain.selfcheck [MODEL_DIR...]: whether this machine trains, how fast, and whether the model
computes what Transformers computes. Needs no data; a minute on a GPU."""

import argparse
import sys
import time

import torch

from . import Refusal, train
from . import plan as plans
from .__main__ import parse
from .job import pick_device
from .layout import Config, list_matrices, list_vectors, random_tensors, read_config, read_tensors
from .model import Marian
from .quant import Banks

PLAN = """
rules:
- {match: "*", bits: 2}
- {match: embedding, words: {clusters: 4, ratio: 1}}
- {match: encoder.self, bits: 3}
"""
SMALL = Config(256, 4, 4, 4, 4, 1024, 1024, 8000, 8000, 256, "swish", True, True, True, 7999, 0, 7999, (7999,),
               128, "float32", 0.02)
SETUPS = (("4,096 positions, 4+4 layers, 4 heads", SMALL, 4096, 24),
          ("28,672 positions, 5+3 layers, 8 heads",
           Config(**{**SMALL.__dict__, "encoder_layers": 5, "decoder_layers": 3, "encoder_heads": 8,
                     "decoder_heads": 8}), 28672, 32))


def make_setup(config, args, device, compiled):
    weights, vectors, bias = random_tensors(config, 1)
    matrices, listed = list_matrices(config), list_vectors(config)
    plan = plans.parse(PLAN, "the plan of selfcheck")
    choices = plans.resolve(plan, matrices)
    counts = torch.arange(config.source_words).numpy()
    bits = {m.name: plans.row_bits(plan, choices[m.name], m.rows, counts) for m in matrices}
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    setup = train.Setup(config, Banks(matrices, weights, choices, bits, device),
                        torch.nn.Parameter(torch.cat([vectors[v.name] for v in listed]).to(device)),
                        listed, bias.to(device), Marian(config, device, "none", compiled), dtype)
    teacher = train.fixed_weights(weights, vectors, listed, bias, dtype, device)
    return setup, teacher


def random_batch(config, rows, length, device):
    generator = torch.Generator().manual_seed(2)
    words = torch.randint(1, config.pad, (3, rows, length), generator=generator)
    keep = torch.ones(rows, length)
    keep[:, -2:] = 0
    words[:, :, -2:] = config.pad
    words[0, -1] = config.pad  # a row that is all padding
    keep[-1] = 0
    return [t.to(device) for t in (*words, keep)]


def check_speed(label, config, positions, length, device, steps, compiled):
    args = parse(["-", "--plan", "-", "--train", "-", "-", "--val", "-", "-", "-o", "-"])
    args.compile = compiled
    setup, teacher = make_setup(config, args, device, compiled and device.type == "cuda")
    begun = time.monotonic()
    setup.banks.start(lambda name: True)
    synchronize(device)
    fitted = time.monotonic() - begun
    stepper = train.Stepper(setup, teacher, args, device)
    stepper.table = torch.full((10_000,), 1e-4, device=device)
    batch = random_batch(config, positions // length, length, device)
    begun = time.monotonic()
    stepper.step(batch)
    first = stepper.sums.tolist()
    ready = time.monotonic() - begun
    begun = time.monotonic()
    for _ in range(steps):
        stepper.step(batch)
    last = stepper.sums.tolist()
    each = 1000 * (time.monotonic() - begun) / steps
    begun = time.monotonic()
    setup.banks.refit()
    synchronize(device)
    refit = 1000 * (time.monotonic() - begun)
    before, after = first[0] / first[2], (last[0] - first[0]) / (last[2] - first[2])
    memory = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else 0
    print(f"{label}: {each:.1f} ms a step, first step of a shape {ready:.1f} s, fit {fitted:.1f} s, refit "
          f"{refit:.1f} ms, {memory:.1f} GiB; loss {before:.3f} -> {after:.3f}", flush=True)
    if not after < before:
        raise Refusal(f"{label}: the loss does not fall")


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def check_compiled(device):
    """Loss and gradients with torch.compile against those without; false where it does not work."""
    config = Config(**{**SMALL.__dict__, "encoder_layers": 1, "decoder_layers": 1})
    args = parse(["-", "--plan", "-", "--train", "-", "-", "--val", "-", "-", "-o", "-", "--dropout", "0"])
    found = []
    for compiled in (False, True):
        args.compile = compiled
        setup, teacher = make_setup(config, args, device, compiled)
        setup.banks.start(lambda name: True)
        stepper = train.Stepper(setup, teacher, args, device)
        try:
            loss, _, _ = stepper.gradients(random_batch(config, 64, 24, device))
        except Exception as error:  # of many kinds: no C compiler, no Triton, a driver too old
            if not compiled:
                raise
            print(f"torch.compile DOES NOT WORK here, so give --no-compile: {str(error)[:300]}", flush=True)
            return False
        found.append((float(loss), [p.grad.clone() for p in setup.parameters()]))
    worst = max(float((a - b).norm() / a.norm()) for a, b in zip(found[0][1], found[1][1]))
    print(f"compiled: loss {found[1][0]:.4f}, not compiled {found[0][0]:.4f}, gradients differ by {worst:.1e}")
    if abs(found[0][0] - found[1][0]) > 2e-2 or worst > 0.05:
        raise Refusal("torch.compile changes the results: use --no-compile")
    return True


@torch.no_grad()
def check_logits(folder, device):
    """Against MarianMTModel, fp32."""
    try:
        from transformers import MarianMTModel
    except ImportError:
        print("transformers is not installed: logits are not compared")
        return
    config = read_config(folder)
    theirs = MarianMTModel.from_pretrained(folder, dtype=torch.float32).to(device).eval()
    matrices, vectors, bias = read_tensors(folder, config)
    weights = train.fixed_weights(matrices, vectors, list_vectors(config), bias, torch.float32, device)
    marian = Marian(config, device)
    source, target, _, keep = random_batch(config, 4, 16, device)
    source, target, keep = source[:3], target[:3], keep[:3]
    target[:, 0] = config.start
    ours = marian.logits(weights, marian.hidden(weights, source, target))
    expected = theirs(input_ids=source, attention_mask=(source != config.pad).long(), decoder_input_ids=target).logits
    worst = float(((ours - expected).abs() * keep[:, :, None]).max())
    print(f"{folder}: logits differ from Transformers' by at most {worst:.1e}")
    if not worst < 1e-3:
        raise Refusal(f"{folder}: the logits are not those of Transformers")


def main(arguments=None):
    p = argparse.ArgumentParser(prog="python -m retrain.selfcheck", description=__doc__)
    p.add_argument("models", nargs="*", metavar="MODEL_DIR")
    p.add_argument("--device")
    p.add_argument("--threads", type=int)
    p.add_argument("--steps", type=int, default=50)
    p.add_argument("--no-compile", dest="compile", action="store_false")
    p.add_argument("--scale", type=int, default=1, help="divides the positions, for a CPU")
    args = p.parse_args(arguments)
    try:
        device = pick_device(args)
        name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
        print(f"torch {torch.__version__}, {name}", flush=True)
        for folder in args.models:
            check_logits(folder, device)
        if args.compile and device.type == "cuda":
            args.compile = check_compiled(device)
        for label, config, positions, length in SETUPS:
            check_speed(label, config, positions // args.scale, length, device, args.steps, args.compile)
    except Refusal as refusal:
        print(f"retrain.selfcheck: {refusal}", file=sys.stderr)
        return 1
    print("all is well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
