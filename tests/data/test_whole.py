"""Networks that must see all rows at once, such as one of a single graph."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.inference.mcmc.density.potential import Potential
from zoo.likelihoods.observed import Observed

N = 12
RANDOM = torch.Generator().manual_seed(0)
EDGES = (torch.rand(N, N, generator=RANDOM) < 0.3).float()
GRAPH = EDGES + EDGES.T + torch.eye(N)
GRAPH = GRAPH / GRAPH.sum(1, keepdim=True)
X = torch.randn(N, 4, generator=RANDOM)
Y = torch.randint(3, (N,), generator=RANDOM)
MASK = torch.arange(N) < 7
FOUND = pytest.mark.filterwarnings("ignore:GCN takes all 12 rows at once")


class GCN(nn.Module):
    """A graph convolution, whose graph is a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("graph", GRAPH)
        self.first, self.last = nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.graph @ self.last(torch.relu(self.graph @ self.first(x)))


def gcn(whole=True, likelihood=None):
    pyro.set_rng_seed(0)
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    likelihood = likelihood or likelihoods.Categorical()
    return zoo.BayesianNetwork(GCN(), prior, likelihood, whole=whole)


def svi(model, guide=guides.MeanField, **options):
    options = {"num_steps": 3, "progress": False, **options}
    return inference.SVI(model, guide(model), **options)


def test_it_is_found_out_and_said_once():
    model = gcn(whole=None)
    with pytest.warns(UserWarning, match=r"GCN takes all 12 rows at once, and not 2"):
        found = svi(model).fit((X, Y))
    said = svi(gcn()).fit((X, Y))  # a second warning would be an error
    assert model.whole is True
    assert found.info.losses.shape == said.info.losses.shape
    assert found.predict(X, num_samples=7).probs.shape == (N, 3)
    with pytest.warns(UserWarning, match="takes all 12 rows at once, and not 1"):
        gcn(whole=None).prior_predictive(X, 3)


@pytest.mark.parametrize(
    "guide", [guides.MeanField, guides.LocalReparam, guides.Flipout, guides.MCDropout]
)
def test_guides_take_it(guide):
    posterior = svi(gcn(), guide).fit((X, Y), weights=MASK)
    assert posterior.predict(X, 5).probs.shape == (N, 3)


def test_rows_without_a_label_do_not_count():
    """Labels of rows that the mask leaves out change nothing, whatever they are."""
    q = torch.linspace(-1, 1, 43)
    unknown = Y.masked_fill(~MASK, -1)
    of_mask = Potential(gcn(), X, Observed(unknown, MASK)).energy(q)
    ignored = Potential(gcn(), X, Y.masked_fill(~MASK, -100)).energy(q)
    whole = Potential(gcn(), X, Y).energy(q)

    prior = dist.Normal(0.0, 1.0).log_prob(q).sum()
    values, _ = Potential(gcn(), X, Y).unpack(q)
    logits = gcn().output({**values, "graph": GRAPH}, X)
    labelled = dist.Categorical(logits=logits[MASK]).log_prob(Y[MASK]).sum()
    assert of_mask.item() == pytest.approx(-(prior + labelled).item(), rel=1e-5)
    assert ignored.item() == pytest.approx(of_mask.item(), rel=1e-5)
    assert whole.item() > of_mask.item() + 1


def test_samplers_and_diagnostics_take_it():
    model = gcn()
    posterior = inference.HMC(
        model,
        num_chains=2,
        warmup_steps=5,
        num_samples=9,
        num_steps=5,
        init="prior",
        compile="plain",
        progress=False,
    ).fit((X, Y), weights=MASK)
    assert posterior.predict(X).probs.shape == (N, 3)
    scores = zoo.fidelity(svi(model).fit((X, Y)), posterior, X).scores
    assert "total_variation" in scores


def test_chunks_hold_all_rows(monkeypatch):
    posterior = svi(gcn()).fit((X, Y))
    draws = posterior.sample(6)
    expected = posterior.predict_with(draws, X).outputs
    monkeypatch.setattr(zoo.predictive.chunks, "ELEMENTS", 40)
    assert torch.allclose(posterior.predict_with(draws, X).outputs, expected, atol=1e-6)


def test_early_stopping_scores_the_rows_of_a_mask():
    model = gcn()
    held_out = (X, Observed(Y, ~MASK))
    stopping = inference.EarlyStopping(every=1, num_samples=4, held_out=held_out)
    posterior = svi(model, early_stopping=stopping).fit((X, Y), weights=MASK)
    assert len(posterior.info.held_out) == 3


def test_a_loader_of_one_batch():
    posterior = svi(gcn()).fit(DataLoader(TensorDataset(X, Y), N))
    assert posterior.predict(DataLoader(TensorDataset(X, Y), N)).probs.shape == (N, 3)


@FOUND
@pytest.mark.parametrize("whole", [None, True])
def test_there_are_no_batches(whole):
    with pytest.raises(
        ValueError, match="no batches; omit batch_size=4, and write fit"
    ):
        svi(gcn(whole)).fit((X, Y), 4)
    assert svi(gcn(whole)).fit((X, Y), N).info.num_steps == 3
    stopping = inference.EarlyStopping()
    with pytest.raises(
        ValueError, match=r"leaves none out; .* held_out=\(x, likelihoods"
    ):
        svi(gcn(whole), early_stopping=stopping).fit((X, Y))
    with pytest.raises(ValueError, match="Laplace evaluates the network at one row"):
        inference.Laplace(gcn(whole), num_steps=1, progress=False).fit((X, Y))


def test_other_numbers_of_rows():
    posterior = svi(gcn()).fit((X, Y))
    for rows in (1, 5):
        with pytest.raises(
            ValueError, match=rf"GCN does not take inputs of shape \({rows}, 4"
        ):
            posterior.predict(X[:rows])
    with pytest.raises(ValueError, match=r"GCN does not take inputs of shape \(4, 4\)"):
        svi(gcn()).fit(DataLoader(TensorDataset(X, Y), 4))
    with pytest.raises(
        ValueError, match=r"GCN does not take inputs of shape \(12, 4\)"
    ):
        svi(gcn(whole=False)).fit((X, Y))
    with pytest.raises(
        ValueError, match=r"GCN does not take inputs of shape \(12, 3\)"
    ):
        svi(gcn(whole=None)).fit((X[:, :3], Y))


def test_a_loader_of_a_network_that_couples_its_rows():
    """One that takes any number of rows is only known to need all of them if that is said."""

    class Mean(nn.Linear):
        def forward(self, x):
            return super().forward(x - x.mean(0))

    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    likelihood = likelihoods.Categorical()
    model = zoo.BayesianNetwork(Mean(4, 3), prior, likelihood, whole=True)
    with pytest.raises(ValueError, match=r"give the pair .* instead of a DataLoader"):
        svi(model).fit(DataLoader(TensorDataset(X, Y), 4))
    with pytest.raises(ValueError, match="omit batch_size=4"):
        svi(model).fit((X, Y), 4)


@pytest.mark.parametrize("whole", ["graph", 3, MASK])
def test_whole_is_a_truth_value(whole):
    with pytest.raises(TypeError, match="must be True, False or None"):
        gcn(whole)


def test_the_edges_of_a_graph_among_the_inputs_get_a_sentence():
    edges = torch.randint(N, (2, 30))
    with pytest.raises(ValueError, match=r"inputs\[1\] has 2; .* edges of a graph"):
        svi(gcn()).fit(((X, edges), Y))
