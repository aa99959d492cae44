"""Answers to *What does the ELBO trade, and why do the scales grow by themselves?*"""

import math


# 1. The force 1 - σ² Λ is zero at 1/√Λ, and the precision Λ has a part of the data and one
# of the prior.
def best_scale(x, noise, prior_scale):
    precision = x.square().sum() / noise**2 + 1 / prior_scale**2
    return precision.rsqrt()


# 2. One nat for each unit of ln σ and each weight, and doubling adds ln 2 to ln σ.
doubled = 7510 * math.log(2)

# 3. The values 0 and 3 / 0.8 have the probabilities 0.2 and 0.8.
variance = 0.2 * (0 - 3) ** 2 + 0.8 * (3 / 0.8 - 3) ** 2
dropout_spread = math.sqrt(variance)


# 4. The batch stands for all data, and all data have one divergence.
def batch_loss(log_likelihood, divergence, num_data):
    scale = num_data / len(log_likelihood)
    return divergence - scale * log_likelihood.sum()


# 5. c is 1 / 10,000, and what is fitted is the posterior of data that count 1 / c times.
counted = 100 * 100
