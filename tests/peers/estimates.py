#!/usr/bin/env python3
"""How far the cost model (gen/cost.c) is from the times of a bench, and whether it ranks kernels as they rank.

    lutwidge bench --isa avx512,avx2,c --mode resident,hot --peers none --json > cells.json
    tests/peers/estimates.py cells.json

Prints markdown: for each instruction set and mode the number of cells, the mean error as a factor (the geometric mean
of max(estimate / time, time / estimate)), the largest one and its cell, and the share of pairs of cells (same mode,
N and instruction set) that estimate and time order alike. The last lines compare instruction sets: pairs that differ
in nothing else.
"""
import itertools
import json
import math
import sys


def load(path):
    with open(path, encoding="utf-8") as stream:
        cells = json.load(stream)
    return [c for c in cells if c["spec"] and c["median_ns"] and c["estimate_ns"]]


def error(cell):
    return abs(math.log(cell["median_ns"] / cell["estimate_ns"]))


def agree(pairs):
    same = [(a["median_ns"] < b["median_ns"]) == (a["estimate_ns"] < b["estimate_ns"]) for a, b in pairs]
    return f"{100 * sum(same) / len(same):.1f} % of {len(same)}" if same else "-"


def main(path):
    cells = load(path)
    print("| kernels | mode | cells | mean error | largest | pairs in the right order |")
    print("|---|---|---:|---:|---|---:|")
    kinds = sorted({(c["by"], c["mode"]) for c in cells})
    for by, mode in kinds:
        own = [c for c in cells if (c["by"], c["mode"]) == (by, mode)]
        worst = max(own, key=error)
        pairs = [p for p in itertools.combinations(own, 2) if p[0]["n"] == p[1]["n"]]
        mean = math.exp(sum(map(error, own)) / len(own))
        print(f"| {by} | {mode} | {len(own)} | {mean:.2f} | {math.exp(error(worst)):.2f}: {worst['spec']} | "
              f"{agree(pairs)} |")
    for mode in sorted({c["mode"] for c in cells}):
        groups = {}
        for c in cells:
            if c["mode"] == mode:
                groups.setdefault((c["shape"], c["bits"], c["n"], c["alpha"], c["class"]), []).append(c)
        pairs = [p for group in groups.values() for p in itertools.combinations(group, 2)]
        print(f"| one against another | {mode} | | | | {agree(pairs)} |")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
