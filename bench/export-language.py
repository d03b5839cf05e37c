"""python3 bench/export-language.py [NAME ...]: language models of two layers with random weights, as ONNX files in bench/out/language.

Needs PyTorch and onnx (Debian: apt-get install --no-install-recommends python3-torch python3-onnx). Decoders come as optimum writes them (a cache, the mask's axis called
'past_sequence_length + 1'), as transformers.js' scripts do ('past_sequence_length + sequence_length', the head untied), without a cache, merged (an If on use_cache_branch), and as onnxruntime-genai's builder does.
"""
import inspect
import os
import sys
import warnings

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "language"))
import decoders
import encoders
import genai

warnings.filterwarnings("ignore")
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "out", "language")


def randomised(model, seed=0):
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        if parameter.dim() >= 2:
            torch.nn.init.normal_(parameter, 0, 0.3 / parameter.shape[-1] ** 0.25)
        else:
            parameter.data += 0.1 * torch.randn(parameter.shape)
    return model.eval()


# Newer versions of PyTorch trace otherwise unless they are told not to, and optimum does tell them.
LEGACY = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}


def export(model, inputs, path, names, outputs, axes, opset=14):
    with torch.no_grad():
        torch.onnx.export(model, inputs, path, **LEGACY, input_names=names, output_names=outputs, dynamic_axes=axes, opset_version=opset, do_constant_folding=True)


def tie_head(path):
    """What optimum does with tied weights: the head reads a Transpose of the embedding."""
    model = onnx.load(path)
    graph = model.graph
    embedding = next(each for each in graph.initializer if each.name.endswith("embed_tokens.weight"))
    table = numpy_helper.to_array(embedding)
    for node in graph.node:
        for i, name in enumerate(node.input):
            other = next((each for each in graph.initializer if each.name == name), None)
            if node.op_type == "MatMul" and other is not None and list(other.dims) == [table.shape[1], table.shape[0]] and (numpy_helper.to_array(other) == table.T).all():
                graph.initializer.remove(other)
                node.input[i] = "/lm_head/Transpose_output_0"
                at = list(graph.node).index(node)
                graph.node.insert(at, helper.make_node("Transpose", [embedding.name], [node.input[i]], name="/lm_head/Transpose", perm=[1, 0]))
                onnx.save(model, path)
                return


def decoder(name, style):
    c = decoders.Config(name)
    cached = style != "plain"
    model = randomised(decoders.CausalLM(c, cached))
    both = {0: "batch_size", 1: "sequence_length"}
    total = {"optimum": "past_sequence_length + 1", "js": "past_sequence_length + sequence_length", "plain": "sequence_length"}[style]
    ids = torch.randint(0, c.vocab, (2, 4))
    before = 3 if cached else 0
    seen = torch.ones(2, 4 + before, dtype=torch.long)
    positions = torch.arange(before, before + 4)[None].expand(2, 4).contiguous()
    past, pasts, presents = [], [], []
    axes = {"input_ids": both, "attention_mask": {0: "batch_size", 1: total}, "position_ids": both, "logits": both}
    if cached:
        for i in range(c.layers):
            for kind, (heads, size) in zip(("key", "value"), decoders.cache_shapes(c)):
                past.append(torch.randn(2, heads, 3, size))
                pasts.append(f"past_key_values.{i}.{kind}")
                presents.append(f"present.{i}.{kind}")
                axes[pasts[-1]] = {0: "batch_size", 2: "past_sequence_length"}
                axes[presents[-1]] = {0: "batch_size", 2: total}
    path = os.path.join(OUT, f"{name}-{style}.onnx")
    export(model, (ids, seen, positions, *past), path, ["input_ids", "attention_mask", "position_ids", *pasts], ["logits", *presents], axes)
    if style == "optimum" and c.tied:
        tie_head(path)


def merged(name):
    """Two branches of one If, as optimum's decoder_model_merged.onnx; both read the weights of the outer graph."""
    with_past = onnx.load(os.path.join(OUT, f"{name}-optimum.onnx"))
    initializers = {each.name: each for each in with_past.graph.initializer}
    outputs = [each.name for each in with_past.graph.output]

    def branch(suffix):
        renamed = lambda value: value if value == "" or value in initializers or value in inputs else value + suffix
        inputs = {each.name for each in with_past.graph.input}
        nodes = []
        for node in with_past.graph.node:
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.name += suffix
            copy.input[:] = [renamed(value) for value in node.input]
            copy.output[:] = [renamed(value) for value in node.output]
            nodes.append(copy)
        values = []
        for each in with_past.graph.output:
            copy = onnx.ValueInfoProto()
            copy.CopyFrom(each)
            copy.name += suffix
            values.append(copy)
        return helper.make_graph(nodes, "branch" + suffix, [], values)

    use = helper.make_tensor_value_info("use_cache_branch", TensorProto.BOOL, [1])
    node = helper.make_node("If", ["use_cache_branch"], outputs, name="optimum::if", then_branch=branch("_with_past"), else_branch=branch("_no_past"))
    graph = helper.make_graph([node], "merged", [*with_past.graph.input, use], list(with_past.graph.output), list(initializers.values()))
    model = helper.make_model(graph, opset_imports=with_past.opset_import, ir_version=with_past.ir_version)
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(OUT, f"{name}-merged.onnx"))


def merged_pair(name):
    """decoder_model and decoder_with_past_model in one If, as optimum merges them: weights of the same numbers are there once, other constants and all names stay what they were in
    each branch, and keys and values of the encoder, which are cached already, come out as constants without elements."""
    first, second = (onnx.load(os.path.join(OUT, f"{name}-decoder{suffix}.onnx")) for suffix in ("", "-with-past"))
    made = {each.name for each in second.graph.output}
    for each in first.graph.output:
        if each.name not in made:
            sizes = [each_size.dim_value or each_size.dim_param for each_size in each.type.tensor_type.shape.dim]
            open_sizes = [i for i, size in enumerate(sizes) if isinstance(size, str)]
            shape = [size if i not in open_sizes else int(i != open_sizes[0]) for i, size in enumerate(sizes)]
            nothing = helper.make_tensor("const_tensor", TensorProto.FLOAT, shape, [])
            second.graph.node.append(helper.make_node("Constant", [], [each.name], name="/nothing/" + each.name, value=nothing))
    stored, branches = {}, []
    for model in (first, second):
        own = {}
        for each in model.graph.initializer:
            if len(each.dims) > 1 or (len(each.dims) == 1 and each.data_type == TensorProto.FLOAT):
                key = (each.data_type, tuple(each.dims), numpy_helper.to_array(each).tobytes())
                if key not in stored:
                    stored[key] = onnx.TensorProto()
                    stored[key].CopyFrom(each)
                    stored[key].name = f"{each.name}_merged_{len(stored)}"
                own[each.name] = stored[key].name
        for node in model.graph.node:
            node.input[:] = [own.get(value, value) for value in node.input]
        left = [each for each in model.graph.initializer if each.name not in own]
        branches.append(helper.make_graph(list(model.graph.node), model.graph.name, [], list(first.graph.output), left))
    inputs = {each.name: each for model in (first, second) for each in model.graph.input}
    outputs = list(first.graph.output)
    use = helper.make_tensor_value_info("use_cache_branch", TensorProto.BOOL, [1])
    node = helper.make_node("If", ["use_cache_branch"], [each.name for each in outputs], name="optimum::if", then_branch=branches[1], else_branch=branches[0])
    graph = helper.make_graph([node], "merged", [*inputs.values(), use], outputs, list(stored.values()))
    model = helper.make_model(graph, opset_imports=first.opset_import, ir_version=first.ir_version)
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(OUT, f"{name}-decoder-merged.onnx"))


def jobs():
    for name in decoders.FAMILIES:
        for style in ("optimum", "js", "plain"):
            yield f"{name}-{style}", lambda name=name, style=style: decoder(name, style)
        yield f"{name}-merged", lambda name=name: merged(name)
    for name, make in encoders.MODELS.items():
        yield name, lambda make=make, name=name: make(lambda model, *rest: export(randomised(model), *rest), lambda file: os.path.join(OUT, file))
    for name in ("t5", "flan-t5", "bart", "whisper"):
        yield f"{name}-decoder-merged", lambda name=name: merged_pair(name)
    for name in genai.MODELS:
        yield name, lambda name=name: genai.write(name, os.path.join(OUT, f"{name}.onnx"))


def main():
    os.makedirs(OUT, exist_ok=True)
    failures = 0
    for name, write in jobs():
        if len(sys.argv) > 1 and not any(word in name for word in sys.argv[1:]):
            continue
        try:
            write()
            print("written", name, flush=True)
        except Exception as error:  # listed with the exporter's message
            failures += 1
            print("failed ", name, type(error).__name__, str(error).strip().splitlines()[-1][:200], flush=True)
    return 1 if failures else 0


sys.exit(main())
