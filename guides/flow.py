"""Flow guide: the nodes of a network, or its last layer, jointly by a normalising flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import (
    TorchDistribution,
    TorchDistributionMixin,
)
from torch import Tensor, nn
from torch.distributions import Distribution, Normal, Transform

from guides._base.joint import Joint, JointPart, chosen
from guides._base.site import Site
from guides._lazy.nodes import LazyNodes, NodeDraw

LIMIT = 2_000  # numbers: building the masks of the default flow then takes seconds
GROUP = "flow:joint"


class Flow(Joint):
    r"""A normalising flow over some sites together; every other site is mean-field normal.

    .. math:: z = \text{loc} + \text{scale} \circ T(\epsilon), \quad \epsilon \sim N(0, I_P), \quad
        \log q(z) = \log N(\epsilon \mid 0, I_P) - \log |\det T'(\epsilon)| - \sum_i \log \text{scale}_i

    T comes from zuko (the extra `flows`) and is run in the direction in which an
    autoregressive transform takes one pass. In training each example of a batch has
    nodes of its own. The density of values that were not just drawn, `log_prob`, takes
    a pass per number in a fully autoregressive flow, two in the default; marginals it
    has none.

    References:
        Variational Inference with Normalizing Flows (Rezende, Mohamed, 2015)
        Improved Variational Inference with Inverse Autoregressive Flow (Kingma et al., 2016)
        Multiplicative Normalizing Flows for Variational Bayesian Neural Networks (Louizos, Welling, 2017)
        Neural Spline Flows (Durkan, Bekasov, Murray, Papamakarios, 2019)

    Arguments:
        model: A Pyro model.
        sites: Names of the sites to draw by the flow; by default the nodes, and where
            there are none the last layer (the sites whose names differ from the last
            one's after the last dot alone).
        transform: Makes a flow over a number of features,
            `functools.partial(zuko.flows.MAF, transforms=3)` say; its transform is
            taken, its base is the standard normal. By default two coupling layers of
            splines.
        init_scale: Scale of the flow's draws at the start, in unconstrained space.
        max_scale: Ceiling of the scales, none by default.
        example: Arguments to run the model with once; the zoo's models need none.

    Raises:
        ImportError: zuko is not installed.
        ValueError: More than 2,000 numbers for the flow; an unknown site; a discrete
            site; `distributions()`.

    Example:
        >>> guide = Flow(model)
        >>> guide.groups
        {'flow:joint': ['layer2.weight', 'layer2.bias']}
    """

    def __init__(
        self,
        model: Callable[..., object],
        *,
        sites: Sequence[str] | None = None,
        transform: Callable[[int], nn.Module] | None = None,
        init_scale: float = 0.05,
        max_scale: float | None = None,
        example: tuple = (),
    ) -> None:
        def group(found: Mapping[str, Site]) -> dict[str, list[str]]:
            return {
                GROUP: chosen(
                    found, nodes_or_last_layer(found) if sites is None else sites
                )
            }

        super().__init__(
            model, group, init_scale=init_scale, max_scale=max_scale, example=example
        )
        size, names = self.size(GROUP), self.groups[GROUP]
        if size > LIMIT:
            raise ValueError(
                f"the sites {', '.join(names)} hold {size:,} numbers, too many for a flow ({LIMIT:,} at most); use "
                "guides.LowRank, or name fewer by sites=[...]"
            )
        like = self.loc[names[0]]
        make = coupling_splines if transform is None else transform
        self.transform = make(size).transform.to(like.device, like.dtype)

    def law(self, group: str) -> FlowLaw:
        """Return the law of the flow's draws."""
        like = torch.cat([self.loc[name].flatten() for name in self.groups[group]])
        return FlowLaw(self.transform(), like)

    def part(self, site: Site, noise: Tensor, law: FlowLaw) -> JointPart:
        """Return what a site gets of a draw of the flow: nodes lazily where it is one draw."""
        part = super().part(site, noise, law)
        if noise.dim() > 1 or not (site.is_node and site.is_real):
            return part
        loc, scale, (_, rows) = (
            self.loc[site.name],
            self.scale(site.name),
            self.rows(site.name),
        )
        return NodePart(part, lambda size: loc + scale * law.batch(size)[:, rows])

    def marginal(self, name: str) -> TorchDistributionMixin:
        """Say that a flow has no marginals."""
        raise ValueError(
            f"Flow has a joint density (`log_prob`) but no marginal law of {name!r}; guides.LowRank has one, say"
        )


class FlowLaw(TorchDistribution):
    """The law of u = T(eps), P standard normals sent through a transform T."""

    arg_constraints = {}  # noqa: RUF012
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        transform: Transform,
        like: Tensor,
        batch_shape: torch.Size = torch.Size(),  # noqa: B008
    ) -> None:
        self.transform, self.like = transform, like
        self.drawn: tuple[Tensor, Tensor] | None = None
        self.rows: Tensor | None = None
        super().__init__(batch_shape, like.shape, validate_args=False)

    def draw(self, *shape: int) -> tuple[Tensor, Tensor]:
        """Draw u (*shape, P) with its log density (*shape)."""
        noise = torch.randn(
            *shape, *self.like.shape, dtype=self.like.dtype, device=self.like.device
        )
        value, slope = self.transform.call_and_ladj(noise)
        return value, standard_normal(noise) - slope

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw, and keep the density, which the way back would have to find again."""
        self.drawn = self.draw(*sample_shape, *self.batch_shape)
        return self.drawn[0]

    def batch(self, size: int) -> Tensor:
        """Draw u (B, P) for the examples of a batch, the same for all layers."""
        if self.rows is None or len(self.rows) != size:
            self.rows = self.draw(size)[0]
        return self.rows

    def expand(self, batch_shape: torch.Size, _instance: object = None) -> FlowLaw:
        """Return the law for a batch of draws."""
        return FlowLaw(self.transform, self.like, torch.Size(batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density by the change of variables."""
        if self.drawn is not None and value is self.drawn[0]:
            return self.drawn[1]
        noise, slope = self.transform.inv.call_and_ladj(value)
        return standard_normal(noise) + slope


class NodePart(JointPart):
    """A layer's nodes as part of a draw of the flow: lazy, so that each example of a batch may have its own."""

    def __init__(self, part: JointPart, each: Callable[[int], Tensor]) -> None:
        super().__init__(part.value, part.log_volume, part.event_dim)
        self.each = each

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Return the nodes, not drawn yet."""
        return LazyNodes(self.value, NodeDraw(lambda: self.value, self.each))


def nodes_or_last_layer(sites: Mapping[str, Site]) -> list[str]:
    """Return the sites that are nodes, or those of the last layer where there are none."""
    nodes = [name for name, site in sites.items() if site.is_node]
    layers = {name: name.rpartition(".")[0] for name in sites}
    last = next((layer for layer in reversed(layers.values()) if layer), "")
    return nodes or [name for name, layer in layers.items() if layer == last]


def standard_normal(noise: Tensor) -> Tensor:
    """Return the log density of standard normals (*, P), (*)."""
    return (
        Normal(torch.zeros_like(noise), 1.0, validate_args=False)
        .log_prob(noise)
        .sum(-1)
    )


def coupling_splines(size: int) -> nn.Module:
    """Make two coupling layers of rational-quadratic splines: shallow, and quick in both directions."""
    return zuko_flows().NSF(size, passes=2, transforms=2, hidden_features=(32,))


def zuko_flows() -> ModuleType:
    """Import zuko's flows late, and undo what the import does to every torch distribution."""
    before = {
        name: vars(Distribution)[name] for name in ("_validate_args", "arg_constraints")
    }
    try:
        import zuko.flows
    except ImportError as error:
        raise ImportError(
            "guides.Flow takes its flows from zuko; pip install 'bnn-zoo[flows]'"
        ) from error
    finally:
        for name, value in before.items():
            setattr(Distribution, name, value)
    return zuko.flows
