"""A small reader of .lwm files (docs/MODEL_FORMAT.md) for tests."""

import json
import struct

import numpy as np


def read(path):
    """(meta, {name: dict of bits [M], levels [M, K], scales [M, groups, planes or 1], exponent})"""
    data = path.read_bytes()
    sections = {}
    for i in range(struct.unpack_from("<I", data, 12)[0]):
        kind, _, offset, size, _ = struct.unpack_from("<IIQQQ", data, 32 + 32 * i)
        sections[kind] = data[offset : offset + size]
    meta = json.loads(sections[1])
    at, found = {2: 0, 3: 0, 4: 0}, {}

    def take(kind, size):
        at[kind] += size
        return np.frombuffer(sections[kind], np.uint8, size, at[kind] - size)

    for m in meta["matrices"]:
        rows, columns = m["rows"], m["columns"]
        bits = np.full(rows, m["codes"][0][0])
        if len(m["codes"]) > 1:
            packed = take(4, (rows + 1) // 2)
            bits = np.stack([packed & 15, packed >> 4], 1).reshape(-1)[:rows]
        groups = -(-columns // m["group"])
        levels = np.zeros((rows, columns), np.uint8)
        scales = np.zeros((rows, groups, 1 if m["uniform"] else int(bits.max())), np.int16)
        for planes, count in m["codes"]:
            chosen = np.flatnonzero(bits == planes)
            width = (columns + 7) // 8
            packed = take(2, count * planes * width).reshape(count, planes, width)
            signs = np.unpackbits(packed, axis=2, count=columns, bitorder="little")
            levels[chosen] = (signs << np.arange(planes, dtype=np.uint8)[:, None]).sum(1)
            kept = 1 if m["uniform"] else planes
            mantissas = take(3, 2 * count * groups * kept).view(np.int16)
            scales[chosen, :, :kept] = mantissas.reshape(count, groups, kept)
        found[m["name"]] = {"bits": bits, "levels": levels, "scales": scales, "exponent": m["exponent"]}
    return meta, found
