# %% [markdown]
# # What does a weight prior say about functions?
#
# *"Each weight is N(0, 1)" sounds like no opinion at all. What did we just say?* Nobody has a
# belief about a weight. We may have one about functions: how large they are, how fast they
# turn, how sure a classifier is before it has seen anything. A prior over weights is a prior
# over functions, too, and this lesson draws them. Shapes: S draws, N inputs, H hidden units,
# O classes.
#
# **You will learn**
# - why to look at draws of a prior, and not at bands;
# - what width, the scales of the layers, and depth do to the functions;
# - where heavy tails come from, and what they look like;
# - what a prior says about classes: an average that knows nothing, of draws that are sure;
# - how data choose among the draws, and how to compare priors by that.
#
# There are four exercises. Replace the dots, and run the cell: it says what is wrong with
# your answer. The [answers](answers/02_weight_priors.py) are in a file of their own.

# %%
import math
import os

import matplotlib.pyplot as plt
import pyro
import pyro.distributions as dist
import torch
from torch import nn

import zoo
from zoo import datasets, likelihoods, networks, plots, priors
from zoo.course import check, weight_priors
from zoo.reports.table import Table

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
NUM_DRAWS = 20 if SMOKE else 1000
MANY = 200 if SMOKE else 20_000

pyro.set_rng_seed(0)

x = torch.linspace(-3, 3, 121)  # (N,), where we look at the functions
ZERO, TWO = 60, 100  # the places of x = 0 and x = 2 in it

# %% [markdown]
# ## Draws, not bands
# A model has three parts. A network is a plain `torch.nn.Module`, here a layer of 50 tanh
# units between one input and one output. A `WeightPrior` gives each weight and bias a
# distribution. A likelihood says how targets scatter around the function; we need it later.
# `prior_predictive` draws weights from the prior, and evaluates the network with each draw.


# %%
def prior_functions(prior, hidden, number=NUM_DRAWS, activation=nn.Tanh):
    """Return draws of functions from a prior, (S, N)."""
    network = networks.MLP(1, 1, hidden=hidden, activation=activation)
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.1))
    return model.prior_predictive(x.unsqueeze(-1), number).functions[..., 0]


def draw(ax, functions, title, number=10):
    """Draw some functions as curves."""
    plots.functions(x, functions, num_functions=number, ax=ax)
    ax.set(title=title, xlabel="x", ylabel="")


standard = priors.WeightPrior(dist.Normal(0.0, 1.0))
functions = prior_functions(standard, [50])

shuffled = functions.clone()
for place in range(len(x)):  # at each input, the same values in another order
    shuffled[:, place] = functions[torch.randperm(len(functions)), place]

figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained", sharey=True)
plots.predictive_band(x, draws=functions, ax=axes[0])
axes[0].set(title="50 % and 90 % bands of both", xlabel="x", ylabel="f(x)")
draw(axes[1], functions, "ten draws of the prior")
draw(axes[2], shuffled, "ten draws of another prior", number=10)
plt.show()

# %% [markdown]
# The band has the quantiles of f(x) at each x by itself. The middle picture has ten functions
# of the prior: smooth ones. In the right picture the values at each x were shuffled among the
# draws. That is white noise, from which nothing can be learned, and it has *exactly the same
# band*. What distinguishes the two is how values at different inputs depend on each other,
# and a band does not show it. Look at curves.
#
# ## Width
# With N(0, 1) on all weights every hidden unit adds a random number of the same size to the
# output. Their variances add up, so the functions grow with the root of the width.
# `priors.fan_in` divides the variance of a weight by the number of inputs of its unit.

# %%
WIDTHS = (10, 100, 1000)
kinds = {
    "N(0, 1)": standard,
    "fan-in": priors.WeightPrior(priors.fan_in(1.0, bias_scale=1.0)),
}
figure, axes = plt.subplots(2, 3, figsize=(10, 5.4), layout="constrained", sharey="row")
rows = []
for line, (name, prior) in zip(axes, kinds.items(), strict=True):
    for ax, width in zip(line, WIDTHS, strict=True):
        functions = prior_functions(prior, [width])
        draw(ax, functions, f"{name}, {width} units")
        rows.append((name, width, float(functions[:, ZERO].std())))
    line[0].set_ylabel("f(x)")
plt.show()
print(Table(("prior", "units", "standard deviation of f(0)"), rows))

# %% [markdown]
# From 10 to 1,000 units the functions of N(0, 1) grow from 2.2 to 20, ten times for a hundred
# times the units. With fan-in scales they stay where they are, at 1.2. The curves of the upper
# row look the same but for the numbers at the axis: width is not a matter of shape.
#
# ### Exercise 1: how large?
# At x = 0 a tanh unit is tanh(b) with b from N(0, 1), whose mean square is 0.394. It is
# multiplied by an output weight from N(0, 1), and the output bias is from N(0, 1) as well.
# How large is the standard deviation of f(0) with 2,500 units?

# %%
my_size = ...

check(weight_priors.size, my_size)

# %% [markdown]
# ### Exercise 2: a scale for every width
# Write the standard deviation of a weight as a function of the number of inputs of its unit,
# so that the size of the functions does not depend on it. With one input it is 2.

# %%
my_scale = ...  # lambda num_inputs: ...

check(weight_priors.scale, my_scale)

# %% [markdown]
# ## The scale of each layer
# The scales of the layers do different things. `priors.last_layer` gives the last layer a
# distribution of its own. We leave it at the scale 1/√50 and change the scale below it.

# %%
SCALES = (0.3, 1.0, 3.0, 10.0)


def by_layer(below, on_top=50**-0.5):
    """Return a prior with one scale for the first layer and one for the last."""
    rule = priors.last_layer(
        dist.Normal(0.0, on_top), otherwise=dist.Normal(0.0, below)
    )
    return priors.WeightPrior(rule)


def num_turns(functions):
    """Return how often a function changes from rising to falling or back, on average."""
    slopes = functions.diff(dim=-1).round(decimals=5)  # rounding errors are no turns
    return float(((slopes[:, 1:] * slopes[:, :-1]) < 0).double().sum(-1).mean())


figure, axes = plt.subplots(1, 4, figsize=(11, 3), layout="constrained", sharey=True)
rows = []
for ax, below in zip(axes, SCALES, strict=True):
    functions = prior_functions(by_layer(below), [50])
    draw(ax, functions, f"scale {below:g} below")
    rows.append((below, float(functions[:, TWO].std()), num_turns(functions)))
axes[0].set_ylabel("f(x)")
plt.show()
print(Table(("scale below", "standard deviation of f(2)", "turns on [-3, 3]"), rows))

# %% [markdown]
# The scale below says how fast a function *turns*: a unit tanh(w x + b) with a large w is a step,
# and a network of steps turns ten times on this interval, where one of gentle slopes turns
# half a time. The size hardly changes from 1 to 10, since a tanh is at most 1, whatever its
# slope. So for one hidden layer there are two knobs: *below* for the length over which the
# function changes, *on top* for its size.
#
# ### Exercise 3: other units
# A prior suits your data, and the network has one hidden layer. Then a colleague sends the same
# data in other units: the numbers x are 100 times as large, the numbers y a tenth. By which
# factors do you multiply the four scales of the prior, so that it says the same of the curve?

# %%
my_factors = ...  # (first weights, first biases, output weights, output bias)

check(weight_priors.units, my_factors)

# %% [markdown]
# ## Depth
# Each layer is applied to the output of the one before. If a layer brings two inputs closer
# together, sixteen layers bring them together entirely. If it drives them apart, sixteen
# layers scatter them. For tanh units and small biases the border is a fan-in scale of 1.

# %%
DEPTHS = (1, 4, 16)
figure, axes = plt.subplots(2, 3, figsize=(10, 5.4), layout="constrained", sharey="row")
rows = []
for line, scale in zip(axes, (0.5, 2.0), strict=True):
    prior = priors.WeightPrior(priors.fan_in(scale, bias_scale=0.1))
    for ax, depth in zip(line, DEPTHS, strict=True):
        functions = prior_functions(prior, [50] * depth)
        draw(ax, functions, f"scale {scale:g}, depth {depth}")
        together = torch.corrcoef(functions[:, [ZERO, TWO]].T)[0, 1]
        rows.append((scale, depth, float(together), num_turns(functions)))
    line[0].set_ylabel("f(x)")
plt.show()
print(Table(("fan-in scale", "layers", "correlation of f(0), f(2)", "turns"), rows))

# %% [markdown]
# With a scale of 0.5, sixteen layers forget the input: the values at 0 and at 2 have correlation
# 1.000, and every draw is a constant. With a scale of 2 the inputs are driven apart: a draw
# turns 16 times, most of them near zero, and values a little apart know nothing of each other.
# No data can teach either of them much. Near the border, signals pass through many layers, which
# is where initialisations of deep networks lie, and residual connections help as well.
#
# ## Heavy tails
# Every weight is normal, but a function is not: it is a sum of products of weights. With many
# units in a layer the sum is nearly normal again, by the central limit theorem. In the limit
# of infinite width the function is a Gaussian process. With few units and many layers it is
# not. The *kurtosis* measures that: the mean fourth power in units of the squared variance,
# which is 3 for a normal distribution, and more if large values are not so rare.


# %%
def kurtosis(values):
    """Return the mean fourth power in units of the squared variance."""
    values = values - values.mean()
    return float(values.pow(4).mean() / values.var().square())


he = priors.WeightPrior(priors.fan_in(2**0.5, bias_scale=0.1))
rows = []
for width in (5, 50):
    for depth in (1, 4, 8):
        values = prior_functions(he, [width] * depth, 5 * NUM_DRAWS, nn.ReLU)[:, TWO]
        rare = (values.abs() > 4 * values.std()).double().mean()
        rows.append((width, depth, kurtosis(values), 100 * float(rare)))
columns = ("ReLU units", "layers", "kurtosis of f(2)", "beyond 4 sd, %")
print(Table(columns, rows))

# %% [markdown]
# With 50 units the kurtosis is 3.4 to 5.1, near that of a normal distribution. With 5 units it
# grows with each layer, since the scale of a layer multiplies that of the one before, and a
# product of random numbers is sometimes very large. More than one of 100 values is beyond four
# standard deviations, for a normal distribution it is one of 16,000. (147 itself is no precise
# number: single draws make it.) A prior of light tails on weights is one of heavy tails on deep,
# narrow functions.
#
# Tails can also be put in. A Student's t distribution of few degrees of freedom for the output
# weights lets single units stand out. With a finite variance, three degrees of freedom, the
# limit of many units is normal all the same. With one, the Cauchy distribution, it is not.

# %%
H = 1000
TOPS = {
    "normal": dist.Normal(0.0, H**-0.5),
    "Student's t, 3": dist.StudentT(3.0, 0.0, H**-0.5),
    "Cauchy": dist.Cauchy(0.0, 1 / H),
}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained", sharey=True)
rows = []
for ax, (name, top) in zip(axes, TOPS.items(), strict=True):
    above = {"layer2.weight": top, "layer2.bias": dist.Normal(0.0, 0.1)}
    rule = priors.by_name(above, otherwise=dist.Normal(0.0, 10.0))
    functions = prior_functions(priors.WeightPrior(rule), [H])
    draw(ax, functions, f"{name}, {H} units", number=8)

    weights = top.sample((NUM_DRAWS, H)).abs()
    largest = (weights.amax(-1) / weights.sum(-1)).mean()
    size = functions[:, TWO].abs()
    rare = (size > 10 * size.median()).double().mean()
    rows.append((name, 100 * float(largest), 100 * float(rare)))
axes[0].set(ylabel="f(x)", ylim=(-8, 8))
plt.show()
columns = (
    "output weights",
    "largest unit, % of all",
    "functions 10 times the median, %",
)
print(Table(columns, rows))

# %% [markdown]
# In the normal prior each of a thousand units has a share of the function, the largest less than
# half a per cent. With three degrees of freedom it is still below two: looking at the two
# pictures, one cannot tell them apart. Under the Cauchy prior a single unit has a quarter, and
# 5 % of the functions are ten times as large as the median. One sees that unit: it is the step.
# Such a prior expects a few large effects among many small ones. That is a belief about
# functions, and sometimes the right one.
#
# ## Classes
# A classifier has an output for each class and a softmax on top. Its prior is one over class
# probabilities. We draw it for images of digits, which the model has not seen. Four numbers:
# how sure the average over draws is, how sure a single draw is, the entropy of the average,
# in nats, and how many of 100 images a draw gives to its favourite class.

# %%
images = datasets.digits(flatten=True).test.x[:100]


def classes(prior, hidden):
    """Return class probabilities of draws from a prior, (S, N, O)."""
    network = networks.MLP(64, 10, hidden=hidden)
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
    return model.prior_predictive(images, min(NUM_DRAWS, 300)).functions


def favourite(probs):
    """Return the mean share of images that a draw gives to its most frequent class."""
    chosen = nn.functional.one_hot(probs.argmax(-1), probs.shape[-1])  # (S, N, O)
    return float(chosen.double().mean(1).amax(-1).mean())


on_classes = {
    "N(0, 1)": standard,
    "N(0, 0.1)": priors.WeightPrior(dist.Normal(0.0, 0.1)),
    "fan-in, 1": priors.WeightPrior(priors.fan_in(1.0)),
    "fan-in, 4": priors.WeightPrior(priors.fan_in(4.0)),
}
figure, axes = plt.subplots(1, 4, figsize=(11, 3), layout="constrained", sharey=True)
rows = []
for ax, (name, prior) in zip(axes, on_classes.items(), strict=True):
    probs = classes(prior, [50])
    mean = probs.mean(0)
    sure = probs.amax(-1)
    ax.hist(sure.flatten(), bins=20, range=(0, 1), density=True)
    ax.set(title=name, xlabel="largest probability of a draw")
    entropy = torch.special.entr(mean).sum(-1).mean()
    found = (mean.amax(-1).mean(), sure.mean(), entropy)
    rows.append((name, *(float(value) for value in found), favourite(probs)))
axes[0].set_ylabel("density")
plt.show()
columns = ("prior", "the average is", "a draw is", "entropy", "favourite class")
print(Table(columns, rows))

# %% [markdown]
# The average over draws is a tenth for every class (the 0.12 is the noise of 300 draws), and its
# entropy is ln 10 = 2.30 nats. From the average, all four priors know nothing. The draws could
# not differ more: under N(0, 1) one is 83 % sure of its class before the first datum, under
# N(0, 0.1) 15 %. And a draw gives half of the images or more to one class: images of digits
# look alike to a random network, and it treats them alike.
#
# In [the lesson before](01_softmax_confidence.py) small scales were not sure enough on digits
# and maximum likelihood was too sure. Here is why: a prior of N(0, 0.1) says that labels are
# almost coin tosses, and few data cannot talk it out of that.
#
# ### Exercise 4: sure before the first datum
# Two classes, and 50 hidden units that are saturated: each is +1 or -1. All output weights and
# biases are N(0, 1). For which share of the draws is the network more than 99 % sure of one of
# the classes? (Hint: which distribution has the difference of the two logits? You may need
# `torch.special.ndtr`, the distribution function of N(0, 1).)

# %%
my_sure = ...

check(weight_priors.sure, my_sure)

# %% [markdown]
# ## A prior on nodes
# One can also leave the weights alone, and multiply the *inputs of each layer* by random
# variables, the nodes. Then the prior is a belief about variations of one network. We train
# a network of 20 units on a sinusoid, with plain PyTorch, and draw nodes around it. It has 61
# weights, but 21 nodes.

# %%
data = datasets.toy.sinusoid(num_data=40, noise=0.1)
network = networks.MLP(1, 1, hidden=[20])
optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
for _ in range(20 if SMOKE else 2000):
    optimizer.zero_grad()
    nn.functional.mse_loss(network(data.train.x), data.train.y).backward()
    optimizer.step()

figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained", sharey=True)
for ax, scale in zip(axes, (0.03, 0.3), strict=True):
    nodes = priors.NodePrior(
        dist.Normal(1.0, scale), where="in", weights=priors.Point()
    )
    model = zoo.BayesianNetwork(network, nodes, likelihoods.Gaussian(0.1))
    functions = model.prior_predictive(x.unsqueeze(-1), 100).functions[..., 0]
    draw(ax, functions, f"nodes N(1, {scale:g})")
    ax.plot(*(part.squeeze(-1) for part in data.train), "k.", markersize=4)
axes[0].set(ylabel="f(x)", ylim=(-3, 3))
plt.show()

# %% [markdown]
# One node multiplies the input and stretches the curve along x; twenty multiply the hidden units
# and change the heights. Nodes of 0.03 say that the network is nearly right. Nodes of 0.3 move
# peaks and valleys and make them half or twice as high, but draws stay variations of one
# curve: most have the peak in the gap, of which the data say nothing. Draws of weights would
# have other curves there. A weight prior and a node prior are different beliefs, so their
# posteriors may differ without one of them being wrong.
#
# ## Data choose among the draws
# What happens when data arrive? Bayes' theorem gives each draw of the prior a weight, its
# likelihood p(y | x, w): draws that pass near the data stay. And the *evidence* p(y | x), the
# mean likelihood of the prior's draws, says how well the prior foresaw the data. We take five
# points of the sinusoid, with noise of 0.3, and the scales of above.

# %%
NOISE = 0.3
few = torch.tensor([-1.8, -1.0, 0.2, 0.6, 1.4])
seen = torch.sin(math.pi * few) + NOISE * torch.randn(5)
places = [int((x - place).abs().argmin()) for place in few]

figure, axes = plt.subplots(1, 4, figsize=(11, 3), layout="constrained", sharey=True)
rows = []
for ax, below in zip(axes, SCALES, strict=True):
    functions = prior_functions(by_layer(below), [50], MANY)
    misses = (seen - functions[:, places]) / NOISE
    log_scale = math.log(2 * math.pi * NOISE**2)
    log_likelihood = -0.5 * (misses.square() + log_scale).sum(-1)  # (S,)
    weights = log_likelihood.softmax(0)
    log_evidence = log_likelihood.logsumexp(0) - math.log(MANY)
    effective = 1 / weights.square().sum()
    rows.append((below, float(log_evidence), float(effective)))

    kept = functions[torch.multinomial(weights, 20, replacement=True)]
    draw(ax, kept, f"scale {below:g} below", number=20)
    ax.errorbar(few, seen, NOISE, fmt="k.", zorder=4)
axes[0].set(ylabel="f(x)", ylim=(-4, 4))
plt.show()
columns = ("scale below", "log evidence, nats", f"effective draws of {MANY:,}")
print(Table(columns, rows))

# %% [markdown]
# With the scale 0.3 no draw comes near the data. All are equally bad, so thousands stay
# "effective". From 1 to 10 the curves bend more, and pass through the data. The evidence says
# the same in one number: 8 nats from the first to the third, a factor of 2,700, and one more
# to the last. Between 3 and 10 five data hardly decide, and the estimate from some 20
# effective draws is no better than half a nat.
#
# This was Bayesian inference, all of it, without an engine. Why does nobody do it so? Of 20,000
# draws about 20 are left after five data, and after forty there would be none. That is what
# samplers and guides are for. The [next lesson](03_exact_posterior.py) has a case in which
# neither is needed.
#
# ## What would make this result wrong
# - **Inputs of another size.** All of this was for inputs between -3 and 3. Standardise data, or
#   change the scales as in exercise 3.
# - **Other activations.** A ReLU network has no saturation: scale below and scale on top are
#   then one product, and size and steepness cannot be chosen apart.
# - **A prior that looks right on a line.** In 64 or 3,000 dimensions one cannot look at curves.
#   Look at differences of the outputs for pairs of inputs, as far apart as your data are.
# - **Tuning the prior on the data.** Looking at the functions before the fit is free. Trying
#   scales until the test error is small is a fit, and has to be counted as one.
# - **The evidence of five data.** It depends on these five. [Which prior?](../docs/priors.md)
#   has evidences with standard errors.
#
# ## Further reading
# - Neal (1996), *Bayesian Learning for Neural Networks*, chapter 2: width, scales, and stable
#   limits of heavy tails.
# - Poole, Lahiri, Raghu, Sohl-Dickstein, Ganguli (2016), *Exponential Expressivity in Deep Neural
#   Networks through Transient Chaos*; Schoenholz et al. (2017), *Deep Information Propagation*.
# - Lee, Bahri, Novak, Schoenholz, Pennington, Sohl-Dickstein (2018), *Deep Neural Networks as
#   Gaussian Processes*.
# - Vladimirova, Verbeek, Mesejo, Arbel (2019), *Understanding Priors in Bayesian Neural Networks
#   at the Unit Level*: tails grow heavier with depth.
# - Wenzel et al. (2020), *How Good is the Bayes Posterior in Deep Neural Networks Really?*, on
#   draws of a prior that give most images to one class.
# - Fortuin, Garriga-Alonso, Ober et al. (2022), *Bayesian Neural Network Priors Revisited*.
# - Trinh, Kaski, Heinonen (2020), *Scalable Bayesian neural networks by layer-wise input
#   augmentation*, on priors of nodes.
