"""A whole run from arguments to the folder that is handed over."""

import json
import os
import platform
import signal
import time
from dataclasses import replace
from pathlib import Path

import torch

from . import VERSION, Refusal, data, export, pieces, train
from . import plan as plans
from .layout import list_matrices, list_vectors, random_tensors, read_config, read_tensors
from .model import Marian
from .quant import Banks


def pick_device(args):
    if args.threads:
        torch.set_num_threads(args.threads)
    name = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise Refusal("PyTorch sees no GPU: --device cpu trains without one, slowly")
    device = torch.device(name)
    if device.type == "cuda":
        torch.backends.cuda.enable_cudnn_sdp(False)  # builds a plan for each shape, in seconds
        torch._dynamo.config.specialize_float = True
        torch.set_float32_matmul_precision("highest")
    return device


def _versions():
    import numpy
    import sentencepiece

    found = {"retrain": VERSION, "python": platform.python_version(), "torch": torch.__version__}
    return found | {"numpy": numpy.__version__, "sentencepiece": sentencepiece.__version__}


def build(args, config, plan, epochs, device):
    """(Setup, teacher's weights or None)."""
    listed, matrices = list_vectors(config), list_matrices(config)
    source = random_tensors(config, args.seed) if args.from_scratch else read_tensors(args.model, config)
    weights, vectors, bias = source
    choices, row_bits = None, {}
    if plan:
        choices = plans.resolve(plan, matrices)
        counts = {}
        if any(choice.words for choice in choices.values()):
            counts = data.count_words(epochs.load(0), config)
        for m in matrices:
            row_bits[m.name] = plans.row_bits(plan, choices[m.name], m.rows, counts.get(m.name))
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    setup = train.Setup(
        config=config,
        banks=Banks(matrices, weights, choices, row_bits, device, export.read_scales(args.model)),
        vectors=torch.nn.Parameter(torch.cat([vectors[v.name] for v in listed]).to(device)),
        listed=listed,
        bias=bias.to(device),
        marian=Marian(config, device, args.act, device.type == "cuda" and args.compile),
        dtype=dtype,
    )
    teacher = None
    if args.distil > 0:
        if args.teacher:
            if replace(read_config(args.teacher), dtype=config.dtype) != config:
                raise Refusal(f"{args.teacher} is not of the shape of {args.model}")
            weights, vectors, bias = read_tensors(args.teacher, config)
        teacher = train.fixed_weights(weights, vectors, listed, bias, dtype, device)
    return setup, teacher


def bleu(hypotheses, references):
    """None where sacrebleu is not installed."""
    try:
        import sacrebleu
    except ImportError:
        return None
    return round(sacrebleu.corpus_bleu(hypotheses, [references]).score, 2)


def average_bits(codes):
    """Bits a weight without and with 16-bit scales."""
    weights = planes = scales = 0
    for bits, levels, mantissas, _, _, width, uniform in codes.values():
        rows, columns = levels.shape
        weights += rows * columns
        planes += int(bits.long().sum()) * columns
        scales += rows * (columns // width) if uniform else int(bits.long().sum()) * (columns // width)
    return round(planes / weights, 4), round((planes + 16 * scales) / weights, 4)


def finish(args, setup, plan, validation, out, device):
    """Rounds, measures what is handed over, writes it; returns the figures."""
    codes = export.take_codes(setup.banks) if plan else {}
    matrices, vectors = export.take_matrices(setup, codes), export.take_vectors(setup)
    config, bias, dtype = setup.config, setup.bias.cpu(), torch.float32
    if not plan:
        dtype = getattr(torch, config.dtype)
        matrices = {name: t.to(dtype).float() for name, t in matrices.items()}
        vectors = {name: t.to(dtype).float() for name, t in vectors.items()}
    marian = Marian(config, device)
    weights = train.fixed_weights(matrices, vectors, setup.listed, bias, torch.float32, device)
    loaded, tokenizers, lines, references = validation
    figures = {"val_nll": train.evaluate(marian, weights, loaded, config, device)}
    hypotheses = train.translate(marian, weights, tokenizers, lines, config, device)
    (out / "val.greedy.txt").write_text("\n".join(hypotheses) + "\n", encoding="utf-8")
    figures["val_bleu_greedy"] = bleu(hypotheses, references)
    export.write_folder(args.model, out, config, matrices, vectors, bias, dtype)
    if plan:
        export.write_codes(out / "codes.safetensors", codes, plan.text, export.made_by(args, plan))
        export.verify(out)
        figures["bits"], figures["bits_with_scales"] = average_bits(codes)
    return figures


def run(args):
    device = pick_device(args)
    torch.manual_seed(args.seed)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    results = out / "results.json"
    if results.exists():
        print(f"{out}: done already", flush=True)
        return
    tag = out.name

    def say(text):
        print(f"[{tag}] {text}", flush=True)

    plan = None if args.plan == "none" else plans.read(args.plan)
    args.plan, args.plan_text = plan is not None, plan.text if plan else "none"
    config = read_config(args.model)
    alpha = args.alpha or None
    cache = args.cache or out / "pieces"
    if plan:
        plans.resolve(plan, list_matrices(config))  # before anything takes time
    epochs = data.Epochs(args.model, args.train, cache, alpha, args.seed, args.workers)
    held = data.Epochs(args.model, args.val, cache, None, args.seed, 1)
    epochs.prepare([0])
    tokenizers = tuple(pieces.Tokenizer(args.model, side) for side in ("source", "target"))
    lines, references = (pieces.read_lines(path, 0, args.val_lines) for path in args.val)
    validation = (held.load(0), tokenizers, lines, references)
    begun = time.monotonic()
    try:
        setup, teacher = build(args, config, plan, epochs, device)
        job = train.Run(setup, teacher, epochs, args, out, device, say)
        signal.signal(signal.SIGTERM, job.ask_to_stop)
        if not job.train():
            say(f"stopped at step {job.step} with a checkpoint")
            return
        trained = time.monotonic() - begun
        figures = finish(args, setup, plan, validation, out, device)
    except torch.OutOfMemoryError as error:
        raise Refusal(
            f"out of GPU memory: lower --positions (now {args.positions}), which changes the recipe, or "
            f"run fewer runs on one GPU; the last checkpoint in {out} is kept ({str(error).split('.')[0]})"
        ) from None
    memory = torch.cuda.max_memory_allocated() if device.type == "cuda" else None
    report = {
        "plan": plan.name if plan else "none",
        "plan_text": args.plan_text,
        "arguments": train.identity(args) | {"model": args.model, "train": args.train, "val": args.val},
        "versions": _versions(),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "seconds": round(job.seconds, 1),
        "seconds_in_this_process": round(trained, 1),
        "gpu_bytes": memory,
        "curve": job.curve,  # step, loss, negative log likelihood of a word
        **figures,
    }
    temporary = results.with_suffix(".tmp")
    temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, results)
    (out / "checkpoint.pt").unlink(missing_ok=True)
    score = figures["val_bleu_greedy"]
    say(f"done in {job.seconds:.0f} s: val nll {figures['val_nll']:.4f}, greedy val BLEU (a sanity figure) "
        f"{'not computed, sacrebleu is not installed' if score is None else score}")
