"""Answers to the exercises of *Bayes by Backprop in one file*."""

import math

# 1. The batch stands for all 100 points, so its sum counts 100 / 10 times. Then its mean over
# batches is the log likelihood of all.
batch_factor = 10


# 2. E_q[log q - log p]. The first term is what a narrow guide costs, the others are what
# weights cost that the prior holds for unlikely.
def divergence(loc, scale, prior_scale):
    ratio = scale / prior_scale
    return 0.5 * (ratio**2 + (loc / prior_scale) ** 2 - 1) - ratio.log()


# 3. The covariance [[1, 0.8], [0.8, 1]] has the inverse [[1, -0.8], [-0.8, 1]] / 0.36. The mean
# field has the scale of a weight whose neighbour is known: sqrt(0.36).
narrow = math.sqrt(1 - 0.8**2)
