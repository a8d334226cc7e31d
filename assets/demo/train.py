"""Tell penguin species apart by four measurements.

Multinomial logistic regression on the measurements and on a few random
hidden features, trained by stochastic gradient descent. Plain Python 3.8 or
later, no packages. The same seed gives the same model, bit for bit.

    python3 train.py [--lr 0.01] [--epochs 200] [--seed 42] [--data penguins.csv]
"""

import argparse
import csv
import json
import math
import random
import time


def read_config():
    """config.json, with what stands on the command line written over it."""
    parser = argparse.ArgumentParser(description="Tell penguin species apart")
    parser.add_argument("--config", default="config.json")
    parser.add_argument("--lr", type=float, dest="learning_rate")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--data")
    arguments = vars(parser.parse_args())
    with open(arguments.pop("config"), encoding="utf-8") as file:
        config = json.load(file)
    config.update({key: value for key, value in arguments.items() if value is not None})
    return config


def read_penguins(path, features):
    """(measurements, species) of every penguin whose measurements are known."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    known = [row for row in rows if all(row[name] != "NA" for name in features)]
    return [([float(row[name]) for name in features], row["species"]) for row in known]


def scale_features(train, test):
    """Bring the measurements to a size that the training can work with."""
    scaled = [[([value / 1000 for value in x], y) for x, y in rows] for rows in (train, test)]
    return scaled[0], scaled[1]


def hidden_features(rows, count, generator):
    """Append `count` random squashed mixtures and a constant to every row."""
    width = len(rows[0][0])
    mixers = [[generator.gauss(0, 0.5) for _ in range(width)] for _ in range(count)]

    def extend(x):
        mixed = [math.tanh(sum(a * b for a, b in zip(mixer, x))) for mixer in mixers]
        return x + mixed + [1.0]

    return [(extend(x), y) for x, y in rows]


def predict(weights, x):
    """The probability of every class (softmax of the scores)."""
    scores = [sum(w * value for w, value in zip(row, x)) for row in weights]
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def accuracy(weights, rows, classes):
    hits = 0
    for x, species in rows:
        probabilities = predict(weights, x)
        hits += classes[probabilities.index(max(probabilities))] == species
    return hits / len(rows)


def train(weights, rows, classes, learning_rate, generator):
    """One pass over all rows; returns the mean loss."""
    loss = 0.0
    generator.shuffle(rows)
    for x, species in rows:
        probabilities = predict(weights, x)
        loss -= math.log(max(probabilities[classes.index(species)], 1e-12))
        for row, name, probability in zip(weights, classes, probabilities):
            step = learning_rate * ((name == species) - probability)
            for index, value in enumerate(x):
                row[index] += step * value
    return loss / len(rows)


def main():
    started = time.perf_counter()
    config = read_config()
    generator = random.Random(config["seed"])

    penguins = read_penguins(config["data"], config["features"])
    classes = sorted({species for _, species in penguins})
    generator.shuffle(penguins)
    cut = len(penguins) * 3 // 4
    train_rows, test_rows = scale_features(penguins[:cut], penguins[cut:])
    print(f"{len(train_rows)} penguins to learn from, {len(test_rows)} held out", flush=True)

    rows = hidden_features(train_rows + test_rows, config["hidden"], generator)
    train_rows, test_rows = rows[:cut], rows[cut:]
    weights = [[0.0] * len(rows[0][0]) for _ in classes]

    epochs = config["epochs"]
    for epoch in range(epochs):
        rate = config["learning_rate"]
        loss = train(weights, train_rows, classes, rate, generator)
        if epoch % 50 == 49 or epoch == epochs - 1:
            score = accuracy(weights, test_rows, classes)
            print(f"step={epoch + 1} loss={loss:.4f} acc={score:.4f}", flush=True)

    results = {"accuracy": score, "loss": loss, "train_rows": cut, "test_rows": len(test_rows)}
    with open("results.json", "w", encoding="utf-8") as file:
        json.dump(results, file, indent=2)
        file.write("\n")
    with open("model.json", "w", encoding="utf-8") as file:
        json.dump({"classes": classes, "features": config["features"], "weights": weights}, file)
        file.write("\n")
    print(f"{score:.1%} of the penguins it has not seen told right, in {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
