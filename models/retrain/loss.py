"""Cross-entropy against a mixture of the smoothed reference and the teacher's words.

    p    = (1 - W) ((1 - s) [word] + s / V) + W softmax(teacher)
    loss = sum over positions of (log sum exp z - p . z)

Gradients are computed with the loss, chunk by chunk: logits of all positions are never in memory at once."""

import torch

CHUNK = 4096  # positions; 8,000 words in fp32: 131 MB


def _mix(z, teacher, words, keep, smoothing, distil):
    """(loss, negative log likelihood of the words, gradient by z in z's type) of one chunk."""
    dtype = z.dtype
    z = z.float()
    most = z.amax(-1, keepdim=True)
    e = (z - most).exp()
    whole = e.sum(-1, keepdim=True)
    lse = most + whole.log()
    hot = torch.arange(z.shape[1], device=z.device)[None, :] == words[:, None]
    p = (1 - distil) * ((1 - smoothing) * hot + smoothing / z.shape[1])
    if teacher is not None:
        p = p + distil * teacher.float().softmax(-1)
    loss = (lse[:, 0] - (p * z).sum(-1)) * keep
    likelihood = (lse[:, 0] - (hot * z).sum(-1)) * keep
    return loss.sum(), likelihood.sum(), ((e / whole - p) * keep[:, None]).to(dtype)


class Mixture:
    def __init__(self, smoothing, distil, compile_parts=False):
        self.smoothing, self.distil = smoothing, distil
        self.mix = torch.compile(_mix) if compile_parts else _mix

    def __call__(self, hidden, output, bias, words, keep, teacher=None):
        """hidden [N, d], output [V, d], bias [V], words [N], keep [N] (1 or 0); teacher: the same
        (hidden, output, bias). (mean loss, sum of negative log likelihoods, positions kept)."""
        return _Loss.apply(hidden, output, bias, words, keep, teacher, self)


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden, output, bias, words, keep, teacher, self):
        count = keep.sum()
        by_hidden = torch.empty_like(hidden)
        by_output = torch.zeros(output.shape, dtype=torch.float32, device=output.device)
        loss, likelihood = hidden.new_zeros((), dtype=torch.float32), count.new_zeros(())
        bias = bias.to(output.dtype)
        for begin in range(0, len(hidden), CHUNK):
            part = slice(begin, begin + CHUNK)
            z = torch.addmm(bias, hidden[part], output.t())
            t = None
            if teacher is not None:
                t = torch.addmm(teacher[2].to(output.dtype), teacher[0][part], teacher[1].t())
            a, b, grad = self.mix(z, t, words[part], keep[part], self.smoothing, self.distil if teacher else 0.0)
            loss, likelihood = loss + a, likelihood + b
            by_hidden[part] = grad @ output
            by_output += grad.t() @ hidden[part]
        ctx.save_for_backward(by_hidden, by_output, count)
        ctx.mark_non_differentiable(likelihood, count)
        return loss / count.clamp_min(1), likelihood, count

    @staticmethod
    def backward(ctx, grad, *_):
        by_hidden, by_output, count = ctx.saved_tensors
        scale = grad / count.clamp_min(1)
        dtype = by_hidden.dtype
        return (by_hidden * scale).to(dtype), (by_output * scale).to(dtype), None, None, None, None, None
