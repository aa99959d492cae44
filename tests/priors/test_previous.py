"""The posterior of each task as the next prior gives the posterior of all tasks, in closed form.

Linear regression, whose data come in three tasks. The wrong answers have the first prior again
with each task, or data twice, as when a coreset's posterior is the next prior.
"""

import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off, one_thread  # noqa: F401
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, priors

NOISE, SCALE, NUM_TASKS, WIDTH = 0.5, 0.3, 3, 3
NORMAL = dist.Normal(0.0, SCALE)


def tasks(orthogonal=False):
    """Return inputs (8, 3) and targets (8, 1) of each task."""
    generator = torch.Generator().manual_seed(1)
    mix = torch.tensor([[1.0, 0.6, 0.0], [0.0, 1.0, 0.0], [0.0, 0.5, 1.0]])
    found = []
    for _ in range(NUM_TASKS):
        x = torch.randn(8, WIDTH, generator=generator).double()
        x = torch.linalg.qr(x).Q * 2 if orthogonal else x @ mix.double()
        y = x.sum(-1, keepdim=True).tanh() + 0.3 * x[:, :1]
        found.append((x, y))
    return found


def closed_form(parts, num_priors=1):
    """Return the posterior of all parts together, under the first prior once or more often."""
    x, y = (torch.cat(each) for each in zip(*parts, strict=True))
    return exact.linear_posterior(x, y.squeeze(-1), NOISE, SCALE / num_priors**0.5)


def model_under(rule):
    network = nn.Sequential(nn.Linear(WIDTH, 1, bias=False)).double()
    nn.init.zeros_(network[0].weight)
    return zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Gaussian(NOISE)
    )


def in_sequence(parts):
    """Fit a full-rank guide to each part, under the posterior of the one before."""
    pyro.set_rng_seed(0)
    rule, posterior = NORMAL, None
    for part in parts:
        model = model_under(rule)
        guide = guides.FullRank(model, init_scale=0.3)
        if posterior is not None:
            guide.load_state_dict(posterior.guide.state_dict())
        engine = inference.SVI(
            model,
            guide,
            num_steps=200,
            lr=0.02,
            num_particles=(8, 12),
            average="swa",
            progress=False,
        )
        posterior = engine.fit(part)
        rule = priors.previous(posterior)
    return posterior.distributions()["0.weight"]


def moments(law):
    mean = law.mean.flatten()
    while isinstance(law, dist.Independent) or not hasattr(law, "covariance_matrix"):
        if isinstance(law, dist.Normal):
            return mean, law.variance.flatten().diag()
        law = law.base_dist
    return mean, law.covariance_matrix.reshape(WIDTH, WIDTH)


def distance(found, known):
    """Return the Kullback-Leibler divergence of a normal from the exact posterior, nats."""
    mean, covariance = found
    ours = torch.distributions.MultivariateNormal(mean, covariance)
    theirs = torch.distributions.MultivariateNormal(known.mean, known.covariance)
    return float(torch.distributions.kl_divergence(ours, theirs))


def test_in_sequence_is_all_at_once():
    """The last part is a coreset of the first task, which only the last posterior has learned."""
    (x, y), second, _ = tasks()
    rest, core = (x[:5], y[:5]), (x[5:], y[5:])
    parts = [rest, second, core]
    law = moments(in_sequence(parts))
    wrong = {
        "the first prior with each part": closed_form(parts, num_priors=len(parts)),
        "a coreset's posterior as a prior": closed_form([*parts, core]),
        "the last part alone": closed_form([core]),
    }
    right = distance(law, closed_form(parts))
    assert right < 0.02
    for name, known in wrong.items():
        assert distance(law, known) > 4 * right, name


def test_curvatures_add_up_as_in_elastic_weight_consolidation():
    """With orthogonal inputs the diagonal Laplace approximation is exact, without noise."""
    rule = NORMAL
    parts = tasks(orthogonal=True)
    for part in parts:
        model = model_under(rule)
        engine = inference.Laplace(
            model, structure="diag", num_steps=300, lr=0.05, progress=False
        )
        posterior = engine.fit(part)
        rule = priors.previous(posterior)

    mean, covariance = moments(posterior.distributions()["0.weight"])
    known = closed_form(parts)
    thrice = closed_form(parts, num_priors=NUM_TASKS)
    torch.testing.assert_close(covariance, known.covariance, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(mean, known.mean, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(covariance, thrice.covariance, rtol=0.02)


def test_a_diagonal_laplace_posterior_is_saved_with_its_distributions(tmp_path):
    model = model_under(NORMAL)
    engine = inference.Laplace(model, structure="diag", num_steps=2, progress=False)
    posterior = engine.fit(tasks()[0])
    posterior.save(tmp_path / "posterior")
    again = zoo.load(tmp_path / "posterior", model).distributions()["0.weight"]
    law = posterior.distributions()["0.weight"]
    assert torch.equal(again.base_dist.scale, law.base_dist.scale)

    draws = posterior.sample()["0.weight"]
    assert off(draws, law.mean) < LIMIT
    assert off((draws - law.mean) ** 2, law.variance) < LIMIT
    assert off((draws - law.mean) ** 2, 2 * law.variance) > LIMIT


def test_a_laplace_posterior_with_correlations_is_refused():
    engine = inference.Laplace(
        model_under(NORMAL), structure="full", num_steps=2, progress=False
    )
    posterior = engine.fit(tasks()[0])
    with pytest.raises(
        ValueError, match=r'write inference\.Laplace\(model, structure="d'
    ):
        priors.previous(posterior)
