"""What is done to the images before each step."""

import torch


def augment(images, padding=4):
    flipped = torch.where(torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5, images.flip(3), images)
    padded = torch.nn.functional.pad(flipped, [padding] * 4)
    top, left = torch.randint(0, 2 * padding + 1, (2,)).tolist()
    return padded[:, :, top : top + 32, left : left + 32]
