"""python3 bench/export-torchvision.py [NAME ...] [--every] [--most MILLIONS]: networks of torchvision with random weights, as ONNX files in bench/out/torchvision.

Needs PyTorch and torchvision (Debian: apt-get install --no-install-recommends python3-torchvision). One file a network, in turn of another opset (9 to 17), with
constants folded or not, with sizes fixed or open; --every writes all of these for each network. What is too large is left out and listed; what does not export is listed
with the exporter's message.
"""
import argparse
import itertools
import os
import sys
import warnings

import torch
import torchvision

warnings.filterwarnings("ignore")
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "out", "torchvision")
VARIANTS = [(opset, folded, dynamic) for opset in range(9, 18) for folded in (True, False) for dynamic in (False, True)]
# In turn, so that every opset, folding and kind of size is met by several networks.
TURNS = [(17, True, True), (11, False, False), (13, True, False), (9, True, True), (14, False, True), (12, True, True), (16, False, False), (10, True, False), (15, True, True)]


def image(size=64):
    return (torch.randn(1, 3, size, size),)


class Outputs(torch.nn.Module):
    """Tensors only, in a tuple."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *inputs):
        return tuple(tensors(self.model(*inputs)))


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    values = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else []
    return [tensor for each in values for tensor in tensors(each)]


class Detection(torch.nn.Module):
    """Images as one tensor."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return tuple(tensors(self.model([x[0]])))


def networks():
    """(name, factory, inputs)"""
    models = torchvision.models
    sizes = {"inception_v3": 96, "vit_b_16": 224, "vit_b_32": 224, "vit_l_32": 224, "maxvit_t": 224, "googlenet": 64}
    for name in sorted(models.list_models(module=models) if hasattr(models, "list_models") else []):
        extra = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
        yield name, lambda name=name, extra=extra: models.get_model(name, weights=None, **extra), image(sizes.get(name, 64))
    for name in sorted(models.list_models(module=models.segmentation)):
        yield name, lambda name=name: models.get_model(name, weights=None, weights_backbone=None), image(64)
    for name in sorted(models.list_models(module=models.video)):
        side = 224 if "mvit" in name else 64
        frames = 16 if "mvit" in name or "swin" in name else 8
        yield name, lambda name=name: models.get_model(name, weights=None), (torch.randn(1, 3, frames, side, side),)
    for name in sorted(models.list_models(module=models.optical_flow)):
        yield name, lambda name=name: models.get_model(name, weights=None), (torch.randn(1, 3, 128, 128), torch.randn(1, 3, 128, 128))
    for name in sorted(models.list_models(module=models.detection)):
        if "keypoint" in name or "mask" in name:
            continue
        make = lambda name=name: Detection(models.get_model(name, weights=None, weights_backbone=None, **({} if "ssd" in name else {"min_size": 96, "max_size": 128})))
        yield name, make, image(96)


def shaken(model):
    """No weight is zero, and no normalisation is the identity: else there is nothing to see."""
    generator = torch.Generator().manual_seed(1)
    noise = lambda tensor: torch.randn(tensor.shape, generator=generator)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.numel() > 1 and (parameter == parameter.flatten()[0]).all():
                parameter.add_(0.1 * noise(parameter))
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(0.1 * noise(buffer))
            elif name.endswith("running_var"):
                buffer.copy_(1 + 0.2 * noise(buffer).abs())
    return model.eval()


def export(name, model, inputs, variant):
    opset, folded, dynamic = variant
    names = [f"x{i}" for i in range(len(inputs))]
    open_sizes = {0: "N"} if inputs[0].dim() == 5 or name.startswith(("vit", "max", "swin")) else {0: "N", 2: "H", 3: "W"}
    detects = isinstance(model, Detection)
    axes = {each: ({2: "H", 3: "W"} if detects else open_sizes) for each in names} if dynamic else None
    path = os.path.join(OUT, f"{name}-{opset}{'-folded' if folded else ''}{'-open' if dynamic else ''}.onnx")
    try:
        torch.onnx.export(Outputs(model) if not detects else model, inputs, path, opset_version=opset, do_constant_folding=folded, input_names=names, dynamic_axes=axes)
        print("written", path, flush=True)
        return True
    except Exception as error:
        if os.path.exists(path):
            os.remove(path)
        message = str(error).strip().split("\n")[0][:150]
        print(f"not exported: {name}, opset {opset}: {type(error).__name__}: {message}", flush=True)
        return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--most", type=float, default=60, help="millions of parameters of the largest network")
    options = parser.parse_args()
    os.makedirs(OUT, exist_ok=True)
    turns = itertools.cycle(TURNS)
    for name, make, inputs in networks():
        variant = next(turns)
        if options.names and name not in options.names:
            continue
        if options.list:
            print(name)
            continue
        try:
            torch.manual_seed(1)
            model = shaken(make())
        except Exception as error:
            print(f"not made: {name}: {str(error)[:100]}", flush=True)
            continue
        count = sum(parameter.numel() for parameter in model.parameters())
        if count > 1e6 * options.most:
            print(f"left out: {name}, {count / 1e6:.0f} M parameters", flush=True)
            continue
        with torch.no_grad():
            # What an old opset lacks, a newer one has.
            for each in VARIANTS if options.every else [variant, (max(variant[0], 16), *variant[1:])]:
                if export(name, model, inputs, each) and not options.every:
                    break
    return 0


if __name__ == "__main__":
    sys.exit(main())
