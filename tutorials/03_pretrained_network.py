# %% [markdown]
# # A trained network made Bayesian
#
# *Can a trained network learn what it does not know, without being trained again?* Its
# weights are kept or fine-tuned. A node prior multiplies each input channel of each layer
# by a random variable, and the posterior of these few variables is approximated by a
# mixture of K Gaussians. The alternative is temperature scaling, with a single parameter.
# Shapes: N images, O classes, K components. This is Trinh, Kaski and Heinonen (2020) on a
# small scale.

# %%
import os

import matplotlib.pyplot as plt
import pyro
import pyro.distributions as dist
import torch
import torch.nn.functional as F

import guides
import zoo
from zoo import datasets, inference, likelihoods, metrics, networks, plots, priors
from zoo.datasets import Split
from zoo.reports.table import Table

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
NUM_EPOCHS = 15 if SMOKE else 100
NUM_STEPS = 8 if SMOKE else 300
NUM_SAMPLES = 8 if SMOKE else 32

pyro.set_rng_seed(0)

# %% [markdown]
# ## The data
# The data are scikit-learn's digits, enlarged to 16x16 pixels for LeNet-5. 300 images train
# the network, 200 fit the temperature, and the other 1297 are the test data. So few training
# images make the network too sure of itself, and there are enough test images to measure
# that.

# %%
data = datasets.digits()
x = torch.cat([data.train.x, data.test.x])
y = torch.cat([data.train.y, data.test.y])
x = F.interpolate(x, scale_factor=2, mode="bilinear")  # (N, 1, 16, 16)

order = torch.randperm(len(x))
train_rows, held_out_rows, test_rows = order.split([300, 200, len(x) - 500])
train = Split(x[train_rows], y[train_rows])
held_out = Split(x[held_out_rows], y[held_out_rows])
test = Split(x[test_rows], y[test_rows])

# %% [markdown]
# ## The trained network
# This is ordinary training. You can replace the network by `networks.ResNet` with a
# published checkpoint, or by any network of torchvision: the code below does not depend on
# it.

# %%
network = networks.LeNet5(10, image_size=16)
optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
for _ in range(NUM_EPOCHS):
    for rows in torch.randperm(len(train.x)).split(50):
        optimizer.zero_grad()
        logits = network(train.x[rows])
        loss = F.cross_entropy(logits, train.y[rows])
        loss.backward()
        optimizer.step()

# %% [markdown]
# The trained network is scored alone, and with a temperature.

# %%
results = []
probs_of = {}
log_prob_of = {}


def evaluate(name, probs, bound="no bound"):  # probs: (N, O)
    labels = test.y.unsqueeze(-1)  # (N, 1)
    log_prob = probs.log().gather(-1, labels)
    log_prob = log_prob.squeeze(-1)  # (N,)

    probs_of[name] = probs
    log_prob_of[name] = log_prob

    accuracy = float(metrics.accuracy(probs, test.y))
    error = 100 * (1 - accuracy)
    nll = float(metrics.nll(log_prob))
    ece = float(metrics.calibration_error(probs, test.y))

    row = (name, error, nll, ece, bound)
    results.append(row)


with torch.no_grad():
    logits = network(test.x)
    evaluate("as trained", logits.softmax(-1))

    temperature = metrics.temperature_scaling(network(held_out.x), held_out.y)
    evaluate("temperature scaling", (logits / temperature).softmax(-1))
print(f"temperature {temperature:.2f}")

# %% [markdown]
# ## Nodes with a prior
# A node is an input channel of a layer. `Frozen()` keeps the trained weights, and `Point()`
# continues to train them together with the nodes. Nodes are few and learn fast. Trained
# weights must not change much, so they have a small learning rate of their own. An optimiser
# is any function of parameters and a learning rate.


# %%
def make_model(weights):
    node = dist.Normal(1.0, 0.3)
    prior = priors.NodePrior(node, weights=weights)
    likelihood = likelihoods.Categorical()

    return zoo.BayesianNetwork(network, prior, likelihood)


def fit(model, num_components):
    guide = guides.NodeMixture(
        model, num_components=num_components, init_scale=0.1, init_spread=0.3
    )
    guide_ids = {id(parameter) for parameter in guide.parameters()}

    def two_rates(parameters, lr):
        nodes = []
        weights = []
        for parameter in parameters:
            group = nodes if id(parameter) in guide_ids else weights
            group.append(parameter)
        groups = [{"params": nodes}, {"params": weights, "lr": 1e-4}]
        return torch.optim.Adam(groups, lr=lr)

    engine = inference.SVI(
        model,
        guide,
        num_steps=NUM_STEPS,
        lr=1e-2,
        optimizer=two_rates,
        progress=False,
    )
    return engine.fit(train, batch_size=100)


print(make_model(priors.Frozen()).summary())

treatments = {"frozen": priors.Frozen(), "fine-tuned": priors.Point()}
for num_components in (1, 4, 16):
    for treatment, weights in treatments.items():
        pyro.set_rng_seed(1)
        posterior = fit(make_model(weights), num_components)
        prediction = posterior.predict(test.x, num_samples=NUM_SAMPLES)
        bound = str(posterior.bound(train))
        evaluate(f"K = {num_components}, weights {treatment}", prediction.probs, bound)

# %% [markdown]
# ## Before and after
# The trained network was too sure. With random nodes its error stays the same within the
# noise. The negative log likelihood (NLL, nats per image) falls by a fifth with one
# component and by a quarter with sixteen. The calibration error (ECE) falls to a half and to
# a quarter. Temperature scaling does as well as sixteen components with a single parameter,
# but it needs held-out data. The nodes need none.
#
# The bound on the evidence is in nats per training image, and lower is better; without
# training it is ln 10 = 2.30. A network without random variables has none. It is conditional
# on the trained weights, so it may be compared between rows with the same weights only.

# %%
print(Table(("network", "error %", "nll", "ece", "bound"), results, {"error %": 2}))

best = "K = 16, weights frozen"
for name in ("as trained", "temperature scaling"):
    gain = log_prob_of[best] - log_prob_of[name]  # (N,)
    mean = gain.mean()
    error = gain.std() / len(gain) ** 0.5
    print(f"K = 16 gains {mean:.3f} ± {error:.3f} nats per image on {name}")

figure, axes = plt.subplots(1, 3, figsize=(14, 4.5), layout="constrained")
for ax, name in zip(axes, ("as trained", "temperature scaling", best), strict=True):
    confidence, accuracy, count = metrics.reliability(probs_of[name], test.y)
    plots.reliability_diagram(confidence, accuracy, count, ax=ax)
    ax.set_title(name)
plt.show()

# %% [markdown]
# ## What would make this result wrong
# - **Noise.** With 1297 images, one standard error of the error rate is 0.9 %: the table
#   does not say which row has the lowest error. Paired differences of the NLL are more
#   precise: look at their standard errors before you believe one.
# - **One network, one seed.** Another training run is overconfident in another way. Repeat
#   all of it for three seeds.
# - **Too few images per component.** Each of K components sees B/K images of a batch of B: 6
#   of 100 for K = 16. Published runs are worse with K above 16 at B = 128.
# - **A width that was given, not learned.** In a few hundred steps the scales stay near their
#   initial values, so `init_scale` and `init_spread` partly determine the posterior. Train
#   longer, or vary them, before you trust either.
# - **A trained network that remembers its data.** Nodes are fitted to images that the weights
#   fit already. Such images say little about how wrong the network is on others. Held-out
#   data, which the temperature has, say more.
