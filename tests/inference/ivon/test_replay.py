"""The steps of IVON against the equations, written down again in double precision."""

import pyro
import pyro.distributions as dist
import pytest
import torch

import zoo
from zoo import inference, likelihoods, priors

N, LR, BETA1, BETA2, HESS = 12, 0.5, 0.8, 0.95, 0.3
NOISE, LOC, SCALE, TEMPERATURE = 0.5, 0.2, 2.0, 0.7


def data():
    x = torch.linspace(-1, 1, N, dtype=torch.float64)[:, None]
    return x, torch.sin(2 * x)


def model():
    torch.manual_seed(0)
    network = torch.nn.Linear(1, 1, dtype=torch.float64)
    prior = priors.WeightPrior(dist.Normal(LOC, SCALE))
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(NOISE))


def replay(num_steps, num_draws, momentum_of_new_curvature=True):
    """Take the steps of the paper at the noise that the engine draws from the same seed."""
    network = model().network
    mean = torch.stack([network.weight.flatten(), network.bias]).flatten().detach()
    x, y = data()
    delta, ess = 1 / (N * SCALE**2), N / TEMPERATURE
    hess, momentum = torch.full_like(mean, HESS), torch.zeros_like(mean)
    unit = HESS + delta

    pyro.set_rng_seed(1)
    for step in range(1, num_steps + 1):
        curvature = hess + delta
        sigma = 1 / (ess * curvature).sqrt()
        unit = min(HESS + delta, curvature.log().mean().exp().item())
        gradients, products = [], []
        for _ in range(num_draws):
            noise = torch.empty_like(mean).normal_()
            z = (mean + sigma * noise).requires_grad_()
            nll = 0.5 * (x * z[0] + z[1] - y).square().mean() / NOISE**2
            (gradient,) = torch.autograd.grad(nll, z)
            gradients.append(gradient)
            products.append(gradient * noise * sigma * ess * curvature)

        gradient = torch.stack(gradients).mean(0)
        estimate = torch.stack(products).mean(0)
        rho = 1 - BETA2
        momentum = BETA1 * momentum + (1 - BETA1) * gradient
        old, change = hess, hess - estimate
        hess = hess - rho * change + 0.5 * rho**2 * change**2 / curvature
        of_mean = hess if momentum_of_new_curvature else old
        slope = momentum / (1 - BETA1**step) + delta * (mean - LOC)
        mean = mean - min(LR * unit, 1.0) * slope / (of_mean + delta)

    return mean, 1 / (ess * (hess + delta)).sqrt()


def engine(num_steps, num_draws, compile):
    bayesian = model()
    fit = inference.IVON(
        bayesian,
        num_steps=num_steps,
        lr=LR,
        beta1=BETA1,
        beta2=BETA2,
        hess_init=HESS,
        mc_samples=num_draws,
        temperature=TEMPERATURE,
        scheduler=None,
        compile=compile,
        progress=False,
    )
    pyro.set_rng_seed(1)
    found = fit.fit(data()).distributions()
    mean = torch.cat([found[name].mean.flatten() for name in ("weight", "bias")])
    scale = torch.cat([found[name].stddev.flatten() for name in ("weight", "bias")])
    return mean, scale


@pytest.mark.parametrize(
    ("num_draws", "compile"), [(1, "plain"), (1, "traced"), (3, "plain")]
)
def test_the_steps_are_those_of_the_equations(num_draws, compile):
    mean, scale = replay(50, num_draws)
    found_mean, found_scale = engine(50, num_draws, compile)
    assert torch.allclose(found_mean, mean, rtol=1e-9)
    assert torch.allclose(found_scale, scale, rtol=1e-9)

    wrong, _ = replay(50, num_draws, momentum_of_new_curvature=False)
    assert not torch.allclose(found_mean, wrong, rtol=1e-5)


def test_the_update_of_the_curvature_keeps_it_positive():
    pyro.set_rng_seed(0)
    fit = inference.IVON(model(), num_steps=200, beta2=0.0, lr=1e-3, progress=False)
    scales = [each.stddev for each in fit.fit(data()).distributions().values()]
    assert all(bool((scale > 0).all()) for scale in scales)
