"""Answers to the exercises of *The landscape*."""

import math

import torch

NOISE = 0.5  # standard deviation


def features(x):
    return torch.cat([x, torch.ones_like(x)], -1).double()


# 1. The data add Φᵀ Φ / σ² to the precision of the prior, and Φᵀ y / σ² to its information.
def line(x, y):
    phi = features(x)
    precision = phi.T @ phi / NOISE**2 + torch.eye(2)
    covariance = torch.linalg.inv(precision)
    mean = covariance @ (phi.T @ y[:, 0].double()) / NOISE**2

    return mean, covariance


# 2. Three units have 3! orders, and each can have its signs changed: the weights into it, its
# bias and the weights out of it. Of 20 units there are 20! 2^20, or 2.6e24.
same_functions = math.factorial(3) * 2**3


# 3. The curvature of the log likelihood is Φᵀ Φ / σ², of all data. With α = 1 the result is
# also 2 minus the trace of the posterior covariance: the share of the prior's variance that
# is gone.
def dimension(x):
    phi = features(x)
    eigenvalues = torch.linalg.eigvalsh(phi.T @ phi / NOISE**2)
    return (eigenvalues / (eigenvalues + 1)).sum()


# 4. The expectation of each squared standard normal is one, half of it is in the density,
# and P of them are divided by N data.
def height(num_weights, num_data):
    return num_weights / 2 / num_data


# 5. The variance of the means over runs, and the mean over runs of the variances of draws.
def between(functions):
    means = functions.mean(1).var(0, correction=0).sum()
    within = functions.var(1, correction=0).mean(0).sum()
    return means / (means + within)
