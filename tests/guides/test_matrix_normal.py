"""The matrix normal guide: density, divergence, layers, and an exact posterior."""

import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off, one_thread, repeat  # noqa: F401
from torch import nn
from torch.distributions import kl_divergence

import guides
import zoo
from guides._lazy.examples import BatchFirst
from guides._lazy.lazy import Lazy
from guides._lazy.matrix_variate import LazyMatrixVariate, MatrixVariate
from zoo import inference, likelihoods, priors
from zoo.inference.svi.elbo import elbo
from zoo.predictive.drawing import draw_sites

NOISE, PRIOR_SCALE, ROWS, COLUMNS = 0.5, 2.0, 2, 3


def sides(structure="full"):
    """Factors A (O, O) and B (I, I), or their diagonals."""
    row, column = (
        torch.tensor([0.4, 0.9]).double(),
        torch.tensor([0.5, 1.1, 1.6]).double(),
    )
    if structure == "diagonal":
        return row, column
    lower = 0.5 * torch.ones(3, 3).double().tril(-1)
    return torch.diag(row) + lower[:2, :2], torch.diag(column) - lower


def dense(factor):
    return factor @ factor.T if factor.dim() == 2 else torch.diag(factor.square())


def variate(structure="full", shape=(ROWS, COLUMNS), kind=MatrixVariate):
    return kind(torch.arange(6).double().reshape(shape) / 3, *sides(structure))


STRUCTURES = pytest.mark.parametrize("structure", ["diagonal", "full"])


@STRUCTURES
def test_its_density_is_that_of_the_kronecker_product(structure):
    row, column = map(dense, sides(structure))
    distribution, value = variate(structure), torch.randn(5, ROWS, COLUMNS).double()
    flat = dist.MultivariateNormal(distribution.loc.flatten(), torch.kron(row, column))
    assert torch.allclose(distribution.log_prob(value), flat.log_prob(value.flatten(1)))
    assert torch.allclose(distribution.variance.flatten(), flat.variance)
    # With the columns of W in the place of its rows:
    swapped = dist.MultivariateNormal(
        distribution.loc.flatten(), torch.kron(column, row)
    )
    assert not torch.allclose(
        distribution.log_prob(value), swapped.log_prob(value.flatten(1)), atol=0.1
    )


@STRUCTURES
@pytest.mark.parametrize("shape", [(ROWS, COLUMNS), (ROWS, 1, 3, 1)], ids=str)
def test_its_draws_have_its_covariance(structure, shape):
    pyro.set_rng_seed(1)
    distribution = variate(structure, shape)
    with pyro.plate("draws", 4000, dim=-1):
        draws = pyro.sample("w", distribution)
    assert draws.shape == (4000, *shape)
    centred = (draws - distribution.loc).flatten(1)
    squares = centred.unsqueeze(-1) * centred.unsqueeze(-2)
    row, column = map(dense, sides(structure))
    assert off(squares, torch.kron(row, column)) < LIMIT
    assert off(squares, torch.kron(column, row)) > LIMIT
    # With a scale in the place of a variance:
    assert off(squares, torch.kron(row.sqrt().nan_to_num(), column)) > LIMIT


@STRUCTURES
def test_its_divergence_from_a_normal_prior_is_that_of_the_flat_distribution(structure):
    distribution = variate(structure)
    prior = dist.Normal(0.3, torch.rand(ROWS, COLUMNS).double() + 0.5).to_event(2)
    row, column = map(dense, sides(structure))
    flat = dist.MultivariateNormal(distribution.loc.flatten(), torch.kron(row, column))
    wide = prior.base_dist.scale.flatten()
    expected = kl_divergence(
        flat,
        dist.MultivariateNormal(torch.full_like(wide, 0.3), torch.diag(wide.square())),
    )
    assert torch.allclose(kl_divergence(distribution, prior), expected)
    independent = exact.normal_divergence(
        distribution.loc, distribution.variance.sqrt(), 0.3, prior.base_dist.scale
    )
    assert torch.allclose(expected, independent) == (structure == "diagonal")
    with pytest.raises(NotImplementedError):
        kl_divergence(
            distribution, dist.Laplace(torch.zeros(ROWS, COLUMNS), 1.0).to_event(2)
        )


# Layers


def outputs(layer, x, num_samples):
    """Return the outputs of a layer for S draws of its weight, (S, B, O)."""

    def draw():
        weight = variate(kind=LazyMatrixVariate).rsample()
        weight.examples = BatchFirst(is_single=True)
        return layer(x, weight)

    return repeat(draw, num_samples, traced=True)


def test_a_linear_layer_draws_its_output_for_each_example():
    pyro.set_rng_seed(2)
    x = torch.tensor([[1.0, -0.5, 2.0], [0.3, 1.0, 0.8]]).double()
    draws = outputs(nn.functional.linear, x, 3000)
    distribution, (row, column) = variate(), map(dense, sides())
    assert off(draws, x @ distribution.loc.T) < LIMIT
    centred = (draws - x @ distribution.loc.T).flatten(1)
    squares = centred.unsqueeze(-1) * centred.unsqueeze(-2)
    spread = (x @ column @ x.T).diagonal()
    # The outputs of two examples are independent.
    assert off(squares, torch.kron(torch.diag(spread), row)) < LIMIT
    # With one weight for both examples:
    assert off(squares, torch.kron(x @ column @ x.T, row)) > LIMIT
    # With B^T B in the place of B B^T:
    assert (
        off(
            squares,
            torch.kron(torch.diag((x @ dense(sides()[1].T) @ x.T).diagonal()), row),
        )
        > LIMIT
    )


@pytest.mark.parametrize(
    "layer",
    [
        lambda x, w: nn.functional.linear(x.unsqueeze(0), w)[
            0
        ],  # two outputs of one example
        lambda x, w: (w @ x.T).T,
        lambda x, w: nn.functional.conv1d(x.T.unsqueeze(0), w.unsqueeze(-1))[0].T,
    ],
    ids=["sequence", "product", "convolution"],
)
def test_other_layers_draw_one_weight(layer):
    pyro.set_rng_seed(3)
    x = torch.tensor([[1.0, -0.5, 2.0], [0.3, 1.0, 0.8]]).double()
    draws = outputs(layer, x, 2000)
    row, column = map(dense, sides())
    centred = (draws - x @ variate().loc.T).flatten(1)
    squares = centred.unsqueeze(-1) * centred.unsqueeze(-2)
    assert off(squares, torch.kron(x @ column @ x.T, row)) < LIMIT
    assert (
        off(squares, torch.kron(torch.diag((x @ column @ x.T).diagonal()), row)) > LIMIT
    )


# The exact posterior


class Linear:
    """Two targets that are linear in three inputs, without bias.

    The rows of the weight are independent, and its columns have one covariance.
    """

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        mixing = torch.tensor([[1.0, 0.8, 0.0], [0.0, 0.6, 0.8], [0.0, 0.0, 0.6]])
        self.x = (torch.randn(20, COLUMNS, generator=generator) @ mixing).double()
        weight = torch.randn(ROWS, COLUMNS, generator=generator).double()
        self.y = (
            self.x @ weight.T
            + NOISE * torch.randn(20, ROWS, generator=generator).double()
        )
        network = nn.Linear(COLUMNS, ROWS, bias=False).double()
        self.model = zoo.BayesianNetwork(
            network,
            priors.WeightPrior(dist.Normal(0.0, PRIOR_SCALE)),
            likelihoods.Gaussian(NOISE),
        )
        self.rows = [
            exact.linear_posterior(self.x, y, NOISE, PRIOR_SCALE) for y in self.y.T
        ]
        self.mean = torch.stack([row.mean for row in self.rows])
        self.log_evidence = sum(row.log_evidence for row in self.rows)
        self.precision = self.rows[0].precision

    def elbos(self, guide, num_samples):
        return repeat(
            lambda: elbo(self.model, guide, self.x, self.y), num_samples, traced=True
        )


@pytest.fixture(scope="module")
def linear():
    pyro.set_rng_seed(0)
    return Linear()


def place(guide, mean, column):
    """Put a guide at MN(M, I, V) given V (I, I)."""
    scale = column.diagonal().sqrt()
    factor = torch.linalg.cholesky(column / scale.outer(scale))
    with torch.no_grad():
        guide.loc["weight"].copy_(mean)
        guide.row["weight"].copy_(torch.ones(ROWS).expm1().log())
        guide.column["weight"].copy_(scale.expm1().log())
        if guide.structure == "full":
            factor = factor / factor.diagonal().unsqueeze(-1)
            guide.column_lower["weight"].copy_(
                factor[torch.ones_like(factor).tril(-1).bool()]
            )
    return guide


def gradients(linear, guide, num_samples):
    def gradient():
        parts = torch.autograd.grad(
            elbo(linear.model, guide, linear.x, linear.y), list(guide.parameters())
        )
        return torch.cat([part.flatten() for part in parts])

    return repeat(gradient, num_samples, traced=True)


def test_full_covariances_hold_the_exact_posterior(linear):
    pyro.set_rng_seed(4)
    guide = guides.MatrixNormal(linear.model, structure="full")
    place(guide, linear.mean, torch.linalg.inv(linear.precision))
    assert off(linear.elbos(guide, 900), linear.log_evidence) < LIMIT
    assert off(gradients(linear, guide, 300), 0.0) < LIMIT
    for wrong in (
        torch.diag(1 / linear.precision.diagonal()),
        linear.precision,
        2 * torch.linalg.inv(linear.precision),
    ):
        place(guide, linear.mean, wrong)
        assert off(linear.elbos(guide, 900), linear.log_evidence) > LIMIT
        assert off(gradients(linear, guide, 300), 0.0) > LIMIT


def test_the_elbo_with_drawn_weights_is_that_of_drawn_outputs(linear):
    """At the exact posterior, joint minus log density is the log evidence for every draw."""
    guide = place(
        guides.MatrixNormal(linear.model, structure="full"),
        linear.mean,
        torch.linalg.inv(linear.precision),
    )
    values = draw_sites(guide, 5, {"weight": (ROWS, COLUMNS)})["weight"]
    for value in values:
        joint = dist.Normal(0.0, PRIOR_SCALE).log_prob(value).sum()
        joint = joint + dist.Normal(linear.x @ value.T, NOISE).log_prob(linear.y).sum()
        assert torch.allclose(
            joint - guide.log_prob({"weight": value}), linear.log_evidence
        )


def test_diagonal_covariances_have_the_mean_field_optimum_here(linear):
    pyro.set_rng_seed(5)
    guide = place(
        guides.MatrixNormal(linear.model),
        linear.mean,
        torch.diag(1 / linear.precision.diagonal()),
    )
    gap = ROWS * exact.mean_field_gap(linear.precision)
    assert gap > 0.5
    assert off(linear.elbos(guide, 900), linear.log_evidence - gap) < LIMIT
    assert off(linear.elbos(guide, 900), linear.log_evidence) > LIMIT
    assert off(gradients(linear, guide, 300), 0.0) < LIMIT


def test_a_fit_comes_near_the_log_evidence(linear):
    pyro.set_rng_seed(6)
    engine = inference.SVI(
        linear.model,
        guides.MatrixNormal(linear.model, structure="full"),
        num_steps=400,
        lr=0.1,
        scheduler=lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(
            optimizer, 0.99
        ),
        progress=False,
    )
    guide = engine.fit((linear.x, linear.y)).guide
    gap = kl_divergence(
        dist.MultivariateNormal(
            guide.loc["weight"].flatten(),
            torch.kron(*map(dense, guide.factors("weight"))),
        ),
        dist.MultivariateNormal(
            linear.mean.flatten(),
            torch.kron(
                torch.eye(2).double(), torch.linalg.inv(linear.precision).contiguous()
            ),
        ),
    )
    assert gap < 0.3 * ROWS * exact.mean_field_gap(linear.precision)


# Initial values, distributions and refusals


@STRUCTURES
def test_it_starts_at_its_scale_and_stays_below_its_ceiling(linear, structure):
    guide = guides.MatrixNormal(
        linear.model, structure=structure, init_scale=0.1, max_scale=0.3
    )
    assert torch.allclose(
        guide.scale("weight"), torch.full((ROWS, COLUMNS), 0.1).double()
    )
    with torch.no_grad():
        for parameter in guide.parameters():
            parameter.add_(20.0)
    assert torch.allclose(
        guide.scale("weight"), torch.full((ROWS, COLUMNS), 0.3).double()
    )


def test_its_distributions_are_ordinary_and_serve_as_priors(linear):
    guide = guides.MatrixNormal(linear.model, structure="full")
    distribution = guide.distributions()["weight"]
    assert not isinstance(distribution.rsample(), Lazy)
    assert isinstance(guide.distribution(guide.sites["weight"]).rsample(), Lazy)
    prior = priors.WeightPrior(lambda name, w: distribution)
    model = zoo.BayesianNetwork(
        nn.Linear(COLUMNS, ROWS, bias=False).double(),
        prior,
        likelihoods.Gaussian(NOISE),
    )
    fit = inference.SVI(
        model, guides.MeanField(model), num_steps=2, progress=False
    ).fit((linear.x, linear.y))
    assert torch.isfinite(fit.info.losses).all()


def test_unknown_structures_and_large_matrices_are_refused(linear, monkeypatch):
    with pytest.raises(
        ValueError, match="structure must be 'diagonal' or 'full', not 'kronecker'"
    ):
        guides.MatrixNormal(linear.model, structure="kronecker")
    monkeypatch.setattr(guides.matrix_normal, "_MAX_SIDE", 2)
    with pytest.raises(
        ValueError,
        match=r"'weight' has 3 columns, too many .* use structure='diagonal'",
    ):
        guides.MatrixNormal(linear.model, structure="full")
