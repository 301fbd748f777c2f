"""Fake quantisation. Rows that share scales, of all matrices with groups of one width, are one bank.

    bank.master [R, K] fp32, trained --searchsorted--> bank.values [R, K] on the codes
                 <--straight-through gradient--

Rows of fewer planes than the bank's have scales of 0 at the end."""

from dataclasses import dataclass

import numpy as np
import torch

from . import Refusal, fits, plan as plans


@dataclass(eq=False)
class Part:
    """What one matrix has in a bank."""

    name: str
    rows: int
    columns: int
    groups: int
    begin: int  # its first row in the bank
    bits: torch.Tensor  # [rows], of each row of the matrix
    fit: str
    planned: bool
    fitted: bool = False  # its scales are given

    @property
    def end(self):
        return self.begin + self.rows * self.groups


class Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, master, values):
        return values

    @staticmethod
    def backward(ctx, grad):
        return grad.float(), None


class Bank:
    def __init__(self, width, uniform, parts, masters, device):
        self.width, self.uniform, self.parts = width, uniform, parts
        self.master = torch.nn.Parameter(torch.cat(masters).to(device))
        bits = [p.bits.repeat_interleave(p.groups) for p in parts]
        self.bits = torch.cat(bits).to(device)
        self.planes = int(self.bits.max())
        rows = len(self.bits)
        levels = 1 << self.planes
        self.scales = torch.zeros(rows, self.planes, dtype=torch.float64, device=device)
        self.levels = torch.zeros(rows, levels, device=device)
        self.middles = torch.zeros(rows, levels - 1, device=device)
        self.codes = torch.zeros(rows, levels, dtype=torch.uint8, device=device)
        self.active = torch.zeros(rows, 1, dtype=torch.bool, device=device)

    def set_scales(self, scales):
        """Sets what `values` uses, in place."""
        self.scales.copy_(scales)
        values, codes = fits.sorted_levels(self.scales)
        self.levels.copy_(values)
        self.middles.copy_(fits.middles(values))
        self.codes.copy_(codes)

    @torch.no_grad()
    def values(self, dtype):
        """Nearest values where quantisation is active, else the weights."""
        at = torch.searchsorted(self.middles, self.master, right=True)
        nearest = self.levels.gather(1, at)
        return torch.where(self.active, nearest, self.master).to(dtype)

    def matrices(self, dtype):
        """The weights by matrix name; the gradient goes to the master as it is."""
        values = Straight.apply(self.master, self.values(dtype))
        pieces = values.split([p.end - p.begin for p in self.parts])
        return {p.name: t.view(p.rows, p.columns) for p, t in zip(self.parts, pieces)}

    @torch.no_grad()
    def fit(self, chosen):
        """Scales by each plan's fit for the rows of the parts `chosen`; others keep theirs."""
        scales = self.scales.clone()
        for fit in sorted({p.fit for p in chosen}):
            mask = torch.zeros(len(self.bits), dtype=torch.bool, device=self.bits.device)
            for p in chosen:
                if p.fit == fit:
                    mask[p.begin : p.end] = True
            for bits in self.bits[mask].unique().tolist():
                rows = (mask & (self.bits == bits)).nonzero().flatten()
                for some in rows.split(16384):
                    found, _ = fits.fit(fit, self.master[some], bits)
                    scales[some] = torch.nn.functional.pad(found, (0, self.planes - bits))
        self.set_scales(scales)

    @torch.no_grad()
    def least_squares(self):
        """One step: the best scales for the nearest codes of today."""
        at = torch.searchsorted(self.middles, self.master, right=True)
        codes = self.codes.gather(1, at)
        if self.uniform:
            top = (1 << self.bits)[:, None]
            q = (2 * (codes & (top - 1)) + 1 - top).to(self.master.dtype)
            step = (q * self.master).sum(1).double() / (q * q).sum(1).double()
            planes = torch.arange(self.planes, device=step.device)
            scales = step.abs()[:, None] * (1 << planes).double()
            self.set_scales(scales * (planes < self.bits[:, None]))
            return
        signs = [((codes >> i) & 1).to(self.master.dtype) * 2 - 1 for i in range(self.planes)]
        gram = self.scales.new_zeros(len(codes), self.planes, self.planes)
        rhs = self.scales.new_zeros(len(codes), self.planes)
        for i in range(self.planes):
            has = i < self.bits
            rhs[:, i] = (signs[i] * self.master).sum(1).double() * has
            for j in range(i + 1):
                gram[:, i, j] = (signs[i] * signs[j]).sum(1).double() * has
        least = fits.DEPENDENT * torch.full_like(rhs[:, 0], self.width)
        self.set_scales(fits.canonical(fits.solve(gram, rhs, least)))


class Banks:
    """All matrices of a model. `choices` is None where nothing is quantised. `given`: scales to start
    from (export.read_scales), for matrices of the same bits, groups and kind of scales."""

    def __init__(self, matrices, weights, choices, row_bits, device, given=()):
        groups = {}
        for m in matrices:
            choice = choices[m.name] if choices else plans.Choice(bits=1)
            width = choice.group if 0 < choice.group < m.columns else m.columns
            if m.columns % width:
                raise Refusal(f"{m.name}: groups of {width} do not divide {m.columns} columns")
            bits = torch.from_numpy(np.asarray(row_bits[m.name])) if choices else torch.ones(m.rows).long()
            part = Part(m.name, m.rows, m.columns, m.columns // width, 0, bits, choice.fit, bool(choices))
            groups.setdefault((width, choice.uniform), []).append(part)
        self.banks = []
        for (width, uniform), parts in groups.items():
            begin = 0
            for part in parts:
                part.begin, begin = begin, begin + part.rows * part.groups
            masters = [weights[p.name].reshape(-1, width) for p in parts]
            self.banks.append(Bank(width, uniform, parts, masters, device))
            self._take(self.banks[-1], {p: given[p.name] for p in parts if p.planned and p.name in given})

    @staticmethod
    def _take(bank, given):
        scales = bank.scales.clone()
        for part, (bits, theirs, width, uniform) in given.items():
            part.fitted = torch.equal(bits, part.bits) and (width, uniform) == (bank.width, bank.uniform)
            if part.fitted:
                theirs = theirs.flatten(0, 1).to(scales.device)
                scales[part.begin : part.end, : theirs.shape[1]] = theirs
        bank.set_scales(scales)

    def parameters(self):
        return [bank.master for bank in self.banks]

    def matrices(self, dtype):
        found = {}
        for bank in self.banks:
            found.update(bank.matrices(dtype))
        return found

    def choose(self, wanted):
        """The bank and parts that are planned and named by wanted(name)."""
        for bank in self.banks:
            parts = [p for p in bank.parts if p.planned and wanted(p.name)]
            if parts:
                yield bank, parts

    @torch.no_grad()
    def start(self, wanted):
        """Fits the matrices, but for those that are quantised already, and quantises them from now on."""
        for bank, parts in self.choose(wanted):
            parts = [p for p in parts if not bool(bank.active[p.begin, 0])]
            unfitted = [p for p in parts if not p.fitted]
            if unfitted:
                bank.fit(unfitted)
            for p in parts:
                bank.active[p.begin : p.end] = True

    def refit(self):
        for bank in self.banks:
            if bank.parts[0].planned:
                bank.least_squares()

    @torch.no_grad()
    def replace(self, wanted):
        """Puts the weights themselves on the codes of a fresh fit (pNR)."""
        for bank, parts in self.choose(wanted):
            bank.fit(parts)
            at = torch.searchsorted(bank.middles, bank.master, right=True)
            nearest = bank.levels.gather(1, at)
            for p in parts:
                bank.master[p.begin : p.end] = nearest[p.begin : p.end]

    def state(self):
        return [(b.master, b.scales, b.active) for b in self.banks]

    @torch.no_grad()
    def load(self, state):
        for bank, (master, scales, active) in zip(self.banks, state, strict=True):
            bank.master.copy_(master)
            bank.set_scales(scales.to(bank.scales.device))
            bank.active.copy_(active)


@torch.no_grad()
def exact_codes(bank, part):
    """What is handed over of one matrix, scales rounded as models/quantize.c does.

    (bits [M] u8, levels [M, K] u8, mantissas [M, groups, planes or 1] i16, exponent, values fp32)"""
    scales = bank.scales[part.begin : part.end].float().double().cpu()
    bits = part.bits.repeat_interleave(part.groups)
    most = int(part.bits.max())
    scales = scales[:, :most]
    largest = float(scales.max())  # uniform scales grow with the plane, up to the row's bits
    exponent = shared_exponent(largest)
    if bank.uniform:
        limit = (32767 >> (bits - 1)).double()
        mantissas = torch.minimum((scales[:, 0] * 2.0**-exponent).round(), limit)[:, None]
        planes = torch.arange(most)
        whole = mantissas * (1 << planes).double() * (planes < bits[:, None])
    else:
        whole = mantissas = (scales * 2.0**-exponent).round().clamp(0, 32767)
    rows = bank.master[part.begin : part.end].double().cpu()
    codes = fits.nearest(rows, whole * 2.0**exponent)
    codes &= ((1 << bits) - 1).to(torch.uint8)[:, None]
    values = fits.decode(codes, whole).float() * 2.0**exponent
    return (
        part.bits.to(torch.uint8),
        codes.view(part.rows, part.columns),
        mantissas.to(torch.int16).view(part.rows, part.groups, -1),
        exponent,
        values.view(part.rows, part.columns),
    )


def shared_exponent(largest):
    """The smallest e with largest <= 32767 * 2^e; 0 for zeros."""
    fraction, exponent = np.frexp(largest)
    if not fraction > 0:
        return 0
    return int(exponent) - (15 if fraction * 2**15 <= 32767 else 14)
