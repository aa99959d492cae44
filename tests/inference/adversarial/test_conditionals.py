"""Each side of an adversarial run, the other at rest, against its conditional on a grid."""

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
import torch.nn.functional as F
from monte_carlo import LIMIT, off, one_thread  # noqa: F401

import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.adversarial.engine import Adversarial
from zoo.inference.adversarial.judged import Judged

pytestmark = pytest.mark.filterwarnings("ignore:.*(ESS|R-hat|temperature)")
N, NUM_LATENTS, NUM_CHAINS = 20, 8, 64
PRIOR = priors.WeightPrior(dist.Normal(0.0, 1.0))
LATENT = dist.Normal(torch.zeros(NUM_LATENTS), 1.0).to_event(1)
AT_REST = 1e-12  # a learning rate at which nothing moves
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
NODES = torch.tensor(NODES)
WEIGHTS = torch.tensor(WEIGHTS / WEIGHTS.sum())


def discriminator(hidden=(), prior=PRIOR):
    network = networks.MLP(1, 1, hidden=hidden)
    return zoo.BayesianNetwork(network, prior, likelihoods.Bernoulli())


def generator(judge):
    network = networks.MLP(NUM_LATENTS, 1, hidden=[])
    return zoo.BayesianNetwork(network, PRIOR, Judged(judge))


def run(of_generator, of_discriminator, num_epochs, x):
    options = {"num_epochs": num_epochs, "compile": False, "progress": False}
    judge = of_discriminator.pop("model")
    made = of_generator.pop("model")
    engine = Adversarial(
        generator=inference.SGHMC(made, **options | of_generator),
        discriminator=inference.SGHMC(judge, **options | of_discriminator),
        latent=LATENT,
        progress=False,
    )
    return engine.fit(x, N)


def bump(judge):
    """Let a discriminator take numbers around 1 for real."""
    values = {"layer1.weight": [[2.0], [2.0]], "layer1.bias": [0.0, -4.0]}
    values |= {"layer2.weight": [[1.0, -1.0]], "layer2.bias": [-1.0]}
    judge.network.load_state_dict({k: torch.tensor(v) for k, v in values.items()})
    return judge


@torch.no_grad()
def generator_grid(network, precision=1.0):
    """Return E|w|² and E b on a grid of r = |w| and b: what is made is N(b, r²)."""
    r, b = torch.meshgrid(
        torch.linspace(0.01, 12, 400, dtype=torch.float64),
        torch.linspace(-5, 5, 300, dtype=torch.float64),
        indexing="ij",
    )
    made = b[..., None] + r[..., None] * NODES
    logits = network.double()(made.reshape(-1, 1)).reshape(made.shape)
    log_density = N * (F.logsigmoid(logits) * WEIGHTS).sum(-1)
    log_density += (NUM_LATENTS - 1) * r.log() - precision * r.square() / 2
    log_density += -b.square() / 2
    density = (log_density - log_density.max()).exp()
    density = density / density.sum()
    return torch.stack([(density * r.square()).sum(), (density * b).sum()])


def moments(posterior):
    """Return |w|² and b of generators, the mean of each chain, (C, 2)."""
    w, b = posterior.draws["layer1.weight"], posterior.draws["layer1.bias"]
    return torch.stack([w.square().sum((-1, -2)), b[..., 0]], -1).double().mean(1)


def released(network, num_steps=400, alpha=0.01, lr=1e-2):
    """Return what the released program's generators end at: noise in a loss, under Adam."""
    w = torch.randn(NUM_CHAINS, NUM_LATENTS).requires_grad_()
    b = torch.randn(NUM_CHAINS, 1).requires_grad_()
    optimizer = torch.optim.Adam([w, b], lr=lr, betas=(0.5, 0.999))
    for _ in range(num_steps):
        made = torch.randn(NUM_CHAINS, N, NUM_LATENTS) @ w[..., None] + b[:, None]
        loss = -F.logsigmoid(network(made)).mean((1, 2)).sum()
        for tensor in (w, b):
            noise = (2 * alpha) ** 0.5 * torch.randn_like(tensor)
            loss = loss + (tensor.square().mean(1) + (tensor * noise).sum(1)).sum() / N
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return torch.stack([w.square().sum(1), b[:, 0]], -1).detach().double()


@pytest.mark.full
def test_generators_draw_from_their_conditional_given_discriminators():
    pyro.set_rng_seed(0)
    judge = bump(discriminator([2]))
    posterior = run(
        {"model": generator(judge), "num_chains": 64, "lr": 0.02, "init": "prior"},
        {"model": judge, "num_chains": 2, "lr": AT_REST},
        600,
        torch.zeros(N, 1),
    )
    expected = generator_grid(judge.network)
    found = moments(posterior.generator)
    assert off(found, expected) < LIMIT
    # the prior as a mean over each tensor, as in the released program
    assert off(found, generator_grid(judge.network, 2 / NUM_LATENTS)) > 2 * LIMIT
    # and its noise, which is a few steps of Adam from a point
    judge.network.float()
    assert off(released(judge.network), expected) > 2 * LIMIT


def test_discriminators_draw_from_logistic_regression_given_generators():
    pyro.set_rng_seed(1)
    judge = discriminator(prior=priors.WeightPrior(dist.Normal(0.0, 0.3)))
    x = torch.randn(N, 1) + 1.0
    made = generator(judge)
    two = {"layer1.weight": torch.zeros(1, 2, 1, NUM_LATENTS)}
    two["layer1.weight"][..., 0] = 0.5
    two["layer1.bias"] = torch.tensor([[[-1.0], [3.0]]])  # two generators
    start = zoo.posterior.DrawsPosterior(made, draws=two, state={}, info=None)
    posterior = run(
        {"model": made, "num_chains": 2, "lr": AT_REST, "init": start},
        {"model": judge, "num_chains": 64, "lr": 0.02, "init": "prior"},
        600,
        x,
    ).discriminator
    w, b = posterior.draws["layer1.weight"], posterior.draws["layer1.bias"]
    both = torch.cat([w[..., 0, :], b], -1).double()  # (C, S, 2)
    found = torch.cat([both, both.square()], -1).mean(1)
    assert off(found, logistic_grid(x, (-1.0, 3.0))) < LIMIT
    assert off(found, logistic_grid(x, (-1.0,))) > 2 * LIMIT  # one generator alone
    assert (
        off(found, logistic_grid(x, (-1.0, 3.0), 1 / (0.3**2 * N))) > 2 * LIMIT
    )  # prior / N


def logistic_grid(x, means, precision=1 / 0.3**2):
    """Return the first and second moments of slope and intercept on a grid."""
    w, b = torch.meshgrid(
        *[torch.linspace(-9, 9, 400, dtype=torch.float64)] * 2, indexing="ij"
    )
    log_density = -precision * (w.square() + b.square()) / 2
    log_density += F.logsigmoid(w[..., None] * x[:, 0].double() + b[..., None]).sum(-1)
    for mean in means:
        made = mean + 0.5 * NODES
        refused = F.logsigmoid(-(w[..., None] * made + b[..., None]))
        log_density += N * (refused * WEIGHTS).sum(-1) / len(means)
    density = (log_density - log_density.max()).exp()
    density = density / density.sum()
    parts = [w, b, w.square(), b.square()]
    return torch.stack([(density * part).sum() for part in parts])
