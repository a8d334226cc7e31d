"""Writes statistics_reference.json: what SciPy says to generated groups. Run by hand when the cases change:

    python3 statistics_reference.py > statistics_reference.json
"""

import itertools
import json
import math

import numpy as np
from scipy import special, stats

generator = np.random.default_rng(20261121)


def group():
    """A group of 2 to 9 values with a random place and spread."""
    size = int(generator.integers(2, 10))
    place, spread = generator.normal(0, 10), 10 ** generator.uniform(-4, 2)
    return [float(value) for value in generator.normal(place, spread, size)]


def near(left):
    """A group whose mean lies near another one's."""
    spread = float(np.std(left, ddof=1)) * 10 ** generator.uniform(-0.5, 0.5)
    shift = spread * generator.normal(0, 1.5)
    return [float(value) for value in generator.normal(np.mean(left) + shift, spread, int(generator.integers(2, 10)))]


def permutation(left, right):
    """Exact two-sided p of the difference of means."""
    values = np.array(left + right)
    values = values - values.mean()
    split, total = len(left), values.sum()
    sums = np.array([values[list(chosen)].sum() for chosen in itertools.combinations(range(len(values)), split)])
    apart = np.abs((total - sums) / len(right) - sums / split)
    return float(np.mean(apart >= apart[0] - 1e-12 * np.abs(values).max()))


def hedges(left, right):
    """Hedges' g and its large-sample interval."""
    n, m = len(left), len(right)
    freedom = n + m - 2
    pooled = math.sqrt(((n - 1) * np.var(left, ddof=1) + (m - 1) * np.var(right, ddof=1)) / freedom)
    exact = math.exp(special.gammaln(freedom / 2) - special.gammaln((freedom - 1) / 2)) / math.sqrt(freedom / 2)
    g = exact * (np.mean(right) - np.mean(left)) / pooled
    error = math.sqrt((n + m) / (n * m) + g * g / (2 * (n + m)))
    return [g, g - stats.norm.ppf(0.975) * error, g + stats.norm.ppf(0.975) * error]


def power(size, n):
    """Exact power of the two-sided t-test at 5 %."""
    freedom, shift = 2 * n - 2, size * math.sqrt(n / 2)
    limit = stats.t.ppf(0.975, freedom)
    return stats.nct.sf(limit, freedom, shift) + stats.nct.cdf(-limit, freedom, shift)


def needed(size):
    """The smallest group that finds the effect with 80 % power."""
    return next(n for n in itertools.count(2) if power(size, n) >= 0.8)


def pairs(count):
    for _ in range(count):
        left = group()
        right = near(left)
        test = stats.ttest_ind(right, left, equal_var=False)
        yield {
            "left": left,
            "right": right,
            "mean": float(np.mean(left)),
            "deviation": float(np.std(left, ddof=1)),
            "margin": float(stats.t.ppf(0.975, len(left) - 1) * stats.sem(left)),
            "welch": [float(test.statistic), float(test.df), float(test.pvalue)],
            "hedges": [float(value) for value in hedges(left, right)],
            "permutation": permutation(left, right),
            "kolmogorov_smirnov": float(stats.ks_2samp(left, right).statistic),
            "quantile": float(np.quantile(left, 0.3)),
        }


def main():
    beta = [
        [float(x), float(a), float(b), float(special.betainc(a, b, x))]
        for x, a, b in zip(
            generator.uniform(0, 1, 200), 10 ** generator.uniform(-1, 3.5, 200), 10 ** generator.uniform(-1, 3.5, 200)
        )
    ]
    student = [
        [float(p), float(freedom), float(stats.t.ppf(p, freedom)), float(2 * stats.t.sf(abs(t), freedom)), float(t)]
        for p, freedom, t in zip(
            generator.uniform(0.001, 0.999, 200), 10 ** generator.uniform(0, 4, 200), generator.normal(0, 3, 200)
        )
    ]
    sizes = [float(size) for size in np.linspace(0.2, 4, 20)]
    print(
        json.dumps(
            {
                "pairs": list(pairs(250)),
                "incomplete_beta": beta,
                "student": student,
                "needed": [[size, needed(size)] for size in sizes],
            },
            indent=0,
        )
    )


main()
