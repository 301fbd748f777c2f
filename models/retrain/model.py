"""The MarianMT forward pass as functions of a weight dictionary, made for CUDA graphs: no shape depends
on data, and nothing waits for the device."""

import math

import torch
import torch.nn.functional as F

MASKED = -30000.0  # finite, so that rows that are all padding give no NaN
ACTIVATIONS = {"swish": F.silu, "silu": F.silu, "relu": F.relu, "gelu": F.gelu}


def positions(config, count, device):
    """Sines in the first half of the features, cosines in the second: [count, d]."""
    sines = (config.d + 1) // 2
    pair = torch.arange(config.d, dtype=torch.float64)
    pair = torch.where(pair < sines, pair, pair - sines)
    angle = torch.arange(count, dtype=torch.float64)[:, None] / 10000.0 ** (2 * pair / config.d)
    half = torch.arange(config.d) < sines
    return torch.where(half, angle.sin(), angle.cos()).float().to(device)


def add_norm(x, y, gain, bias, drop):
    """Dropout, residual and layer norm; fp32, and the same in y's type for the next product."""
    x = x + F.dropout(y, drop, drop > 0).float()
    x = F.layer_norm(x, x.shape[-1:], gain, bias, 1e-5)
    return x, x.to(y.dtype)


class _Round(torch.autograd.Function):
    """int8 activations, a vector at a time, with the gradient passed on."""

    @staticmethod
    def forward(ctx, x):
        most = x.detach().abs().amax(-1, keepdim=True).float().clamp_min(1e-30)
        return (torch.round(x.float() * (127 / most)) * (most / 127)).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        return grad


def _table_noise(x):
    """Noise of the variance that rounding table entries gives: an entry, the sum of four activations,
    is off by up to half of t / 127, t being the largest entry of the vector."""
    fours = F.pad(x.detach().float().abs(), (0, -x.shape[-1] % 4)).unflatten(-1, (-1, 4))
    step = fours.sum(-1).amax(-1, keepdim=True) / 127
    return x + ((torch.rand_like(x, dtype=torch.float32) - 0.5) * (step / 2)).to(x.dtype)


class Lookup(torch.autograd.Function):
    """Rows of a matrix. The gradient is summed in fp32."""

    @staticmethod
    def forward(ctx, matrix, ids):
        ctx.save_for_backward(ids)
        ctx.shape, ctx.dtype = matrix.shape, matrix.dtype
        return matrix[ids]

    @staticmethod
    def backward(ctx, grad):
        (ids,) = ctx.saved_tensors
        total = torch.zeros(ctx.shape, dtype=torch.float32, device=grad.device)
        total.index_add_(0, ids.flatten(), grad.reshape(-1, ctx.shape[1]).float())
        return total.to(ctx.dtype), None


class Marian:
    """Shapes and functions of one configuration; holds no weights.

    Weights are a dictionary: matrices by Lutwidge name in the type of products, biases by tensor name
    in the same type, norms by tensor name in fp32, "logits" the bias of the output in fp32."""

    def __init__(self, config, device, act="none", compile_parts=False):
        self.config, self.act = config, act
        self.positions = positions(config, config.positions, device)
        self.scale = math.sqrt(config.d) if config.scale_embedding else 1.0
        self.source = "embedding" if config.shared else "embedding.source"
        self.target = "embedding" if config.shared else "embedding.target"
        self.output = self.target if config.tied else "output"
        self.activate = ACTIVATIONS[config.activation]
        self.add_norm = torch.compile(add_norm) if compile_parts else add_norm

    def seen(self, x):
        """Activations as a quantised product sees them."""
        if self.act == "a8":
            return _Round.apply(x)
        return _table_noise(x) if self.act == "t8" else x

    def embed(self, w, name, ids, drop):
        x = Lookup.apply(w[name], ids).float() * self.scale + self.positions[: ids.shape[1]]
        x = F.dropout(x, drop, drop > 0)
        return x, x.to(w[name].dtype)

    def attention(self, w, lw, hf, heads, x, memory, mask):
        """x and memory are [N, T, d]; memory None: the same. mask None: causal."""
        def both(parts):
            weight = [w[f"{lw}.{short}"] for short, _ in parts]
            bias = [w[f"{hf}.{long}.bias"] for _, long in parts]
            return (weight[0], bias[0]) if len(parts) == 1 else (torch.cat(weight), torch.cat(bias))

        def project(y, parts):
            y = F.linear(y, *both(parts))
            return y.view(*y.shape[:2], len(parts), heads, -1).permute(2, 0, 3, 1, 4).unbind(0)

        q, k, v = ("q", "q_proj"), ("k", "k_proj"), ("v", "v_proj")
        x = self.seen(x)
        if memory is None:
            q, k, v = project(x, (q, k, v))
        else:
            (q,), (k, v) = project(x, (q,)), project(memory, (k, v))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        y = y.transpose(1, 2).reshape(x.shape)
        return F.linear(self.seen(y), w[f"{lw}.o"], w[f"{hf}.out_proj.bias"])

    def norm(self, w, hf, x, y, drop):
        shape, rows = x.shape, (x.flatten(0, 1), y.flatten(0, 1))  # compiled for one varying size, not two
        x, y = self.add_norm(*rows, w[f"{hf}.weight"], w[f"{hf}.bias"], drop)
        return x.view(shape), y.view(shape)

    def feed_forward(self, w, lw, hf, y):
        y = self.activate(F.linear(self.seen(y), w[f"{lw}.fc1"], w[f"{hf}.fc1.bias"]))
        return F.linear(self.seen(y), w[f"{lw}.fc2"], w[f"{hf}.fc2.bias"])

    def encode(self, w, ids, drop=0.0):
        """(memory [N, S, d], mask [N, 1, 1, S])."""
        c = self.config
        x, y = self.embed(w, self.source, ids, drop)
        mask = ((ids == c.pad) * MASKED).to(y.dtype)[:, None, None, :]
        wide = mask.expand(-1, c.encoder_heads, ids.shape[1], -1)
        for i in range(c.encoder_layers):
            lw, hf = f"encoder.{i}", f"model.encoder.layers.{i}"
            z = self.attention(w, f"{lw}.self", f"{hf}.self_attn", c.encoder_heads, y, None, wide)
            x, y = self.norm(w, f"{hf}.self_attn_layer_norm", x, z, drop)
            z = self.feed_forward(w, f"{lw}.ffn", hf, y)
            x, y = self.norm(w, f"{hf}.final_layer_norm", x, z, drop)
        return y, mask

    def decode(self, w, ids, memory, mask, drop=0.0):
        """Hidden states [N, T, d] before the output."""
        c = self.config
        x, y = self.embed(w, self.target, ids, drop)
        wide = mask.expand(-1, c.decoder_heads, ids.shape[1], -1)
        memory = self.seen(memory)
        for i in range(c.decoder_layers):
            lw, hf = f"decoder.{i}", f"model.decoder.layers.{i}"
            z = self.attention(w, f"{lw}.self", f"{hf}.self_attn", c.decoder_heads, y, None, None)
            x, y = self.norm(w, f"{hf}.self_attn_layer_norm", x, z, drop)
            z = self.attention(w, f"{lw}.cross", f"{hf}.encoder_attn", c.decoder_heads, y, memory, wide)
            x, y = self.norm(w, f"{hf}.encoder_attn_layer_norm", x, z, drop)
            z = self.feed_forward(w, f"{lw}.ffn", hf, y)
            x, y = self.norm(w, f"{hf}.final_layer_norm", x, z, drop)
        return self.seen(y)

    def hidden(self, w, source, target, drop=0.0):
        memory, mask = self.encode(w, source, drop)
        return self.decode(w, target, memory, mask, drop)

    def logits(self, w, hidden):
        return F.linear(hidden, w[self.output]).float() + w["logits"]

    @torch.no_grad()
    def translate(self, w, source, longest):
        """Greedy search, by the whole prefix at each step: [N, T] with the end of each row included."""
        c = self.config
        memory, mask = self.encode(w, source)
        out = source.new_full((len(source), longest + 1), c.pad)
        out[:, 0] = c.start
        done = torch.zeros(len(source), dtype=torch.bool, device=source.device)
        for t in range(longest):
            hidden = self.decode(w, out[:, : t + 1], memory, mask)[:, -1]
            logits = self.logits(w, hidden)
            logits[:, list(c.bad)] = -torch.inf
            word = logits.argmax(-1) if t + 1 < longest else torch.full_like(out[:, 0], c.end)
            out[:, t + 1] = torch.where(done, c.pad, word)
            done |= word == c.end
            if t % 8 == 7 and bool(done.all()):
                break
        return out[:, 1:]
