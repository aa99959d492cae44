"""Answers to the exercises of *What does a weight prior say about functions?*"""

import math

# 1. Each unit adds 0.394 to the variance and the bias adds 1. With 100 units it is 6.4: 25
# times as many units make the functions five times as large.
size = math.sqrt(1 + 2500 * 0.394)


# 2. A sum of n independent parts has n times the variance of one, so that each has 1/n.
def scale(num_inputs):
    return 2 / math.sqrt(num_inputs)


# 3. What enters the hidden units, w x + b, stays the same: w is a hundredth, b as before. What
# leaves them is a tenth, and the output bias too. Who standardises data need not do this.
units = (0.01, 1.0, 0.1, 0.1)

# 4. A logit is a sum of 51 terms of variance 1. The difference of two has variance 102 and
# standard deviation 10.1, and 99 % need a difference of ln 99 = 4.6, on either side.
sure = math.erfc(math.log(99) / math.sqrt(2 * 102))
