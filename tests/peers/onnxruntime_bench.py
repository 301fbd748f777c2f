#!/usr/bin/env python3
"""Times ONNX Runtime's MatMulNBits, for comparison with `lutwidge bench`.

    pip install onnxruntime onnx
    lutwidge bench --json -q > ours.json
    tests/peers/onnxruntime_bench.py --ours ours.json

As `lutwidge bench` in its resident mode: fp32 in and out, one thread, CPU time of the thread, medians of 11 samples,
copies of a matrix that hold 2^25 weights. The copies are the nodes of one graph, so that what a call of a session costs
is shared among them, in ONNX Runtime's favour. Blocks of 32 columns, accuracy level 4 (activations rounded to int8).
Not interleaved with our kernels: it is another process, so ratios hold only on a quiet machine.
"""

import argparse
import json
import statistics
import time

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

BLOCK, SAMPLES, RESIDENT_WEIGHTS = 32, 11, 1 << 25


def make_session(m, k, bits, copies, n, random):
    """A session with `copies` products of x[N][K], and the weights of all of them, decoded: W[M][K]."""
    blocks = (k + BLOCK - 1) // BLOCK
    packed = random.integers(0, 256, (m, blocks, BLOCK * bits // 8), dtype=np.uint8)
    scales = (random.random((m, blocks), dtype=np.float32) + 0.5) / np.float32(2 ** (bits - 1) * np.sqrt(k))
    codes = np.stack([packed >> s & (1 << bits) - 1 for s in range(0, 8, bits)], axis=-1).reshape(m, blocks, BLOCK)
    weights = ((codes.astype(np.float32) - 2 ** (bits - 1)) * scales[..., None]).reshape(m, blocks * BLOCK)[:, :k]
    nodes, initializers, outputs = [], [], []
    for i in range(copies):
        initializers.append(numpy_helper.from_array(packed, f"b{i}"))
        initializers.append(numpy_helper.from_array(scales.reshape(-1), f"s{i}"))
        nodes.append(helper.make_node("MatMulNBits", ["x", f"b{i}", f"s{i}"], [f"y{i}"], domain="com.microsoft", K=k,
                                      N=m, bits=bits, block_size=BLOCK, accuracy_level=4))
        outputs.append(helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, [n, m]))
    graph = helper.make_graph(nodes, "bench", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [n, k])], outputs,
                              initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17),
                                                    helper.make_opsetid("com.microsoft", 1)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session, weights


def measure(m, k, bits, n, seconds, random):
    """Samples in ns a product, after a check of the result."""
    copies = max(1, -(-RESIDENT_WEIGHTS // (m * k)))
    session, weights = make_session(m, k, bits, copies, n, random)
    x = random.standard_normal((n, k), dtype=np.float32)
    exact = x @ weights.T
    for y in session.run(None, {"x": x}):
        error = np.linalg.norm(y - exact) / np.linalg.norm(exact)
        if not error < 0.03:
            raise SystemExit(f"{m}x{k}, {bits} bits, N = {n}: relative error {error:.3g}")
    start = time.thread_time_ns()
    session.run(None, {"x": x})
    runs = max(1, round(seconds / SAMPLES * 1e9 / max(1, time.thread_time_ns() - start)))
    samples = []
    for _ in range(SAMPLES):
        session.run(None, {"x": x})
        start = time.thread_time_ns()
        for _ in range(runs):
            session.run(None, {"x": x})
        samples.append((time.thread_time_ns() - start) / (runs * copies))
    return samples


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", help="output of lutwidge bench --json: its shapes and N, and ratios")
    parser.add_argument("--shapes", default="512x512,2048x512,512x2048,32768x512,256x256,1024x256,256x1024,4096x4096")
    parser.add_argument("--columns", default="1,4,16")
    parser.add_argument("--bits", default="2,4,8")
    parser.add_argument("--seconds", type=float, default=0.25)
    arguments = parser.parse_args()
    ours = {}
    cells = [(*map(int, shape.split("x")), int(n))
             for shape in arguments.shapes.split(",") for n in arguments.columns.split(",")]
    if arguments.ours:
        rows = [row for row in json.load(open(arguments.ours, encoding="utf-8"))
                if row["spec"] and row["mode"] == "resident" and not row["error"]]
        for row in rows:
            ours.setdefault((row["m"], row["k"], row["n"], row["bits"]), []).append(row)
        cells = sorted({(row["m"], row["k"], row["n"]) for row in rows})
    print(f"onnxruntime {onnxruntime.__version__}")
    print("| shape | bits | N | ns a call | spread % | ours: how many times faster at the same bits |")
    print("|---|---|---:|---:|---:|---|")
    random = np.random.default_rng(1)
    for m, k, n in cells:
        for bits in map(int, arguments.bits.split(",")):
            samples = measure(m, k, bits, n, arguments.seconds, random)
            median, quartiles = statistics.median(samples), statistics.quantiles(samples, n=4, method="inclusive")
            ratios = ", ".join(f"{row['class']} {row['alpha']} {row['by']}: {median / row['median_ns']:.2f}"
                               for row in ours.get((m, k, n, bits), []))
            print(f"| {m}x{k} | {bits} | {n} | {median:.0f} | {100 * (quartiles[2] - quartiles[0]) / median:.1f} "
                  f"| {ratios} |", flush=True)


if __name__ == "__main__":
    main()
