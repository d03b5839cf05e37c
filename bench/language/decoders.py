"""Decoder-only language models with random weights, written the way transformers writes them, so that the exporter of PyTorch traces the graphs that users have."""
import math

import torch
import torch.nn.functional as F
from torch import nn

BASE = dict(
    hidden=64, heads=4, kv=4, head=16, ffn=96, vocab=128, layers=2, places=64,
    norm="rms", positions="rope", rotary=1.0, qkv="separate", qkv_bias=False, out_bias=False, qk_norm=None, mlp="gated", act="silu", mlp_bias=False,
    parallel=False, post_norms=False, cap=None, final_cap=None, scaled_embedding=False, tied=True, attention="eager", experts=0, mla=False, window=None, bare_norm=False,
)
FAMILIES = {
    "llama": dict(kv=2, tied=False),
    "llama-sdpa": dict(kv=2, tied=False, attention="sdpa"),
    "qwen2": dict(kv=2, qkv_bias=True),
    "qwen3": dict(kv=2, head=24, qk_norm="head"),
    "olmo2": dict(qk_norm="all", post_norms="only", tied=False),
    "gemma2": dict(kv=2, head=24, norm="gemma", mlp="gated", act="gelu_tanh", post_norms=True, cap=50.0, final_cap=30.0, scaled_embedding=True, window=4),
    "gemma3": dict(kv=1, norm="gemma", act="gelu_tanh", post_norms=True, qk_norm="gemma", scaled_embedding=True),
    "phi2": dict(norm="ln", rotary=0.5, qkv_bias=True, out_bias=True, mlp="plain", mlp_bias=True, act="gelu_tanh", parallel=True, tied=False),
    "phi3": dict(kv=2, qkv="joint", mlp="gate_up", tied=False),
    "gpt2": dict(norm="ln", positions="learned", qkv="conv1d", qkv_bias=True, out_bias=True, mlp="plain", mlp_bias=True, act="gelu_tanh"),
    "neox": dict(norm="ln", rotary=0.25, qkv="interleaved", qkv_bias=True, out_bias=True, mlp="plain", mlp_bias=True, act="gelu", parallel="two", tied=False),
    "opt": dict(norm="ln", positions="learned", qkv_bias=True, out_bias=True, mlp="plain", mlp_bias=True, act="relu"),
    "bloom": dict(norm="ln", positions="alibi", qkv="interleaved", qkv_bias=True, out_bias=True, mlp="plain", mlp_bias=True, act="gelu_tanh"),
    "falcon": dict(norm="ln", kv=1, qkv="falcon", mlp="plain", act="gelu", parallel=True),
    "mistral": dict(kv=2, tied=False, window=4),
    "smollm": dict(kv=2),
    "stablelm": dict(norm="ln", rotary=0.25, qkv_bias=True, tied=False),
    "mixtral": dict(kv=2, experts=4, tied=False),
    "deepseek-mla": dict(mla=True, tied=False),
}


class Config:
    def __init__(self, name):
        self.__dict__.update(BASE, **FAMILIES[name])


class RMSNorm(nn.Module):
    def __init__(self, size, gemma=False):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(size) if gemma else torch.ones(size))
        self.gemma = gemma

    def forward(self, x):
        x = x.to(torch.float32)
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        return x * (1.0 + self.weight) if self.gemma else self.weight * x


def norm_of(c, size):
    return nn.LayerNorm(size) if c.norm == "ln" else RMSNorm(size, c.norm == "gemma")


def rotate_half(x):
    return torch.cat((-x[..., x.shape[-1] // 2 :], x[..., : x.shape[-1] // 2]), dim=-1)


def rotated(x, cos, sin, size):
    if size == x.shape[-1]:
        return x * cos + rotate_half(x) * sin
    turned, passed = x[..., :size], x[..., size:]
    return torch.cat((turned * cos + rotate_half(turned) * sin, passed), dim=-1)


def repeat_kv(x, n):
    batch, heads, length, size = x.shape
    if n == 1:
        return x
    return x[:, :, None, :, :].expand(batch, heads, n, length, size).reshape(batch, heads * n, length, size)


class Rotary(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.register_buffer("inv_freq", 1.0 / (10000.0 ** (torch.arange(0, size, 2).float() / size)), persistent=False)

    def forward(self, positions):
        freqs = (self.inv_freq[None, :, None].float().expand(positions.shape[0], -1, 1) @ positions[:, None, :].float()).transpose(1, 2)
        both = torch.cat((freqs, freqs), dim=-1)
        return both.cos(), both.sin()


class Conv1D(nn.Module):
    def __init__(self, outputs, inputs):
        super().__init__()
        self.outputs = outputs
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        size = x.size()[:-1] + (self.outputs,)
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(size)


def linear(c, inputs, outputs, bias):
    return Conv1D(outputs, inputs) if c.qkv == "conv1d" else nn.Linear(inputs, outputs, bias=bias)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        width, shared = c.heads * c.head, c.kv * c.head
        if c.qkv == "separate":
            self.q_proj = nn.Linear(c.hidden, width, bias=c.qkv_bias)
            self.k_proj = nn.Linear(c.hidden, shared, bias=c.qkv_bias)
            self.v_proj = nn.Linear(c.hidden, shared, bias=c.qkv_bias)
        else:
            self.qkv_proj = linear(c, c.hidden, width + 2 * shared, c.qkv_bias)
        if c.qk_norm is not None:
            gemma = c.qk_norm == "gemma"
            self.q_norm = RMSNorm(width if c.qk_norm == "all" else c.head, gemma)
            self.k_norm = RMSNorm(shared if c.qk_norm == "all" else c.head, gemma)
        self.o_proj = linear(c, width, c.hidden, c.out_bias)

    def split(self, x):
        c = self.c
        batch, length, _ = x.shape
        if c.qkv == "separate":
            q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        elif c.qkv == "joint":
            both = self.qkv_proj(x)
            at = c.heads * c.head
            q, k, v = both[..., :at], both[..., at : at + c.kv * c.head], both[..., at + c.kv * c.head :]
        elif c.qkv == "conv1d":
            q, k, v = self.qkv_proj(x).split(c.hidden, dim=2)
        elif c.qkv == "interleaved":
            both = self.qkv_proj(x).view(batch, length, c.heads, 3 * c.head)
            q, k, v = both[..., : c.head], both[..., c.head : 2 * c.head], both[..., 2 * c.head :]
            return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        else:
            both = self.qkv_proj(x).view(batch, length, c.heads + 2, c.head)
            return both[:, :, :-2].transpose(1, 2), both[:, :, [-2]].transpose(1, 2), both[:, :, [-1]].transpose(1, 2)
        if c.qk_norm == "all":
            q, k = self.q_norm(q), self.k_norm(k)
        q = q.view(batch, length, -1, c.head).transpose(1, 2)
        k = k.view(batch, length, -1, c.head).transpose(1, 2)
        v = v.view(batch, length, -1, c.head).transpose(1, 2)
        if c.qk_norm in ("head", "gemma"):
            q, k = self.q_norm(q), self.k_norm(k)
        return q, k, v

    def forward(self, x, mask, turn, bias, past):
        c = self.c
        batch, length, _ = x.shape
        q, k, v = self.split(x)
        if turn is not None:
            cos, sin = turn[0].unsqueeze(1), turn[1].unsqueeze(1)
            size = int(c.head * c.rotary)
            q, k = rotated(q, cos, sin, size), rotated(k, cos, sin, size)
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        kept = (k, v)
        k, v = repeat_kv(k, c.heads // c.kv), repeat_kv(v, c.heads // c.kv)
        if c.attention == "sdpa":
            scale = torch.sqrt(1.0 / torch.sqrt(torch.as_tensor(q.shape[-1], dtype=torch.float32)))
            scores = torch.matmul(q * scale, k.transpose(2, 3) * scale)
        else:
            scores = torch.matmul(q, k.transpose(2, 3)) / math.sqrt(c.head)
        if c.cap is not None:
            scores = torch.tanh(scores / c.cap) * c.cap
        if bias is not None:
            scores = scores + bias
        scores = scores + mask[:, :, :, : k.shape[-2]]
        weights = F.softmax(scores, dim=-1, dtype=torch.float32)
        out = torch.matmul(weights, v).transpose(1, 2).contiguous()
        return self.o_proj(out.view(out.size()[:-2] + (c.heads * c.head,)) if c.qkv == "conv1d" else out.reshape(batch, length, -1)), kept


class LatentAttention(nn.Module):
    """DeepSeek's: queries through a small width, keys and values from one latent vector, a rotated part that all heads share."""

    def __init__(self, c):
        super().__init__()
        self.c, self.plain, self.turned, self.value, self.rank = c, 16, 8, 16, 24
        self.q_a_proj = nn.Linear(c.hidden, 32, bias=False)
        self.q_a_layernorm = RMSNorm(32)
        self.q_b_proj = nn.Linear(32, c.heads * (self.plain + self.turned), bias=False)
        self.kv_a_proj_with_mqa = nn.Linear(c.hidden, self.rank + self.turned, bias=False)
        self.kv_a_layernorm = RMSNorm(self.rank)
        self.kv_b_proj = nn.Linear(self.rank, c.heads * (self.plain + self.value), bias=False)
        self.o_proj = nn.Linear(c.heads * self.value, c.hidden, bias=False)

    def forward(self, x, mask, turn, bias, past):
        c = self.c
        batch, length, _ = x.size()
        q = self.q_b_proj(self.q_a_layernorm(self.q_a_proj(x))).view(batch, length, c.heads, self.plain + self.turned).transpose(1, 2)
        q_plain, q_turned = torch.split(q, [self.plain, self.turned], dim=-1)
        latent, k_turned = torch.split(self.kv_a_proj_with_mqa(x), [self.rank, self.turned], dim=-1)
        k_turned = k_turned.view(batch, length, 1, self.turned).transpose(1, 2)
        kv = self.kv_b_proj(self.kv_a_layernorm(latent)).view(batch, length, c.heads, self.plain + self.value).transpose(1, 2)
        k_plain, v = torch.split(kv, [self.plain, self.value], dim=-1)
        cos, sin = turn[0].unsqueeze(1), turn[1].unsqueeze(1)
        q_turned, k_turned = rotated(q_turned, cos, sin, self.turned), rotated(k_turned, cos, sin, self.turned)
        q = torch.cat([q_plain, q_turned], dim=-1)
        k = torch.cat([k_plain, k_turned.expand(-1, c.heads, -1, -1)], dim=-1)
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        scores = torch.matmul(q, k.transpose(2, 3)) * (self.plain + self.turned) ** -0.5 + mask[:, :, :, : k.shape[-2]]
        out = torch.matmul(F.softmax(scores, dim=-1, dtype=torch.float32), v).transpose(1, 2).contiguous()
        return self.o_proj(out.reshape(batch, length, c.heads * self.value)), (k, v)


def activation(c, x):
    if c.act == "gelu_tanh":
        return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))
    return {"silu": F.silu, "gelu": F.gelu, "relu": F.relu}[c.act](x)


class Mlp(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        if c.mlp == "gated":
            self.gate_proj = nn.Linear(c.hidden, c.ffn, bias=False)
        self.up_proj = linear(c, c.hidden, 2 * c.ffn if c.mlp == "gate_up" else c.ffn, c.mlp_bias)
        self.down_proj = linear(c, c.ffn, c.hidden, c.mlp_bias)

    def forward(self, x):
        c = self.c
        if c.mlp == "gated":
            return self.down_proj(activation(c, self.gate_proj(x)) * self.up_proj(x))
        if c.mlp == "gate_up":
            gate, up = self.up_proj(x).chunk(2, dim=-1)
            return self.down_proj(up * activation(c, gate))
        return self.down_proj(activation(c, self.up_proj(x)))


class Experts(nn.Module):
    """Every expert on every token, weighted: what an exporter makes of a mixture whose loop is data dependent (each expert's rows masked by its weight)."""

    def __init__(self, c):
        super().__init__()
        self.gate = nn.Linear(c.hidden, c.experts, bias=False)
        self.experts = nn.ModuleList([Mlp(c) for _ in range(c.experts)])

    def forward(self, x):
        batch, length, hidden = x.shape
        x = x.view(-1, hidden)
        weights = F.softmax(self.gate(x), dim=1, dtype=torch.float32)
        weights, chosen = torch.topk(weights, 2, dim=-1)
        weights = weights / weights.sum(dim=-1, keepdim=True)
        out = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            share = ((chosen == i).to(weights.dtype) * weights).sum(dim=-1, keepdim=True)
            out = out + expert(x) * share
        return out.reshape(batch, length, hidden)


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.self_attn = LatentAttention(c) if c.mla else Attention(c)
        self.mlp = Experts(c) if c.experts else Mlp(c)
        if c.post_norms != "only":
            self.input_layernorm = norm_of(c, c.hidden)
        if c.parallel is not True:
            self.post_attention_layernorm = norm_of(c, c.hidden)
        if c.post_norms:
            self.post_feedforward_layernorm = norm_of(c, c.hidden)
        if c.post_norms is True:
            self.pre_feedforward_layernorm = norm_of(c, c.hidden)

    def forward(self, x, *others):
        c = self.c
        if c.post_norms == "only":
            out, kept = self.self_attn(x, *others)
            x = x + self.post_attention_layernorm(out)
            return x + self.post_feedforward_layernorm(self.mlp(x)), kept
        ahead = self.input_layernorm(x)
        out, kept = self.self_attn(ahead, *others)
        if c.parallel is True:
            return x + out + self.mlp(ahead), kept
        if c.parallel == "two":
            return self.mlp(self.post_attention_layernorm(x)) + out + x, kept
        if c.post_norms:
            x = x + self.post_attention_layernorm(out)
            return x + self.post_feedforward_layernorm(self.mlp(self.pre_feedforward_layernorm(x))), kept
        x = x + out
        return x + self.mlp(self.post_attention_layernorm(x)), kept


class Decoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embed_tokens = nn.Embedding(c.vocab, c.hidden)
        if c.positions == "learned":
            self.embed_positions = nn.Embedding(c.places, c.hidden)
        if c.positions == "rope":
            self.rotary_emb = Rotary(8 if c.mla else int(c.head * c.rotary))
        self.layers = nn.ModuleList([Layer(c) for _ in range(c.layers)])
        self.norm = norm_of(c, c.hidden)

    def forward(self, ids, seen, positions, past):
        c = self.c
        x = self.embed_tokens(ids)
        if c.scaled_embedding:
            x = x * torch.tensor(c.hidden**0.5, dtype=x.dtype)
        if c.positions == "learned":
            x = x + self.embed_positions(positions)
        before = past[0][0].shape[2] if past is not None else 0
        length, total = ids.shape[1], seen.shape[1]
        least = torch.finfo(torch.float32).min
        at = torch.arange(before, before + length)
        hidden = torch.arange(total) > at.reshape(-1, 1)
        if c.window is not None:
            hidden = hidden | (torch.arange(total) <= at.reshape(-1, 1) - c.window)
        mask = torch.full((length, total), least) * hidden.float()
        mask = mask[None, None, :, :].expand(ids.shape[0], 1, -1, -1).clone()
        padded = (mask == 0) & (seen[:, None, None, :] == 0)
        mask = mask.masked_fill(padded, least)
        turn = self.rotary_emb(positions) if c.positions == "rope" else None
        bias = None
        if c.positions == "alibi":
            slopes = torch.tensor([2.0 ** (-8 * (i + 1) / c.heads) for i in range(c.heads)])
            places = ((seen.cumsum(dim=-1) - 1) * seen)[:, None, :].float()
            bias = (slopes[..., None] * places).reshape(ids.shape[0], c.heads, 1, total)
        kept = []
        for i, layer in enumerate(self.layers):
            x, both = layer(x, mask, turn, bias, past[i] if past is not None else None)
            kept += both
        return self.norm(x), kept


class CausalLM(nn.Module):
    """With a cache (`past` is given) or without."""

    def __init__(self, c, cached):
        super().__init__()
        self.c, self.cached = c, cached
        self.model = Decoder(c)
        self.lm_head = nn.Linear(c.hidden, c.vocab, bias=False)
        if c.tied:
            self.lm_head.weight = self.model.embed_tokens.weight

    def forward(self, input_ids, attention_mask, position_ids, *past):
        pairs = [(past[2 * i], past[2 * i + 1]) for i in range(self.c.layers)] if self.cached else None
        x, kept = self.model(input_ids, attention_mask, position_ids, pairs)
        logits = self.lm_head(x)
        if self.c.final_cap is not None:
            logits = torch.tanh(logits / self.c.final_cap) * self.c.final_cap
        return (logits, *kept) if self.cached else logits


def cache_shapes(c):
    """Heads and sizes of keys and of values."""
    return ((c.heads, 24), (c.heads, 16)) if c.mla else ((c.kv, c.head), (c.kv, c.head))
