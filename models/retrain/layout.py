"""A Hugging Face folder of MarianMT as Lutwidge sees it: matrices by name, and vectors.

Matrix names are those of models/transformer.c, tensor names those of MarianMTModel."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from . import Refusal


@dataclass(frozen=True)
class Config:
    d: int
    encoder_layers: int
    decoder_layers: int
    encoder_heads: int
    decoder_heads: int
    encoder_ffn: int
    decoder_ffn: int
    source_words: int
    target_words: int
    positions: int
    activation: str
    scale_embedding: bool
    shared: bool  # one embedding for source and target
    tied: bool  # the output is the target's embedding
    start: int
    end: int
    pad: int
    bad: tuple  # word ids that are never produced
    max_length: int
    dtype: str  # of the folder's weights
    init_std: float


@dataclass(frozen=True)
class Matrix:
    name: str
    tensors: tuple  # names that it may be stored under; the first is written
    rows: int
    columns: int
    words: bool  # rows are words


@dataclass(frozen=True)
class Vector:
    name: str
    size: int
    norm: bool


def read_json(path):
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise Refusal(f"{path}: no JSON: {error}") from None


def read_config(folder):
    path = Path(folder) / "config.json"
    raw = read_json(path)
    if raw.get("model_type") != "marian":
        raise Refusal(f"{path}: model_type is {raw.get('model_type')!r}, not marian")
    generation = Path(folder) / "generation_config.json"
    search = read_json(generation) if generation.exists() else raw
    bad = search.get("bad_words_ids", raw.get("bad_words_ids")) or []
    try:
        return Config(
            d=raw["d_model"],
            encoder_layers=raw["encoder_layers"],
            decoder_layers=raw["decoder_layers"],
            encoder_heads=raw["encoder_attention_heads"],
            decoder_heads=raw["decoder_attention_heads"],
            encoder_ffn=raw["encoder_ffn_dim"],
            decoder_ffn=raw["decoder_ffn_dim"],
            source_words=raw["vocab_size"],
            target_words=raw.get("decoder_vocab_size") or raw["vocab_size"],
            positions=raw["max_position_embeddings"],
            activation=raw.get("activation_function", "gelu"),
            scale_embedding=raw.get("scale_embedding", False),
            shared=raw.get("share_encoder_decoder_embeddings", True),
            tied=raw.get("tie_word_embeddings", True),
            start=raw["decoder_start_token_id"],
            end=raw["eos_token_id"],
            pad=raw["pad_token_id"],
            bad=tuple(words[0] for words in bad if len(words) == 1),
            max_length=search.get("max_length", raw.get("max_length", 512)),
            dtype=raw.get("dtype") or raw.get("torch_dtype") or "float32",
            init_std=raw.get("init_std", 0.02),
        )
    except KeyError as error:
        raise Refusal(f"{path}: {error} is missing") from None


def list_matrices(c):
    shared, source = "model.shared.weight", "model.encoder.embed_tokens.weight"
    target, head = "model.decoder.embed_tokens.weight", "lm_head.weight"
    end = (head,) if c.tied else ()
    if c.shared:
        found = [Matrix("embedding", (shared, source, target) + end, c.source_words, c.d, True)]
    else:
        found = [
            Matrix("embedding.source", (source,), c.source_words, c.d, True),
            Matrix("embedding.target", (target,) + end, c.target_words, c.d, True),
        ]

    def add(side, layer, ffn):
        lw, hf = f"{side}.{layer}", f"model.{side}.layers.{layer}"
        for part, attention in (("self", "self_attn"), ("cross", "encoder_attn")):
            if part == "cross" and side == "encoder":
                continue
            for short, long in (("q", "q_proj"), ("k", "k_proj"), ("v", "v_proj"), ("o", "out_proj")):
                tensor = f"{hf}.{attention}.{long}.weight"
                found.append(Matrix(f"{lw}.{part}.{short}", (tensor,), c.d, c.d, False))
        found.append(Matrix(f"{lw}.ffn.fc1", (f"{hf}.fc1.weight",), ffn, c.d, False))
        found.append(Matrix(f"{lw}.ffn.fc2", (f"{hf}.fc2.weight",), c.d, ffn, False))

    for layer in range(c.encoder_layers):
        add("encoder", layer, c.encoder_ffn)
    for layer in range(c.decoder_layers):
        add("decoder", layer, c.decoder_ffn)
    if not c.tied:
        found.append(Matrix("output", (head,), c.target_words, c.d, True))
    return found


def list_vectors(c):
    """Biases, which are named after their weights, then norms."""
    biases = [
        Vector(m.tensors[0].removesuffix("weight") + "bias", m.rows, False)
        for m in list_matrices(c)
        if not m.words
    ]
    norms = []
    for side, layers in (("encoder", c.encoder_layers), ("decoder", c.decoder_layers)):
        kinds = ["self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"]
        for layer in range(layers):
            for kind in kinds if side == "decoder" else kinds[::2]:
                for part in ("weight", "bias"):
                    norms.append(Vector(f"model.{side}.layers.{layer}.{kind}.{part}", c.d, True))
    return biases + norms


def read_tensors(folder, config):
    """(matrices by Lutwidge name, vectors by tensor name, final_logits_bias), all fp32."""
    path = Path(folder) / "model.safetensors"
    try:
        stored = load_file(path)
    except (OSError, SafetensorError) as error:
        raise Refusal(f"{path}: {error}") from None

    def take(names, shape):
        for name in names:
            if name in stored:
                if tuple(stored[name].shape) != shape:
                    raise Refusal(f"{path}: {name} is {tuple(stored[name].shape)}, not {shape}")
                return stored[name].float().contiguous()
        raise Refusal(f"{path}: tensor {names[0]} is missing")

    matrices = {m.name: take(m.tensors, (m.rows, m.columns)) for m in list_matrices(config)}
    vectors = {v.name: take((v.name,), (v.size,)) for v in list_vectors(config)}
    bias = stored.get("final_logits_bias", torch.zeros(1, config.target_words))
    return matrices, vectors, bias.float().reshape(-1)


def random_tensors(config, seed):
    """Weights to train from scratch."""
    generator = torch.Generator().manual_seed(seed)
    matrices = {}
    for m in list_matrices(config):
        std = config.d**-0.5 if m.words else (2 / (m.rows + m.columns)) ** 0.5
        matrices[m.name] = torch.randn(m.rows, m.columns, generator=generator) * std
    ones = {v.name: v.norm and v.name.endswith("weight") for v in list_vectors(config)}
    vectors = {v.name: torch.full((v.size,), float(ones[v.name])) for v in list_vectors(config)}
    return matrices, vectors, torch.zeros(config.target_words)
