"""python -m retrain MODEL_DIR --plan P.yaml --train SRC TGT --val SRC TGT -o DIR"""

import argparse
import os
import sys

from . import Refusal


def parse(arguments=None):
    p = argparse.ArgumentParser(
        prog="python -m retrain",
        description="Trains a MarianMT model whose weights lie on the binary codes of a plan, and writes "
        "it with its codes for `lutwidge quantize` (docs/RETRAINING.md). A run that was stopped goes on "
        "from its last checkpoint when the same command is given again.",
    )
    p.add_argument("model", metavar="MODEL_DIR", help="Hugging Face folder of a MarianMT model; codes in it that "
                   "are of the plan's form are where the run starts")
    p.add_argument("--teacher", metavar="DIR", help="model whose soft output is learned (MODEL_DIR)")
    p.add_argument("--plan", required=True, help="plan (docs/PLANS.md); `none`: train on without codes")
    p.add_argument("--train", nargs="+", required=True, metavar="SRC TGT",
                   help="text pairs, plain, .gz or .xz; an epoch is all of them")
    p.add_argument("--val", nargs=2, required=True, metavar=("SRC", "TGT"))
    p.add_argument("-o", "--out", required=True, metavar="DIR")
    p.add_argument("--method", choices=("ste", "pnr"), default="ste",
                   help="ste: nearest codes at each step; pnr: weights replaced every n steps")
    p.add_argument("--order", choices=("all", "paper"), default="all",
                   help="paper: embedding, then decoder, then encoder, a third of the steps each")
    p.add_argument("--every", type=int, metavar="N", help="steps between refits (40), replacements (200)")
    p.add_argument("--distil", type=float, default=0.5, metavar="W",
                   help="share of the loss that is the given model's soft output (0.5)")
    p.add_argument("--act", choices=("none", "a8", "t8"), default="none",
                   help="activations that the products are trained with")
    p.add_argument("--steps", type=int, default=7285)
    p.add_argument("--positions", type=int, default=4096, help="padded positions of a batch, a side (4096)")
    p.add_argument("--rate", type=float, default=1e-3, help="peak learning rate (1e-3)")
    p.add_argument("--warmup", type=int, default=100, metavar="STEPS")
    p.add_argument("--dropout", type=float, default=0.2)
    p.add_argument("--smoothing", type=float, default=0.1)
    p.add_argument("--clip", type=float, default=1.5, help="largest norm of the gradient; 0: any (1.5)")
    p.add_argument("--alpha", type=float, default=0.1,
                   help="of the segmentation sampled in every second epoch (0.1); 0: none is sampled")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--from-scratch", action="store_true", help="random weights; with --plan none --distil 0")
    p.add_argument("--save-every", type=int, default=1000, metavar="STEPS")
    p.add_argument("--stop-at", type=int, metavar="STEP", help="save there and end, as if killed")
    p.add_argument("--cache", metavar="DIR", help="cut text, which runs may share (DIR of -o, /pieces)")
    p.add_argument("--workers", type=int, default=max(1, min(8, (os.cpu_count() or 2) // 2)),
                   help="processes that cut text")
    p.add_argument("--device", help="cuda or cpu; the first GPU where there is one")
    p.add_argument("--threads", type=int, help="of PyTorch on a CPU")
    p.add_argument("--no-compile", dest="compile", action="store_false", help="without torch.compile")
    p.add_argument("--no-graphs", dest="graphs", action="store_false", help="without CUDA graphs")
    p.add_argument("--val-lines", type=int, default=2000, help="lines of --val that are used (2000)")
    p.add_argument("--report", type=int, default=100, metavar="STEPS", help=argparse.SUPPRESS)
    p.add_argument("--tell", type=float, default=20, metavar="SECONDS", help="between lines of progress")
    args = p.parse_args(arguments)
    if len(args.train) % 2:
        p.error("--train takes pairs: a source text and its target text, one pair or more")
    if args.every is None:
        args.every = 200 if args.method == "pnr" else 40
    if args.from_scratch and (args.plan != "none" or args.distil > 0):
        p.error("--from-scratch goes with --plan none --distil 0: there is no model to start from")
    for name in ("steps", "positions", "every", "save_every", "val_lines", "report"):
        if getattr(args, name) < 1:
            p.error(f"--{name.replace('_', '-')} is at least 1")
    if not 0 <= args.distil <= 1 or not 0 <= args.dropout < 1 or not 0 <= args.smoothing < 1:
        p.error("--distil, --dropout and --smoothing are shares of 1")
    return args


def main(arguments=None):
    args = parse(arguments)
    try:
        from . import job  # imports PyTorch, which takes a while

        job.run(args)
    except Refusal as refusal:
        print(f"retrain: {refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("retrain: stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
