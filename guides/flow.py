"""Flow guide: a joint normalising flow over the nodes of a network, or over its last layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor, nn
from torch.distributions import Distribution

from guides._base.groups import Groups, chosen
from guides._base.joint import JointGuide
from guides._base.part import JointPart
from guides._base.program import PyroModel
from guides._base.site import Site
from guides._lazy.flow_distribution import FlowDistribution, FlowPart

_MAX_ELEMENTS = 2_000  # building the masks of the default flow then takes seconds
_GROUP = "flow:joint"
_GLOBAL_SETTINGS = ("_validate_args", "arg_constraints")  # that importing zuko changes


class Flow(JointGuide):
    r"""A normalising flow over some sites together; every other site is mean-field normal.

    .. math:: z = \text{loc} + \text{scale} \circ T(\epsilon), \quad \epsilon \sim N(0, I_P), \quad
        \log q(z) = \log N(\epsilon \mid 0, I_P) - \log |\det T'(\epsilon)|
        - \sum_i \log \text{scale}_i

    T comes from zuko (the extra `flows`) and runs in the direction in which an
    autoregressive transform takes one pass. In training each example of a batch has
    nodes of its own. `log_prob` of values that were not just drawn takes one pass per
    element in a fully autoregressive flow, and two passes in the default flow. A flow has
    no marginals, so `distributions()` is refused.

    References:
        Variational Inference with Normalizing Flows (Rezende, Mohamed, 2015)
        Improved Variational Inference with Inverse Autoregressive Flow (Kingma et al., 2016)
        Multiplicative Normalizing Flows for Variational Bayesian Neural Networks
        (Louizos, Welling, 2017)
        Neural Spline Flows (Durkan, Bekasov, Murray, Papamakarios, 2019)

    Arguments:
        model: A Pyro model.
        sites: Names of the sites to draw by the flow. By default these are the nodes. If
            there are none, they are the sites of the last layer, i.e. those whose names
            equal the last one's up to the last dot.
        transform: Makes a flow with a number of features, e.g.
            `functools.partial(zuko.flows.MAF, transforms=3)`. Its transform is used; its
            base is replaced by the standard normal. By default two coupling layers of
            splines.
        init_scale: Initial scale of the flow's draws, in unconstrained space.
        max_scale: Ceiling of the scales, none by default.
        example: Arguments to run the model with once. Models of zoo need none.

    Raises:
        ImportError: zuko is not installed.
        ValueError: More than 2,000 elements for the flow; an unknown site; a discrete
            site; `distributions()`.

    Example:
        >>> guide = Flow(model)
        >>> guide.groups
        {'flow:joint': ['layer2.weight', 'layer2.bias']}
    """

    def __init__(
        self,
        model: PyroModel,
        *,
        sites: Sequence[str] | None = None,
        transform: Callable[[int], nn.Module] | None = None,
        init_scale: float = 0.05,
        max_scale: float | None = None,
        example: tuple[Any, ...] = (),
    ) -> None:
        def one_group(found: Mapping[str, Site]) -> Groups:
            names = _nodes_or_last_layer(found) if sites is None else sites
            return {_GROUP: chosen(found, names)}

        super().__init__(
            model,
            one_group,
            init_scale=init_scale,
            max_scale=max_scale,
            example=example,
        )
        self.refuse_many_elements(_GROUP, _MAX_ELEMENTS, "a flow")
        make = _coupling_splines if transform is None else transform
        flow = make(self.size(_GROUP))

        like = self.loc[self.groups[_GROUP][0]]
        transform_module = flow.get_submodule("transform")
        self.transform = transform_module.to(like.device, like.dtype)

    def joint_distribution(self, group: str) -> FlowDistribution:
        """Return the distribution of the flow's draws."""
        locs = [self.loc[name].flatten() for name in self.groups[group]]
        like = torch.cat(locs)  # (P,)

        return FlowDistribution(self.transform(), like)

    def part(
        self, site: Site, noise: Tensor, distribution: FlowDistribution
    ) -> JointPart:
        """Return a site's part of a draw of the flow; the nodes of a single draw stay lazy."""
        part = super().part(site, noise, distribution)
        is_single_draw = noise.dim() == 1
        is_lazy = is_single_draw and site.is_node and site.is_real

        if not is_lazy:
            return part

        loc = self.loc[site.name]
        scale = self.scale(site.name)
        _, rows = self.rows(site.name)

        def draw_batch(size: int) -> Tensor:
            return loc + scale * distribution.batch(size)[:, rows]

        return FlowPart(part, draw_batch)

    def marginal(self, name: str) -> TorchDistributionMixin:
        """Refuse: a flow has no marginals in closed form."""
        raise ValueError(
            f"Flow has a joint density (`log_prob`) but no marginal distribution of {name!r}; "
            "use a guide that has one, e.g. guides.LowRank"
        )


def _nodes_or_last_layer(sites: Mapping[str, Site]) -> list[str]:
    """Return the sites that are nodes, or those of the last layer if there are none."""
    nodes = [name for name, site in sites.items() if site.is_node]
    if nodes:
        return nodes

    last = ""
    for name in sites:
        layer = name.rpartition(".")[0]
        last = layer or last

    return [name for name in sites if name.rpartition(".")[0] == last]


def _coupling_splines(size: int) -> nn.Module:
    """Make two coupling layers of rational-quadratic splines, fast in both directions."""
    return _zuko_flows().NSF(size, passes=2, transforms=2, hidden_features=(32,))


def _zuko_flows() -> ModuleType:
    """Import zuko's flows, and restore the settings of torch's distributions that zuko changes."""
    before = {name: vars(Distribution)[name] for name in _GLOBAL_SETTINGS}
    try:
        import zuko.flows
    except ImportError as error:
        raise ImportError(
            "guides.Flow needs zuko; write pip install 'bnn-zoo[flows]'"
        ) from error
    finally:
        for name, value in before.items():
            setattr(Distribution, name, value)

    return zuko.flows
