"""Answers to the exercises of *Why is a softmax not a confidence?*"""

import math

# 1. The margin grows by 1 for each unit of distance, so that it is 1 + 7 = 8 at distance 10.
# The other class has the softmax of 0 beside 8: three in ten thousand.
far_away = 1 / (1 + math.exp(8))


# 2. Probabilities are averaged, not logits, and the class is chosen afterwards. Two draws
# that are sure of different classes give one half.
def averaged(logits):
    probs = logits.softmax(-1).mean(0)
    return probs.amax(-1)


# 3. The gaps are 0.09 and 0.06, one too sure and one not sure enough. Weighted by the number
# of images they do not cancel: 2/3 of 0.09 and 1/3 of 0.06.
calibration = 200 / 300 * abs(0.99 - 180 / 200) + 100 / 300 * abs(0.60 - 66 / 100)

# 4. A confidence of 0.99 needs a margin of ln 99 = 4.6 after the division, and 9.2 before
# it. The margin is 9.2 at distance 2 + 9.2 = 11.2. Without temperature it was 6.6: all that
# one temperature does is to move the place.
cooled = 2 + 2 * math.log(99)
