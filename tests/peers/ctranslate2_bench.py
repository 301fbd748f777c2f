#!/usr/bin/env python3
"""Times whole translation beside CTranslate2 (int8, fp32) and Hugging Face, on the CPU; `make bench-peers` runs it.

    tests/peers/ctranslate2_bench.py --lutwidge build/release/lutwidge --model FOLDER --ours M.lwm... --text X.en [--ref X.de]

Text to text: SentencePiece is in everybody's time. The engines take turns in rounds, each in a process of its own that
stays up (`lutwidge translate` begins anew, and its run of no lines is subtracted). One thread: lines a second of CPU
time; more: of wall time, which needs a quiet machine. Medians, and (upper - lower quartile) / median as spread. Memory is the
peak resident size of the process; what Python and its libraries take without a model is given apart.

CTranslate2's converter starts the decoder of a MarianMT from a zero embedding and drops the word <pad>. Models trained by
Transformers with a tied embedding have a <pad> that is not zero, so it is kept here, is the start word, and may not come.
--length N makes each engine give N words a line, for models without a meaning. A folder among ours is our fp32 path.
"""

import argparse
import json
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

INT8 = "CTranslate2 int8"


def peak_bytes():
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024


def convert(model, kind, out):
    """The model as CTranslate2's, with the <pad> that it was trained with."""
    from ctranslate2.converters import TransformersConverter, transformers as loaders

    class Loader(loaders.MarianMTLoader):
        def set_config(self, config, model, tokenizer):
            super().set_config(config, model, tokenizer)
            config.decoder_start_token = tokenizer.pad_token

        def set_decoder(self, spec, decoder):
            super().set_decoder(spec, decoder)
            spec.start_from_zero_embedding = False

        def get_vocabulary(self, model, tokenizer):
            return loaders.BartLoader.get_vocabulary(self, model, tokenizer)

        def _remove_pad_weights(self, spec):
            pass

    loaders._MODEL_LOADERS["MarianConfig"] = Loader()
    TransformersConverter(str(model)).convert(str(out), quantization=kind, force=True)


class CTranslate2:
    def __init__(self, task):
        import ctranslate2
        import sentencepiece
        self.idle = peak_bytes()
        self.translator = ctranslate2.Translator(task["folder"], device="cpu", inter_threads=task["threads"],
                                                 intra_threads=1, compute_type=task["kind"])
        model = pathlib.Path(task["model"])
        self.source = sentencepiece.SentencePieceProcessor(str(model / "source.spm"))
        self.target = sentencepiece.SentencePieceProcessor(str(model / "target.spm"))
        self.batch, self.threads = task["batch"], task["threads"]
        self.options = {"beam_size": task["beam"], "suppress_sequences": [["<pad>"]]}
        if task["length"]:
            self.options.update(min_decoding_length=task["length"], max_decoding_length=task["length"])

    def translate(self, lines):
        words = [self.source.encode(line, out_type=str) + ["</s>"] for line in lines]
        if self.batch == 1 and self.threads == 1:
            results = [self.translator.translate_batch([line], **self.options)[0] for line in words]
        else:
            results = self.translator.translate_batch(words, max_batch_size=self.batch, **self.options)
        best = [result.hypotheses[0] for result in results]
        return [self.target.decode(line) for line in best], sum(map(len, best))


class HuggingFace:
    def __init__(self, task):
        import torch
        import transformers
        self.idle = peak_bytes()
        torch.set_num_threads(task["threads"])
        self.torch, self.batch = torch, task["batch"]
        self.tokenizer = transformers.MarianTokenizer.from_pretrained(task["model"])
        self.model = transformers.MarianMTModel.from_pretrained(task["model"]).eval()
        self.options = {"num_beams": task["beam"]}
        if task["length"]:
            self.options.update(min_new_tokens=task["length"], max_new_tokens=task["length"])

    def translate(self, lines):
        texts, words = [], 0
        for i in range(0, len(lines), self.batch):
            inputs = self.tokenizer(lines[i:i + self.batch], return_tensors="pt", padding=True)
            with self.torch.no_grad():
                ids = self.model.generate(**inputs, **self.options)
            words += int((ids[:, 1:] != self.tokenizer.pad_token_id).sum())
            texts += self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        return texts, words


def work():
    """A process of one engine: its task, then a number of lines for each round, on stdin."""
    task = json.loads(sys.stdin.readline())
    start = time.process_time()
    engine = {"ctranslate2": CTranslate2, "huggingface": HuggingFace}[task["engine"]](task)
    print(json.dumps({"load": time.process_time() - start, "idle": engine.idle}), flush=True)
    lines = pathlib.Path(task["text"]).read_text(encoding="utf-8").splitlines()
    for request in sys.stdin:
        cpu, wall = time.process_time(), time.monotonic()
        texts, words = engine.translate(lines[:int(request)])
        print(json.dumps({"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall, "words": words,
                          "texts": texts, "peak": peak_bytes()}), flush=True)


class Worker:
    def __init__(self, name, task):
        self.name = name
        self.process = subprocess.Popen([sys.executable, __file__, "--work"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.ask(json.dumps(task))
        answer = self.answer()
        self.load, self.idle = answer["load"], answer["idle"]

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with status {self.process.wait()}")
        return json.loads(line)

    def round(self, lines):
        self.ask(str(lines))
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Lutwidge:
    """Each round is a run of the program; what a run of no lines takes is loading."""

    def __init__(self, arguments, model, beam, batch, threads):
        self.name, self.idle = f"lutwidge {'fp32' if pathlib.Path(model).is_dir() else pathlib.Path(model).stem}", 0
        self.command = [arguments.lutwidge, "translate", model, str(arguments.text), "--beam", str(beam), "--batch",
                        str(batch), "--threads", str(threads)]
        if arguments.length:
            self.command += ["--max-length", str(arguments.length + 2)]
        self.run(0)  # makes the bundle
        loads = [self.run(0) for _ in range(3)]
        self.load, self.wall_load = min(r["cpu"] for r in loads), min(r["wall"] for r in loads)

    def run(self, lines):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run([*self.command, "--lines", str(lines)], capture_output=True, text=True, check=True)
        wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        peak = float(re.search(r"peak memory ([\d.]+) MB", done.stderr)[1]) * 1e6
        return {"cpu": cpu, "wall": wall, "texts": done.stdout.splitlines(), "peak": peak, "words": None}

    def round(self, lines):
        result = self.run(lines)
        result["cpu"] -= self.load
        result["wall"] -= self.wall_load
        return result

    def close(self):
        pass


def rates_of(rounds, lines, threads):
    return [lines / r["cpu" if threads == 1 else "wall"] for r in rounds]


def print_row(engine, rounds, lines, threads, references, int8):
    rates = rates_of(rounds, lines, threads)
    quartiles = statistics.quantiles(rates, n=4, method="inclusive") if len(rates) > 1 else [rates[0]] * 3
    median = statistics.median(rates)
    words = rounds[0]["words"]
    bleu = ""
    if references:
        import sacrebleu
        bleu = f"{sacrebleu.corpus_bleu(rounds[0]['texts'], [references[:lines]]).score:.2f}"
    print(f"| {engine.name} | {median:.1f} | {median / int8:.2f} | {100 * (quartiles[2] - quartiles[0]) / median:.0f} | "
          f"{f'{median * words / lines:.0f}' if words else ''} | {max(r['peak'] for r in rounds) / 1e6:.0f} | "
          f"{engine.idle / 1e6:.0f} | {1000 * engine.load:.0f} | {bleu} |", flush=True)


def measure(arguments, beam, batch, threads, references, folder):
    common = {"text": str(arguments.text), "model": str(arguments.model), "beam": beam, "batch": batch,
              "threads": threads, "length": arguments.length}
    engines = [Lutwidge(arguments, model, beam, batch, threads) for model in arguments.ours]
    for kind in ("int8", "float32"):
        engines.append(Worker(f"CTranslate2 {kind}", {**common, "engine": "ctranslate2", "kind": kind,
                                                      "folder": str(folder / kind)}))
    if arguments.hf_lines:
        engines.append(Worker("Hugging Face", {**common, "engine": "huggingface"}))
    rounds = {engine: [] for engine in engines}
    counts = {e: arguments.hf_lines if e.name == "Hugging Face" else arguments.lines for e in engines}
    for engine in engines:
        engine.round(min(4, arguments.lines))
    for number in range(arguments.rounds):
        for engine in engines[number % len(engines):] + engines[:number % len(engines)]:
            rounds[engine].append(engine.round(counts[engine]))
    print(f"\n{arguments.model.name}: beam {beam}, batch {batch}, {threads} thread(s), {arguments.lines} lines, {arguments.rounds} rounds\n")
    print("| engine | lines/s | over int8 | spread % | words/s | peak MB | of these without a model | load, CPU ms | BLEU |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    int8 = statistics.median(next(rates_of(rounds[e], counts[e], threads) for e in engines if e.name == INT8))
    for engine in engines:
        print_row(engine, rounds[engine], counts[engine], threads, references, int8)
        engine.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lutwidge", default="build/release/lutwidge")
    parser.add_argument("--model", required=True, type=pathlib.Path, help="folder of Hugging Face, for the peers")
    parser.add_argument("--ours", nargs="+", required=True, help="what lutwidge translates with")
    parser.add_argument("--text", required=True, type=pathlib.Path)
    parser.add_argument("--ref", type=pathlib.Path)
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--hf-lines", type=int, default=10, help="lines for Hugging Face; 0: without it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--beams", default="1,4")
    parser.add_argument("--batches", default="1,32")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--length", type=int, default=0, help="words of each translation; 0: as it comes")
    arguments = parser.parse_args()
    references = arguments.ref.read_text(encoding="utf-8").splitlines() if arguments.ref else None
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("int8", "float32"):
            convert(arguments.model, kind, pathlib.Path(folder) / kind)
        for threads in map(int, arguments.threads.split(",")):
            for beam in map(int, arguments.beams.split(",")):
                for batch in map(int, arguments.batches.split(",")):
                    measure(arguments, beam, batch, threads, references, pathlib.Path(folder))


if __name__ == "__main__":
    work() if sys.argv[1:] == ["--work"] else main()
