"""Stories as numbers: bytes, or pairs of bytes put together (Sennrich et al., 2016)."""

import numpy as np
import torch


class Tokens:
    def __init__(self, path, context):
        self.parts = {part: np.memmap(f"{path}.{part}", dtype=np.uint16) for part in ("train", "val")}
        self.context = context

    def batch(self, part, size=64):
        tokens = self.parts[part]
        starts = np.random.randint(0, len(tokens) - self.context - 1, size)
        rows = torch.tensor(np.stack([tokens[s : s + self.context + 1] for s in starts]).astype(np.int64)).cuda()
        return rows[:, :-1], rows[:, 1:]


def load(vocabulary, context):
    return Tokens(f"/srv/datasets/stories/{vocabulary}", context)
