"""Cutting: values of a network, and a guide, reduced to the elements that are left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.pruning.channels import named_tensors
from zoo.pruning.masking import site_of
from zoo.pruning.moments import normal_moments
from zoo.runtime.param_scope import ScopedGuide


@dataclass(frozen=True)
class Cut:
    """The elements of a network's tensors that are left in a smaller network.

    Arguments:
        network: The whole network.
        places: The positions of the elements in the flat tensors of the whole network,
            in the shape of the smaller network's tensors, by name.
    """

    network: nn.Module
    places: Mapping[str, Tensor]

    def __call__(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Cut values (*S, *shape) by name; those of other names do not change."""
        tensors = named_tensors(self.network)
        found = {}
        for name, value in values.items():
            if name in self.places:
                draw_dims = value.dim() - tensors[name].dim()
                value = value.flatten(draw_dims)[..., self.places[name]]

            found[name] = value

        return found


def cut_guide(
    posterior: Posterior, small: BayesianNetwork, places: Mapping[str, Tensor]
) -> ScopedGuide | None:
    """Return a guide of independent normals over the weights that are left.

    None for a guide whose weights are not independent normals, and for one that is not
    built from a model alone.

    Arguments:
        posterior: The posterior whose guide is cut.
        small: The model over the smaller network.
        places: As for `Cut`.
    """
    shapes = {name: shape for name, shape in posterior.shapes.items() if name in places}
    if shapes.keys() - normal_moments(posterior).keys():
        return None

    scoped = posterior.scoped.snapshot(posterior.model)
    cut: dict[str, Tensor] = {}
    sites: dict[str, str] = {}
    for name, tensor in scoped.tensors().items():
        site = site_of(name, shapes)
        if site is None:
            continue
        if tensor.shape != shapes[site]:
            return None

        cut[name] = tensor
        sites[name] = site

    try:
        scoped.guide.sites = type(posterior.guide)(small).sites
    except TypeError:  # your own guide, which needs more than a model
        return None

    for name, tensor in cut.items():
        tensor.data = tensor.data.flatten()[places[sites[name]]]
    return scoped
