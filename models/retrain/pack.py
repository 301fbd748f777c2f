"""python -m retrain.pack -o ARCHIVE RUN_DIR...             finished runs in small files ARCHIVE.000, .001, ...
python -m retrain.pack --unpack ARCHIVE -o DIR MODEL_DIR...  the folders again, in DIR

Levels are stored as bits, and of weights that lie on codes nothing else. MODEL_DIR are the folders that
were trained, for their tokenisers."""

import argparse
import io
import json
import lzma
import sys
import tarfile
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from . import Refusal, export
from .layout import list_matrices, list_vectors, read_config, read_tensors

PART_BYTES = 15 << 20
KEPT = ("config.json", "results.json", "val.greedy.txt", "log.txt")


def pack_levels(levels, bits):
    """Planes 0, 1, ... of the rows that have them, bit c & 7 of byte c >> 3."""
    planes = []
    for i in range(int(bits.max())):
        plane = (levels[bits > i] >> i) & 1
        planes.append(np.packbits(plane, axis=1, bitorder="little").reshape(-1))
    return np.concatenate(planes)


def unpack_levels(packed, bits, columns):
    levels, at, width = np.zeros((len(bits), columns), np.uint8), 0, (columns + 7) // 8
    for i in range(int(bits.max())):
        rows = bits > i
        size = int(rows.sum()) * width
        plane = packed[at : at + size].reshape(-1, width)
        levels[rows] |= np.unpackbits(plane, axis=1, count=columns, bitorder="little") << i
        at += size
    return levels


def pack_run(folder):
    """Bytes by file name."""
    files = {name: (folder / name).read_bytes() for name in KEPT if (folder / name).exists()}
    if "results.json" not in files:
        raise Refusal(f"{folder}: the run is not done")
    path = folder / "codes.safetensors"
    if not path.exists():
        return files | {"model.safetensors": (folder / "model.safetensors").read_bytes()}
    config = read_config(folder)
    _, tensors, bias = read_tensors(folder, config)
    tensors["final_logits_bias"] = bias
    codes = load_file(path)
    with safe_open(path, "pt") as stream:
        meta = stream.metadata()
    for m in list_matrices(config):
        bits, levels = codes[f"{m.name}.bits"].numpy(), codes.pop(f"{m.name}.levels").numpy()
        codes[f"{m.name}.planes"] = torch.from_numpy(pack_levels(levels, bits))
    temporary = folder / "packed.tmp"
    save_file(codes | tensors, temporary, metadata=meta)
    files["packed.safetensors"] = temporary.read_bytes()
    temporary.unlink()
    return files


def pack(folders, archive):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for folder in map(Path, folders):
            for name, content in pack_run(folder).items():
                info = tarfile.TarInfo(f"{folder.name}/{name}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    packed = lzma.compress(stream.getvalue(), preset=2)
    for i in range(-(-len(packed) // PART_BYTES)):
        part = Path(f"{archive}.{i:03}")
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(packed[i * PART_BYTES : (i + 1) * PART_BYTES])
        print(f"{part}: {part.stat().st_size} bytes")


def unpack_run(folder, models):
    """Makes the folder from its packed files."""
    trained = json.loads((folder / "results.json").read_text(encoding="utf-8"))["arguments"]["model"]
    found = [m for m in models if Path(m).resolve().name == Path(trained).name]
    if not found:
        raise Refusal(f"{folder.name} was trained from {Path(trained).name}, which is none of the MODEL_DIRs")
    config = read_config(found[0])
    packed = folder / "packed.safetensors"
    if not packed.exists():
        matrices, vectors, bias = read_tensors(folder, config)
        export.write_folder(found[0], folder, config, matrices, vectors, bias, getattr(torch, config.dtype))
        return
    tensors = load_file(packed)
    with safe_open(packed, "pt") as stream:
        meta = stream.metadata()
    matrices = {}
    for m in list_matrices(config):
        planes = tensors.pop(f"{m.name}.planes").numpy()
        bits = tensors[f"{m.name}.bits"].numpy()
        tensors[f"{m.name}.levels"] = torch.from_numpy(unpack_levels(planes, bits, m.columns))
        matrices[m.name] = export.decode_codes(tensors, m.name, meta[f"uniform.{m.name}"] == "true")
    vectors = {v.name: tensors.pop(v.name) for v in list_vectors(config)}
    export.write_folder(found[0], folder, config, matrices, vectors, tensors.pop("final_logits_bias"))
    export.replace(folder / "codes.safetensors", lambda to: save_file(tensors, to, metadata=meta))
    packed.unlink()
    export.verify(folder)


def unpack(archive, out, models):
    parts = sorted(Path(archive).parent.glob(Path(archive).name + ".[0-9][0-9][0-9]"))
    if not parts:
        raise Refusal(f"{archive}.000: there is no such file")
    packed = b"".join(part.read_bytes() for part in parts)
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(packed))) as tar:
        names = {Path(member.name).parts[0] for member in tar.getmembers()}
        tar.extractall(out, filter="data")
    for name in sorted(names):
        unpack_run(Path(out) / name, models)
        print(Path(out) / name)


def main(arguments=None):
    p = argparse.ArgumentParser(prog="python -m retrain.pack", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folders", nargs="+", metavar="DIR")
    p.add_argument("-o", "--out", required=True)
    p.add_argument("--unpack", metavar="ARCHIVE")
    args = p.parse_args(arguments)
    try:
        if args.unpack:
            unpack(args.unpack, args.out, args.folders)
        else:
            pack(args.folders, args.out)
    except (Refusal, OSError, lzma.LZMAError) as error:
        print(f"retrain.pack: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
