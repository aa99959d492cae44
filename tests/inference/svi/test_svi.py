"""SVI: data, optimisers and schedules, early stopping, buffers, and which parameters change."""

from functools import partial

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.nn import PyroModule, PyroParam
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import guides
import zoo
from zoo import inference, likelihoods, networks, priors

X = torch.randn(24, 2, generator=torch.Generator().manual_seed(0))
Y = X.sum(-1, keepdim=True).tanh()
PRIOR = priors.WeightPrior(dist.Normal(0.0, 1.0))


def build(network=None, prior=PRIOR, noise=0.2):
    return zoo.BayesianNetwork(
        network or networks.MLP(2, 1, hidden=[3]), prior, likelihoods.Gaussian(noise)
    )


def fit(model, data=(X, Y), batch_size=None, guide=None, **options):
    options = {"num_steps": 4, "progress": False} | options
    return inference.SVI(model, guide or guides.MeanField(model), **options).fit(
        data, batch_size=batch_size
    )


class Rows(Dataset):
    """A data set of a user's own class."""

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return X[index], Y[index]


@pytest.mark.parametrize(
    "data",
    [
        (X, Y),
        [X, Y],
        TensorDataset(X, Y),
        Rows(),
        DataLoader(TensorDataset(X, Y), 24),
        DataLoader(Rows(), 24),
    ],
    ids=[
        "pair",
        "list",
        "TensorDataset",
        "data set",
        "DataLoader",
        "DataLoader of rows",
    ],
)
def test_data_come_in_any_form_and_give_the_same_fit(data):
    torch.manual_seed(0)
    network = networks.MLP(2, 1, hidden=[3])
    reference = fit(build(network), guide=guides.Delta(build(network)))
    assert torch.allclose(
        fit(build(network), data, guide=guides.Delta(build(network))).info.losses,
        reference.info.losses,
    )


@pytest.mark.parametrize(
    ("data", "batch_size"),
    [
        ((X, Y), 5),
        (TensorDataset(X, Y), 5),
        (Rows(), 5),
        (DataLoader(TensorDataset(X, Y), 5, shuffle=True), None),
    ],
    ids=["pair", "TensorDataset", "data set", "DataLoader"],
)
def test_an_epoch_sees_every_datum_once(data, batch_size):
    seen = []

    class Recorded(networks.MLP):
        def forward(self, x):
            if self.training and recording:
                seen.append(x.detach().clone())
            return super().forward(x)

    recording = True
    model = build(Recorded(2, 1, hidden=[3]))
    posterior = fit(model, data, batch_size, num_steps=None, num_epochs=2)
    recording = False
    assert posterior.info.num_steps == 10
    assert [len(batch) for batch in seen] == [5, 5, 5, 5, 4] * 2
    for epoch in (seen[:5], seen[5:]):
        rows = torch.cat(epoch)
        assert torch.equal(rows.sort(0).values, X.sort(0).values)
    assert not torch.equal(torch.cat(seen[:5]), torch.cat(seen[5:]))


def test_batches_of_every_size_estimate_the_same_loss():
    model = build()
    guide = guides.Delta(model)
    whole = fit(model, guide=guide, num_steps=1, lr=1e-9).info.losses.mean()
    parts = fit(
        model, batch_size=6, guide=guide, num_steps=4, lr=1e-9
    ).info.losses.mean()
    assert parts.item() == pytest.approx(
        whole.item(), rel=1e-4
    )  # the mean over an epoch of equal batches


def test_the_loss_falls_and_is_a_bound_where_it_says_so():
    model = build()
    posterior = fit(model, num_steps=300, lr=0.02)
    assert posterior.info.losses[-20:].mean() < posterior.info.losses[:20].mean()
    assert posterior.info.bound is True
    assert fit(model, guide=guides.Delta(model)).info.bound is False
    assert fit(model, guide=cases.function_guide(model)).info.bound is None
    assert posterior.info.num_parameters == 2 * 13


def test_any_optimiser_and_any_schedule():
    rates = []

    def schedule(optimizer):
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        original = scheduler.step

        def step(*args):
            original(*args)
            rates.append(optimizer.param_groups[0]["lr"])

        scheduler.step = step
        return scheduler

    fit(
        build(),
        optimizer=partial(torch.optim.SGD, momentum=0.9),
        lr=0.1,
        scheduler=schedule,
        num_steps=3,
    )
    assert rates == pytest.approx([0.05, 0.025, 0.0125])


def test_the_loss_of_several_particles_has_less_variance():
    model = build(noise=0.5)
    guide = guides.MeanField(model, init_scale=0.5)

    def spread(particles):
        return fit(
            model, guide=guide, num_particles=particles, num_steps=60, lr=1e-9
        ).info.losses.std()

    assert spread(16) < 0.6 * spread(1)  # a quarter in expectation


def test_only_what_needs_a_gradient_is_optimised():
    model = build()
    guide = guides.MeanField(model)
    for parameter in guide.rho.parameters():
        parameter.requires_grad_(False)
    before = {name: value.clone() for name, value in guide.state_dict().items()}
    posterior = fit(model, guide=guide)
    for name, value in posterior.guide.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("rho"), name


@pytest.mark.parametrize("mode", ["plain", "traced"])
def test_a_parameter_that_the_loss_does_not_depend_on_is_left_alone(mode):
    class Extra(guides.MeanField):
        def __init__(self, model):
            super().__init__(model)
            self.unused = nn.Parameter(torch.ones(3))

    model = build()
    decaying = partial(torch.optim.AdamW, weight_decay=0.1)
    posterior = fit(model, guide=Extra(model), optimizer=decaying, compile=mode)
    assert torch.equal(posterior.guide.unused, torch.ones(3))
    assert posterior.info.num_parameters == 2 * 13 + 3


def test_early_stopping_keeps_the_best_parameters():
    model = build(noise=0.05)
    noisy = Y + 0.5 * torch.randn(24, 1, generator=torch.Generator().manual_seed(1))
    stopping = inference.EarlyStopping(
        fraction=0.4, every=10, patience=3, num_samples=5
    )
    guide = guides.Delta(model)
    posterior = fit(
        model, (X, noisy), guide=guide, num_steps=2000, lr=0.1, early_stopping=stopping
    )
    info = posterior.info
    assert info.num_steps < 2000
    best = min(range(len(info.held_out)), key=info.held_out.__getitem__)
    assert len(info.held_out) - 1 - best == 3
    assert info.stopped == (
        f"early stopping after {info.num_steps} steps; "
        f"the parameters are those of step {10 * (best + 1)}"
    )
    assert "ended early: early stopping" in repr(posterior)


def test_early_stopping_on_held_out_data_of_the_user():
    model, held_out = build(), (X[:4], Y[:4])
    stopping = inference.EarlyStopping(
        every=2, patience=100, num_samples=3, held_out=held_out
    )
    loader = DataLoader(TensorDataset(X[4:], Y[4:]), 5)
    posterior = fit(
        model, loader, guide=guides.Delta(model), num_steps=8, early_stopping=stopping
    )
    assert len(posterior.info.held_out) == 4
    score = -posterior.predict(X[:4], num_samples=1).log_prob(Y[:4]).mean().item()
    assert score == pytest.approx(min(posterior.info.held_out), abs=1e-5)


def test_early_stopping_holds_its_part_out():
    seen = []

    class Recorded(networks.MLP):
        def forward(self, x):
            if self.training:
                seen.append(len(x))
            return super().forward(x)

    fit(
        build(Recorded(2, 1, hidden=[3])),
        early_stopping=inference.EarlyStopping(fraction=0.25, every=2),
    )
    assert set(seen) == {18}


def batch_normed(**options):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    return network, build(network, **options)


def test_running_statistics_are_updated_in_the_posterior_and_not_in_the_network():
    prior = priors.WeightPrior(priors.all_but_normalisation(dist.Normal(0.0, 1.0)))
    network, model = batch_normed(prior=prior)
    first = fit(model)
    assert first.state["1.num_batches_tracked"] == 4
    assert not torch.allclose(first.state["1.running_mean"], torch.zeros(3))
    assert network[1].num_batches_tracked == 0
    assert torch.equal(network[1].running_mean, torch.zeros(3))
    assert fit(model).state["1.num_batches_tracked"] == 4
    again = inference.SVI(
        model, guides.MeanField(model), num_steps=2, progress=False
    ).fit((X, Y), init=first)
    assert again.state["1.num_batches_tracked"] == 6
    pyro.set_rng_seed(0)
    with_statistics = first.predict(X, num_samples=2).outputs
    pyro.set_rng_seed(0)
    alone = first.predict(X[:1], num_samples=2).outputs
    assert torch.allclose(
        with_statistics[:, :1], alone, atol=1e-5
    )  # evaluation mode: no batch statistics


def test_a_frozen_network_stays_in_evaluation_mode():
    prior = priors.NodePrior(dist.Normal(1.0, 0.3), weights=priors.Frozen())
    network, model = batch_normed(prior=prior)
    network.train()
    posterior = fit(model)
    assert posterior.state["1.num_batches_tracked"] == 0
    assert torch.equal(posterior.state["1.running_mean"], torch.zeros(3))
    assert all(layer.training for layer in network.modules())


def test_frozen_layers_stay_in_evaluation_mode_below_a_random_one():
    prior = priors.WeightPrior(
        priors.last_layer(dist.Normal(0.0, 1.0), otherwise=priors.Frozen())
    )
    network, model = batch_normed(prior=prior)
    posterior = fit(model)
    assert posterior.state["1.num_batches_tracked"] == 0
    assert torch.equal(posterior.state["1.running_mean"], torch.zeros(3))
    assert network.training


def test_a_users_dropout_is_on_in_a_fit_and_off_in_prediction():
    network = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.Linear(3, 1))
    model = build(network)
    posterior = fit(model, guide=guides.Delta(model))
    assert posterior.info.losses.unique().numel() == 4
    one, other = (posterior.predict(X, num_samples=1).mean for _ in range(2))
    assert torch.equal(one, other)


def test_node_and_weight_priors_together():
    prior = priors.NodePrior(
        dist.Normal(1.0, 0.3), where="both", weights=dist.Normal(0.0, 1.0)
    )
    model = build(prior=prior)
    for make in (guides.MeanField, guides.NodeMixture, guides.LocalReparam):
        posterior = fit(model, guide=make(model), num_steps=100, lr=0.02)
        assert posterior.info.losses[-10:].mean() < posterior.info.losses[:10].mean(), (
            make
        )


@pytest.mark.parametrize("moved", ["before", "after"])
def test_double_precision_end_to_end(moved, tmp_path):
    model = build()
    guide = guides.MeanField(model)
    model.double()
    guide = guide.double() if moved == "after" else guides.MeanField(model)
    posterior = fit(model, (X.double(), Y.double()), guide=guide)
    prediction = posterior.predict(X, num_samples=3)
    assert (
        prediction.mean.dtype == prediction.log_prob(Y.double()).dtype == torch.float64
    )
    posterior.save(tmp_path / "posterior")
    anew = build().double()
    again = zoo.load(tmp_path / "posterior", anew, guide=guides.MeanField(anew))
    assert again.predict(X, num_samples=2).mean.dtype == torch.float64


def test_a_guide_of_another_precision_is_refused():
    model = build()
    guide = guides.MeanField(model)
    model.double()
    with pytest.raises(
        ValueError,
        match=r"layer1.weight \(model torch.float64 on cpu, guide torch.float32 on cpu; move",
    ):
        fit(model, guide=guide)


def test_no_bar_when_it_is_switched_off(capsys):
    fit(build())
    assert capsys.readouterr() == ("", "")


def test_a_log_gets_lines_instead_of_a_bar(capsys):
    fit(build(), progress=True)
    error = capsys.readouterr().err
    assert "SVI(MeanField, num_steps=4): 4/4" in error
    assert error.rstrip().endswith("nats per datum]")
    assert len(error.split("\n")) > 2


def test_repr():
    model = build()
    assert (
        repr(inference.SVI(model, guides.Delta(model))) == "SVI(Delta, num_steps=8000)"
    )
    assert (
        repr(inference.SVI(model, guides.Delta(model), num_epochs=3))
        == "SVI(Delta, num_epochs=3)"
    )


def test_a_module_that_states_parameters_by_pyro_param_is_refused():
    model = build()

    class Stated(nn.Module):
        def forward(self, *args, **kwargs):
            for name, prior in model.latents.items():
                loc = pyro.param(f"{name}.loc", torch.zeros(prior.shape()))
                pyro.sample(name, dist.Delta(loc, event_dim=prior.event_dim))

    with pytest.raises(
        ValueError,
        match=r"the module Stated has parameters of pyro.param, .*layer1.weight.loc.*; make each",
    ):
        fit(model, guide=Stated())


def test_a_pyro_module_is_fitted():
    model = build(networks.MLP(2, 1, hidden=[]))

    class Own(PyroModule):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1, 2))
            self.scale = PyroParam(torch.ones(1), constraint=dist.constraints.positive)

        def forward(self, *args, **kwargs):
            pyro.sample("layer1.weight", dist.Delta(self.weight, event_dim=2))
            pyro.sample(
                "layer1.bias", dist.Normal(torch.zeros(1), self.scale).to_event(1)
            )

    posterior = fit(model, guide=Own(), num_steps=50, lr=0.05, scheduler=None)
    assert posterior.info.losses[-1] < posterior.info.losses[0]
    assert posterior.sample(1)["layer1.weight"].abs().max() > 0.1
    assert 0 < posterior.guide.scale.item() < 1
