"""A toy model with the tokeniser of models/open-en-de, and toy texts."""

import json
import shutil
from pathlib import Path

from retrain import export
from retrain.layout import random_tensors, read_config

BUNDLED = Path(__file__).parents[2] / "open-en-de"


def make_model(folder, d=32, layers=1):
    folder = Path(folder)
    folder.mkdir(parents=True)
    raw = json.loads((BUNDLED / "config.json").read_text())
    raw |= {"d_model": d, "encoder_ffn_dim": 2 * d, "decoder_ffn_dim": 2 * d, "encoder_layers": layers,
            "decoder_layers": layers, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    settings = folder.parent / (folder.name + "-settings")
    settings.mkdir()
    for name in export.COPIED:
        if (BUNDLED / name).exists():
            shutil.copyfile(BUNDLED / name, settings / name)
    (settings / "config.json").write_text(json.dumps(raw))
    config = read_config(settings)
    export.write_folder(settings, folder, config, *random_tensors(config, 5))
    return folder


def make_texts(folder, lines):
    """[source, target] of the first lines of the bundled model's held-out text."""
    paths = []
    for side in ("en", "de"):
        text = (BUNDLED / f"dev.{side}").read_text(encoding="utf-8").split("\n")[:lines]
        paths.append(Path(folder) / f"text{lines}.{side}")
        paths[-1].write_text("\n".join(text) + "\n", encoding="utf-8")
    return [str(path) for path in paths]
