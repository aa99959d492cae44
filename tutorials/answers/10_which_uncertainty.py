"""Answers to the exercises of *Which uncertainty can more data remove?*"""

import math

import torch


def entropy(probs):
    return torch.special.entr(probs).sum(-1)


# 1. The mean of the draws is one half, so the total is ln 2. The draws have 0.50, 0.69 and
# 0.50 nats.
heads = torch.tensor([0.2, 0.5, 0.8])
each = entropy(torch.stack([heads, 1 - heads], -1))
coin = math.log(2) - each.mean()

# 2. The NLL is at least the entropy of the label given the image: a fair coin has ln 2.
lowest_nll = math.log(2)


# 3. The entropy of the mean minus the mean of the entropies, divided by the former.
def share(functions):
    total = entropy(functions.mean(0))
    return (total - entropy(functions).mean(0)) / total


# 4. Alone the network is right with probability max p̄. If draw s is the truth, she is right
# with probability max p_s. The mean of the difference is what the answer is worth, the
# epistemic uncertainty in units of errors. For a blend both are one half.
def asking(functions):
    alone = functions.mean(0).amax(-1)
    knowing = functions.amax(-1).mean(0)
    return knowing - alone > 0.2
