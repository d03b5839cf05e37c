"""Encoders, encoder-decoders and towers with random weights, written the way transformers writes them."""
import math

import torch
import torch.nn.functional as F
from torch import nn

from decoders import Rotary, rotate_half

H, HEADS, D, FFN, VOCAB, LAYERS, PLACES = 64, 4, 16, 96, 128, 2, 128
MODELS = {}
BOTH = {0: "batch_size", 1: "sequence_length"}
LEAST = torch.finfo(torch.float32).min


def model(name):
    def register(make):
        MODELS[name] = make
        return make

    return register


def tokens(length=10, batch=2):
    ids = torch.randint(3, VOCAB, (batch, length))
    seen = torch.ones_like(ids)
    seen[1, 7:] = 0
    return ids, seen


def additive(seen):
    return (1.0 - seen[:, None, None, :].to(torch.float32)) * LEAST


class Embeddings(nn.Module):
    """Words, places and types; RoBERTa counts places from the mask of the words."""

    def __init__(self, types=2, roberta=False, width=H):
        super().__init__()
        self.word = nn.Embedding(VOCAB, width)
        self.place = nn.Embedding(PLACES, width)
        self.kinds = nn.Embedding(types, width) if types else None
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.roberta = roberta
        self.register_buffer("position_ids", torch.arange(PLACES).expand((1, -1)), persistent=False)

    def forward(self, ids, types=None):
        if self.roberta:
            real = ids.ne(1).int()
            positions = (torch.cumsum(real, dim=1).type_as(real) * real).long() + 1
        else:
            positions = self.position_ids[:, : ids.size(1)]
        x = self.word(ids) + self.place(positions)
        if self.kinds is not None:
            x = x + self.kinds(torch.zeros_like(ids) if types is None else types)
        return self.norm(x)


class SelfAttention(nn.Module):
    """`kind`: 'bert' adds the mask, 'distil' fills the scores where an expanded mask is 0, 'sdpa' scales both factors, 't5' takes the size of the batch from the queries and does
    not scale, 'bart' (with Marian and Whisper) multiplies matrices of batch · heads."""

    def __init__(self, kind="bert", width=H, bias=True):
        super().__init__()
        self.kind = kind
        self.query, self.key, self.value = (nn.Linear(width, HEADS * D, bias=bias) for _ in range(3))
        self.dense = nn.Linear(HEADS * D, width, bias=bias)

    def heads(self, x):
        return x.view(x.shape[0], -1, HEADS, D).transpose(1, 2) if self.kind == "distil" else x.view(x.size()[:-1] + (HEADS, D)).permute(0, 2, 1, 3)

    def forward(self, x, mask, others=None, bias=None, past=None):
        memory = x if others is None else others
        batch = x.shape[0]
        heads = self.heads if self.kind not in ("t5", "bart") else lambda y: y.view(batch, -1, HEADS, D).transpose(1, 2)
        q = heads(self.query(x) * D**-0.5 if self.kind == "bart" else self.query(x))
        k, v = (heads(self.key(memory)), heads(self.value(memory))) if past is None or others is None else past
        if past is not None and others is None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        if self.kind == "distil":
            scores = torch.matmul(q / math.sqrt(D), k.transpose(2, 3))
            hidden = (mask == 0).view(x.shape[0], 1, 1, k.shape[2]).expand_as(scores)
            scores = scores.masked_fill(hidden, LEAST)
        elif self.kind == "sdpa":
            scale = torch.sqrt(1.0 / torch.sqrt(torch.as_tensor(q.shape[-1], dtype=torch.float32)))
            scores = torch.matmul(q * scale, k.transpose(2, 3) * scale) + mask
        elif self.kind == "bart":
            return self.in_matrices(x, q.contiguous(), k.contiguous(), v.contiguous(), mask), (k, v)
        else:
            scores = torch.matmul(q, k.transpose(-1, -2)) / (1 if self.kind == "t5" else math.sqrt(D))
            if mask is not None:
                scores = scores + mask
        if bias is not None:
            scores = scores + bias
        out = torch.matmul(F.softmax(scores, dim=-1), v).permute(0, 2, 1, 3).contiguous()
        return self.dense(out.view(out.size()[:-2] + (HEADS * D,))), (k, v)

    def in_matrices(self, x, q, k, v, mask):
        batch, length, _ = x.size()
        q, k, v = (each.view(batch * HEADS, -1, D) for each in (q, k, v))
        scores = torch.bmm(q, k.transpose(1, 2))
        if mask is not None:
            scores = (scores.view(batch, HEADS, length, k.size(1)) + mask).view(batch * HEADS, length, k.size(1))
        out = torch.bmm(F.softmax(scores, dim=-1), v).view(batch, HEADS, length, D).transpose(1, 2)
        return self.dense(out.reshape(batch, length, HEADS * D))


class PostNormLayer(nn.Module):
    def __init__(self, kind="bert", act=F.gelu):
        super().__init__()
        self.attention, self.norm1 = SelfAttention(kind), nn.LayerNorm(H, eps=1e-12)
        self.up, self.down, self.norm2, self.act = nn.Linear(H, FFN), nn.Linear(FFN, H), nn.LayerNorm(H, eps=1e-12), act

    def forward(self, x, mask, bias=None):
        x = self.norm1(self.attention(x, mask, bias=bias)[0] + x)
        return self.norm2(self.down(self.act(self.up(x))) + x)


class Encoder(nn.Module):
    """BERT and its relatives; `head`: 'class' (pooler and classifier), 'mean' (mean of the tokens, normalised), 'tokens', 'lm' (tied), 'hidden'."""

    def __init__(self, kind="bert", head="class", roberta=False, types=2, shared=False, narrow=None, relative=False):
        super().__init__()
        self.kind, self.head, self.relative = kind, head, relative
        self.embeddings = Embeddings(types, roberta, narrow or H)
        self.widen = nn.Linear(narrow, H) if narrow else None
        layers = [PostNormLayer(kind) for _ in range(1 if shared else LAYERS)]
        self.layers = nn.ModuleList(layers)
        self.times = LAYERS if shared else 1
        if head == "class":
            self.pooler, self.classifier = nn.Linear(H, H), nn.Linear(H, 3)
        if head == "tokens":
            self.classifier = nn.Linear(H, 5)
        if head == "lm":
            self.transform, self.norm, self.bias = nn.Linear(H, H), nn.LayerNorm(H), nn.Parameter(torch.zeros(VOCAB))
        if relative:
            self.relative_attention_bias = nn.Embedding(32, HEADS)

    def forward(self, input_ids, attention_mask, token_type_ids=None):
        x = self.embeddings(input_ids, token_type_ids)
        if self.widen is not None:
            x = self.widen(x)
        mask = attention_mask if self.kind == "distil" else additive(attention_mask)
        bias = None
        if self.relative:
            at = torch.arange(input_ids.shape[1])
            bias = self.relative_attention_bias((at[None, :] - at[:, None]).clamp(-15, 15) + 15).permute([2, 0, 1]).unsqueeze(0)
        for layer in [layer for layer in self.layers for _ in range(self.times)]:
            x = layer(x, mask, bias)
        if self.head == "class":
            return self.classifier(torch.tanh(self.pooler(x[:, 0])))
        if self.head == "tokens":
            return self.classifier(x)
        if self.head == "lm":
            return F.linear(self.norm(F.gelu(self.transform(x))), self.embeddings.word.weight, self.bias)
        if self.head == "mean":
            real = attention_mask.unsqueeze(-1).expand(x.size()).float()
            return F.normalize(torch.sum(x * real, 1) / torch.clamp(real.sum(1), min=1e-9), p=2, dim=1)
        return x


def encoder(name, output="logits", types=False, opset=14, **options):
    def make(export, place):
        ids, seen = tokens()
        inputs = {"input_ids": ids, "attention_mask": seen, **({"token_type_ids": torch.zeros_like(ids)} if types else {})}
        axes = {**{key: BOTH for key in inputs}, output: {0: "batch_size"} if options.get("head") in (None, "class", "mean") else BOTH}
        export(Encoder(**options), tuple(inputs.values()), place(f"{name}.onnx"), list(inputs), [output], axes, opset)

    MODELS[name] = make


encoder("bert", types=True)
encoder("bert-sdpa", types=True, kind="sdpa")
encoder("bert-tokens", types=True, head="tokens")
encoder("bert-lm", types=True, head="lm")
encoder("distilbert", kind="distil", types=False)
encoder("roberta", roberta=True, types=False)
encoder("albert", types=True, shared=True, narrow=24)
encoder("electra", types=True, narrow=24, head="hidden", output="last_hidden_state")
encoder("e5", types=True, head="mean", output="sentence_embedding")
encoder("mpnet", relative=True, head="hidden", output="last_hidden_state")


class Disentangled(nn.Module):
    """DeBERTa v2: content to content, content to position, position to content, with one table of relative places."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.dense = (nn.Linear(H, H) for _ in range(4))

    def heads(self, x):
        return x.view(x.size()[:-1] + (HEADS, -1)).permute(0, 2, 1, 3).contiguous().view(-1, x.size(1), D)

    def forward(self, x, mask, table, relative):
        q, k, v = self.heads(self.query(x)), self.heads(self.key(x)), self.heads(self.value(x))
        scale = 1 / math.sqrt(D * 3)
        scores = torch.bmm(q, k.transpose(-1, -2) * scale)
        places = table.unsqueeze(0)
        batch = x.size(0)
        k_places = self.heads(self.key(places)).repeat(batch, 1, 1)
        q_places = self.heads(self.query(places)).repeat(batch, 1, 1)
        index = relative.unsqueeze(0)
        c2p = torch.gather(torch.bmm(q, k_places.transpose(-1, -2)), -1, index.expand(q.size(0), -1, -1))
        p2c = torch.gather(torch.bmm(k, q_places.transpose(-1, -2)), -1, index.expand(q.size(0), -1, -1)).transpose(-1, -2)
        scores = (scores + c2p * scale + p2c * scale).view(batch, HEADS, x.size(1), x.size(1))
        scores = scores.masked_fill(~mask, LEAST)
        weights = F.softmax(scores, dim=-1).masked_fill(~mask, 0)
        out = torch.bmm(weights.view(-1, x.size(1), x.size(1)), v).view(batch, HEADS, x.size(1), D).permute(0, 2, 1, 3).contiguous()
        return self.dense(out.view(out.size()[:-2] + (-1,)))


class Deberta(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings = Embeddings(types=0)
        self.places, self.norm = nn.Embedding(16, H), nn.LayerNorm(H)
        self.layers = nn.ModuleList([nn.ModuleDict(dict(a=Disentangled(), n1=nn.LayerNorm(H), up=nn.Linear(H, FFN), down=nn.Linear(FFN, H), n2=nn.LayerNorm(H))) for _ in range(LAYERS)])
        self.classifier = nn.Linear(H, 3)

    def forward(self, input_ids, attention_mask):
        x = self.embeddings(input_ids) * attention_mask.unsqueeze(-1)
        both = attention_mask.unsqueeze(1).unsqueeze(2)
        mask = (both * both.squeeze(-2).unsqueeze(-1)).bool()
        at = torch.arange(input_ids.size(1))
        relative = ((at[:, None] - at[None, :]).clamp(-8, 7) + 8).long()
        table = self.norm(self.places.weight)
        for layer in self.layers:
            x = layer["n1"](layer["a"](x, mask, table, relative) + x)
            x = layer["n2"](layer["down"](F.gelu(layer["up"](x))) + x)
        return self.classifier(x[:, 0])


@model("deberta")
def deberta(export, place):
    export(Deberta(), tokens(), place("deberta.onnx"), ["input_ids", "attention_mask"], ["logits"], {"input_ids": BOTH, "attention_mask": BOTH, "logits": {0: "batch_size"}}, 14)


class ModernBert(nn.Module):
    """Wqkv in one, rotated, gated feed-forward in one matrix, local attention in every other layer, norms before, no biases."""

    def __init__(self):
        super().__init__()
        norm = lambda: nn.LayerNorm(H, eps=1e-5)
        self.word, self.norm, self.turn, self.final = nn.Embedding(VOCAB, H), norm(), Rotary(D), norm()
        self.layers = nn.ModuleList(
            [nn.ModuleDict(dict(n1=norm() if i else nn.Identity(), qkv=nn.Linear(H, 3 * H, bias=False), o=nn.Linear(H, H, bias=False), n2=norm(), i=nn.Linear(H, 2 * FFN, bias=False), out=nn.Linear(FFN, H, bias=False))) for i in range(LAYERS)]
        )
        self.head, self.head_norm, self.decoder = nn.Linear(H, H, bias=False), norm(), nn.Linear(H, VOCAB)
        self.decoder.weight = self.word.weight

    def forward(self, input_ids, attention_mask):
        x = self.norm(self.word(input_ids))
        length = input_ids.shape[1]
        at = torch.arange(length)
        mask = additive(attention_mask)
        far = (at[None, :] - at[:, None]).abs() > 4
        local = mask.masked_fill(far[None, None], LEAST)
        cos, sin = self.turn(at.unsqueeze(0))
        for i, layer in enumerate(self.layers):
            qkv = layer["qkv"](layer["n1"](x)).view(x.shape[0], -1, 3, HEADS, D)
            q, k, v = qkv.transpose(3, 1).unbind(dim=2)
            q, k = q * cos.unsqueeze(1) + rotate_half(q) * sin.unsqueeze(1), k * cos.unsqueeze(1) + rotate_half(k) * sin.unsqueeze(1)
            scores = torch.matmul(q, k.transpose(2, 3)) * D**-0.5 + (local if i % 2 else mask)
            out = torch.matmul(F.softmax(scores, dim=-1), v).transpose(1, 2).contiguous().view(x.shape[0], -1, H)
            x = x + layer["o"](out)
            inner, gate = layer["i"](layer["n2"](x)).chunk(2, dim=-1)
            x = x + layer["out"](F.gelu(inner) * gate)
        return self.decoder(self.head_norm(F.gelu(self.head(self.final(x)))))


@model("modernbert")
def modernbert(export, place):
    export(ModernBert(), tokens(), place("modernbert.onnx"), ["input_ids", "attention_mask"], ["logits"], {"input_ids": BOTH, "attention_mask": BOTH, "logits": BOTH}, 14)


def bucket(relative, both_ways, buckets=32, most=128):
    found = torch.zeros_like(relative)
    if both_ways:
        buckets //= 2
        found = found + (relative > 0).to(torch.long) * buckets
        relative = torch.abs(relative)
    else:
        relative = -torch.min(relative, torch.zeros_like(relative))
    exact = buckets // 2
    far = exact + (torch.log(relative.float() / exact) / math.log(most / exact) * (buckets - exact)).to(torch.long)
    return found + torch.where(relative < exact, relative, torch.min(far, torch.full_like(far, buckets - 1)))


class T5Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(H))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.to(torch.float32).pow(2).mean(-1, keepdim=True) + 1e-6))


class Seq2Seq(nn.Module):
    """A T5-like (`norm` without bias, relative bias, no scaling) or BART-like (learned places, norms after) pair; Whisper's decoder is BART's with norms before."""

    def __init__(self, style, audio=False, gated=False):
        super().__init__()
        self.style, self.audio, self.gated = style, audio, gated
        bias = style != "t5"
        norm = T5Norm if style == "t5" else (lambda: nn.LayerNorm(H))
        self.shared = nn.Embedding(VOCAB, H)
        if style != "t5":
            self.enc_places, self.dec_places = nn.Embedding(PLACES, H), nn.Embedding(PLACES, H)
        else:
            self.enc_bias, self.dec_bias = nn.Embedding(32, HEADS), nn.Embedding(32, HEADS)
        if audio:
            self.conv1, self.conv2 = nn.Conv1d(20, H, 3, padding=1), nn.Conv1d(H, H, 3, stride=2, padding=1)
        attention = lambda: SelfAttention("t5" if style == "t5" else "bart", bias=bias)
        feed = lambda: nn.ModuleDict(dict(wi=nn.Linear(H, FFN, bias=bias), wo=nn.Linear(FFN, H, bias=bias), **(dict(gate=nn.Linear(H, FFN, bias=False)) if gated else {})))
        self.encoder = nn.ModuleList([nn.ModuleDict(dict(a=attention(), n1=norm(), f=feed(), n2=norm())) for _ in range(LAYERS)])
        self.decoder = nn.ModuleList([nn.ModuleDict(dict(a=attention(), n1=norm(), x=attention(), n2=norm(), f=feed(), n3=norm())) for _ in range(LAYERS)])
        self.enc_norm, self.dec_norm = norm(), norm()
        self.lm_head = nn.Linear(H, VOCAB, bias=False)
        self.lm_head.weight = self.shared.weight

    def feed(self, f, x):
        return f["wo"](F.gelu(f["gate"](x)) * f["wi"](x)) if self.gated else f["wo"]((F.relu if self.style == "t5" else F.gelu)(f["wi"](x)))

    def around(self, x, norm, change):
        """Norm before (T5, Whisper) or after (BART)."""
        return norm(x + change(x)) if self.style == "bart" else x + change(norm(x))

    def encode(self, x, mask, length):
        bias = None
        if self.style == "t5":
            at = torch.arange(length)
            bias = self.enc_bias(bucket(at[None, :] - at[:, None], True)).permute([2, 0, 1]).unsqueeze(0)
        else:
            x = x + self.enc_places(torch.arange(length))
        for block in self.encoder:
            x = self.around(x, block["n1"], lambda y: block["a"](y, mask, bias=bias)[0])
            x = self.around(x, block["n2"], lambda y: self.feed(block["f"], y))
        return x if self.style == "bart" else self.enc_norm(x)

    def decode(self, ids, memory, seen, past):
        x = self.shared(ids)
        length = ids.shape[1]
        before = past[0].shape[2] if past else 0
        total = before + length
        at, keys = torch.arange(total)[-length:] if not past else torch.arange(before, before + length), torch.arange(total)
        mask = torch.full((length, total), LEAST) * (keys[None, :] > at[:, None]).float()
        mask = mask[None, None]
        bias = None
        if self.style == "t5":
            bias = self.dec_bias(bucket(keys[None, :] - at[:, None], False)).permute([2, 0, 1]).unsqueeze(0)
        else:
            x = x + self.dec_places(at)
        cross = additive(seen) if seen is not None else None
        kept = []
        for i, block in enumerate(self.decoder):
            own, other = (past[4 * i : 4 * i + 2], past[4 * i + 2 : 4 * i + 4]) if past else (None, None)
            saved = []

            def attend(y):
                out, pair = block["a"](y, mask, bias=bias, past=own)
                saved.extend(pair)
                return out

            def look(y):
                out, pair = block["x"](y, cross, others=memory, past=other)
                saved.extend(pair)
                return out

            x = self.around(x, block["n1"], attend)
            x = self.around(x, block["n2"], look)
            x = self.around(x, block["n3"], lambda y: self.feed(block["f"], y))
            kept += saved[:2] if past else saved
        x = x if self.style == "bart" else self.dec_norm(x)
        return (self.lm_head(x * H**-0.5 if self.style == "t5" else x), *kept)


class Part(nn.Module):
    def __init__(self, whole, run):
        super().__init__()
        self.whole, self.run = whole, run

    def forward(self, *inputs):
        return self.run(self.whole, *inputs)


def seq2seq(name, style, audio=False, gated=False):
    source = {0: "batch_size", 1: "encoder_sequence_length"}
    target = {0: "batch_size", 1: "decoder_sequence_length"}
    shapes = [(part, kind) for part in ("decoder", "encoder") for kind in ("key", "value")]
    names = [f"{i}.{part}.{kind}" for i in range(LAYERS) for part, kind in shapes]

    def encoder_of(export, place):
        whole = Seq2Seq(style, audio, gated)
        if audio:
            run = lambda m, features: m.encode(F.gelu(m.conv2(F.gelu(m.conv1(features)))).permute(0, 2, 1), None, features.shape[2] // 2)
            export(Part(whole, run), (torch.randn(2, 20, 16),), place(f"{name}-encoder.onnx"), ["input_features"], ["last_hidden_state"], {"input_features": {0: "batch_size"}, "last_hidden_state": {0: "batch_size"}})
        else:
            ids, seen = tokens(6)
            run = lambda m, ids, seen: m.encode(m.shared(ids), additive(seen), ids.shape[1])
            export(Part(whole, run), (ids, seen), place(f"{name}-encoder.onnx"), ["input_ids", "attention_mask"], ["last_hidden_state"], {"input_ids": source, "attention_mask": source, "last_hidden_state": source})

    def decoder_of(export, place, cached):
        whole = Seq2Seq(style, audio, gated)
        _, seen = tokens(6)
        ids = torch.randint(3, VOCAB, (2, 3))
        memory = torch.randn(2, 6, H)
        pasts = [f"past_key_values.{each}" for each in names] if cached else []
        presents = [f"present.{each}" for each in names if not cached or "decoder" in each]
        past = [torch.randn(2, HEADS, 5 if "decoder" in each else 6, D) for each in pasts]
        first = [] if audio else ["encoder_attention_mask"]
        inputs = [*([] if audio else [seen]), ids, *([] if cached and False else [memory]), *past]
        run = (lambda m, ids, memory, *past: m.decode(ids, memory, None, past)) if audio else (lambda m, seen, ids, memory, *past: m.decode(ids, memory, seen, past))
        axes = {"encoder_attention_mask": source, "input_ids": target, "encoder_hidden_states": source, "logits": target}
        for each in pasts:
            axes[each] = {0: "batch_size", 2: "past_decoder_sequence_length" if "decoder" in each else "encoder_sequence_length_out"}
        for each in presents:
            axes[each] = {0: "batch_size", 2: "past_decoder_sequence_length + 1" if "decoder" in each else "encoder_sequence_length_out"}
        if audio:
            del axes["encoder_attention_mask"]
        export(Part(whole, run), tuple(inputs), place(f"{name}-decoder{'-with-past' if cached else ''}.onnx"), [*first, "input_ids", "encoder_hidden_states", *pasts], ["logits", *presents], axes)

    MODELS[f"{name}-encoder"] = encoder_of
    MODELS[f"{name}-decoder"] = lambda export, place: decoder_of(export, place, False)
    MODELS[f"{name}-decoder-with-past"] = lambda export, place: decoder_of(export, place, True)


seq2seq("t5", "t5")
seq2seq("flan-t5", "t5", gated=True)
seq2seq("bart", "bart")
seq2seq("whisper", "whisper", audio=True)


class PreNormLayer(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.attention, self.norm1, self.norm2 = SelfAttention("bert"), nn.LayerNorm(H), nn.LayerNorm(H)
        self.up, self.down, self.act = nn.Linear(H, FFN), nn.Linear(FFN, H), act

    def forward(self, x, mask):
        x = x + self.attention(self.norm1(x), mask)[0]
        return x + self.down(self.act(self.up(self.norm2(x))))


def quick_gelu(x):
    return x * torch.sigmoid(1.702 * x)


class ClipText(nn.Module):
    """A causal mask, the token of the largest id (the end) pools, projected and normalised."""

    def __init__(self):
        super().__init__()
        self.word, self.place, self.norm, self.project = nn.Embedding(VOCAB, H), nn.Embedding(PLACES, H), nn.LayerNorm(H), nn.Linear(H, 32, bias=False)
        self.layers = nn.ModuleList([PreNormLayer(quick_gelu) for _ in range(LAYERS)])

    def forward(self, input_ids, attention_mask):
        length = input_ids.shape[1]
        x = self.word(input_ids) + self.place(torch.arange(length).unsqueeze(0))
        mask = torch.full((length, length), LEAST).triu(1)[None, None] if False else (torch.arange(length)[None, :] > torch.arange(length)[:, None]).float()[None, None] * LEAST
        mask = mask + additive(attention_mask)
        for layer in self.layers:
            x = layer(x, mask)
        x = self.norm(x)
        pooled = x[torch.arange(x.shape[0]), input_ids.to(torch.int).argmax(dim=-1)]
        out = self.project(pooled)
        return out / out.norm(p=2, dim=-1, keepdim=True)


class Vision(nn.Module):
    """CLIP's tower (a class token) or SigLIP's (attention pools, one learned query)."""

    def __init__(self, siglip):
        super().__init__()
        self.siglip = siglip
        self.patch = nn.Conv2d(3, H, 8, stride=8, bias=siglip)
        self.place = nn.Embedding(16 + (not siglip), H)
        self.layers = nn.ModuleList([PreNormLayer(F.gelu if siglip else quick_gelu) for _ in range(LAYERS)])
        self.norm = nn.LayerNorm(H)
        if siglip:
            self.probe = nn.Parameter(torch.randn(1, 1, H))
            self.pool, self.pool_norm, self.up, self.down = SelfAttention("bert"), nn.LayerNorm(H), nn.Linear(H, FFN), nn.Linear(FFN, H)
        else:
            self.token, self.pre, self.project = nn.Parameter(torch.randn(H)), nn.LayerNorm(H), nn.Linear(H, 32, bias=False)

    def forward(self, pixel_values):
        x = self.patch(pixel_values).flatten(2).transpose(1, 2)
        if not self.siglip:
            x = torch.cat([self.token.expand(x.shape[0], 1, -1), x], dim=1)
        x = x + self.place(torch.arange(16 + (not self.siglip)).unsqueeze(0))
        if not self.siglip:
            x = self.pre(x)
        for layer in self.layers:
            x = layer(x, None)
        x = self.norm(x) if self.siglip else self.norm(x[:, 0, :])
        if not self.siglip:
            return self.project(x)
        x = self.pool(self.probe.repeat(x.shape[0], 1, 1), None, others=x)[0]
        return (x + self.down(F.gelu(self.up(self.pool_norm(x)))))[:, 0]


@model("clip-text")
def clip_text(export, place):
    export(ClipText(), tokens(), place("clip-text.onnx"), ["input_ids", "attention_mask"], ["text_embeds"], {"input_ids": BOTH, "attention_mask": BOTH, "text_embeds": {0: "batch_size"}}, 14)


def vision(name, siglip):
    def make(export, place):
        export(Vision(siglip), (torch.randn(2, 3, 32, 32),), place(f"{name}.onnx"), ["pixel_values"], ["image_embeds"], {"pixel_values": {0: "batch_size"}, "image_embeds": {0: "batch_size"}}, 14)

    MODELS[name] = make


vision("clip-vision", False)
vision("siglip-vision", True)
