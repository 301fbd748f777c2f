#!/usr/bin/env python3
"""A random MarianMT of opus-mt-en-de's shape, and the logits that the library computes with it.

    random_marian.py OUT_DIR [--bundled models/open-en-de] [--words 58101]

writes a model folder, and numeric.json with, for each of a few inputs: "input_ids" (the last is </s>),
"encoder" (the first 8 features of the encoder's output at each position), "decoder_input_ids"
(teacher-forced, the start word first), and for each of those steps the first 64 logits and the argmax
over all words. Needs torch and transformers; the same seed gives the same weights on one version.
"""

import argparse
import json
import pathlib
import shutil

import torch
from transformers import GenerationConfig, MarianConfig, MarianMTModel

FEATURES = 8
LOGITS = 64


def make_model(words):
    config = MarianConfig(
        vocab_size=words, decoder_vocab_size=words, d_model=512,
        encoder_layers=6, encoder_ffn_dim=2048, encoder_attention_heads=8,
        decoder_layers=6, decoder_ffn_dim=2048, decoder_attention_heads=8,
        max_position_embeddings=512, activation_function="swish", scale_embedding=True,
        pad_token_id=words - 1, decoder_start_token_id=words - 1, eos_token_id=0, bos_token_id=0,
        forced_eos_token_id=0, share_encoder_decoder_embeddings=True, tie_word_embeddings=True)
    config._attn_implementation = "eager"
    model = MarianMTModel(config).eval()
    randomize(model)
    return model


def randomize(model):
    """Weights of Xavier's scale, and biases and gains that are not trivially zero and one."""
    generator = torch.Generator().manual_seed(20240229)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if "embed_positions" in name:
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            if "layer_norm" in name:
                tensor.copy_(noise * 0.1 + (1.0 if name.endswith("weight") else 0.0))
            elif name.endswith("bias"):
                tensor.copy_(noise * 0.05)
            elif tensor.shape[0] == model.config.vocab_size:
                tensor.copy_(noise * 512 ** -0.5)
            else:
                tensor.copy_(noise * (2.0 / sum(tensor.shape)) ** 0.5)
        model.final_logits_bias.copy_(
            torch.randn(model.final_logits_bias.shape, generator=generator) * 0.1)


def write_folder(model, bundled, out):
    pad = model.config.pad_token_id
    model.generation_config = GenerationConfig(
        bad_words_ids=[[pad]], bos_token_id=0, decoder_start_token_id=pad, eos_token_id=0,
        forced_eos_token_id=0, max_length=512, num_beams=6, pad_token_id=pad,
        renormalize_logits=True)
    model.save_pretrained(out)
    for name in ("source.spm", "target.spm"):
        shutil.copyfile(bundled / name, out / name)
    pieces = json.loads((bundled / "vocab.json").read_text(encoding="utf-8"))
    words = {piece: i for piece, i in pieces.items() if piece != "<pad>"}
    for i in range(len(words), pad):
        words[f"<unused{i}>"] = i
    words["<pad>"] = pad
    (out / "vocab.json").write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")


def numbers(model, source, target):
    with torch.no_grad():
        output = model(input_ids=torch.tensor([source]),
                       attention_mask=torch.ones(1, len(source), dtype=torch.long),
                       decoder_input_ids=torch.tensor([target]))
    logits = output.logits[0]
    return {
        "input_ids": source,
        "encoder": output.encoder_last_hidden_state[0, :, :FEATURES].tolist(),
        "decoder_input_ids": target,
        "steps": [{"logits": step[:LOGITS].tolist(), "argmax": int(step.argmax())}
                  for step in logits],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--bundled", type=pathlib.Path, default=pathlib.Path("models/open-en-de"))
    parser.add_argument("--words", type=int, default=58101, help="vocabulary, more than the bundled model's")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)

    model = make_model(arguments.words)
    pad = model.config.pad_token_id
    write_folder(model, arguments.bundled, arguments.out)
    generator = torch.Generator().manual_seed(1)
    sentences = []
    for length in (1, 7, 40):
        source = torch.randint(2, pad, (length,), generator=generator).tolist() + [0]
        target = [pad] + torch.randint(2, pad, (2,), generator=generator).tolist()
        sentences.append(numbers(model, source, target))
    (arguments.out / "numeric.json").write_text(json.dumps({"sentences": sentences}, indent=1))


if __name__ == "__main__":
    main()
