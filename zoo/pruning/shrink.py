"""Shrink: remove the filters and units that pruning dropped whole from the network.

The steps are:

1. Find the channels that can be removed, remove them, and repeat: what is left without
   weights by that can be removed too.
2. Build the model over the smaller network.
3. Check that both networks have the same outputs for one draw.
4. Cut the guide to the weights that are left; if that is not possible, cut draws.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.posterior import Posterior
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.inputs import place_inputs
from zoo.pruning.channels import named_tensors
from zoo.pruning.cutting import Cut, cut_guide
from zoo.pruning.removal import not_understood, remove_channels
from zoo.runtime.rows import first

_NUM_COMPARED = 32  # inputs at which the outputs of both networks are compared
_TOLERANCE = 1e-3  # of the largest output: sums are in another order


def shrink(posterior: Posterior, x: Tensor, num_samples: int = 100) -> Posterior:
    r"""Remove the filters and units that `prune` dropped whole; the predictions stay the same.

    .. math:: w_{oi} = 0 \;\forall i, \; b_o = 0, \; \sigma(0) = 0 \quad\text{or}\quad
        w_{po} = 0 \;\forall p \qquad\Rightarrow\qquad \text{unit } o \text{ is removed}

    A unit is removed if it is zero in every draw, or if no layer reads it; units that are
    left without weights by that are removed too. A guide whose weights are independent
    normals stays a guide, of the smaller model; of any other guide, draws are kept. The
    prior is bound again, so a rule that depends on a layer's width, such as
    `priors.fan_in`, gives other scales. The smaller network is `posterior.model.network`;
    `pruning.narrow` builds it again for `zoo.load`. The network is analysed in evaluation
    mode: layers that run only in training, such as the companions of `networks.DSN`, keep
    their size and no longer fit the network.

    References:
        Pruning Filters for Efficient ConvNets (Li, Kadav, Durdanovic, Samet, Graf, 2017)
        DepGraph: Towards Any Structural Pruning (Fang, Ma, Song, Mi, Wang, 2023), whose
        code finds the layers that depend on one another

    Arguments:
        posterior: A pruned posterior.
        x: Inputs (N, ...), at least one: the network is run on them to find how layers
            depend on one another, and to compare both networks.
        num_samples: Number of draws to keep of a guide that cannot be cut.

    Raises:
        ValueError: Nothing that can be removed; a prior that does not fit; a smaller
            network with other outputs.
        ImportError: torch-pruning is not installed.

    Example:
        >>> from zoo.pruning import filter_norm, prune, shrink
        >>> half = prune(posterior, fraction=0.5, rule=filter_norm, per_layer=True)
        >>> shrink(half, data.test.x).shapes["layer1.weight"]
        torch.Size([5, 6])
    """
    model = posterior.model
    if not posterior.masks:
        raise ValueError(
            "this posterior is not pruned, so nothing of its network can be removed; "
            "call zoo.prune first"
        )

    x = first(place_inputs(model, x), None if model.whole else _NUM_COMPARED)

    draws = posterior.sample(1)
    one = {name: value.to(x.device) for name, value in draws.items()}

    smaller = remove_channels(posterior, one, x)
    cut = Cut(model.network, smaller.places)
    small = _rebuild(model, smaller.network)

    state = cut(posterior.state)
    whole_outputs = evaluate_draws(model, one, posterior.state, x)
    small_outputs = evaluate_draws(small, cut(one), state, x)
    _check_same_outputs(whole_outputs, small_outputs, model.network)

    masks = cut(posterior.masks)
    if isinstance(posterior, DrawsPosterior):
        return posterior.transformed(cut, small, state, masks)

    info = posterior.info
    scoped = cut_guide(posterior, small, cut.places)
    if scoped is not None:
        return GuidePosterior(small, scoped=scoped, state=state, info=info, masks=masks)

    draws = cut(_one_chain(posterior.sample(num_samples)))
    return DrawsPosterior(small, draws=draws, state=state, info=info, masks=masks)


def _one_chain(draws: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return draws (S, *shape) as those of one chain, (1, S, *shape)."""
    return {name: value.unsqueeze(0) for name, value in draws.items()}


def _rebuild(model: BayesianNetwork, network: nn.Module) -> BayesianNetwork:
    """Return the model over the smaller network, with the same prior and likelihood."""
    try:
        small = BayesianNetwork(
            network,
            model.prior,
            model.likelihood,
            output=model.output_choice.choose,
            whole=model.whole,
        )
        shapes = {name: prior.shape() for name, prior in small.latents.items()}
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"{model.prior!r} does not fit the smaller network: {error}"
        ) from error

    tensors = named_tensors(network)
    for name, prior in model.latents.items():
        is_cut = name in tensors
        if not is_cut and shapes.get(name) != prior.shape():
            raise ValueError(
                f"shrinking cuts weights only, but site {name!r} of {model.prior!r} has an "
                f"element for each unit of a layer, {tuple(prior.shape())}; use a WeightPrior of "
                "one distribution"
            )

    return small


def _check_same_outputs(whole: Tensor, small: Tensor, network: nn.Module) -> None:
    """Refuse a smaller network whose outputs differ from those of the whole network."""
    if whole.shape == small.shape:
        largest_difference = (whole - small).abs().max()
        largest = whole.abs().max()
        if bool(largest_difference <= _TOLERANCE * largest):
            return

    raise ValueError(
        f"{not_understood(network)} (the smaller network has other outputs)"
    )
