"""Trains a small language model on children's stories."""

import math
import sys
import tomllib

import torch

from model import Model
from tokens import load


def rate_at(step, settings):
    return settings["lr"]


def validate(model, tokens, batches=20):
    losses = [model.loss(*tokens.batch("val")).item() for _ in range(batches)]
    return sum(losses) / len(losses)


def train(settings):
    torch.manual_seed(settings["seed"])
    tokens = load(settings["vocabulary"], settings["context"])
    model = torch.compile(Model(settings).cuda())
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings["lr"], betas=(0.9, 0.95))
    for step in range(1, settings["steps"] + 1):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, settings)
        loss = model.loss(*tokens.batch("train"))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0:
            val = validate(model, tokens)
            place = f"\033[35mstep {step}/{settings['steps']}\033[0m"
            print(f"{place} loss={loss.item():.4f} \033[1mval/loss={val:.4f}\033[0m val/ppl={math.exp(val):.2f}")
    torch.save(model.state_dict(), "checkpoints/model.pt")


if __name__ == "__main__":
    settings = tomllib.load(open("config.toml", "rb"))
    for word in sys.argv[1:]:
        key, value = word.split("=")
        settings[key] = type(settings[key])(value)
    train(settings)
