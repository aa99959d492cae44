"""Answers to the exercises of *Is what it says calibrated, and is one temperature enough?*"""

import math


# 1. Every bin has its share of the data. An empty one is NaN, and has no weight.
def ece(confidence, accuracy, count):
    gap = (accuracy - confidence).abs().nan_to_num(0.0)
    return (count * gap).sum() / count.sum()


# 2. The accuracy has the standard deviation √(0.8 · 0.2 / 100) = 0.04, and the mean of |z| is
# √(2/π) = 0.80. A perfect forecast has an expected error of 0.032.
bias = math.sqrt(0.8 * 0.2 / 100) * math.sqrt(2 / math.pi)

# 3. Three of four are a logit of ln(0.75 / 0.25) = ln 3 = 1.10, so that T = 3 / ln 3 = 2.73.
temperature = 3 / math.log(3)

# 4. exp(-z² / 2s²) to the power 1 / T is a normal density of variance T s².
cold = 3 * math.sqrt(1 / 4)
