"""python -m retrain.runs FILE.yaml: several runs side by side, spread over the GPUs.

    out: runs                      # folder of the runs' folders, from the current one
    sets:
      small: model --train a.en a.de --val b.en b.de --steps 7285
    runs:
      - {name: small-all-2, set: small, args: --plan plans/all-2.yaml}
      - {name: again, set: other, args: --plan plans/all-2.yaml, after: small-all-2}

`after` names a run above that must be done first, so that its folder may be the model of this one. Paths
are from the current folder. Runs that have ended are left alone, others go on from their checkpoints, so the
same command continues what a time limit or a failure stopped."""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from . import Refusal, data
from .__main__ import parse


@dataclass
class Listed:
    """A run of the file."""

    name: str
    kind: str  # the name of its set
    text: str  # its arguments
    after: str | None  # the run that must be done first


def read(path):
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        listed = [Listed(r["name"], r["set"], raw["sets"][r["set"]] + " " + r["args"], r.get("after"))
                  for r in raw["runs"]]
        out = raw["out"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise Refusal(f"{path}: {error!r}") from None
    names = [r.name for r in listed]
    for i, r in enumerate(listed):
        if r.after is not None and r.after not in names[:i]:
            raise Refusal(f"{path}: {r.name} comes after {r.after}, and no run before it has that name")
    return out, listed


def prepare(args, workers):
    """Cuts the text of all epochs that a run will read."""
    epochs = data.Epochs(args.model, args.train, args.cache, args.alpha or None, args.seed, workers)
    plan = data.plan_batches(epochs.load(0), args.positions, np.random.default_rng([args.seed, 0]))
    wanted = range(-(-args.steps // len(plan)) + 1)
    epochs.prepare(wanted)
    while epochs.queue or epochs.running:
        time.sleep(0.1)
        epochs.pump()
    return len(plan)


def last_line(path):
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1] if lines else "starting"


def is_done(folder):
    return (folder / "results.json").exists()


def summarise(out, listed, codes):
    print("name\tstate\tseconds\tbits\tval nll\tgreedy val BLEU")
    done = 0
    for run in listed:
        name = run.name
        if is_done(out / name):
            r = json.loads((out / name / "results.json").read_text(encoding="utf-8"))
            bits = r.get("bits_with_scales", 32)
            print(f"{name}\tdone\t{r['seconds']}\t{bits}\t{r['val_nll']:.4f}\t{r['val_bleu_greedy']}")
            done += 1
        elif run.after and not is_done(out / run.after):
            print(f"{name}\twaits for {run.after}")
        else:
            state = "stopped, can go on" if codes.get(name, 0) in (0, -signal.SIGTERM) else f"failed ({codes.get(name)})"
            print(f"{name}\t{state}\t{last_line(out / name / 'log.txt')}")
    print(f"{done} of {len(listed)} runs are done")
    return done == len(listed)


def main(arguments=None):
    p = argparse.ArgumentParser(prog="python -m retrain.runs", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("file")
    p.add_argument("--gpus", type=int, help="GPUs to use (all); 0: the CPU")
    p.add_argument("--limit", type=float, default=float("inf"), metavar="SECONDS",
                   help="then runs save a checkpoint and end")
    p.add_argument("--only", default="", metavar="TEXT", help="runs whose names hold TEXT")
    p.add_argument("--at-once", type=int, default=99, metavar="N", help="runs on one GPU at a time")
    args = p.parse_args(arguments)
    begun = time.monotonic()
    try:
        out, listed = read(args.file)
        return drive(args, Path(out), [r for r in listed if args.only in r.name], begun)
    except Refusal as refusal:
        print(f"retrain.runs: {refusal}", file=sys.stderr)
        return 1


def start(command, folder, gpu):
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment["CUDA_VISIBLE_DEVICES"] = "" if gpu is None else str(gpu)
    environment.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "4")
    with open(folder / "log.txt", "a", encoding="utf-8") as log:
        return subprocess.Popen([sys.executable, "-m", "retrain", *command], stdout=log,
                                stderr=subprocess.STDOUT, env=environment)


def drive(args, out, listed, begun):
    if args.gpus is None:
        import torch

        args.gpus = torch.cuda.device_count()
    slots = list(range(args.gpus)) or [None]
    waiting, prepared = [], set()
    for run in listed:
        (out / run.name).mkdir(parents=True, exist_ok=True)
        if not is_done(out / run.name):
            waiting.append(run)
    running, codes, told = {}, {}, time.monotonic()
    while waiting or running:
        left = begun + args.limit - time.monotonic()
        if left <= 0:
            waiting = []
            for process, _ in running.values():
                process.send_signal(signal.SIGTERM)
        for name, (process, gpu) in list(running.items()):
            if left <= 0:
                process.wait()
            if process.poll() is not None:
                codes[name] = process.returncode
                print(f"[{time.monotonic() - begun:.0f} s] {name} ended ({process.returncode}): "
                      f"{last_line(out / name / 'log.txt')}", flush=True)
                del running[name]
        load = {gpu: sum(g == gpu for _, g in running.values()) for gpu in slots}
        gpu = min(slots, key=load.get)
        ready = [r for r in waiting if r.after is None or is_done(out / r.after)]
        if ready and load[gpu] < args.at_once:
            run, folder = ready[0], out / ready[0].name
            waiting.remove(run)
            command = [*shlex.split(run.text), "-o", str(folder), "--cache", str(out / "pieces"), "--tell", "20"]
            if run.kind not in prepared:
                steps = prepare(parse(command), os.cpu_count() or 1)
                print(f"[{time.monotonic() - begun:.0f} s] {run.kind}: text is cut, {steps} steps an epoch", flush=True)
                prepared.add(run.kind)
            running[run.name] = (start(command, folder, gpu), gpu)
            continue
        if not ready and not running:
            break  # what waits, waits for a run that failed or is not among these
        if time.monotonic() - told > 60:
            told = time.monotonic()
            for name, (_, gpu) in running.items():
                print(f"[{told - begun:.0f} s, GPU {gpu}] {last_line(out / name / 'log.txt')}", flush=True)
        time.sleep(0.2)
    return 0 if summarise(out, listed, codes) else 3


if __name__ == "__main__":
    sys.exit(main())
