"""Answers to the exercises of *Which correlations does a mean field lose?*"""

import math

import torch


# 1. The precision is the inverse of the whole matrix. Its diagonal knows the other weights.
def scales(covariance):
    precision = torch.linalg.inv(covariance)
    return precision.diagonal().rsqrt()


# 2. The scales cancel, and the independent weight loses nothing.
lost = -math.log(1 - 0.9**2) / 2

# 3. The precision has Σ x between slope and bias, which is zero for centred inputs.
shift = (1 + 2 + 6) / 3

# 4. Means, variances, and one covariance for each pair.
num_parameters = 151 + 151 + 151 * 150 // 2
