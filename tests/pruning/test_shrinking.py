"""Shrinking: the smaller network predicts as the pruned one, or an error says why it cannot."""

import sys

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors, pruning
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.laplace_posterior import LaplacePosterior

pytest.importorskip("torch_pruning", reason="shrinking needs torch-pruning")

NORMAL = priors.WeightPrior(dist.Normal(0.0, 1.0))
NETWORKS = {
    "MLP": (
        lambda: networks.MLP(6, 3, hidden=[10, 8], activation=nn.ReLU),
        (6,),
        6 * 5 + 5 + 5 * 4 + 4 + 4 * 3 + 3,
    ),
    "LeNet": (lambda: networks.LeNet(3, width=100), (1, 28, 28), None),
    "ConvNet1d": (lambda: networks.ConvNet1d(3, width=6), (1, 32), None),
    "NIN": (lambda: networks.NIN(3, width=12), (3, 8, 8), None),
    "ResNet": (lambda: networks.ResNet(8, num_classes=3, width=4), (3, 8, 8), None),
    "filter response": (
        lambda: networks.ResNet(
            8, num_classes=3, width=4, norm=networks.FilterResponseNorm
        ),
        (3, 8, 8),
        None,
    ),
}


def sampled(network, shape, prior=NORMAL, draws=3):
    """Make a posterior of drawn weights, as a sampler would, and inputs."""
    pyro.set_rng_seed(0)
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
    values = {
        name: value.unsqueeze(0) for name, value in model.prior_draws(draws).items()
    }
    state = {
        name: p.detach() for name, p in network.named_parameters() if name not in values
    }
    state |= dict(network.named_buffers())
    return DrawsPosterior(model, state=state, info=None, draws=values), torch.randn(
        5, *shape
    )


def fitted(guide, network=None, prior=NORMAL, **options):
    pyro.set_rng_seed(0)
    x, y = torch.randn(20, 6), torch.arange(20) % 3
    model = zoo.BayesianNetwork(
        network or networks.MLP(6, 3, hidden=[10, 8]), prior, likelihoods.Categorical()
    )
    return inference.SVI(
        model, guide(model, **options), num_steps=3, progress=False
    ).fit((x, y)), x


def halved(posterior, rule=pruning.filter_norm):
    return zoo.prune(posterior, fraction=0.5, rule=rule, per_layer=True)


def size(posterior):
    return sum(parameter.numel() for parameter in posterior.model.network.parameters())


class Odd(nn.Module):
    """Two or three layers, and a function between them."""

    def __init__(self, between, extra=None):
        super().__init__()
        self.first, self.extra, self.last = nn.Linear(6, 6), extra, nn.Linear(6, 3)
        self.between = between

    def forward(self, x):
        return self.last(self.between(self, x, self.first(x)))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_smaller_network_predicts_the_same(name):
    make, shape, left = NETWORKS[name]
    posterior, x = sampled(make(), shape)
    pruned = halved(posterior)
    small = pruning.shrink(pruned, x)
    expected, found = pruned.predict(x).outputs, small.predict(x).outputs
    torch.testing.assert_close(
        found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max())
    )
    assert float((posterior.predict(x).outputs - expected).abs().max()) > 0.05 * float(
        expected.abs().max()
    )
    assert size(small) < 0.65 * size(posterior)
    assert left is None or size(small) == left
    assert size(pruned) == size(posterior)  # the pruned posterior does not change
    assert small.model.network.training


def test_half_the_filters_of_a_lenet_are_a_lenet_of_half_the_width():
    posterior, x = sampled(networks.LeNet(3, width=100), (1, 28, 28))
    small = pruning.shrink(halved(posterior), x)
    like = networks.LeNet(3, width=50)
    assert {n: p.shape for n, p in small.model.network.named_parameters()} == {
        n: p.shape for n, p in like.named_parameters()
    }
    assert repr(small.model.network) == repr(like)


def test_inside_a_block_filters_are_removed_and_along_skip_connections_they_stay():
    posterior, x = sampled(networks.ResNet(8, num_classes=3, width=4), (3, 8, 8))
    block = pruning.shrink(halved(posterior), x).model.network.layer1[0]
    assert block.conv1.weight.shape == (2, 4, 3, 3)
    assert block.conv2.weight.shape == (4, 2, 3, 3)
    assert block.bn1.running_mean.shape == (2,)


@pytest.mark.parametrize(
    ("guide", "options"),
    [(guides.MeanField, {}), (guides.LocalReparam, {"max_scale": 0.2})],
)
def test_a_guide_of_independent_normals_stays_one(guide, options):
    posterior, x = fitted(guide, **options)
    pruned = halved(posterior)
    small = pruning.shrink(pruned, x)
    assert type(small.guide) is guide
    assert small.draws is None
    kept = {name: mask for name, mask in pruned.masks.items() if name.endswith("bias")}
    before, after = posterior.distributions(), small.distributions()
    for name, mask in kept.items():
        torch.testing.assert_close(after[name].mean, before[name].mean[mask])
        torch.testing.assert_close(after[name].stddev, before[name].stddev[mask])
    rows, columns = kept["layer2.bias"], kept["layer1.bias"]
    for moment in ("mean", "stddev"):
        whole, left = (
            getattr(distributions["layer2.weight"], moment)
            for distributions in (before, after)
        )
        torch.testing.assert_close(left, whole[rows][:, columns])
    assert bool(
        posterior.guide.loc["layer1.weight"].shape == (10, 6)
    )  # the whole guide does not change
    again = inference.SVI(small.model, small.guide, num_steps=2, progress=False).fit(
        (x, torch.arange(20) % 3)
    )
    assert torch.isfinite(again.info.losses).all()  # it can be fitted further


@pytest.mark.parametrize(
    "guide",
    [guides.LowRank, guides.Radial, guides.MCDropout, guides.Delta, guides.Mixture],
)
def test_draws_are_kept_of_another_guide(guide):
    posterior, x = fitted(guide)
    small = pruning.shrink(halved(posterior), x, num_samples=7)
    assert small.guide is None
    assert small.num_samples == 7
    assert small.predict(x).mean.shape == (20, 3)


def test_what_is_left_without_weights_is_removed_too():
    """A unit of the second layer reads removed units alone; inputs of the network stay."""
    posterior, x = sampled(networks.MLP(6, 3, hidden=[4, 4], activation=nn.ReLU), (6,))
    masks = {
        name: torch.ones(shape, dtype=torch.bool)
        for name, shape in posterior.shapes.items()
    }
    masks["layer1.weight"][:2] = masks["layer1.bias"][:2] = False
    masks["layer2.weight"][0, 2:] = masks["layer2.bias"][0] = False
    masks["layer3.weight"][:, 3] = False  # nothing reads the last unit
    masks["layer1.weight"][:, 5] = False
    draws = {name: value * masks[name] for name, value in posterior.draws.items()}
    pruned = DrawsPosterior(
        posterior.model, state={}, info=None, draws=draws, masks=masks
    )
    small = pruning.shrink(pruned, x)
    assert {
        name: tuple(shape)
        for name, shape in small.shapes.items()
        if name.endswith("weight")
    } == {
        "layer1.weight": (2, 6),
        "layer2.weight": (2, 2),
        "layer3.weight": (3, 2),
    }
    torch.testing.assert_close(small.predict(x).outputs, pruned.predict(x).outputs)
    assert not small.masks["layer1.weight"][
        :, 5
    ].any()  # weights that were dropped one by one stay zero
    assert small.masks["layer1.weight"][:, :5].all()


def test_one_unit_of_a_layer_stays():
    posterior, x = sampled(networks.MLP(6, 3, hidden=[4], activation=nn.ReLU), (6,))
    nothing = zoo.prune(posterior, fraction=1.0, rule=pruning.filter_norm)
    small = pruning.shrink(nothing, x)
    assert small.shapes["layer1.weight"] == (1, 6)
    torch.testing.assert_close(small.predict(x).outputs, nothing.predict(x).outputs)


def test_a_mode_shrinks_with_its_draws():
    posterior, x = sampled(networks.MLP(6, 3, hidden=[10]), (6,))
    centre = {name: value[0].mean(0) for name, value in posterior.draws.items()}
    posterior = LaplacePosterior(
        posterior.model,
        draws=posterior.draws,
        centre=centre,
        state=posterior.state,
        info=None,
    )
    pruned = halved(posterior)
    small = pruning.shrink(pruned, x)
    expected, found = (
        each.predict(x, linearised=True).outputs for each in (pruned, small)
    )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_it_saves_and_loads_into_a_network_built_anew(tmp_path):
    posterior, x = fitted(guides.MeanField)
    pruned = zoo.prune(posterior, fraction=0.4, rule=pruning.filter_norm)
    small = pruning.shrink(pruned, x)
    for name, each in (("whole", posterior), ("pruned", pruned), ("small", small)):
        each.save(tmp_path / name)
    network = pruning.narrow(networks.MLP(6, 3, hidden=[10, 8]), tmp_path / "small")
    assert repr(network) == repr(small.model.network)
    model = zoo.BayesianNetwork(network, NORMAL, likelihoods.Categorical())
    again = zoo.load(tmp_path / "small", model, guide=guides.MeanField(model))
    pyro.set_rng_seed(1)
    expected = small.predict(x, 7).outputs
    pyro.set_rng_seed(1)
    assert torch.equal(again.predict(x, 7).outputs, expected)
    assert sum(value.numel() for value in small.sample(1).values()) < 0.7 * sum(
        value.numel() for value in posterior.sample(1).values()
    )


def test_a_file_about_another_network_gets_a_sentence(tmp_path):
    posterior, x = fitted(guides.MeanField)
    pruning.shrink(halved(posterior), x).save(tmp_path / "small")
    with pytest.raises(
        ValueError,
        match=r"is about another network: 'layer1.weight' is \(5, 6\) there and \(3, 6\) in",
    ):
        pruning.narrow(networks.MLP(6, 3, hidden=[3, 8]), tmp_path / "small")
    with pytest.raises(ValueError, match=r"'features.0.weight' is not there"):
        pruning.narrow(networks.LeNet5(3), tmp_path / "small")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        pruning.narrow(networks.LeNet5(3), tmp_path / "nothing")


def test_a_prior_over_what_shrinks_gets_a_sentence():
    by_input = priors.WeightPrior(priors.Hierarchical(dist.HalfNormal(1.0), by="input"))
    posterior, x = fitted(guides.MeanField, prior=by_input)
    with pytest.raises(
        ValueError,
        match=r"site 'prior:layer\d.weight.scale' .* has an element for each unit of a layer",
    ):
        pruning.shrink(halved(posterior), x)
    earlier, _ = fitted(guides.MeanField)
    posterior, x = fitted(
        guides.MeanField, prior=priors.WeightPrior(priors.previous(earlier))
    )
    with pytest.raises(ValueError, match="does not fit the smaller network"):
        pruning.shrink(halved(posterior), x)
    one_scale = priors.WeightPrior(priors.Hierarchical(dist.HalfNormal(1.0)))
    posterior, x = fitted(guides.MeanField, prior=one_scale)
    assert pruning.shrink(halved(posterior), x).shapes["layer1.weight"] == (5, 6)


def test_what_has_nothing_to_shrink_gets_a_sentence():
    posterior, x = fitted(guides.MeanField)
    with pytest.raises(
        ValueError, match="is not pruned, so nothing of its network can be removed"
    ):
        pruning.shrink(posterior, x)
    with pytest.raises(ValueError, match="no filter or unit of MLP was dropped whole"):
        pruning.shrink(zoo.prune(posterior, fraction=0.1), x)
    with pytest.raises(ValueError, match=r"MLP does not take inputs of shape \(2, 5\)"):
        pruning.shrink(halved(posterior), torch.zeros(2, 5))


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (
            networks.MLP(6, 3, hidden=[8], activation=nn.Softplus),
            "'layer2' gets another value than zero",
        ),
        (
            nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6), nn.Linear(6, 3)),
            "LayerNorm '1' mixes channels",
        ),
        (Odd(lambda _own, x, f: x + f.relu()), "'last' gets another value than zero"),
        (Odd(lambda own, _x, f: own.extra(f.relu()).relu(), nn.Linear(6, 6)), None),
        (
            Odd(lambda own, x, f: own.extra(x) + f, nn.Linear(6, 6)),
            "its bias, its normalisation or a layer that is added to it is not zero",
        ),
        (
            Odd(
                lambda own, _x, f: own.extra(f[:, None])[0][:, 0],
                nn.GRU(6, 6, batch_first=True),
            ),
            "does not find",
        ),
    ],
    ids=["softplus", "LayerNorm", "skip", "chain", "sum", "GRU"],
)
def test_a_network_that_is_not_understood_gets_a_sentence(network, reason):
    posterior, x = sampled(network, (6,))
    pruned = halved(posterior)
    if reason is None:  # the same class, as a chain of layers
        assert size(pruning.shrink(pruned, x)) < size(posterior)
        return
    if "added" in reason:  # only one of two added layers is pruned
        pruned.masks["extra.weight"][:] = True
    with pytest.raises(ValueError, match=reason):
        pruning.shrink(pruned, x)


def test_a_unit_that_no_layer_reads_may_have_an_effect():
    """A softmax depends on units that no layer reads, so the smaller network is refused."""
    posterior, x = sampled(Odd(lambda _own, _x, f: f.softmax(1)), (6,))
    with pytest.raises(ValueError, match="the smaller network has other outputs"):
        pruning.shrink(halved(posterior, pruning.node_norm), x)


def test_a_bias_that_stays_keeps_its_unit():
    posterior, x = sampled(networks.MLP(6, 3, hidden=[4], activation=nn.ReLU), (6,))
    pruned = halved(posterior)
    pruned.masks["layer1.bias"][:] = True
    with pytest.raises(
        ValueError, match="'layer1' keeps those without weights because its bias"
    ):
        pruning.shrink(pruned, x)


def test_without_the_library_a_sentence_names_it(monkeypatch):
    posterior, x = fitted(guides.MeanField)
    monkeypatch.setitem(sys.modules, "torch_pruning", None)
    with pytest.raises(ImportError, match=r"pip install 'bnn-zoo\[pruning\]'"):
        pruning.shrink(halved(posterior), x)
