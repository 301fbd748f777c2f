"""python -m retrain.compare REF HYP_A HYP_B: BLEU of two translations, with 95 % intervals of each and of
the difference by paired bootstrap (Koehn 2004), with the statistics of sacreBLEU."""

import argparse
import sys

import numpy as np

from . import Refusal, pieces


def statistics(hypotheses, references):
    """sacreBLEU's counts by sentence, int64 [N, 10]: lengths, then matches and totals of 1 to 4 words."""
    from sacrebleu.metrics import BLEU

    metric = BLEU()
    stats = metric._extract_corpus_statistics(hypotheses, [references])
    return metric, np.array(stats, np.int64)


def score(stats):
    """BLEU of summed statistics [..., 10], exponential smoothing of zero matches as in sacreBLEU."""
    stats = stats.astype(float)
    length, reference, matches, totals = stats[..., 0], stats[..., 1], stats[..., 2:6], stats[..., 6:10]
    zero = (matches == 0) & (totals > 0)
    smooth = 0.5 ** np.cumsum(zero, -1)
    precision = np.where(zero, smooth, matches) / np.maximum(totals, 1)
    with np.errstate(divide="ignore"):
        mean = np.log(precision).mean(-1)
    brevity = np.minimum(0, 1 - reference / np.maximum(length, 1))
    return 100 * np.exp(mean + brevity)


def bootstrap(a, b, samples, seed):
    """BLEU of resampled sentences, the same ones for both: two arrays [samples]."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(samples):
        chosen = generator.integers(0, len(a), len(a))
        found.append((score(a[chosen].sum(0)), score(b[chosen].sum(0))))
    return np.array(found).T


def main(arguments=None):
    p = argparse.ArgumentParser(prog="python -m retrain.compare", description=__doc__)
    p.add_argument("reference")
    p.add_argument("a")
    p.add_argument("b")
    p.add_argument("--samples", type=int, default=1000)
    p.add_argument("--seed", type=int, default=12345)
    args = p.parse_args(arguments)
    try:
        references, *both = (pieces.read_lines(path) for path in (args.reference, args.a, args.b))
        for path, lines in zip((args.a, args.b), both):
            if len(lines) != len(references):
                raise Refusal(f"{path}: {len(lines)} lines, and {len(references)} in {args.reference}")
    except Refusal as refusal:
        print(f"retrain.compare: {refusal}", file=sys.stderr)
        return 1
    stats = [statistics(lines, references)[1] for lines in both]
    drawn = bootstrap(*stats, args.samples, args.seed)
    whole = [float(score(s.sum(0))) for s in stats]
    for name, value, values in zip("AB", whole, drawn):
        low, high = np.percentile(values, (2.5, 97.5))
        print(f"{name} {value:.2f} [{low:.2f}, {high:.2f}]")
    difference = drawn[1] - drawn[0]
    low, high = np.percentile(difference, (2.5, 97.5))
    less = float((difference <= 0).mean())
    print(f"B - A {whole[1] - whole[0]:+.2f} [{low:+.2f}, {high:+.2f}]  B is not better in {100 * less:.1f} % "
          f"of {args.samples} samples, seed {args.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
