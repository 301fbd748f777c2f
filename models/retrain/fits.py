"""Fits of binary codes, all rows at once; row for row what models/fit*.c computes (docs/NUMBERS.md).

Rows are fp64 [R, K] and share nothing; B planes; scales [R, B]; codes uint8 [R, K], bit i = plane i.
Sums run in C's order on a CPU, where torch.cumsum is sequential."""

import torch

ROUNDS = 40
IMPROVEMENT = 1e-12
DEPENDENT = 1e-9
CLIPS = (1.0, 0.85, 0.7, 0.55)
CLIPPED_BITS = 4
RATIO = 0.97


def total(terms):
    return terms.cumsum(-1)[..., -1]


def code_values(scales):
    """The value of every code: [R, 2^B]. Planes are added in their order."""
    values = scales.new_zeros(len(scales), 1)
    for i in range(scales.shape[1]):
        scale = scales[:, i : i + 1]
        values = torch.cat([values - scale, values + scale], 1)
    return values


def sorted_levels(scales):
    """(values ascending, their codes), both [R, 2^B]."""
    return code_values(scales).sort(dim=1, stable=True)


def middles(values):
    return 0.5 * (values[:, :-1] + values[:, 1:])


def nearest(rows, scales):
    """The nearest codes; of two equally near, the upper."""
    values, codes = sorted_levels(scales)
    at = torch.searchsorted(middles(values), rows, right=True)
    return codes.gather(1, at).to(torch.uint8)


def decode(codes, scales):
    return code_values(scales).gather(1, codes.long())


def greedy(rows, bits):
    residual = rows.clone()
    codes = torch.zeros_like(rows, dtype=torch.uint8)
    scales = []
    for i in range(bits):
        scale = (total(residual.abs()) / rows.shape[1]).float().double()
        positive = residual >= 0
        codes |= positive.to(torch.uint8) << i
        residual = residual - torch.where(positive, scale[:, None], -scale[:, None])
        scales.append(scale)
    return torch.stack(scales, 1), codes


class Sorted:
    """Rows by ascending weight, and the sums before each weight."""

    def __init__(self, rows):
        self.rows = rows.sort(dim=1).values.contiguous()
        zero = rows.new_zeros(len(rows), 1)
        self.moment = torch.cat([zero, self.rows.cumsum(1)], 1)
        self.square = total(self.rows * self.rows)
        self.largest = torch.maximum(self.rows[:, 0].abs(), self.rows[:, -1].abs())

    def take(self, chosen):
        part = object.__new__(Sorted)
        for name in ("rows", "moment", "square", "largest"):
            setattr(part, name, getattr(self, name)[chosen])
        return part

    def assign(self, values):
        """(error, mass, moment) of the nearest ascending levels; mass and moment are [R, levels]."""
        inner = torch.searchsorted(self.rows, middles(values).contiguous(), right=False)
        ends = torch.nn.functional.pad(inner, (1, 0))
        ends = torch.nn.functional.pad(ends, (0, 1), value=self.rows.shape[1])
        mass = (ends[:, 1:] - ends[:, :-1]).double()
        sums = self.moment.gather(1, ends)
        moment = sums[:, 1:] - sums[:, :-1]
        terms = values * (mass * values - 2 * moment)
        return total(torch.cat([self.square[:, None], terms], 1)), mass, moment


def _transform(x):
    """Walsh-Hadamard over the last dimension."""
    count = x.shape[1]
    half = 1
    while half < count:
        blocks = x.view(len(x), -1, 2, half)
        low, high = blocks[:, :, 0], blocks[:, :, 1]
        x = torch.stack([low + high, low - high], 2).view(len(x), count)
        half *= 2
    return x


def solve(gram, rhs, least):
    """Solves gram x = rhs by L D L^T, row by row; a dependent plane gets 0. [R, B, B], [R, B], [R]."""
    bits = rhs.shape[1]
    gram, rhs, pivots = gram.clone(), rhs.clone(), []
    for j in range(bits):
        pivot = gram[:, j, j]
        for k in range(j):
            pivot = pivot - gram[:, j, k] * gram[:, j, k] * pivots[k]
            rhs[:, j] -= gram[:, j, k] * rhs[:, k]
        pivots.append(torch.where(pivot > least, pivot, 0.0))
        for i in range(j + 1, bits):
            for k in range(j):
                gram[:, i, j] -= gram[:, i, k] * gram[:, j, k] * pivots[k]
            gram[:, i, j] = torch.where(pivots[j] > 0, gram[:, i, j] / pivots[j], 0.0)
    x = torch.zeros_like(rhs)
    for j in reversed(range(bits)):
        value = rhs[:, j] / pivots[j]
        for i in range(j + 1, bits):
            value = value - gram[:, i, j] * x[:, i]
        x[:, j] = torch.where(pivots[j] > 0, value, 0.0)
    return x


def canonical(scales):
    """Non-negative and descending."""
    return scales.abs().sort(dim=1, descending=True).values


def _least_squares(mass, moment, codes, bits):
    by_code = torch.zeros_like(mass).scatter(1, codes, mass)
    mass = _transform(by_code)
    moment = _transform(torch.zeros_like(moment).scatter(1, codes, moment))
    planes = 1 << torch.arange(bits, device=mass.device)
    gram = mass[:, planes[:, None] ^ planes[None, :]]
    return solve(gram, -moment[:, planes], DEPENDENT * mass[:, 0])


def improve(rows, scales, rounds=ROUNDS):
    """Alternates; (best scales met, their error). Rows that no longer improve are left alone."""
    kept = scales.clone()
    best = torch.full_like(rows.square, torch.inf)
    active = torch.arange(len(kept), device=kept.device)
    trial = scales
    for _ in range(rounds):
        part = rows.take(active)
        trial = canonical(trial)
        values, codes = sorted_levels(trial)
        error, mass, moment = part.assign(values)
        better = best[active] - error > IMPROVEMENT * part.square
        active, trial = active[better], trial[better]
        if not len(active):
            break
        best[active], kept[active] = error[better], trial
        trial = _least_squares(mass[better], moment[better], codes[better], scales.shape[1])
    return kept, best


def _uniform_scales(step, bits):
    return step[:, None] * (1 << torch.arange(bits, device=step.device)).double()


def _refine(rows, bits, step):
    count = 1 << bits
    q = (2 * torch.arange(count, device=step.device) + 1 - count).double()
    _, mass, moment = rows.assign(step[:, None] * q)
    product, square = total(q * moment), total(q * q * mass)
    best = product / square
    return best, rows.square - best * product


def uniform_step(rows, bits):
    outermost = float((1 << bits) - 1)
    mean = total(rows.rows.abs()) / rows.rows.shape[1]
    least = mean / outermost * RATIO
    best, best_error = torch.zeros_like(least), rows.square.clone()
    step = rows.largest / outermost
    while bool((step > least).any()):
        trial, error = _refine(rows, bits, step)
        better = (error < best_error) & (step > least)
        best, best_error = torch.where(better, trial, best), torch.where(better, error, best_error)
        step = step * RATIO
    active = torch.ones_like(best, dtype=torch.bool)
    for _ in range(ROUNDS):
        trial, error = _refine(rows, bits, best)
        active = active & (error < best_error)
        if not bool(active.any()):
            break
        best, best_error = torch.where(active, trial, best), torch.where(active, error, best_error)
    return best


def _keep(rows, start, best, rounds=ROUNDS):
    scales, error = improve(rows, start, rounds)
    if best is None:
        return scales, error
    better = error < best[1]
    return torch.where(better[:, None], scales, best[0]), torch.where(better, error, best[1])


def _mean_residual(rows, scales):
    values, _ = sorted_levels(scales)
    at = torch.searchsorted(middles(values).contiguous(), rows.rows, right=True)
    return total((rows.rows - values.gather(1, at)).abs()) / rows.rows.shape[1]


def alternating(rows, bits, start, from_greedy_alone=False):
    """The best scales found from the greedy ones."""
    ordered = Sorted(rows)
    first = bits if from_greedy_alone or bits < CLIPPED_BITS else CLIPPED_BITS
    best = _keep(ordered, start[:, :first], None)
    if not from_greedy_alone:
        for clip in CLIPS:
            step = clip * ordered.largest / float((1 << first) - 1)
            best = _keep(ordered, _uniform_scales(step, first), best)
    for b in range(first + 1, bits + 1):
        grown = torch.cat([best[0], _mean_residual(ordered, best[0])[:, None]], 1)
        other = _keep(ordered, start[:, :b], None, 1)
        other = _keep(ordered, _uniform_scales(uniform_step(ordered, b), b), other, 1)
        best = _keep(ordered, grown, None)
        best = _keep(ordered, other[0], best)
    return best[0]


def fit(name, rows, bits):
    """(scales fp64 of fp32 precision [R, B], codes uint8 [R, K])."""
    rows = rows.double().contiguous()
    if name == "uniform":
        scales = _uniform_scales(uniform_step(Sorted(rows), bits).float().double(), bits)
        return scales, nearest(rows, scales)
    scales, codes = greedy(rows, bits)
    if name == "greedy":
        return scales, codes
    scales = alternating(rows, bits, scales, name == "alternating-from-greedy").float().double()
    return scales, nearest(rows, scales)
