"""Answers to the exercises of *Are dropout, ensembles, SWAG and Laplace Bayesian?*"""

# 1. M √(p / (1 - p)) = 1 with M = 2: p / (1 - p) is a quarter, and p is 0.2. With four times the
# data it would have to be 1/17 = 0.06: it falls as 1 / N, which nobody does.
dropout = 0.2

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
