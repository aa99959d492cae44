"""Answers to the exercises of *Does it notice strange inputs, and which weights does it need?*"""

# 1. Of nine pairs of one input outside and one inside, 0.3 is above two, 0.6 is above two and
# ties with one, and 0.9 is above three: 2 + 2.5 + 3 = 7.5.
area = 7.5 / 9


# 2. The least uncertain inputs are kept.
def kept_accuracy(uncertainty, is_right, fraction):
    number = len(is_right)
    kept = uncertainty.argsort()[: number - round(fraction * number)]
    return is_right[kept].double().mean()


# 3. Each pixel moves by r against the sign of its weight, so the logit falls by
# r (|3| + |-4|), and 2 - 7 r is zero. In a picture of 64 pixels there are 64 such terms:
# that is why a small change of every pixel does so much.
radius = 2 / 7


# 4. log q(μ) - log q(0). It is half the squared signal-to-noise ratio, so to drop weights by
# signal to noise is to drop what costs the least.
def cost(mean, std):
    return 0.5 * (mean / std).square()
