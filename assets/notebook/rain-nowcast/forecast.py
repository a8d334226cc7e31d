"""How much will it rain tomorrow? Boosted trees on the readings of one station."""

import argparse
import csv

import lightgbm
import numpy as np


def features(rows):
    """One row for each day: the readings of that day."""
    return np.array([[float(row[name]) for name in ("pressure", "temperature", "humidity")] for row in rows[:-1]])


def hits(forecast, rain, threshold=1.0):
    """Critical success index: hits among all days that were or were said to be wet."""
    wet, said = rain >= threshold, forecast >= threshold
    return (wet & said).sum() / max(1, (wet | said).sum())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trees", type=int, default=200)
    parser.add_argument("--leaves", type=int, default=15)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows = list(csv.DictReader(open("data/stations.csv")))
    x, y = features(rows), np.array([float(row["rain"]) for row in rows[1:]])
    cut = len(x) * 4 // 5
    model = lightgbm.LGBMRegressor(
        n_estimators=options.trees, num_leaves=options.leaves, learning_rate=options.rate, random_state=options.seed
    )

    def report(env):
        if (env.iteration + 1) % 10 == 0:
            forecast = model.predict(x[cut:], num_iteration=env.iteration)
            rmse = np.sqrt(np.mean((forecast - y[cut:]) ** 2))
            print(f"iter {env.iteration + 1}/{options.trees} val/rmse={rmse:.4f} val/csi={hits(forecast, y[cut:]):.4f}")

    model.fit(x[:cut], y[:cut], callbacks=[report])
    np.savetxt("results/forecast.csv", model.predict(x[cut:]), fmt="%.2f", header="rain", comments="")


if __name__ == "__main__":
    main()
