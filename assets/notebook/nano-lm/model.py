"""A decoder-only transformer (Vaswani et al., 2017), as small as it can be."""

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.heads = settings["heads"]
        self.mix = nn.Linear(settings["width"], 3 * settings["width"], bias=False)
        self.out = nn.Linear(settings["width"], settings["width"], bias=False)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.mix(x).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(batch, length, width))


class Layer(nn.Module):
    def __init__(self, settings):
        super().__init__()
        width = settings["width"]
        self.attention, self.norms = Attention(settings), nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.drop = nn.Dropout(settings["dropout"])

    def forward(self, x):
        x = x + self.drop(self.attention(self.norms[0](x)))
        return x + self.drop(self.feed(self.norms[1](x)))


class Model(nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.words = nn.Embedding(settings["vocabulary"], settings["width"])
        self.places = nn.Embedding(settings["context"], settings["width"])
        self.layers = nn.Sequential(*(Layer(settings) for _ in range(settings["layers"])))
        self.norm = nn.LayerNorm(settings["width"])

    def forward(self, tokens):
        x = self.words(tokens) + self.places(torch.arange(tokens.shape[1], device=tokens.device))
        return self.norm(self.layers(x)) @ self.words.weight.T

    def loss(self, tokens, targets):
        return F.cross_entropy(self(tokens).flatten(0, 1), targets.flatten())
