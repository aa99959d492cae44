"""Answers to the exercises of *Are dropout, ensembles, SWAG and Laplace Bayesian?*"""

import math

# 1. A draw is w / (1 - p) with probability 1 - p and else 0. Its mean is w, the mean of its
# square is w² / (1 - p), and so its variance is w² p / (1 - p): 1, whatever the number of data.
dropout = 2 * math.sqrt(0.2 / 0.8)

# 2. η / (2B) = 1 / (N h). The rate has to fall as 1 / N, which nobody does.
rate = 2 * 16 / (2000 * 4)


# 3. The derivative -x (y + σ ε - w x) / σ² + (w - a), summed over the data, is zero. The mean
# of the members is the mode, and their variance (Sxx / σ² + 1) / (Sxx / σ² + 1)², that of the
# posterior.
def member(x, y, noise, anchor, sigma):
    targets = y + sigma * noise
    return (x @ targets / sigma**2 + anchor) / (x @ x / sigma**2 + 1)


# 4. A sixth draw is as likely at each of the six places among five others, and four of these
# are between the lowest and the highest.
five = 4 / 6
