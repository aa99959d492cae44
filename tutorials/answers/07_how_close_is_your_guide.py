"""Answers to the exercises of *How far is my guide from the truth?*"""

import math

import torch


# 1. Sorted at every input, the smallest draw is moved to the smallest.
def wasserstein(draws, truth):
    moved = draws.sort(0).values - truth.sort(0).values
    distance = moved.abs().mean(0)  # (N,)
    return (distance / truth.std(0)).mean()


# 2. Every draw m + s z is moved to m, by s |z|. The mean of |z| is √(2/π) = 0.798.
point = math.sqrt(2 / math.pi)

# 3. m + s z is moved to m + s/2 + z s/2, by s | 1/2 - z/2 | = s/2 |1 - z|. It is 0.58 s: less
# than the point's 0.80, and less than the sum of both faults.
z = torch.randn(1_000_000, generator=torch.manual_seed(0))
half = float((0.5 - 0.5 * z).abs().mean())

# 4. The band is m ± 1.645 s/2, and the truth is N(m, s²): it is outside with probability
# 2 (1 - Φ(0.82)) = 0.41, where the band says 0.10.
normal = torch.distributions.Normal(0.0, 1.0)
outside = float(2 * (1 - normal.cdf(torch.tensor(1.645 / 2))))
