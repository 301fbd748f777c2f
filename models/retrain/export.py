"""The hand-over: a Hugging Face folder whose weights lie on the codes, and the codes (docs/RETRAINING.md)."""

import json
import os
import shutil
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from . import VERSION, Refusal, fits, quant
from .layout import list_matrices, list_vectors, read_config, read_tensors

COPIED = ("generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "source.spm",
          "target.spm", "vocab.json", "target_vocab.json")


def take_codes(banks):
    """Exact codes of every planned matrix, by name: what quant.exact_codes gives, group and uniform."""
    found = {}
    for bank in banks.banks:
        for part in bank.parts:
            if part.planned:
                found[part.name] = (*quant.exact_codes(bank, part), bank.width, bank.uniform)
    return found


def take_vectors(setup):
    sizes = [v.size for v in setup.listed]
    parts = setup.vectors.detach().cpu().split(sizes)
    return {v.name: t.clone() for v, t in zip(setup.listed, parts)}


def take_matrices(setup, codes):
    """fp32 matrices by name: the codes' values, or the weights where nothing is quantised."""
    found = {}
    for bank in setup.banks.banks:
        for p in bank.parts:
            if p.name in codes:
                found[p.name] = codes[p.name][4]
            else:
                rows = bank.master[p.begin : p.end].detach().cpu()
                found[p.name] = rows.reshape(p.rows, p.columns).clone()
    return found


def replace(path, write):
    temporary = path.with_name(path.name + ".tmp")
    write(temporary)
    temporary.chmod(0o644)
    os.replace(temporary, path)


def write_codes(path, codes, plan_text, command):
    tensors, meta = {}, {"lutwidge_codes": "1", "plan": plan_text, "made_by": command}
    for name, (bits, levels, mantissas, exponent, _, width, uniform) in codes.items():
        tensors[f"{name}.bits"] = bits.contiguous()
        tensors[f"{name}.levels"] = levels.contiguous()
        tensors[f"{name}.scales"] = mantissas.contiguous()
        tensors[f"{name}.exponent"] = torch.tensor([exponent], dtype=torch.int32)
        meta[f"group.{name}"], meta[f"uniform.{name}"] = str(width), "true" if uniform else "false"
    replace(path, lambda to: save_file(tensors, to, metadata=meta))


def write_folder(source, out, config, matrices, vectors, bias, dtype=torch.float32):
    """Everything but codes.safetensors. `source` is the folder whose tokeniser and settings are copied."""
    out = Path(out)
    tensors = {m.tensors[0]: matrices[m.name].to(dtype) for m in list_matrices(config)}
    tensors.update({v.name: vectors[v.name].to(dtype) for v in list_vectors(config)})
    tensors["final_logits_bias"] = bias.cpu().reshape(1, -1).to(dtype)
    tensors = {name: t.contiguous() for name, t in tensors.items()}
    replace(out / "model.safetensors", lambda to: save_file(tensors, to, metadata={"format": "pt"}))
    raw = json.loads((Path(source) / "config.json").read_text(encoding="utf-8"))
    raw["dtype"] = str(dtype).removeprefix("torch.")
    raw.pop("torch_dtype", None)
    text = json.dumps(raw, indent=2, sort_keys=True) + "\n"
    replace(out / "config.json", lambda to: to.write_text(text, encoding="utf-8"))
    for name in COPIED:
        if (Path(source) / name).exists():
            shutil.copyfile(Path(source) / name, out / name)


def _planes(scales, bits, uniform):
    """Mantissas of every plane, [M, groups, planes], from those that are stored."""
    if not uniform:
        return scales
    planes = torch.arange(int(bits.max()))
    return scales * (1 << planes).double() * (planes < bits[:, None])[:, None, :]


def decode_codes(tensors, name, uniform):
    """fp32 values of one matrix from the arrays of codes.safetensors."""
    levels = tensors[f"{name}.levels"]
    scales = _planes(tensors[f"{name}.scales"].double(), tensors[f"{name}.bits"].long(), uniform)
    rows, groups = scales.shape[:2]
    exponent = int(tensors[f"{name}.exponent"])
    flat = fits.decode(levels.view(rows * groups, -1), scales.view(rows * groups, -1)).float()
    return (flat * 2.0**exponent).view(levels.shape)


def read_scales(folder):
    """{name: (bits [M], scales [M, groups, planes], width, uniform)} of a folder that has codes, else {}."""
    path = Path(folder) / "codes.safetensors"
    if not path.exists():
        return {}
    verify(folder)
    tensors = load_file(path)
    with safe_open(path, "pt") as stream:
        meta = stream.metadata()
    found = {}
    for name in (key.removesuffix(".bits") for key in tensors if key.endswith(".bits")):
        bits, uniform = tensors[f"{name}.bits"].long(), meta[f"uniform.{name}"] == "true"
        scales = _planes(tensors[f"{name}.scales"].double(), bits, uniform)
        scales = scales * 2.0 ** int(tensors[f"{name}.exponent"])
        found[name] = (bits, scales, int(meta[f"group.{name}"]), uniform)
    return found


def verify(folder):
    """Reads the folder back and checks that weights and codes are the same to the bit."""
    folder, path = Path(folder), Path(folder) / "codes.safetensors"
    config = read_config(folder)
    matrices, _, _ = read_tensors(folder, config)
    tensors = load_file(path)
    with safe_open(path, "pt") as stream:
        meta = stream.metadata()
    for m in list_matrices(config):
        bits, levels = tensors[f"{m.name}.bits"], tensors[f"{m.name}.levels"]
        scales = tensors[f"{m.name}.scales"].long()
        uniform = meta[f"uniform.{m.name}"] == "true"
        most, group = int(bits.max()), int(meta[f"group.{m.name}"])
        shape = (m.rows, m.columns // group, 1 if uniform else most)
        right = (
            levels.shape == (m.rows, m.columns)
            and scales.shape == shape
            and bool((levels.long() >> bits.long()[:, None] == 0).all())
            and bool((scales >= 0).all())
            and bool((scales[..., :-1] >= scales[..., 1:]).all())
        )
        if not right:
            raise Refusal(f"{path}: {m.name} is not as it should be")
        if not torch.equal(decode_codes(tensors, m.name, uniform), matrices[m.name]):
            raise Refusal(f"{path}: the codes of {m.name} are not its weights in model.safetensors")


def made_by(args, plan):
    return f"retrain {VERSION} --plan {plan.name if plan else 'none'} --method {args.method} --seed {args.seed}"
