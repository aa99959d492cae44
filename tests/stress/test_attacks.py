"""Attacks increase the loss within the radius, and patterns fool the attacked network."""

import math

import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import likelihoods, networks, priors, stress
from zoo.datasets import Dataset, Split, Units
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.function_posterior import FunctionPosterior
from zoo.stress.draws import NetworkDraws, disjoint_draws
from zoo.stress.gradients import loss_and_gradient

RADIUS = 0.1


def drawn(network, likelihood=None, draws=1, scale=0.5, chains=1):
    """Return a posterior of draws as a sampler gives them, without a fit."""
    torch.manual_seed(0)
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihood or likelihoods.Categorical())
    values = {
        name: scale * torch.randn(chains, draws, *value.shape())
        for name, value in model.latents.items()
    }
    return DrawsPosterior(model, state={}, info=None, draws=values)


def unchanged(pixels):
    return pixels


def loss_of(posterior, draws, x):
    """Return the function that computes the loss of pixels like x and its gradient."""
    network_draws = NetworkDraws(posterior.model, posterior.state, draws)
    return loss_and_gradient(network_draws, unchanged, x)


def pixels_and_labels(number=30, classes=2, shape=(1, 4, 4)):
    random = torch.Generator().manual_seed(1)
    return torch.rand(number, *shape, generator=random), torch.randint(
        classes, (number,), generator=random
    )


def mixture_loss(posterior, draws, x, y):
    """The loss of the averaged prediction, written out draw by draw."""
    log_probs = [
        posterior.model.output(
            {name: value[i] for name, value in draws.items()}, x
        ).log_softmax(-1)
        for i in range(len(next(iter(draws.values()))))
    ]
    return (
        -torch.stack(log_probs)
        .gather(2, y.expand(len(log_probs), -1)[..., None])
        .squeeze(-1)
        .exp()
        .mean(0)
        .log()
    )


def test_one_full_step_on_logistic_regression_has_a_closed_form():
    posterior = drawn(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)))
    x, y = pixels_and_labels()
    weight = posterior.draws["1.weight"][0, 0]
    away = (weight[1 - y] - weight[y]).reshape(x.shape)  # towards the other class
    expected = (x + RADIUS * away.sign()).clamp(0, 1)
    found = stress.fgsm(posterior, (x, y), RADIUS, progress=False)
    torch.testing.assert_close(found.pixels, expected)
    assert not torch.allclose(found.pixels, (x - RADIUS * away.sign()).clamp(0, 1))
    in_bernoulli = drawn(
        nn.Sequential(nn.Flatten(), nn.Linear(16, 1)), likelihoods.Bernoulli()
    )
    weight = in_bernoulli.draws["1.weight"][0, 0].reshape(1, 1, 4, 4)
    found = stress.fgsm(in_bernoulli, (x, y[:, None]), RADIUS, progress=False)
    torch.testing.assert_close(
        found.pixels,
        (x + RADIUS * ((1 - 2 * y)[:, None, None, None] * weight).sign()).clamp(0, 1),
    )


def test_the_gradient_is_that_of_the_averaged_prediction_for_any_chunks():
    posterior = drawn(
        nn.Sequential(nn.Flatten(), networks.MLP(16, 5, hidden=[8])), draws=23
    )
    x, y = pixels_and_labels(classes=5)
    draws = posterior.sample()
    point = x.clone().requires_grad_()
    expected = mixture_loss(posterior, draws, point, y)
    gradient = torch.autograd.grad(expected.sum(), point)[0]
    with torch.no_grad():  # a caller may have disabled gradients
        found = loss_of(posterior, draws, x)(x, y)
    torch.testing.assert_close(found[0], expected.detach())
    torch.testing.assert_close(found[1], gradient)
    each = [
        mixture_loss(posterior, {n: v[i : i + 1] for n, v in draws.items()}, point, y)
        for i in range(23)
    ]
    averaged = torch.autograd.grad(sum(one.sum() for one in each) / 23, point)[
        0
    ]  # of the log, and not the mixture
    assert (averaged - gradient).norm() > 0.1 * gradient.norm()


def test_images_are_evaluated_in_parts(monkeypatch):
    posterior = drawn(nn.Sequential(nn.Flatten(), nn.Linear(16, 5)), draws=3)
    x, y = pixels_and_labels(classes=5)
    whole = loss_of(posterior, posterior.sample(), x)(x, y)
    monkeypatch.setattr(
        "zoo.stress.gradients.ELEMENTS", 3 * 40 * 7
    )  # 7 images of 37 elements and 3 draws
    sizes = []
    layer = posterior.model.network[1].register_forward_hook(
        lambda _layer, inputs, _out: sizes.append(len(inputs[0]))
    )
    parts = loss_of(posterior, posterior.sample(), x)(x, y)
    layer.remove()
    assert max(sizes) < 10
    torch.testing.assert_close(parts, whole)


class Reader(nn.Module):
    """Reads an image row by row; recurrent layers have no batching rule."""

    def __init__(self):
        super().__init__()
        self.rows, self.out = nn.GRU(4, 3, batch_first=True), nn.Linear(3, 2)

    def forward(self, x):
        return self.out(self.rows(x.squeeze(1))[0][:, -1])


def test_layers_without_a_batching_rule_are_attacked_draw_by_draw():
    posterior = drawn(Reader(), draws=6, chains=2)
    x, y = pixels_and_labels()
    draws = posterior.sample(4)
    point = x.clone().requires_grad_()
    gradient = torch.autograd.grad(
        mixture_loss(posterior, draws, point, y).sum(), point
    )[0]
    torch.testing.assert_close(loss_of(posterior, draws, x)(x, y)[1], gradient)


@pytest.mark.parametrize("through", ["draws", "one", "mean"])
@pytest.mark.parametrize("attack", [stress.fgsm, stress.pgd])
def test_attacked_images_stay_within_the_radius_and_are_images(
    attack, through, classifier, digits
):
    found = attack(
        classifier, digits, RADIUS, through=through, num_samples=5, progress=False
    )
    assert (found.pixels - digits.test.x).abs().max() <= RADIUS + 1e-6
    assert 0 <= found.pixels.min() <= found.pixels.max() <= 1
    before, after = found.scores["before"], found.scores["after"]
    assert after["nll"] > before["nll"]
    assert after["accuracy"] < before["accuracy"]
    assert [row[found.name] for row in found.table.to_dicts()] == ["before", "after"]


def test_small_steps_find_more_loss_than_one_and_that_more_than_chance(point, digits):
    fgsm, pgd = (
        attack(point, digits, RADIUS, progress=False)
        for attack in (stress.fgsm, stress.pgd)
    )
    sign = 2.0 * torch.randint(2, digits.test.x.shape) - 1
    random = (digits.test.x + RADIUS * sign).clamp(0, 1)
    by_chance = -point.predict(random, 1).log_prob(digits.test.y).mean()
    losses = [float(by_chance), fgsm.scores["after"]["nll"], pgd.scores["after"]["nll"]]
    assert losses == sorted(losses)
    assert losses[2] > losses[1] > 2 * losses[0]


def test_an_attack_on_all_draws_carries_over_better_than_one_on_a_single_draw(
    fitted, digits
):
    wide = fitted(guides.MeanField, init_scale=0.2)
    draws, one = (
        stress.pgd(
            wide, digits, RADIUS, through=through, num_samples=20, progress=False
        ).after.log_prob
        for through in ("draws", "one")
    )
    gain = one - draws  # paired, image by image
    assert gain.mean() > 4 * gain.std() / math.sqrt(len(gain))


def test_a_point_has_one_network_whatever_it_is_attacked_through(point, digits):
    found = [
        stress.fgsm(point, digits, RADIUS, through=through, progress=False)
        for through in ("draws", "one", "mean")
    ]
    assert torch.equal(found[0].pixels, found[1].pixels)
    assert torch.equal(found[1].pixels, found[2].pixels)


def test_pixels_are_attacked_and_not_what_the_network_takes():
    x, y = pixels_and_labels()
    units = Units(torch.tensor([[[0.4]]]), torch.tensor([[[0.2]]]))
    part = Split(units.standardise(x), y)
    posterior = drawn(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)))
    found = stress.fgsm(
        posterior, Dataset("made up", part, part, units), RADIUS, progress=False
    )
    assert float((found.pixels - x).abs().max()) == pytest.approx(RADIUS, abs=1e-5)
    torch.testing.assert_close(found.x, units.standardise(found.pixels))


def test_the_draws_that_evaluate_were_not_attacked():
    posterior = drawn(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), draws=10, chains=2)
    attacked, fresh = (
        [tuple(value) for value in one.values["1.bias"].tolist()]
        for one in disjoint_draws(posterior, 7)
    )
    assert len(attacked) == len(fresh) == 7
    assert not set(attacked) & set(fresh)
    assert [len(one.values["1.bias"]) for one in disjoint_draws(posterior, 100)] == [
        10,
        10,
    ]
    single = drawn(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)))
    assert [len(one.values["1.bias"]) for one in disjoint_draws(single, 5)] == [1, 1]


def test_a_strip_of_attacked_images(classifier, digits):
    figure = stress.fgsm(
        classifier, digits, RADIUS, num_samples=2, progress=False
    ).strip(3)
    assert len(figure.axes) == 6


@pytest.mark.parametrize("through", ["draws", "one", "mean"])
def test_patterns_fool_the_attacked_network(through, classifier, digits):
    found = stress.fooling(classifier, digits, through=through, progress=False)
    assert found.classes.tolist() == list(range(10))
    assert (found.confidence >= 0.996).all()
    assert 0 <= found.patterns.min() <= found.patterns.max() <= 1
    noise = torch.rand(100, 1, 8, 8)
    assert (
        classifier.predict(noise, 20).probs > 0.996
    ).double().mean() < 0.01  # chance does not
    if through == "one":  # the other draws are less certain
        assert found.evaluation.probs.gather(1, found.classes[:, None]).mean() < 0.98
    assert len(found.strip().axes) == 20


def test_a_pattern_that_does_not_reach_the_confidence_says_so(classifier, digits):
    found = stress.fooling(
        classifier, digits, [3, 3], confidence=0.9999, num_steps=1, progress=False
    )
    assert (found.confidence < 0.9999).all()
    rows = found.table.to_dicts()
    assert [row["class"] for row in rows] == [3, 3]
    assert rows[0]["the draws together"] == pytest.approx(float(found.confidence[0]))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"radius": 8},
            "radius must be from 0 to 1, .*not 8; divide it by 255 if",
        ),
        ({"radius": math.nan}, "radius .* not nan"),
        (
            {"radius": 0.1, "num_steps": 0},
            "num_steps must be a number of gradient steps, at least 1, not 0",
        ),
        (
            {"radius": 0.1, "through": "all"},
            "through must be 'draws', 'one' or 'mean', not 'all'",
        ),
        (
            {"radius": 0.1, "num_samples": 0},
            "num_samples must be a number of draws, at least 1, not 0",
        ),
    ],
)
def test_an_attack_that_cannot_be_gets_a_sentence(
    options, sentence, classifier, digits
):
    with pytest.raises(ValueError, match=sentence):
        stress.pgd(classifier, digits, **options)


def test_labels_that_are_none_get_a_sentence(classifier, digits):
    with pytest.raises(ValueError, match="target 0 is 12, outside the support"):
        stress.fgsm(
            classifier,
            (digits.test.x, digits.test.y + 12 - digits.test.y[0]),
            0.1,
            progress=False,
        )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"classes": [10]},
            r"classes must be one or more indices from 0 to 9, not \[10\]",
        ),
        ({"classes": []}, "one or more"),
        (
            {"confidence": 1.0},
            "confidence must be a probability between 0 and 1, not 1.0",
        ),
        ({"num_steps": 0}, "num_steps must be a number"),
        ({"through": "both"}, "not 'both'"),
    ],
)
def test_a_pattern_that_cannot_be_gets_a_sentence(
    options, sentence, classifier, digits
):
    with pytest.raises(ValueError, match=sentence):
        stress.fooling(classifier, digits, **options)


def test_posteriors_without_classes_or_weights_get_a_sentence(regressor, digits):
    with pytest.raises(
        ValueError, match=r"stress needs a likelihood of classes, not Gaussian"
    ):
        stress.fgsm(regressor, digits, 0.1)
    model = zoo.BayesianNetwork(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 10)),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Categorical(),
    )
    kept = FunctionPosterior(
        model,
        state={},
        info=None,
        draws={},
        functions=(digits.test.x, torch.zeros(1, 5, 360, 10)),
    )
    with pytest.raises(ValueError, match="this posterior has no weights"):
        stress.fooling(kept, digits)
    bernoulli = drawn(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), likelihoods.Bernoulli()
    )
    with pytest.raises(ValueError, match="needs two classes or more"):
        stress.fooling(bernoulli, digits)


@pytest.mark.gpu
def test_on_a_gpu_images_and_evaluations_come_back_to_the_cpu(digits):
    posterior = drawn(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).cuda(), draws=4)
    found = stress.pgd(
        posterior, digits, 0.1, num_steps=2, num_samples=2, progress=False
    )
    assert not found.pixels.is_cuda
    assert found.scores["after"]["nll"] > found.scores["before"]["nll"]
    assert not stress.fooling(
        posterior, digits, [3], num_steps=3, progress=False
    ).patterns.is_cuda
    assert (
        stress.severity(
            posterior, digits, stress.fog, (3,), num_samples=2, progress=False
        ).scores["entropy"][1]
        > 0
    )
