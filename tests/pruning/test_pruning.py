"""Pruning: dropped weights are the least important, are zero in every draw, and take no space."""

import math
from pathlib import Path

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors, pruning
from zoo.posterior import zero_bits
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.laplace_posterior import LaplacePosterior

X = torch.randn(60, 8, generator=torch.Generator().manual_seed(0))
Y = X[:, :2] @ torch.tensor([[1.5], [-1.0]]) + 0.1 * torch.randn(
    60, 1, generator=torch.Generator().manual_seed(1)
)
RULES = [
    pruning.density_at_zero,
    pruning.signal_to_noise,
    pruning.log_alpha,
    pruning.magnitude,
]


def network(hidden=()):
    net = networks.MLP(8, 1, hidden=list(hidden))
    return zoo.BayesianNetwork(
        net, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Gaussian(0.1)
    )


def fitted(guide=guides.MeanField, hidden=(), steps=400, **options):
    pyro.set_rng_seed(0)
    model = network(hidden)
    return inference.SVI(
        model, guide(model, **options), num_steps=steps, lr=3e-2, progress=False
    ).fit((X, Y))


@pytest.fixture(scope="module")
def linear():
    return fitted()


@pytest.mark.parametrize("rule", RULES)
def test_inputs_without_effect_are_dropped_first(linear, rule):
    left = zoo.prune(linear, fraction=0.75, rule=rule).masks["layer1.weight"]
    assert left.tolist() == [[True, True, False, False, False, False, False, False]]


@pytest.mark.parametrize(
    "make", [guides.MeanField, guides.LocalReparam, guides.MCDropout, guides.LowRank]
)
def test_what_is_dropped_is_zero_in_every_draw(make):
    posterior = fitted(make, hidden=[20], steps=3)
    pruned = zoo.prune(posterior, fraction=0.8)
    draws = pruned.sample(5)
    dropped = {name: (value == 0).all(0) for name, value in draws.items()}
    assert sum(int(mask.sum()) for mask in dropped.values()) >= round(0.8 * 180)
    assert torch.equal(
        dropped["layer1.weight"] & ~pruned.masks["layer1.weight"],
        ~pruned.masks["layer1.weight"],
    )
    if make is not guides.MCDropout:
        assert bool((draws["layer1.bias"] != 0).all())  # biases stay
        assert bool(
            (posterior.sample(2)["layer1.weight"] != 0).all()
        )  # the posterior does not change
    assert torch.isfinite(pruned.predict(X, 5).mean).all()


def test_draws_of_a_sampler_are_pruned_by_their_moments():
    random = torch.Generator().manual_seed(0)
    weight = 0.01 * torch.randn(2, 100, 1, 8, generator=random)
    weight[..., :2] += 1.0
    draws = {
        "layer1.weight": weight,
        "layer1.bias": torch.randn(2, 100, 1, generator=random),
    }
    pruned = zoo.prune(
        DrawsPosterior(network(), state={}, info=None, draws=draws), fraction=0.75
    )
    assert not pruned.draws["layer1.weight"][..., 2:].any()
    assert torch.equal(pruned.draws["layer1.weight"][..., :2], weight[..., :2])
    assert torch.equal(pruned.draws["layer1.bias"], draws["layer1.bias"])


def test_the_mode_of_a_laplace_approximation_is_pruned_too():
    centre = {
        "layer1.weight": torch.arange(8.0).reshape(1, 8),
        "layer1.bias": torch.ones(1),
    }
    draws = {
        name: value + 0.01 * torch.randn(1, 50, *value.shape)
        for name, value in centre.items()
    }
    pruned = zoo.prune(
        LaplacePosterior(network(), state={}, info=None, draws=draws, centre=centre),
        fraction=0.5,
    )
    assert pruned.centre["layer1.weight"].tolist() == [[0, 0, 0, 0, 4, 5, 6, 7]]
    assert torch.allclose(
        pruned.predict(X, 5, linearised=True).outputs,
        pruned.predict(X, 5).outputs,
        atol=1e-5,
    )


def test_rules_by_hand():
    mean, std = (
        torch.tensor([[2.0, 0.0], [-1.0, 1.0]]),
        torch.tensor([[1.0, 0.5], [0.1, 2.0]]),
    )
    density = dist.Normal(mean, std).log_prob(torch.zeros(()))
    torch.testing.assert_close(pruning.density_at_zero(mean, std), -density)
    torch.testing.assert_close(
        pruning.signal_to_noise(mean, std), torch.tensor([[2.0, 0.0], [10.0, 0.5]])
    )
    assert pruning.log_alpha(mean, std)[1, 1].item() == pytest.approx(-2 * math.log(2))
    torch.testing.assert_close(
        pruning.filter_norm(mean, std), torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    )
    torch.testing.assert_close(
        pruning.node_norm(mean, std), torch.tensor([[1.5, 0.5], [1.5, 0.5]])
    )


def test_whole_filters_and_whole_nodes_are_dropped():
    posterior = fitted(hidden=[20], steps=3)
    rows = zoo.prune(posterior, fraction=0.33, rule=pruning.filter_norm).masks[
        "layer1.weight"
    ]
    assert rows.any(1).tolist() == rows.all(1).tolist()
    assert int(rows.any(1).sum()) == 13  # the nearest number of whole ones
    nodes = zoo.prune(posterior, fraction=0.5, rule=pruning.node_norm).masks[
        "layer1.weight"
    ]
    assert nodes.any(0).tolist() == nodes.all(0).tolist()


def test_a_filter_is_dropped_with_its_bias_and_outputs_stay():
    posterior = fitted(hidden=[20, 10], steps=3)
    pruned = zoo.prune(
        posterior, fraction=0.5, rule=pruning.filter_norm, per_layer=True
    )
    assert "layer3.weight" not in pruned.masks
    for name, width in (("layer1", 20), ("layer2", 10)):
        left = pruned.masks[f"{name}.weight"].all(1)
        assert int(left.sum()) == width // 2
        assert torch.equal(pruned.masks[f"{name}.bias"], left)
        assert torch.equal((pruned.sample(3)[f"{name}.bias"] != 0).all(0), left)
        means = posterior.distributions()[f"{name}.weight"].mean.abs().mean(1)
        assert means[left].min() >= means[~left].max()
    by_weight = zoo.prune(posterior, fraction=0.99)
    assert bool(
        (by_weight.sample(3)["layer1.bias"] != 0).all()
    )  # a weight is dropped without its bias
    with pytest.raises(
        ValueError, match=r"filter_norm drops outputs of hidden layers, but in MLP"
    ):
        zoo.prune(fitted(steps=1), rule=pruning.filter_norm)


def test_a_filter_of_tied_layers_is_dropped_with_both_biases():
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 1))
    tied[1].weight = tied[0].weight
    pruned = zoo.prune(mode_of(tied), fraction=0.4, rule=pruning.filter_norm)
    left = pruned.masks["0.weight"].any(1)
    assert int(left.sum()) == 2
    assert torch.equal(pruned.masks["0.bias"], left)
    assert torch.equal(pruned.masks["1.bias"], left)

    tied[2] = nn.Linear(3, 3)
    tied[2].weight = tied[0].weight  # its outputs are predictions
    with pytest.raises(ValueError, match="only the last layer has random weights"):
        zoo.prune(mode_of(tied), rule=pruning.filter_norm)


def mode_of(network):
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Gaussian(1.0)
    )
    x = torch.randn(5, 3)
    y = torch.zeros_like(network(x))
    mode = guides.Delta(model)
    return inference.SVI(model, mode, num_steps=1, progress=False).fit((x, y))


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, networks.FilterResponseNorm])
@pytest.mark.parametrize(
    "rule",
    [lambda distribution: distribution, priors.all_but_normalisation],
    ids=["random", "points"],
)
def test_a_filter_is_dropped_with_its_normalisation(norm, rule):
    pyro.set_rng_seed(0)
    network = networks.ResNet(8, num_classes=3, width=4, norm=norm)
    prior = priors.WeightPrior(rule(dist.Normal(0.0, 1.0)))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
    x, y = torch.randn(4, 3, 8, 8), torch.arange(4) % 3
    posterior = inference.SVI(
        model, guides.MeanField(model), num_steps=2, progress=False
    ).fit((x, y))
    pruned = zoo.prune(
        posterior, fraction=0.5, rule=pruning.filter_norm, per_layer=True
    )
    left = pruned.masks["layer1.0.conv1.weight"].flatten(1).any(1)
    values = {
        **pruned.state,
        **{name: value[0] for name, value in pruned.sample(1).items()},
    }
    seen = {}
    layer = model.network.layer1[0].bn1
    hook = layer.register_forward_hook(
        lambda _layer, _inputs, out: seen.update(out=out)
    )
    model.network.eval()
    with torch.no_grad():
        model.output(values, x)
    hook.remove()
    assert not seen["out"][:, ~left].any()
    assert (seen["out"][:, left] != 0).flatten(2).any(2).all()
    assert bool(
        posterior.state.get("layer1.0.bn1.weight", torch.ones(4)).all()
    )  # the whole posterior does not change


def test_every_layer_loses_the_same_fraction():
    posterior = fitted(hidden=[20], steps=3)
    for per_layer, widest in ((True, 0.0), (False, 0.05)):
        masks = zoo.prune(
            posterior, fraction=0.75, rule=pruning.magnitude, per_layer=per_layer
        ).masks
        dropped = [1 - float(mask.float().mean()) for mask in masks.values()]
        assert abs(dropped[0] - dropped[1]) >= widest
        assert per_layer is (dropped == [0.75, 0.75])


def test_layers_of_like_names_keep_their_own_weights():
    """A parameter `loc.1.0.weight` ends with `0.weight`, and belongs to the site `1.0.weight`."""
    pyro.set_rng_seed(0)
    net = nn.Sequential(
        nn.Linear(8, 8), nn.Sequential(nn.Linear(8, 8)), nn.Linear(8, 1)
    )
    model = zoo.BayesianNetwork(
        net, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Gaussian(0.1)
    )
    posterior = inference.SVI(
        model, guides.MeanField(model), num_steps=1, progress=False
    ).fit((X, Y))
    pruned = zoo.prune(posterior, fraction=0.5)
    for name in ("0.weight", "1.0.weight"):
        assert torch.equal(pruned.guide.loc[name] != 0, pruned.masks[name])


def test_a_threshold_and_pruning_again(linear):
    once = zoo.prune(linear, rule=pruning.signal_to_noise, threshold=5.0)
    assert once.masks["layer1.weight"].sum() == 2
    again = zoo.prune(once, fraction=0.9, rule=pruning.signal_to_noise)
    assert int(again.masks["layer1.weight"].sum()) == 1
    none = zoo.prune(linear, fraction=0.0)
    assert bool(none.masks["layer1.weight"].all())
    assert torch.equal(
        zoo.prune(once, fraction=0.1).masks["layer1.weight"],
        once.masks["layer1.weight"],
    )


@pytest.mark.parametrize("rule", RULES)
def test_what_was_dropped_before_counts_when_more_is_dropped(linear, rule):
    once = zoo.prune(linear, fraction=0.25, rule=rule)
    again = zoo.prune(once, fraction=0.5, rule=rule).masks["layer1.weight"]
    assert int(again.sum()) == 4  # of eight
    assert not bool((again & ~once.masks["layer1.weight"]).any())


def test_a_file_has_no_room_for_what_was_dropped(tmp_path):
    posterior = fitted(hidden=[400], steps=2)
    pruned = zoo.prune(posterior, fraction=0.9)
    for one, path in (
        (posterior, tmp_path / "whole.safetensors"),
        (pruned, tmp_path / "pruned.safetensors"),
    ):
        one.save(path)
    whole, small = (
        (tmp_path / f"{name}.safetensors").stat().st_size
        for name in ("whole", "pruned")
    )
    assert small < 0.4 * whole  # biases, the header and a bit a weight are left
    model = network([400])
    again = zoo.load(
        tmp_path / "pruned.safetensors", model, guide=guides.MeanField(model)
    )
    assert torch.equal(again.masks["layer1.weight"], pruned.masks["layer1.weight"])
    pyro.set_rng_seed(1)
    expected = pruned.predict(X, 7).outputs
    pyro.set_rng_seed(1)
    assert torch.equal(again.predict(X, 7).outputs, expected)


def test_zeros_come_back_to_the_bit():
    values = torch.zeros(30, 40)
    values[3, 5], values[7, 0], values[0, 0] = 2.5, float("nan"), -0.0
    tensors = {
        "a": values,
        "mask": values == 2.5,
        "few": torch.zeros(3),
        "full": torch.ones(300),
        "no": torch.zeros(0),
    }
    small = zero_bits.without_zeros(tensors)
    assert sum(value.nbytes for value in small.values()) < 0.4 * sum(
        value.nbytes for value in tensors.values()
    )
    back = zero_bits.with_zeros(Path("posterior"), small)
    assert back.keys() == tensors.keys()
    for name, value in tensors.items():
        assert back[name].dtype == value.dtype
        assert back[name].numpy().tobytes() == value.numpy().tobytes()


def test_what_cannot_be_pruned_gets_a_sentence(linear):
    with pytest.raises(
        ValueError, match="fraction must be a share of the weights, from 0 to 1"
    ):
        zoo.prune(linear, fraction=1.5)
    with pytest.raises(ValueError, match="not both"):
        zoo.prune(linear, fraction=0.5, threshold=1.0)
    with pytest.raises(
        ValueError,
        match="write per_layer or threshold, not both",
    ):
        zoo.prune(linear, threshold=1.0, per_layer=True)
    nodes = zoo.BayesianNetwork(
        networks.MLP(8, 1, hidden=[5]),
        priors.NodePrior(dist.Normal(1.0, 0.3)),
        likelihoods.Gaussian(0.1),
    )
    posterior = inference.SVI(
        nodes, guides.NodeMixture(nodes), num_steps=1, progress=False
    ).fit((X, Y))
    with pytest.raises(
        ValueError,
        match=r"no weight of MLP is random .* use a priors.WeightPrior",
    ):
        zoo.prune(posterior)


def test_normalisations_and_embeddings_stay():
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.LayerNorm([4, 8, 8]),
        nn.Flatten(),
        nn.Linear(256, 3),
    )
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Categorical()
    )
    data = torch.randn(10, 1, 8, 8), torch.arange(10) % 3
    posterior = inference.SVI(
        model, guides.MeanField(model), num_steps=1, progress=False
    ).fit(data)
    assert set(zoo.prune(posterior, fraction=0.5).masks) == {"0.weight", "3.weight"}


def test_weights_that_cannot_be_pruned_are_named():
    tied = nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 4, bias=False))
    tied[1].weight = tied[0].weight
    computed = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 1)))

    for network, name in ((tied, "0.weight"), (computed, "original1")):
        model = zoo.BayesianNetwork(
            network,
            priors.WeightPrior(dist.Normal(0.0, 1.0)),
            likelihoods.Gaussian(1.0),
        )
        mode = guides.Delta(model)
        run = inference.SVI(model, mode, num_steps=1, progress=False)
        x = torch.zeros(2, dtype=torch.long) if network is tied else torch.zeros(2, 3)
        y = torch.zeros(2, 4 if network is tied else 1)
        with pytest.raises(ValueError, match=rf"only .*{name}.* random"):
            pruning.prune(run.fit((x, y)))


def test_one_draw_is_pruned_by_its_size():
    posterior = fitted(guide=guides.Delta, steps=3)
    draws = {name: value.unsqueeze(0) for name, value in posterior.sample(1).items()}
    one = DrawsPosterior(posterior.model, state={}, info=None, draws=draws)
    for rule in (pruning.density_at_zero, pruning.signal_to_noise, pruning.magnitude):
        for pruned in (
            zoo.prune(one, 0.9, rule=rule),
            zoo.prune(posterior, 0.9, rule=rule),
        ):
            for name, mask in zoo.prune(one, 0.9, rule=pruning.magnitude).masks.items():
                assert torch.equal(pruned.masks[name], mask)


def test_what_was_dropped_has_no_density(linear):
    pruned = zoo.prune(linear, fraction=0.5)
    with pytest.raises(
        ValueError, match=r"this posterior is pruned, .* take the distributions of the"
    ):
        pruned.distributions()
    assert zoo.prune(pruned, fraction=0.75).masks  # and is pruned again


def test_the_curve_of_two_classes_counts_labels_that_are_numbers():
    model = zoo.BayesianNetwork(
        networks.MLP(3, 1, hidden=[4]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Bernoulli(),
    )
    data = torch.randn(20, 3), (torch.arange(20) % 2).float().unsqueeze(-1)
    posterior = inference.SVI(
        model, guides.MeanField(model), num_steps=2, progress=False
    ).fit(data)
    found = pruning.curve(
        posterior, data, fractions=(0.0, 1.0), num_samples=3, progress=False
    )
    assert set(found.scores["magnitude"]) == {"accuracy", "nll", "ece"}


def test_the_curve_falls_where_weights_are_needed(linear):
    found = pruning.curve(
        linear, (X, Y), fractions=(0.0, 0.75, 1.0), num_samples=20, progress=False
    )
    assert {row["rule"] for row in found.table.to_dicts()} == {
        "density at zero",
        "signal to noise",
        "magnitude",
    }
    for scores in found.scores.values():
        whole, pruned, nothing = scores["rmse"]
        assert pruned == pytest.approx(whole, abs=0.02)
        assert nothing > 5 * whole
    assert (
        len({scores["rmse"][0] for scores in found.scores.values()}) == 1
    )  # where nothing is dropped, one posterior
    assert found.plot("nll").get_ylabel() == "nll, nats"
