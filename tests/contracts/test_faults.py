"""Bad input: each mistake has its sentence, and nothing that was computed before is lost."""

import dataclasses
import itertools

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.mcmc.density.potential import Potential

pytestmark = pytest.mark.filterwarnings("ignore:.*draws diverged")  # a handful of draws

PRIOR = priors.WeightPrior(dist.Normal(0.0, 1.0))
X, Y = torch.randn(6, 2), torch.randn(6, 1)


def make(likelihood=None, outputs=1, prior=PRIOR):
    return zoo.BayesianNetwork(
        networks.MLP(2, outputs, hidden=[3]),
        prior,
        likelihood or likelihoods.Gaussian(0.1),
    )


def svi(model, num_steps=2, **options):
    return inference.SVI(
        model, guides.MeanField(model), num_steps=num_steps, progress=False, **options
    )


def sampler(model, **options):
    return inference.HMC(model, num_chains=2, num_steps=2, **{**cases.SHORT, **options})


ENGINES = pytest.mark.parametrize("engine", [svi, sampler], ids=["SVI", "HMC"])


def spoiled(tensor, row, value):
    return torch.cat(
        [tensor[:row], torch.full_like(tensor[row : row + 1], value), tensor[row + 1 :]]
    )


@ENGINES
@pytest.mark.parametrize(
    ("x", "y", "sentence"),
    [
        (
            spoiled(X, 3, torch.nan),
            Y,
            "the inputs hold NaN or infinite values, the first in row 3; remove or impute",
        ),
        (
            X,
            spoiled(Y, 4, torch.inf),
            "the targets hold NaN or infinite values, the first in row 4",
        ),
        (
            X,
            Y[:5],
            r"give as many inputs as targets, not 6 and 5: their shapes are \(6, 2\) and \(5, 1\)",
        ),
        (X[:0], Y[:0], "there are no data"),
        (
            X,
            Y.squeeze(-1),
            r"targets have shape \(6,\).*outputs of shape \(6, 1\).*write y.reshape\(\(6, 1\)\)",
        ),
        (X, Y.expand(6, 3), r"targets have shape \(6, 3\).*needs \(6, 1\)"),
        (
            torch.randn(6, 5),
            Y,
            r"MLP does not take inputs of shape \(6, 5\): .*3x2|2x3",
        ),
        (
            torch.randn(6),
            Y,
            r"outputs of shape \(1,\) for inputs of shape \(2,\); the batch must be the first",
        ),
    ],
)
def test_bad_regression_data(engine, x, y, sentence):
    with pytest.raises(ValueError, match=sentence):
        engine(make()).fit((x, y))


@pytest.mark.parametrize(
    ("likelihood", "y", "sentence"),
    [
        (
            "Categorical",
            torch.tensor([0.0, 1, 2, 0, 1, 2]),
            r"labels must be integers.*torch.float32; write y.long\(\)",
        ),
        (
            "Categorical",
            torch.tensor([0, 1, 2, 3, 1, 2]),
            r"target 3 is 3, outside the support of Categorical\(\)",
        ),
        ("Categorical", torch.tensor([0, 1, 2, 0, -1, 2]), "target 4 is -1, outside"),
        (
            "Categorical",
            torch.zeros(6, 3, dtype=torch.long),
            r"labels have the shape of the outputs, \(6, 3\), .*; write y.argmax\(-1\)",
        ),
        (
            "Bernoulli",
            torch.full((6, 1), 2.0),
            r"target 0 is \[2.0\], .* targets must be zeros and ones",
        ),
        ("Bernoulli", torch.full((6, 1), 0.5), r"target 0 is \[0.5\]"),
        ("Bernoulli", torch.zeros(6), r"needs \(6, 1\); write y.reshape\(\(6, 1\)\)"),
        (
            "From(Poisson)",
            torch.full((6, 1), -1.0),
            "targets must be values in the support of Poisson",
        ),
        (
            "HeteroscedasticGaussian",
            torch.zeros(6, 2),
            r"targets have shape \(6, 2\).*needs \(6, 1\)",
        ),
    ],
)
def test_targets_outside_the_support(likelihood, y, sentence):
    model = cases.model("MLP", "WeightPrior", likelihood)
    with pytest.raises(ValueError, match=sentence):
        svi(model).fit((X, y))
    prediction = model.prior_predictive(X, num_samples=2)
    with pytest.raises(ValueError, match=sentence):
        prediction.log_prob(y)


def test_a_heteroscedastic_network_needs_an_even_number_of_outputs():
    with pytest.raises(
        ValueError, match=r"two outputs for each target, .*, not 3 in all"
    ):
        svi(make(likelihoods.HeteroscedasticGaussian(), outputs=3)).fit((X, Y))


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (
            lambda: nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(4, 1)),
            (6, 4),
        ),
        (
            lambda: nn.Sequential(nn.Conv2d(1, 1, 2), nn.Flatten(), nn.Linear(1, 1)),
            (6, 3, 2, 2),
        ),
        (lambda: cases.Recurrent(1), (6, 2)),
        (
            lambda: nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(3, 1)),
            (6, 1),
        ),
    ],
    ids=["BatchNorm2d", "Conv2d", "GRU", "Embedding"],
)
def test_inputs_that_a_network_does_not_take(network, shape):
    model = zoo.BayesianNetwork(
        network(),
        priors.WeightPrior(priors.all_but_normalisation(dist.Normal(0.0, 1.0))),
        likelihoods.Gaussian(0.1),
    )
    with pytest.raises(
        ValueError,
        match=rf"does not take inputs of shape \({', '.join(map(str, shape))}\)",
    ):
        svi(model).fit((torch.randn(shape), Y))


def test_inputs_to_predict_at():
    posterior = svi(make()).fit((X, Y))
    with pytest.raises(ValueError, match=r"MLP does not take inputs of shape \(4, 5\)"):
        posterior.predict(torch.randn(4, 5))
    with pytest.raises(ValueError, match="the inputs hold NaN or infinite"):
        posterior.predict(torch.full((4, 2), torch.nan))
    with pytest.raises(
        ValueError, match=r"there are no inputs, their shape is \(0, 2\)"
    ):
        posterior.predict(torch.zeros(0, 2))
    with pytest.raises(ValueError, match="at least 1, not 0"):
        posterior.predict(X, num_samples=0)
    with pytest.raises(
        ValueError, match=r"targets have shape \(3, 1\).*needs \(6, 1\)"
    ):
        posterior.predict(X, num_samples=2).log_prob(torch.zeros(3, 1))


def test_a_network_that_loses_the_batch():
    class Summed(nn.Linear):
        def forward(self, x):
            return super().forward(x).sum(0, keepdim=True)

    model = zoo.BayesianNetwork(Summed(2, 1), PRIOR, likelihoods.Gaussian(0.1))
    with pytest.raises(
        ValueError,
        match=r"outputs of shape \(1, 1\) for inputs of shape \(2, 2\); the batch must be",
    ):
        svi(model).fit((X, Y))


class Nothing(Dataset):
    """No data."""

    def __len__(self):
        return 0

    def __getitem__(self, index):
        raise IndexError


class Stream(IterableDataset):
    """Data without a length."""

    def __iter__(self):
        yield from zip(X, Y, strict=True)


@ENGINES
@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            DataLoader(TensorDataset(X, Y), 8, drop_last=True),
            "the DataLoader is empty: it gives no batch",
        ),
        (DataLoader(Nothing()), "the DataLoader is empty"),
        (Nothing(), "the data set is empty"),
        (TensorDataset(X[:0], Y[:0]), "there are no data"),
        (
            DataLoader(Stream(), 2),
            "an IterableDataset has no length",
        ),
        (
            DataLoader(TensorDataset(X, Y), batch_size=None),
            "does not say how many data its batches hold",
        ),
    ],
    ids=["drop_last", "loader", "data set", "tensors", "stream", "batches"],
)
def test_an_empty_loader(engine, data, sentence):
    with pytest.raises(ValueError, match=sentence):
        engine(make()).fit(data)


def test_a_loader_with_a_bad_batch():
    sentence = "the inputs hold NaN or infinite values, the first in row 1"
    x = spoiled(X, 1, torch.nan)  # before the first step there is nothing to lose
    with pytest.raises(ValueError, match=sentence):
        svi(make(), num_steps=5).fit(DataLoader(TensorDataset(x, Y), 2))

    x = spoiled(X, 5, torch.nan)
    with pytest.warns(UserWarning, match=f"ends after 2 of 5 steps, .*{sentence}"):
        posterior = svi(make(), num_steps=5).fit(DataLoader(TensorDataset(x, Y), 2))
    assert sentence in posterior.info.stopped
    assert isinstance(posterior.info.error, ValueError)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            X,
            r"data must be a pair \(x, y\), a TensorDataset or a DataLoader, not Tensor",
        ),
        (
            (object(), Y),
            r"the inputs must be a tensor, not object; write torch.as_tensor",
        ),
        ((X, [Y, Y]), "the targets must be a tensor, not list"),
        (DataLoader(TensorDataset(X), 2), "a batch must be a pair"),
        (None, "not NoneType"),
    ],
    ids=["one tensor", "object", "several targets", "loader of one", "nothing"],
)
def test_data_of_another_kind(data, sentence):
    with pytest.raises(TypeError, match=sentence):
        svi(make()).fit(data)


def test_batch_sizes():
    with pytest.raises(ValueError, match="batch_size must be at least 1, not 0"):
        svi(make()).fit((X, Y), batch_size=0)
    with pytest.raises(
        ValueError, match="has a batch size of its own; omit batch_size"
    ):
        svi(make()).fit(DataLoader(TensorDataset(X, Y), 2), batch_size=2)


@pytest.mark.parametrize(
    ("prior", "sentence"),
    [
        (
            priors.WeightPrior(priors.by_name({"layer3.*": dist.Normal(0.0, 1.0)})),
            r"no parameter or layer is called 'layer3.\*'; the nearest are layer",
        ),
        (
            priors.NodePrior(priors.by_name({"hidden": dist.Normal(1.0, 0.3)})),
            "no parameter or layer is called 'hidden'; the nearest are layer",
        ),
        (
            priors.WeightPrior(
                priors.by_type(
                    {nn.Linear: dist.Normal(0.0, 1.0), nn.Conv2d: dist.Normal(0.0, 1.0)}
                )
            ),
            "MLP has no Conv2d; its layers are Linear, Tanh",
        ),
        (
            priors.WeightPrior(priors.Frozen()),
            "makes no tensor of MLP random; give at least one",
        ),
        (priors.WeightPrior(lambda name, w: None), "makes no tensor of MLP random"),
        (
            priors.WeightPrior(dist.Normal(torch.zeros(7), 1.0)),
            r"the prior of layer1.weight has shape \(7,\), .* not broadcast .* tensor, \(3, 2\)",
        ),
    ],
    ids=["by_name", "nodes", "by_type", "frozen", "none", "shape"],
)
def test_a_prior_that_does_not_fit_the_network(prior, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(prior=prior)


def test_a_prior_that_is_none():
    with pytest.raises(
        TypeError,
        match=r"the prior must be an object such as priors.WeightPrior.*not Normal",
    ):
        make(prior=dist.Normal(0.0, 1.0))
    with pytest.raises(
        TypeError,
        match=r"the likelihood must be an object such as likelihoods.Gaussian",
    ):
        make(likelihood=dist.Normal(0.0, 1.0))
    with pytest.raises(
        TypeError,
        match=r"a prior must be a distribution, Point\(\).*'Normal' is none of them",
    ):
        make(prior=priors.WeightPrior("Normal"))
    with pytest.raises(
        ValueError, match="where must be 'in', 'out' or 'both', not 'inputs'"
    ):
        priors.NodePrior(dist.Normal(1.0, 0.3), where="inputs")
    with pytest.raises(
        ValueError, match=r"GRU has no linear or convolution layer.*use a WeightPrior"
    ):
        zoo.BayesianNetwork(
            nn.GRU(2, 3),
            priors.NodePrior(dist.Normal(1.0, 0.3)),
            likelihoods.Gaussian(0.1),
        )


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: likelihoods.Gaussian(-0.1), "must be positive, not -0.1"),
        (lambda: likelihoods.Gaussian(0.0), "must be positive, not 0.0"),
        (lambda: likelihoods.Gaussian(float("nan")), "must be positive, not nan"),
        (lambda: likelihoods.Gaussian(torch.tensor([0.1, -0.1])), "must be positive"),
        (
            lambda: likelihoods.Gaussian(dist.Normal(0.0, 1.0)),
            r"Normal\(0, 1\), allows negative values; use a posit",
        ),
        (
            lambda: likelihoods.HeteroscedasticGaussian(min_scale=-1.0),
            "must be positive, not -1.0",
        ),
        (
            lambda: guides.MeanField(make(), init_scale=-0.1),
            "init_scale is a standard deviation.*not -0.1",
        ),
        (lambda: guides.MeanField(make(), init_scale=float("nan")), "not nan"),
        (
            lambda: guides.MCDropout(make(), p=1.0),
            "p must be a probability of dropping a unit.*not 1.0",
        ),
        (lambda: guides.MCDropout(make(), p=-0.1), "not -0.1"),
        (
            lambda: guides.NodeMixture(
                cases.model("MLP", "NodePrior", "Gaussian"), num_components=0
            ),
            "not 0",
        ),
        (
            lambda: svi(make(), lr=-1.0),
            "lr is a learning rate and must be positive, not -1.0",
        ),
        (lambda: svi(make(), num_steps=0), "num_steps must be at least 1, not 0"),
        (
            lambda: svi(make(), num_epochs=2),
            r"write num_steps or num_epochs, not both \(2 and 2\)",
        ),
        (
            lambda: svi(make(), num_particles=0),
            "num_particles must be at least 1, not 0",
        ),
        (
            lambda: sampler(make(), num_samples=0),
            "num_samples must be at least 1, not 0",
        ),
        (
            lambda: sampler(make(), warmup_steps=-1),
            "warmup_steps must be at least 0, not -1",
        ),
        (lambda: inference.NUTS(make(), max_tree_depth=0), "at least 1, not 0"),
        (lambda: inference.EarlyStopping(fraction=1.5), "between 0 and 1, not 1.5"),
        (
            lambda: inference.EarlyStopping(patience=0),
            "patience must be at least 1, not 0",
        ),
    ],
)
def test_numbers_out_of_range(build, sentence):
    with pytest.raises(ValueError, match=sentence):
        build()


def test_nodes_with_bounded_support_are_no_mixture():
    model = make(prior=priors.NodePrior(dist.LogNormal(0.0, 0.3)))
    with pytest.raises(
        ValueError,
        match=r"layer1.nodes_in, layer2.nodes_in have bounded support .* dist.Normal",
    ):
        guides.NodeMixture(model)


@pytest.mark.parametrize("guide", [*cases.OURS, "pyro AutoNormal", "pyro function"])
def test_a_guide_built_for_another_model(guide):
    prior = cases.prior_for(guide)
    other = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[4]), cases.PRIORS[prior](), likelihoods.Gaussian(0.1)
    )
    model = make(prior=cases.PRIORS[prior]())
    name = (
        r"layer2.nodes_in \(model \(3,\), guide \(4,\)\)"
        if prior == "NodePrior"
        else (r"layer1.weight \(model \(3, 2\), guide \(4, 2\)\)")
    )
    engine = inference.SVI(
        model, cases.GUIDES[guide](other), num_steps=2, progress=False
    )
    with pytest.raises(
        ValueError,
        match=rf"the guide is of another model: they differ at .*{name}",
    ):
        engine.fit((X, Y))


def test_a_guide_with_discrete_draws_that_are_learned():
    model = make(prior=priors.NodePrior(dist.Bernoulli(0.9)))

    def guide(*args, **kwargs):
        for name, law in model.latents.items():
            probs = pyro.param(
                f"{name}.probs",
                torch.full(law.shape(), 0.5),
                dist.constraints.unit_interval,
            )
            pyro.sample(name, dist.Bernoulli(probs).to_event(1))

    with pytest.raises(
        ValueError,
        match=r"'layer1.nodes_in' from .*, but its draws have no gradient; use pyro",
    ):
        inference.SVI(model, guide, num_steps=2, progress=False).fit((X, Y))


class Fragile(nn.Linear):
    """Gives NaN, or is interrupted, when it is called for the n-th time in training."""

    fail_at, with_error = 3, None

    def forward(self, x):
        if self.training:
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls >= self.fail_at:
                if self.with_error is not None:
                    raise self.with_error
                return super().forward(x) * torch.nan
        return super().forward(x)


def fragile(**facts):
    network = Fragile(2, 1)
    for name, value in facts.items():
        setattr(network, name, value)
    return zoo.BayesianNetwork(network, PRIOR, likelihoods.Gaussian(0.1))


def test_a_loss_turned_nan_keeps_the_last_good_parameters():
    model = fragile(fail_at=3)
    engine = svi(model, num_steps=10)
    with pytest.warns(
        UserWarning,
        match="the loss was nan at step 3; the parameters before that step are kept",
    ):
        posterior = engine.fit((X, Y))
    assert posterior.info.stopped == "the loss was nan at step 3"
    assert posterior.info.losses.isnan().tolist() == [False, False, True]
    assert "ended early" in repr(posterior)
    assert torch.isfinite(posterior.predict(X).mean).all()
    for name, value in posterior.guide.state_dict().items():
        assert torch.isfinite(value).all(), name


def test_a_gradient_turned_nan_in_the_last_step_keeps_the_parameters_before_it():
    class Cliff(nn.Linear):
        def forward(self, x):
            out = super().forward(x)
            return (
                out + (out - out).sqrt() if self.training else out
            )  # 0, with an infinite slope

    model = zoo.BayesianNetwork(Cliff(2, 1), PRIOR, likelihoods.Gaussian(0.1))
    with pytest.warns(
        UserWarning,
        match="not finite after step 1; the parameters before that step are kept",
    ):
        posterior = svi(model, num_steps=1).fit((X, Y))
    assert torch.isfinite(posterior.predict(X).mean).all()


def test_ctrl_c_in_svi_returns_what_was_reached():
    posterior = svi(
        fragile(fail_at=4, with_error=KeyboardInterrupt()), num_steps=10
    ).fit((X, Y))
    assert posterior.info.stopped == "interrupted after 3 of 10 steps"
    assert posterior.info.losses.shape == (3,)
    assert torch.isfinite(posterior.predict(X).mean).all()


def test_ctrl_c_before_the_first_step_of_svi_returns_the_start():
    posterior = svi(
        fragile(fail_at=1, with_error=KeyboardInterrupt()), num_steps=10
    ).fit((X, Y))
    assert posterior.info.stopped == "interrupted after 0 of 10 steps"
    assert torch.isfinite(posterior.predict(X).mean).all()


def interrupt(monkeypatch, at):
    """Press Ctrl-C in the n-th step of the chains through a graph, from the first draw on."""
    count, began = itertools.count(1), []
    call, go = (
        zoo.tracing.traced.Traced.__call__,
        inference.mcmc.running.run.ChainRun.go,
    )

    def step(self, *inputs):
        if began and next(count) == at:
            raise KeyboardInterrupt
        return call(self, *inputs)

    monkeypatch.setattr(
        inference.mcmc.running.run.ChainRun,
        "go",
        lambda self: began.append(True) or go(self),
    )
    monkeypatch.setattr(zoo.tracing.traced.Traced, "__call__", step)


@pytest.mark.parametrize("kind", cases.first(cases.SAMPLERS, cases.KINDS))
def test_ctrl_c_in_a_sampler_returns_chains_of_equal_length(monkeypatch, kind):
    engine = dataclasses.replace(
        cases.ENGINES[kind](make()), warmup_steps=0, num_samples=40
    )
    interrupt(monkeypatch, at=30)
    posterior = engine.fit((X, Y))
    chains = cases.num_chains(kind)
    done = posterior.num_samples // chains
    assert 0 < done < 40
    assert posterior.info.stopped == f"interrupted after {done} of 40 steps"
    assert f"ended early: interrupted after {done} of 40 steps" in repr(posterior)
    assert posterior.draws["layer1.weight"].shape == (chains, done, 3, 2)
    assert posterior.info.lp.shape == posterior.info.diverging.shape == (chains, done)
    assert torch.isfinite(posterior.predict(X).mean).all()


@pytest.mark.parametrize("at", [1, 30], ids=["first step", "later"])
@pytest.mark.parametrize("kind", cases.first(cases.SAMPLERS, cases.KINDS))
def test_ctrl_c_in_warm_up_returns_where_the_chains_stood(monkeypatch, kind, at):
    engine = dataclasses.replace(cases.ENGINES[kind](make()), warmup_steps=60)
    interrupt(monkeypatch, at)
    with pytest.warns(
        UserWarning,
        match="interrupted in warm-up: each chain has one draw, its current position",
    ):
        posterior = engine.fit((X, Y))
    assert posterior.info.stopped.startswith("interrupted after ")
    assert posterior.draws["layer1.weight"].shape == (cases.num_chains(kind), 1, 3, 2)
    assert torch.isfinite(posterior.info.lp).all()
    energy = Potential(posterior.model, X, Y)
    position = {name: value[:, 0] for name, value in posterior.draws.items()}
    torch.testing.assert_close(
        -energy.gradient(energy.pack(position))[1], posterior.info.lp[:, 0]
    )


def test_a_log_joint_that_is_nowhere_finite():
    model = make(
        likelihoods.From(lambda f: dist.Normal(f * torch.inf, 1.0, validate_args=False))
    )
    with pytest.raises(
        ValueError,
        match="not finite at 100 draws from the prior; scale the data, or narrow the",
    ):
        sampler(model).fit((X, Y))


def test_a_model_without_anything_to_optimise():
    model = make(prior=priors.NodePrior(dist.Bernoulli(0.9), weights=priors.Frozen()))
    with pytest.raises(
        ValueError, match="neither the guide nor the model has a parameter to optimise"
    ):
        inference.SVI(model, guides.MCDropout(model), num_steps=2, progress=False).fit(
            (X, Y)
        )


def test_more_draws_than_a_sampler_has():
    posterior = sampler(make()).fit((X, Y))
    with pytest.raises(
        ValueError, match="has 6 draws, so num_samples must be 1 to 6, not 7"
    ):
        posterior.sample(7)


def test_early_stopping_with_a_loader_needs_held_out_data():
    engine = svi(make(), early_stopping=inference.EarlyStopping())
    with pytest.raises(ValueError, match=r"of a DataLoader; write held_out=\(x, y\)"):
        engine.fit(DataLoader(TensorDataset(X, Y), 2))
    engine = svi(make(), early_stopping=inference.EarlyStopping(fraction=0.99))
    with pytest.raises(
        ValueError, match=r"fraction=0\.99 of 6 data leaves none to fit"
    ):
        engine.fit((X, Y))
    engine = svi(make(), early_stopping=inference.EarlyStopping(held_out=(X, Y[:3])))
    with pytest.raises(ValueError, match="as many inputs as targets, not 6 and 3"):
        engine.fit((X, Y))


def test_a_sampler_needs_all_data_of_a_loader():
    loader = DataLoader(TensorDataset(X, Y), 4, drop_last=True)
    with pytest.raises(
        ValueError, match="this DataLoader drops its last batch; write drop_last=False"
    ):
        sampler(make()).fit(loader)
    assert svi(make()).fit(loader).info.num_steps == 2  # batches are all that SVI needs


@ENGINES
def test_the_number_of_threads_is_put_back(engine):
    before = torch.get_num_threads()
    engine(make()).fit((X, Y))
    with pytest.raises(ValueError, match="NaN"):
        engine(make()).fit((X * torch.nan, Y))
    assert torch.get_num_threads() == before
