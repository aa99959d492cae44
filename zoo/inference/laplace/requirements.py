"""What the Laplace approximation needs of its arguments and of the model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pyro.distributions import Independent
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions import Normal

from zoo.data import Columns
from zoo.likelihoods import Categorical, Gaussian, Likelihood
from zoo.likelihoods.observed import Observed
from zoo.model import BayesianNetwork
from zoo.runtime.distributions import describe
from zoo.runtime.fixed_rows import WithFixedRows

STRUCTURES = ("diag", "kron", "full")
LAYERS = ("all", "last")
PRIOR_STRUCTURES = ("scalar", "layerwise", "diag", None)


def check_choice(name: str, value: str | None, choices: Sequence[str | None]) -> None:
    """Check that an argument is one of a few values.

    Raises:
        ValueError: It is another; the message lists them.
    """
    if value not in choices:
        listed = ", ".join(map(repr, choices))
        raise ValueError(f"{name} must be one of {listed}, not {value!r}")


def check_model(model: BayesianNetwork) -> None:
    """Check that laplace-torch has a curvature for a model.

    Raises:
        ValueError: A site that is not a weight, a prior that is not normal, or another
            likelihood.
    """
    if model.plan.learned(model.network):
        raise ValueError(
            "inference.Laplace needs weights with a fixed normal prior, whose precision it learns "
            "itself; write dist.Normal in the place of priors.Learned, or "
            "priors.Learned.fixed(posterior)"
        )

    weights = dict(model.network.named_parameters())
    for name, prior in model.latents.items():
        if name not in weights:
            raise ValueError(
                f"inference.Laplace needs weights with a fixed normal prior, but site {name!r} is "
                "not a weight; use priors.WeightPrior(dist.Normal(...)) and a fixed noise scale, "
                "or another engine"
            )

        normal_of(name, prior)
        if not prior.shape():
            raise ValueError(
                f"inference.Laplace needs weights of one dimension or more, but {name} is a "
                "scalar; make it nn.Parameter(torch.ones(1)), or give it priors.Point()"
            )

    _check_likelihood(model.likelihood)


def _check_likelihood(likelihood: Likelihood) -> None:
    """Refuse likelihoods whose curvature laplace-torch does not know.

    Raises:
        ValueError: Another family, a random noise scale, or weights of classes.
    """
    is_categorical = type(likelihood) is Categorical
    has_one_scale = (
        type(likelihood) is Gaussian
        and not likelihood.given
        and torch.as_tensor(likelihood.scale).numel() == 1
    )
    if not is_categorical and not has_one_scale:
        raise ValueError(
            "inference.Laplace needs likelihoods.Gaussian with one fixed scale, or Categorical, "
            f"not {likelihood!r}"
        )

    if likelihood.is_weighted:
        raise ValueError(
            "inference.Laplace cannot take the weights of classes of "
            f"{likelihood!r} into account; omit class_weight, or fit a guide"
        )


def check_columns(columns: Columns, num_data: int | None) -> None:
    """Refuse what is said of data that laplace-torch cannot take into account.

    Raises:
        ValueError: Weights, known quantities or a number of data.
    """
    said = [name for name, value in columns.said() if value is not None]
    if num_data is not None:
        said.append("num_data")

    if said:
        listed = ", ".join(said)
        raise ValueError(
            f"inference.Laplace takes no {listed}, because laplace-torch does not; omit it, or "
            "use SVI with guides.MeanField, or NUTS"
        )


def check_targets(model: BayesianNetwork, y: Tensor | Observed) -> Tensor:
    """Return targets all of which count, and each once, as laplace-torch takes them.

    Arguments:
        model: The model.
        y: Targets (N, ...).

    Raises:
        ValueError: Weights, known quantities or missing targets.
    """
    remedy = "use guides.FullRank or inference.NUTS"
    if isinstance(y, Observed):
        raise ValueError(
            "inference.Laplace takes no weights or known quantities of each datum, because "
            f"laplace-torch does not; {remedy}"
        )

    is_observed = model.likelihood.is_observed(y)
    if is_observed is not None and not bool(is_observed.all()):
        number = int((~is_observed).sum())
        raise ValueError(
            f"inference.Laplace needs every target, but {number} are missing; omit these data, or "
            f"{remedy}"
        )

    return y


def normal_of(name: str, prior: TorchDistributionMixin) -> Normal:
    """Return the independent normal distribution that a prior is.

    Arguments:
        name: The name of the site, for the error message.
        prior: The prior.

    Raises:
        ValueError: The prior is another distribution.
    """
    base = prior
    while isinstance(base, (Independent, WithFixedRows)):
        base = base.base_dist

    if not isinstance(base, Normal):
        raise ValueError(
            f"inference.Laplace needs independent normal priors, but {name} has "
            f"{describe(prior)}; use dist.Normal, or guides.MeanField, NUTS or Pyro's "
            "AutoLaplaceApproximation for other priors"
        )
    return base
