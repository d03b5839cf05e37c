"""Decoders as onnxruntime-genai's builder writes them: GroupQueryAttention with its rotary embedding inside and queries, keys and values in one product, SkipSimplifiedLayerNormalization between the
blocks, weights in f32, in halves, or in blocks of 4 bits (MatMulNBits)."""
import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper

HIDDEN, HEADS, KV, HEAD, FFN, VOCAB, LAYERS, PLACES, BLOCK = 64, 4, 2, 16, 128, 128, 2, 64, 32
#: What is written: the type of inputs and outputs, whether weights have 4 bits, and whether queries, keys and values are one product.
MODELS = {
    "genai-f32": dict(type=np.float32),
    "genai-f32-separate": dict(type=np.float32, packed=False),
    "genai-f16": dict(type=np.float16),
    "genai-int4": dict(type=np.float32, bits=4),
    "genai-f16-int4": dict(type=np.float16, bits=4),
}


class Builder:
    def __init__(self, type, bits=None, packed=True):
        self.type, self.bits, self.packed = type, bits, packed
        self.onnx_type = T.FLOAT if type == np.float32 else T.FLOAT16
        self.random = np.random.default_rng(0)
        self.nodes, self.initializers = [], []

    def node(self, op, inputs, outputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, outputs, name=name, **attributes))
        return outputs[0]

    def stored(self, name, array):
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def floats(self, name, array):
        return self.stored(name, array.astype(self.type))

    def drawn(self, *shape, scale):
        return (self.random.standard_normal(shape) * scale).astype(np.float32)

    def product(self, name, x, inputs, outputs, to=None, weight=None):
        weight = self.drawn(inputs, outputs, scale=0.3 / inputs**0.25) if weight is None else weight
        base, to = name[1:].replace("/", "."), to or name + "/output_0"
        if self.bits is None:
            return self.node("MatMul", [x, self.floats(base + ".weight", weight)], [to], name)
        blocks = weight.T.reshape(outputs, inputs // BLOCK, BLOCK)
        scales = np.abs(blocks).max(-1) / 7
        codes = np.clip(np.round(blocks / scales[..., None]) + 8, 0, 15).astype(np.uint8)
        packed = codes[..., 0::2] | (codes[..., 1::2] << 4)
        own = [x, self.stored(base + ".weight_Q4", packed), self.floats(base + ".weight_scales", scales.reshape(-1))]
        return self.node("MatMulNBits", own, [to], name + "_Q4", domain="com.microsoft", K=inputs, N=outputs, bits=4, block_size=BLOCK, accuracy_level=0)

    def with_bias(self, name, x, outputs):
        return self.node("Add", [x, self.floats(name[1:].replace("/", ".") + ".bias", self.drawn(outputs, scale=0.1))], [name + "/output_0"], name)

    def lengths(self):
        """What the attention reads of the mask: the length of each row less one, and the longest."""
        at = "/model/attn_mask_reformat/attn_mask_subgraph"
        self.stored("/model/constants/INT64/[1]", np.array([1], np.int64))
        self.stored("/model/constants/INT64/1", np.array(1, np.int64))
        self.node("ReduceSum", ["attention_mask", "/model/constants/INT64/[1]"], [at + "/ReduceSum/output_0"], at + "/ReduceSum")
        self.node("Sub", [at + "/ReduceSum/output_0", "/model/constants/INT64/[1]"], [at + "/Sub/output_0"], at + "/Sub")
        each = self.node("Cast", [at + "/Sub/output_0"], [at + "/Sub/Cast/output_0"], at + "/Sub/Cast", to=T.INT32)
        self.node("Shape", ["attention_mask"], [at + "/Shape/output_0"], at + "/Shape")
        self.node("Gather", [at + "/Shape/output_0", "/model/constants/INT64/1"], [at + "/Gather/output_0"], at + "/Gather", axis=0)
        return each, self.node("Cast", [at + "/Gather/output_0"], [at + "/Gather/Cast/output_0"], at + "/Gather/Cast", to=T.INT32)

    def norm(self, name, x, skip, is_last=False):
        weight = self.floats(name[1:].replace("/", ".") + ".weight", 1 + self.drawn(HIDDEN, scale=0.1))
        if skip is None:
            return self.node("SimplifiedLayerNormalization", [x, weight], [name + "/output_0"], name + "/LayerNorm", epsilon=1e-6, axis=-1, stash_type=1), x
        outputs = [name + "/output_0"] if is_last else [name + "/output_0", "", "", name + "/output_3"]
        normed = self.node("SkipSimplifiedLayerNormalization", [x, skip, weight], outputs, name + "/SkipLayerNorm", domain="com.microsoft", epsilon=1e-6)
        return normed, outputs[-1]

    def attention(self, layer, x, lengths):
        at, width, shared = f"/model/layers.{layer}/attn", HEADS * HEAD, KV * HEAD
        if self.packed:
            joint = self.product(at + "/qkv_proj/MatMul", x, HIDDEN, width + 2 * shared)
            projected = [self.with_bias(at + "/qkv_proj/Add", joint, width + 2 * shared), "", ""]
        else:
            projected = [self.with_bias(f"{at}/{kind}_proj/Add", self.product(f"{at}/{kind}_proj/MatMul", x, HIDDEN, size), size) for kind, size in (("q", width), ("k", shared), ("v", shared))]
        past = [f"past_key_values.{layer}.{kind}" for kind in ("key", "value")]
        present = [f"present.{layer}.{kind}" for kind in ("key", "value")]
        name = at + "/GroupQueryAttention"
        self.node(
            "GroupQueryAttention", [*projected, *past, *lengths, "cos_cache", "sin_cache"], [name + "/output_0", *present], name, domain="com.microsoft",
            num_heads=HEADS, kv_num_heads=KV, scale=HEAD**-0.5, local_window_size=-1, do_rotary=1, rotary_interleaved=0,
        )
        return self.product(at + "/o_proj/MatMul", name + "/output_0", width, HIDDEN)

    def feed_forward(self, layer, x):
        at = f"/model/layers.{layer}/mlp"
        gate, up = (self.product(f"{at}/{kind}_proj/MatMul", x, HIDDEN, FFN) for kind in ("gate", "up"))
        self.node("Sigmoid", [gate], [at + "/act_fn/Sigmoid/output_0"], at + "/act_fn/Sigmoid")
        self.node("Mul", [gate, at + "/act_fn/Sigmoid/output_0"], [at + "/act_fn/Mul/output_0"], at + "/act_fn/Mul")
        self.node("Mul", [at + "/act_fn/Mul/output_0", up], [at + "/Mul/output_0"], at + "/Mul")
        return self.product(at + "/down_proj/MatMul", at + "/Mul/output_0", FFN, HIDDEN)

    def model(self):
        lengths = self.lengths()
        table = self.drawn(VOCAB, HIDDEN, scale=0.3)
        x = self.node("Gather", [self.floats("model.embed_tokens.weight", table), "input_ids"], ["/model/embed_tokens/Gather/output_0"], "/model/embed_tokens/Gather")
        angles = np.outer(np.arange(PLACES), 10000.0 ** (-np.arange(0, HEAD, 2) / HEAD))
        self.floats("cos_cache", np.cos(angles))
        self.floats("sin_cache", np.sin(angles))
        skip = None
        for layer in range(LAYERS):
            normed, x = self.norm(f"/model/layers.{layer}/input_layernorm", x, skip)
            skip = self.attention(layer, normed, lengths)
            normed, x = self.norm(f"/model/layers.{layer}/post_attention_layernorm", x, skip)
            skip = self.feed_forward(layer, normed)
        normed, _ = self.norm(f"/model/layers.{LAYERS}/final_norm_layernorm", x, skip, is_last=True)
        self.product("/lm_head/MatMul", normed, HIDDEN, VOCAB, "logits", table.T)
        value = helper.make_tensor_value_info
        inputs = [value("input_ids", T.INT64, ["batch_size", "sequence_length"]), value("attention_mask", T.INT64, ["batch_size", "total_sequence_length"])]
        outputs = [value("logits", self.onnx_type, ["batch_size", "sequence_length", VOCAB])]
        for layer in range(LAYERS):
            for kind in ("key", "value"):
                inputs.append(value(f"past_key_values.{layer}.{kind}", self.onnx_type, ["batch_size", KV, "past_sequence_length", HEAD]))
                outputs.append(value(f"present.{layer}.{kind}", self.onnx_type, ["batch_size", KV, "total_sequence_length", HEAD]))
        graph = helper.make_graph(self.nodes, "main_graph", inputs, outputs, self.initializers)
        opsets = [helper.make_opsetid("", 14), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, producer_name="onnxruntime-genai", opset_imports=opsets, ir_version=7)


def write(name, path):
    onnx.save(Builder(**MODELS[name]).model(), path)
