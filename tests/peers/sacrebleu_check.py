#!/usr/bin/env python3
"""Checks `lutwidge score` against sacreBLEU 2 on made-up adversarial files and on files that are given.

    tests/peers/sacrebleu_check.py PROGRAM [--seed N] [--rounds N] [HYP REF]...

Needs sacrebleu from PyPI; ends with code 77 where it is not installed."""
import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    from sacrebleu.metrics import BLEU, CHRF
except ImportError:
    print("sacrebleu is not installed")
    sys.exit(77)

PIECES = """a der Hund läuft über 1,000.5 3.14 1990-1995 -5 5- e-mail "quoted" 'single' it's U.S. ... ,, .. a,b a.b 1.a a.1
&quot; &amp; &lt; &gt; &amp;lt; &amp;amp;quot; &quot & <skipped> <skip<skipped>ped> {x} [y] (z) ~ ` ^ _ | \\ / @ # $ % * + = < > ? ! : ;
„deutsch“ – — … é e\u0301 \u0301 日本語 ١٢٣ １２３ ½ \U0001f600 \ufeff \u00ad \u200b ''' -- --- 1--2 1.-2 .5 5. ,5 5, 1,2,3.4.5 x.y.z
\x00 \x7f \U0010ffff""".replace("\n", " ").split(" ")
PIECES += [chr(c) for c in range(sys.maxunicode + 1) if chr(c).isspace() and c != 10]


def line(rng):
    style = rng.random()
    if style < 0.04:
        return ""
    if style < 0.08:
        return " " * rng.randrange(4)
    if style < 0.30:
        return "".join(rng.choice("ab1.,-'& ;\"é\u00a0") for _ in range(rng.randrange(40)))
    glue = [" "] * 6 + ["", "  ", "\u00a0"]
    return "".join(rng.choice(PIECES) + rng.choice(glue)
                   for _ in range(rng.randrange(1, 30)))


def mutate(rng, text):
    """A hypothesis that shares n-grams with its reference."""
    words = text.split(" ")
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(words))
        words[at:at + rng.randrange(3)] = [rng.choice(PIECES)] * rng.randrange(3)
        words = words or [""]
    return " ".join(words)


def read(path):
    # As sacreBLEU's command does.
    with open(path, encoding="utf-8", newline="\n") as stream:
        return [text.rstrip() for text in stream]


def check(program, hypothesis, reference):
    hyp, ref = read(hypothesis), read(reference)
    bleu, chrf = BLEU(), CHRF()
    want_bleu, want_chrf = bleu.corpus_score(hyp, [ref]), chrf.corpus_score(hyp, [ref])

    def run(*options):
        return subprocess.run([program, "score", "--ref", reference, *options, hypothesis], check=True,
                              stdout=subprocess.PIPE, encoding="utf-8").stdout

    got = json.loads(run("--json"))
    wanted = {"bleu": want_bleu.score, "chrf": want_chrf.score, "brevity_penalty": want_bleu.bp,
              "hypothesis_words": want_bleu.sys_len, "reference_words": want_bleu.ref_len, "lines": len(hyp)}
    wrong = [f"{key}: {got[key]!r}, sacreBLEU {value!r}" for key, value in wanted.items()
             if not math.isclose(got[key], value, rel_tol=1e-12, abs_tol=1e-300)]
    wrong += [f"precision {n + 1}: {a!r}, sacreBLEU {b!r}"
              for n, (a, b) in enumerate(zip(got["precisions"], want_bleu.precisions))
              if not math.isclose(a, b, rel_tol=1e-12)]
    text = "".join(f"{score.format(signature=signature)}\n" for score, signature in (
        (want_bleu, bleu.get_signature()), (want_chrf, chrf.get_signature())))
    for printed, expected in zip(run().splitlines(), text.splitlines()):
        head, version = expected.split("|version:")
        expected = head + " = " + version.split(" = ", 1)[1]
        if printed != expected:
            wrong.append(f"printed {printed!r}, sacreBLEU {expected!r}")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("files", nargs="*")
    options = parser.parse_intermixed_args()
    pairs = list(zip(options.files[::2], options.files[1::2]))
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            rng = random.Random(options.seed * 100003 + number)
            refs = [line(rng) for _ in range(rng.choice([1, 1, 2, 5, 60]))]
            hyps = [rng.choice([mutate(rng, ref), mutate(rng, ref), ref, line(rng)]) for ref in refs]
            paths = []
            for name, lines in (("hyp", hyps), ("ref", refs)):
                path = Path(folder, f"{name}{number}")
                end = rng.choice(["\n", "\r\n"])
                path.write_bytes((end.join(lines) + rng.choice([end, "\n"])).encode())
                paths.append(str(path))
            pairs.append(tuple(paths))
        for hypothesis, reference in pairs:
            for text in check(options.program, hypothesis, reference):
                failed += 1
                print(f"{hypothesis} {reference}: {text}")
    print(f"seed {options.seed}: {len(pairs)} pairs of files, {failed} differences")
    return 1 if failed else 0


sys.exit(main())
