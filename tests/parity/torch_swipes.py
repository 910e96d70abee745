"""The network that types swipes and its search in plain PyTorch."""

import numpy as np
import torch
from torch import nn

CHANNELS, HEADS, LAYERS = 128, 4, 4
EPS = 1e-6
"""Of the norms, as in Flax."""


class Attention(nn.Module):
    """Multi-head attention."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (
            nn.Linear(CHANNELS, CHANNELS) for _ in range(4)
        )

    def kept(self, x):
        return heads(self.key(x)), heads(self.value(x))

    def forward(self, x, kept, mask=None):
        key, value = kept
        y = nn.functional.scaled_dot_product_attention(
            heads(self.query(x)), key, value, attn_mask=mask
        )
        return self.out(y.transpose(-3, -2).flatten(-2))


class Wide(nn.Module):
    """Two layers over each place."""

    def __init__(self):
        super().__init__()
        self.up, self.down = (
            nn.Linear(CHANNELS, CHANNELS),
            nn.Linear(CHANNELS, CHANNELS),
        )

    def forward(self, x):
        return self.down(torch.relu(self.up(x)))


class EncoderLayer(nn.Module):
    """Norms behind, as published."""

    def __init__(self):
        super().__init__()
        self.own, self.wide = Attention(), Wide()
        self.norm1, self.norm2 = (nn.LayerNorm(CHANNELS, EPS) for _ in range(2))

    def forward(self, x):
        x = self.norm1(x + self.own(x, self.own.kept(x)))
        return self.norm2(x + self.wide(x))


class Writing(nn.Module):
    """A layer of the decoder."""

    def __init__(self):
        super().__init__()
        self.own, self.swipe, self.wide = Attention(), Attention(), Wide()
        self.norm1, self.norm2, self.norm3 = (
            nn.LayerNorm(CHANNELS, EPS) for _ in range(3)
        )

    def forward(self, x, swipe, own=None, mask=None):
        """`own`: keys and values of the letters before, which grow."""
        key, value = self.own.kept(x)
        if own is not None:
            key, value = (
                torch.cat([o, n], -2) for o, n in zip(own, (key, value), strict=True)
            )
        x = self.norm1(x + self.own(x, (key, value), mask))
        x = self.norm2(x + self.swipe(x, swipe))
        return self.norm3(x + self.wide(x)), (key, value)


class SwipeNet(nn.Module):
    """Encoder and decoder over what is felt of the points, f32[b p CHANNELS]."""

    def __init__(self, outputs: int):
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer() for _ in range(LAYERS))
        self.writers = nn.ModuleList(Writing() for _ in range(LAYERS))
        self.embed = nn.Embedding(outputs + 1, CHANNELS)
        self.out = nn.Linear(CHANNELS, outputs)
        self.outputs = outputs

    def encode(self, felt):
        x = felt + waves(felt.shape[1])
        for layer in self.layers:
            x = layer(x)
        return x

    def memory(self, x):
        """Keys and values of the points, layer by layer."""
        return [layer.swipe.kept(x) for layer in self.writers]

    def embedded(self, last, place=0):
        x = self.embed(torch.where(last < 0, self.outputs, last)) * CHANNELS**0.5
        return x + waves(place + last.shape[-1])[place:]

    def decode(self, memory, letters):
        """Logits [b l o] of letters after those before: the whole prefix each time."""
        x = self.embedded(letters)
        causal = torch.ones(letters.shape[1], letters.shape[1], dtype=torch.bool).tril()
        for layer, swipe in zip(self.writers, memory, strict=True):
            x, _ = layer(x, swipe, mask=causal)
        return self.out(x)

    def step(self, memory, last, place, cache):
        """Logits [b o] of one more letter, and what is kept."""
        x, after = self.embedded(last[:, None], place), []
        for layer, swipe, own in zip(self.writers, memory, cache, strict=True):
            x, kept = layer(x, swipe, own)
            after.append(kept)
        return self.out(x)[:, 0], after


def heads(x):
    return x.unflatten(-1, (HEADS, -1)).transpose(-3, -2)


def waves(count: int):
    rate = 10_000.0 ** (-torch.arange(0, CHANNELS, 2) / CHANNELS)
    angle = torch.arange(count)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)


def load(net: SwipeNet, params: dict) -> SwipeNet:
    """Flax weights into the modules of the same names."""
    names = {"kernel": "weight", "scale": "weight", "embedding": "weight"}

    def put(module, tree):
        for name, leaf in tree.items():
            if isinstance(leaf, dict):
                put(getattr(module, name), leaf)
                continue
            value = torch.from_numpy(np.array(leaf))
            value = value.T if name == "kernel" else value
            getattr(module, names.get(name, name)).data.copy_(value)

    for i in range(LAYERS):
        put(net.layers[i], params[f"layers_{i}"])
        put(net.writers[i], params[f"writers_{i}"])
    put(net.embed, params["embed"])
    put(net.out, params["out"])
    return net.eval()


def table_of(words: dict[str, float], letters) -> tuple:
    """`(child i64[n c+1], best f32[n], own f32[n])` of a trie; -1 = no word goes on."""
    number = {letter: i for i, letter in enumerate(letters)}
    nodes, best, own = [{}], [-np.inf], [-np.inf]
    total = sum(words.values())
    for word, often in words.items():
        score, node = float(np.log(often / total)), 0
        for letter in word:
            code = number[letter]
            if code not in nodes[node]:
                nodes[node][code] = len(nodes)
                nodes.append({})
                best.append(-np.inf)
                own.append(-np.inf)
            best[node] = max(best[node], score)
            node = nodes[node][code]
        best[node], own[node] = max(best[node], score), score
    child = np.full((len(nodes), len(letters) + 1), -1)
    for i, below in enumerate(nodes):
        for code, node in below.items():
            child[i, code] = node
    return child, np.array(best, np.float32), np.array(own, np.float32)


@torch.inference_mode()
def plain(net: SwipeNet, felt, table, width: int, weight: float, limit: int) -> list:
    """One swipe at a time: a beam whose prefixes are computed anew at every letter."""
    child, best, own = table
    end, found = net.outputs - 1, []
    for one in felt.split(1):
        memory = net.memory(net.encode(one))
        paths, done = [((), 0.0, 0)], []
        for _ in range(limit):
            grown = []
            for word, score, node in paths:
                letters = torch.tensor([[-2, *word]])
                log_p = net.decode(memory, letters)[0, -1].log_softmax(-1).tolist()
                if np.isfinite(own[node]):
                    done.append((word, score + log_p[end], own[node]))
                below = ((c, n) for c, n in enumerate(child[node]) if n >= 0)
                grown += [((*word, c), score + log_p[c], n) for c, n in below]
            grown.sort(key=lambda path: -(path[1] + weight * best[path[2]]))
            paths = grown[:width]
            if not paths:
                break
        done.sort(key=lambda p: -(p[1] / (len(p[0]) + 1) ** 0.5 + weight * p[2]))
        found.append(done[0][0])
    return found


@torch.inference_mode()
def cached(net: SwipeNet, felt, table, width: int, weight: float, limit: int) -> list:
    """All swipes together; keys and values of letters are kept."""
    child, best, own = map(torch.from_numpy, table)
    b, end = len(felt), net.outputs - 1
    kept = net.memory(net.encode(felt))
    memory = [tuple(x.repeat_interleave(width, 0) for x in pair) for pair in kept]
    cache = [None] * LAYERS
    score = torch.full((b, width), -torch.inf)
    score[:, 0] = 0.0
    node, last = torch.zeros(b, width, dtype=torch.long), torch.full((b * width,), -2)
    word = torch.zeros(b, width, 0, dtype=torch.long)
    top = torch.full((b,), -torch.inf)
    said: list = [()] * b
    for place in range(limit):
        logits, cache = net.step(memory, last, place, cache)
        log_p = logits.log_softmax(-1).view(b, width, -1)
        ended = (score + log_p[..., end]) / (place + 1) ** 0.5 + weight * own[node]
        value, which = ended.max(1)
        for i in (value > top).nonzero()[:, 0].tolist():
            top[i], said[i] = value[i], tuple(word[i, which[i]].tolist())
        below = child[node]
        grown = torch.where(below >= 0, score[..., None] + log_p, -torch.inf)
        order = (grown + weight * best[below.clamp(min=0)]).flatten(1)
        value, which = order.topk(width, 1)
        if not torch.isfinite(value).any():
            break
        parent, code = which // net.outputs, which % net.outputs
        score = grown.flatten(1).gather(1, which)
        node = below.flatten(1).gather(1, which).clamp(min=0)
        word = word.gather(1, parent[..., None].expand(-1, -1, place))
        word = torch.cat([word, code[..., None]], 2)
        rows = (parent + width * torch.arange(b)[:, None]).flatten()
        cache = [tuple(x[rows] for x in pair) for pair in cache]
        last = code.flatten()
    return said
