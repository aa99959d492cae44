"""A weight, a known noise scale, a missing target: the posterior against its closed form."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.likelihoods.observed import Observed
from zoo.predictive import Prediction
from zoo.predictive.observed_targets import where_observed

NAN = math.nan
N = 60
ONES = torch.ones(N, 1)
GENERATOR = torch.Generator().manual_seed(0)
NOISE = 0.2 + 2 * torch.rand(N, 1, generator=GENERATOR)
TARGETS = 1 + NOISE * torch.randn(N, 1, generator=GENERATOR)


def mean_model(likelihood):
    """Return the model of one mean with the prior N(0, 1)."""
    network = nn.Linear(1, 1, bias=False)
    return zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihood
    )


def log_joint(model, y, value, num_data=None):
    """Return the log likelihood of the data at one value of the mean."""
    conditioned = poutine.condition(model, {"weight": torch.tensor([[value]])})
    trace = poutine.trace(conditioned).get_trace(ONES[: len(y[0])], y, num_data)
    trace.compute_log_prob()
    return trace.nodes["likelihood:y"]["log_prob_sum"]


def closed_form(precision, targets):
    """Return the mean and standard deviation of a mean with the prior N(0, 1)."""
    total = 1 + precision.sum()
    return (precision * targets).sum() / total, total.rsqrt()


OBSERVED = {
    "known noise": (
        likelihoods.Gaussian(scale="given"),
        Observed(TARGETS, given={"scale": NOISE}),
        closed_form(NOISE**-2, TARGETS),
    ),
    "half a weight": (
        likelihoods.Gaussian(1.0),
        Observed(TARGETS, weights=torch.full((N,), 0.5)),
        closed_form(torch.full((N, 1), 0.5), TARGETS),
    ),
    "a mask": (
        likelihoods.Gaussian(1.0),
        Observed(
            TARGETS.index_fill(0, torch.arange(0, N, 2), NAN),
            weights=torch.arange(N).remainder(2).bool(),
        ),
        closed_form(torch.ones(N // 2, 1), TARGETS[1::2]),
    ),
    "missing": (
        likelihoods.Gaussian(1.0, missing="nan"),
        TARGETS.index_fill(0, torch.arange(0, N, 2), NAN),
        closed_form(torch.ones(N // 2, 1), TARGETS[1::2]),
    ),
}


@pytest.mark.parametrize("name", OBSERVED)
@pytest.mark.parametrize(
    "traced",
    [True, pytest.param(False, marks=pytest.mark.full)],
    ids=["traced", "plain"],
)
def test_a_sampler_finds_the_closed_form(name, traced):
    likelihood, observed, (mean, sd) = OBSERVED[name]
    model = mean_model(likelihood)
    pyro.set_rng_seed(0)
    if not traced:
        kernel = pyro.infer.NUTS(model)
        mcmc = pyro.infer.MCMC(
            kernel, num_samples=200, warmup_steps=40, disable_progbar=True
        )
        mcmc.run(ONES, observed)
        draws = mcmc.get_samples()["weight"].flatten()
    else:
        draws = potential_draws(model, observed)

    # five standard errors for draws whose autocorrelation time is below 4
    assert abs(draws.mean() - mean) < 5 * sd / math.sqrt(len(draws) / 4)
    assert draws.std() / sd == pytest.approx(1.0, abs=5 * math.sqrt(2 / len(draws)))
    # the wrong answer: every datum with weight 1 and scale 1
    _, wrong = closed_form(torch.ones(N, 1), TARGETS)
    assert abs(wrong / sd - 1) > 0.2


def potential_draws(model, observed):
    """Return draws of a sampler of the zoo, which runs the traced log density."""
    engine = inference.HMC(
        model,
        num_chains=4,
        warmup_steps=60,
        num_samples=60,
        num_steps=4,
        progress=False,
        compile=False,
    )
    return engine.fit((ONES, observed)).sample()["weight"].flatten()


def test_weights_and_the_scale_of_a_batch_multiply():
    model = mean_model(likelihoods.Gaussian(1.0))
    weights = torch.rand(N) + 0.1
    each = dist.Normal(0.3, 1.0).log_prob(TARGETS).squeeze(-1)
    batch = Observed(TARGETS[:20], weights[:20])
    found = log_joint(model, batch, 0.3, num_data=N)
    assert torch.allclose(found, 3 * (weights * each)[:20].sum(), rtol=1e-5)


def test_a_weight_of_zero_leaves_no_trace_in_the_gradient():
    network = nn.Linear(1, 1, bias=False)
    output = network(ONES)
    y = TARGETS.clone()
    y[3] = NAN
    weights = torch.ones(N)
    weights[3] = 0.0
    likelihood = likelihoods.Gaussian(1.0)
    likelihood.check(output, Observed(y, weights))
    trace = poutine.trace(likelihood.observe).get_trace(
        output, Observed(y, weights), {}
    )
    (gradient,) = torch.autograd.grad(trace.log_prob_sum(), network.weight)
    expected = (TARGETS - network.weight).sum() - (TARGETS - network.weight)[3]
    assert torch.allclose(gradient, expected.detach(), rtol=1e-4)


def test_a_missing_element_leaves_the_other_one():
    y = torch.tensor([[0.5, NAN], [NAN, NAN], [1.0, -1.0]])
    outputs = torch.zeros(4, 3, 2)
    prediction = Prediction(likelihoods.Gaussian(0.7, missing="nan"), outputs)
    normal = torch.distributions.Normal(0.0, 0.7)
    first = normal.log_prob(torch.tensor(0.5))
    both = normal.log_prob(torch.tensor([1.0, -1.0])).sum()
    expected = torch.stack([first, torch.tensor(0.0), both])
    assert torch.allclose(prediction.log_prob(y), expected, atol=1e-5)
    moved = prediction.affine(1.0, 2.0)
    volume = torch.tensor([1.0, 0.0, 2.0]) * math.log(2)
    assert torch.allclose(moved.log_prob(1 + 2 * y), expected - volume, atol=1e-5)


CONTINUOUS = {
    "Gaussian": (likelihoods.Gaussian(0.5, missing="nan"), 1),
    "HeteroscedasticGaussian": (likelihoods.HeteroscedasticGaussian(missing="nan"), 2),
    "Bernoulli": (likelihoods.Bernoulli(missing="nan"), 1),
    "From(Gamma)": (
        likelihoods.From(lambda f: dist.Gamma(2.0, f.exp()), missing="nan"),
        1,
    ),
    "From(Poisson)": (
        likelihoods.From(lambda f: dist.Poisson(f.exp()), missing="nan"),
        1,
    ),
    "From(Beta)": (
        likelihoods.From(lambda f: dist.Beta(f.exp(), 2.0), missing="nan"),
        1,
    ),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_missing_targets_are_left_out_of_value_and_gradient(name):
    likelihood, width = CONTINUOUS[name]
    output = torch.randn(6, width).requires_grad_()
    y = likelihood.distribution(output.detach(), {}).sample().float().clamp(1e-3, 1e3)
    if name == "From(Beta)":
        y = y.clamp(max=1 - 1e-3)
    if name in ("Bernoulli", "From(Poisson)"):
        y = y.round()
    y[2] = NAN
    likelihood.check(output, y)
    rest = [0, 1, 3, 4, 5]
    found = poutine.trace(likelihood.observe).get_trace(output, y, {}).log_prob_sum()
    expected = poutine.trace(likelihood.observe).get_trace(output[rest], y[rest], {})
    (gradient,) = torch.autograd.grad(found, output, retain_graph=True)
    (rightly,) = torch.autograd.grad(expected.log_prob_sum(), output)
    assert torch.allclose(found, expected.log_prob_sum(), rtol=1e-5)
    assert torch.allclose(gradient, rightly, rtol=1e-5)


def test_labels_to_ignore_are_left_out():
    logits = torch.randn(5, 4, 3)
    y = torch.randint(3, (5, 4))
    y[:, 2:] = -100
    likelihood = likelihoods.Categorical()
    likelihood.check(logits, y)
    found = poutine.trace(likelihood.observe).get_trace(logits, y, {}).log_prob_sum()
    expected = nn.functional.cross_entropy(logits.movedim(-1, 1), y, reduction="sum")
    assert torch.allclose(found, -expected, rtol=1e-5)
    # the wrong answer takes them for a class
    wrong = nn.functional.cross_entropy(
        logits.movedim(-1, 1), y.clamp_min(0), reduction="sum"
    )
    assert not torch.allclose(found, -wrong, rtol=1e-2)


REFUSED = {
    "no scale": (
        likelihoods.Gaussian("given"),
        TARGETS,
        r"needs the scale of each datum; write fit\(data, scale=...\)",
    ),
    "a scale unasked": (
        likelihoods.Gaussian(1.0),
        Observed(TARGETS, given={"scale": NOISE}),
        "asks for no scale of each datum; omit scale",
    ),
    "a negative scale": (
        likelihoods.Gaussian("given"),
        Observed(TARGETS, given={"scale": NOISE - 1}),
        "is a standard deviation and must be positive, not",
    ),
    "an infinite scale": (
        likelihoods.Gaussian("given"),
        Observed(TARGETS, given={"scale": NOISE / 0}),
        "scale holds NaN or infinite values, the first in row 0",
    ),
    "few scales": (
        likelihoods.Gaussian("given"),
        Observed(TARGETS, given={"scale": NOISE[1:]}),
        r"scale must have one row for each of the 60 data, not shape \(59, 1\)",
    ),
    "a wide scale": (
        likelihoods.Gaussian("given"),
        Observed(TARGETS, given={"scale": NOISE.expand(60, 3)}),
        r"scale of each datum has shape \(60, 3\), which does not broadcast to .*\(60, 1\)",
    ),
    "weights of another shape": (
        likelihoods.Gaussian(1.0),
        Observed(TARGETS, weights=torch.ones(N, 1)),
        r"weights must have shape \(60,\), one for each datum, not \(60, 1\)",
    ),
    "a negative weight": (
        likelihoods.Gaussian(1.0),
        Observed(TARGETS, weights=torch.arange(N) - 1.0),
        "must be finite and at least 0, not -1 in row 0",
    ),
    "NaN without a word": (
        likelihoods.Gaussian(1.0),
        TARGETS.index_fill(0, torch.tensor([7]), NAN),
        "first in row 7; .* or give Gaussian missing='nan'",
    ),
    "infinity": (
        likelihoods.Gaussian(1.0, missing="nan"),
        TARGETS / 0,
        "the targets hold NaN or infinite values, the first in row 0; remove or impute them$",
    ),
    "a scale for each of N data": (
        likelihoods.Gaussian(NOISE.squeeze()),
        TARGETS,
        r"has shape \(60,\), but the network has 1 output.* Gaussian\(scale='given'\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_gets_a_sentence(name):
    likelihood, observed, sentence = REFUSED[name]
    with pytest.raises(ValueError, match=sentence):
        likelihood.check(torch.zeros(N, 1), observed)


def test_a_scale_for_each_datum_is_no_argument():
    with pytest.raises(ValueError, match=r"\(60, 1\); .* Gaussian\(scale='given'\)"):
        likelihoods.Gaussian(NOISE)
    with pytest.raises(ValueError, match=r"\(60, 1\); .* Gaussian\(scale='given'\)"):
        likelihoods.Gaussian(NOISE.numpy())
    with pytest.raises(TypeError, match="a prior or 'given', not None"):
        likelihoods.Gaussian(None)
    with pytest.raises(ValueError, match="or 'given', not 'known'"):
        likelihoods.Gaussian("known")
    with pytest.raises(ValueError, match=r"missing must be 'nan' .* not 'mask'"):
        likelihoods.Gaussian(1.0, missing="mask")


def test_as_many_outputs_as_data_leave_no_doubt():
    with pytest.warns(UserWarning, match="as many outputs as data, 3: .* one for each"):
        likelihoods.Gaussian(torch.ones(3)).check(torch.zeros(3, 3), torch.zeros(3, 3))
    scales = torch.tensor([0.1, 0.2, 0.3])
    noise = {
        "likelihood:scale": likelihoods.Gaussian("given").known(
            {"scale": scales}, torch.zeros(3, 3)
        )["likelihood:scale"]
    }
    found = likelihoods.Gaussian("given").distribution(torch.zeros(3, 3), noise).scale
    assert torch.equal(found, scales[:, None].expand(3, 3))  # not one for each output


def test_a_prediction_takes_the_noise_at_its_inputs():
    likelihood = likelihoods.Gaussian(scale="given")
    outputs = torch.randn(7, 5, 2)
    scale = torch.rand(5) + 0.1
    prediction = Prediction(likelihood, outputs, given={"scale": scale})
    assert torch.allclose(prediction.aleatoric, scale[:, None].square().expand(5, 2))
    first = prediction.first(3)
    assert torch.allclose(first.aleatoric, prediction.aleatoric[:3])
    assert torch.allclose(
        prediction.affine(0.0, 2.0).aleatoric, 4 * prediction.aleatoric
    )
    without = Prediction(likelihood, outputs)
    assert torch.equal(without.mean, prediction.mean)
    with pytest.raises(
        ValueError, match=r"needs the scale of each datum; .*predict\(x"
    ):
        _ = without.std


def test_half_a_weight_is_twice_the_temperature_of_the_likelihood():
    half = Observed(TARGETS, weights=torch.full((N,), 0.5))
    losses = []
    for observed, temperature in ((half, 1.0), (TARGETS, 2.0)):
        pyro.set_rng_seed(0)
        model = mean_model(likelihoods.Gaussian(1.0))
        engine = inference.SVI(
            model,
            guides.MeanField(model),
            num_steps=5,
            likelihood_temperature=temperature,
            progress=False,
        )
        losses.append(engine.fit((ONES, observed)).info.losses)
    assert torch.allclose(*losses, rtol=1e-5)


def tagging(likelihood):
    """Return a model of a class for each of T words."""
    network = nn.Linear(2, 3)
    return zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihood
    )


def svi(model):
    return inference.SVI(model, guides.MeanField(model), num_steps=2, progress=False)


WORDS = torch.randn(10, 6, 2)
TAGS = torch.randint(3, (10, 6))
PADDED = TAGS.index_fill(1, torch.tensor([4, 5]), -100)


def test_a_fit_says_how_many_labels_it_leaves_out():
    with pytest.warns(UserWarning, match="20 of 60 labels are -100 and left out"):
        posterior = svi(tagging(likelihoods.Categorical())).fit((WORDS, PADDED))
    prediction = posterior.predict(WORDS, num_samples=4)
    probs = prediction.outputs.softmax(-1)
    each = probs[..., :4, :].gather(-1, TAGS[:, :4, None].expand(4, 10, 4, 1)).log()
    expected = each.squeeze(-1).sum(-1).logsumexp(0) - math.log(4)
    assert torch.allclose(prediction.log_prob(PADDED), expected, atol=1e-4)

    accuracy = zoo.metrics.accuracy(prediction.probs, PADDED)
    right = prediction.probs[:, :4].argmax(-1) == TAGS[:, :4]
    assert torch.allclose(accuracy, right.float().mean())

    loader = DataLoader(TensorDataset(WORDS, PADDED), 5)
    with pytest.warns(UserWarning, match="10 of 30 labels of the first batch are -100"):
        svi(tagging(likelihoods.Categorical())).fit(loader)


def test_a_batch_without_targets_changes_nothing_but_the_scale():
    """In a loader a whole batch may be missing; of all data one target must be there."""
    y = TARGETS.clone()
    y[:20] = NAN
    likelihood = likelihoods.Gaussian(1.0, missing="nan")
    loader = DataLoader(TensorDataset(ONES, y), 20)
    losses = svi(mean_model(likelihood)).fit(loader).info.losses
    assert torch.isfinite(losses).all()
    with pytest.raises(ValueError, match="no target is observed: all 60 are missing"):
        svi(mean_model(likelihood)).fit((ONES, NAN * TARGETS))


def test_laplace_refuses_what_its_library_ignores():
    model = zoo.BayesianNetwork(
        nn.Linear(2, 3),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Categorical(),
    )
    engine = inference.Laplace(model, progress=False)
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(
            ValueError, match="Laplace needs every target, but 2 are missing"
        ),
    ):
        engine.fit((torch.randn(5, 2), torch.tensor([0, 1, -100, -100, 2])))
    given = mean_model(likelihoods.Gaussian("given"))
    with pytest.raises(ValueError, match=r"needs likelihoods.Gaussian with one fixed"):
        inference.Laplace(given, progress=False)


def test_scores_leave_out_missing_targets():
    y = torch.randn(8, 2)
    prediction = Prediction(
        likelihoods.Gaussian(1.0, missing="nan"), torch.zeros(3, 8, 2)
    )
    missing = y.clone()
    missing[::2, 1] = NAN
    mean, targets = where_observed(prediction.likelihood, prediction.mean, missing)
    assert mean.shape == targets.shape == (12,)
    assert torch.isfinite(targets).all()
