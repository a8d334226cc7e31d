"""Trains a small residual network on CIFAR-10."""

import argparse
import json
import random

import torch
import yaml

from augment import augment
from data import batches
from model import ResNet


def schedule(epoch, settings):
    """The learning rate of an epoch: a tenth after two thirds of the way."""
    if epoch < settings["epochs"] * 2 // 3:
        return settings["lr"]
    return settings["lr"] / 10


def evaluate(model, part):
    correct = total = loss_sum = 0
    with torch.no_grad():
        for images, labels in batches(part, shuffle=False):
            scores = model(images)
            loss_sum += torch.nn.functional.cross_entropy(scores, labels, reduction="sum").item()
            correct += (scores.argmax(1) == labels).sum().item()
            total += len(labels)
    return loss_sum / total, correct / total


def train(settings):
    random.seed(settings["seed"])
    torch.manual_seed(settings["seed"])
    model = ResNet(width=settings["width"]).cuda()
    loss_of = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), momentum=0.9, weight_decay=settings["weight_decay"])
    for epoch in range(settings["epochs"]):
        for group in optimizer.param_groups:
            group["lr"] = schedule(epoch, settings)
        for images, labels in batches("train", settings["batch_size"]):
            loss = loss_of(model(augment(images)), labels)
            if loss.isnan():
                raise FloatingPointError(f"the loss is nan in epoch {epoch + 1}")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        val_loss, val_acc = evaluate(model, "val")
        place = f"\033[36mepoch {epoch + 1}/{settings['epochs']}\033[0m"
        rate = f"\033[2mlr={group['lr']:.5f}\033[0m"
        print(f"{place} loss={loss.item():.4f} val/loss={val_loss:.4f} \033[1mval/acc={val_acc:.4f}\033[0m {rate}")
    torch.save(model.state_dict(), "checkpoints/last.pt")
    return {"val/loss": val_loss, "val/acc": val_acc}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", default="config.yaml")
    parser.add_argument("--lr", type=float)
    parser.add_argument("--seed", type=int)
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    settings = {**yaml.safe_load(open(given.pop("config"))), **given}
    with open("results/metrics.json", "w") as file:
        json.dump(train(settings), file, indent=2)
