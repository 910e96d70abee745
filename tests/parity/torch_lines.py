"""The network that reads lines in plain PyTorch, and prefix search in plain Python."""

import math
from collections import defaultdict

import numpy as np
import torch
from torch import nn

from strokejax.networks.text import CHANNELS, STEM
from strokejax.tasks.lines.network import BLOCKS


class LineNet(nn.Module):
    """f32[b 1 h w] -> f32[b w/4 outputs], all lines as wide as the batch."""

    def __init__(self, outputs):
        super().__init__()
        stem, channels = [], 1
        for i, group in enumerate(STEM):
            for out in group:
                conv = nn.Conv2d(channels, out, 3, padding=1, bias=False)
                stem += [conv, nn.BatchNorm2d(out), nn.ReLU()]
                channels = out
            if i < 2:
                stem.append(nn.MaxPool2d(2))
            elif i == 2:
                stem.append(nn.MaxPool2d((2, 1)))
        self.stem = nn.Sequential(*stem)
        self.flat = nn.Linear(5 * channels, CHANNELS, bias=False)
        self.norm = nn.BatchNorm1d(CHANNELS)
        self.along = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(CHANNELS, CHANNELS, 5, padding=2, bias=False),
                nn.BatchNorm1d(CHANNELS),
                nn.ReLU(),
            )
            for _ in range(BLOCKS)
        )
        self.out = nn.Linear(CHANNELS, outputs)

    def forward(self, x):
        x = self.stem(x).permute(0, 3, 2, 1).flatten(2)  # rows, then channels
        x = torch.relu(self.norm(self.flat(x).transpose(1, 2)))
        for block in self.along:
            x = x + block(x)
        return self.out(x.transpose(1, 2))


def load(net, params, model_state):
    """Our weights in it."""
    stats = model_state["batch_stats"]

    def norm(layer, own, found):
        layer.weight.data = tensor(own["scale"])
        layer.bias.data = tensor(own["bias"])
        layer.running_mean.data = tensor(found["mean"])
        layer.running_var.data = tensor(found["var"])

    stem = iter(net.stem)
    for i, group in enumerate(STEM, 1):
        for j in range(1, len(group) + 1):
            name = f"conv{i}_{j}"
            conv = next(layer for layer in stem if isinstance(layer, nn.Conv2d))
            kernel = np.asarray(params["stem"][name]["kernel"])
            conv.weight.data = tensor(kernel.transpose(3, 2, 0, 1))
            name = f"{name}_norm"
            norm(next(stem), params["stem"][name], stats["stem"][name])
    net.flat.weight.data = tensor(np.asarray(params["stem"]["kernel"]).T)
    norm(net.norm, params["stem"]["norm"], stats["stem"]["norm"])
    for i, block in enumerate(net.along, 1):
        kernel = np.asarray(params[f"along{i}"]["kernel"])
        block[0].weight.data = tensor(kernel.transpose(2, 1, 0))
        norm(block[1], params[f"along{i}"]["norm"], stats[f"along{i}"]["norm"])
    net.out.weight.data = tensor(np.asarray(params["out"]["kernel"]).T)
    net.out.bias.data = tensor(params["out"]["bias"])
    return net.eval()


def tensor(x):
    return torch.from_numpy(np.array(x, np.float32))


def prefix_search(log_p, width, most):
    """The best text of f32[t c+1], whose last class is the blank: (codes, log p).

    A. Hannun et al., "First-pass large vocabulary continuous speech recognition using
    bi-directional recurrent DNNs", 2014, without a language model.
    """
    never = -math.inf
    beams = {(): (0.0, never)}
    for frame in log_p.tolist():
        blank = frame.pop()
        tried = sorted(range(len(frame)), key=frame.__getitem__)[::-1][:most]
        new = defaultdict(lambda: (never, never))
        for text, (by_blank, by_label) in beams.items():
            whole = add(by_blank, by_label)
            old = new[text]
            again = by_label + frame[text[-1]] if text else never
            new[text] = add(old[0], whole + blank), add(old[1], again)
            for code in tried:
                before = by_blank if text and code == text[-1] else whole
                old = new[*text, code]
                new[*text, code] = old[0], add(old[1], before + frame[code])
        best = sorted(new.items(), key=lambda item: -add(*item[1]))
        beams = dict(best[:width])
    text, parts = next(iter(beams.items()))
    return text, add(*parts)


def add(a, b):
    """log(exp(a) + exp(b))"""
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
