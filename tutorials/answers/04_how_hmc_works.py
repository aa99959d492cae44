"""Answers to the exercises of *How does HMC work, and how do I know that it failed?*"""

import math

import torch

# 1. All weights take steps of the same size, and the narrowest is the first to fail.
largest_step = 2 * 0.03


# 2. The density of place and momentum is exp(-H), so the ratio is exp(before - after). An
# energy of inf gives 0 by itself, nan does not.
def acceptance(before, after):
    ratio = torch.exp(before - after)
    return ratio.nan_to_num(nan=0.0).clamp(max=1)


# 3. The variance of all draws, as it would be if the chains had mixed, over that within.
def rhat(draws):
    num_draws = draws.shape[1]
    within = draws.var(1).mean(0)
    between = draws.mean(1).var(0)
    total = within * (num_draws - 1) / num_draws + between
    return (total / within).sqrt()


# 4. The units have 5! orders, and each may change its sign: 120 times 32.
copies = math.factorial(5) * 2**5

# 5. The mean is as good as that of 100 independent draws.
error_of_mean = 0.5 / math.sqrt(100)
