"""A model as text: everything that decides which posterior it has, by name."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from zoo.model import BayesianNetwork
from zoo.priors.plan import Plan
from zoo.runtime.description.digest import digest
from zoo.runtime.description.objects import describe_parts, describe_value, shortened

START_OF_NETWORK = "start of the network"
_PARTS = {"network", "prior", "likelihood", "plan"}
_OF_MODULES = frozenset(vars(nn.Module()))


def describe_model(
    model: BayesianNetwork, state: Mapping[str, Tensor] | None = None
) -> dict[str, str]:
    """Return what a model is by name: its network, priors, likelihood and constant tensors.

    The values of random weights in the network do not count, because they only tell a guide
    or a sampler where to start; their hash is under "start of the network".

    Arguments:
        model: The model.
        state: The values at which point estimates and buffers start, by name; by default
            those of the network.

    Example:
        >>> from zoo.posterior.model_description import describe_model
        >>> words = describe_model(model)
        >>> words["prior of layer1.weight"], words["network activation1"]
        ('Normal(0, 1)', 'Tanh()')
    """
    network, plan = model.network, model.plan
    words = {"model": _describe_program(model)}
    for name, site in plan.priors(network).items():
        side = site.infer.get("node", "")
        words[f"prior of {name}"] = f"{describe_value(site.prior)} {side}".strip()

    words |= _treatments(plan)
    words["likelihood"] = describe_value(model.likelihood)
    for name, text in describe_parts(network).items():
        words[f"network {name}".strip()] = text

    return words | _tensors(network, plan, state or {})


def _describe_program(model: BayesianNetwork) -> str:
    """Return the class of a model, and its options besides its parts."""
    options = {}
    for name, value in vars(model).items():
        if name not in _OF_MODULES and name not in _PARTS:
            options[name] = value

    return shortened(f"{describe_value(type(model))} {describe_value(options)}")


def _treatments(plan: Plan) -> dict[str, str]:
    """Return the treatment of each parameter that is no site, or whose scale is random."""
    words = {}
    reparameterised = plan.reparameterised()
    for name, treatment in plan.weights.items():
        is_site = hasattr(treatment, "log_prob") and name not in reparameterised
        if not is_site:
            words[f"treatment of {name}"] = describe_value(treatment)

    for name, nodes in plan.nodes.items():
        is_site = hasattr(nodes.prior, "log_prob") and name not in reparameterised
        if not is_site:
            words[f"treatment of {name}"] = describe_value(nodes.prior)

    return words


def _tensors(
    network: nn.Module, plan: Plan, state: Mapping[str, Tensor]
) -> dict[str, str]:
    """Return shape and dtype of every tensor, and the hash of those that matter."""
    words = {}
    points, frozen = set(plan.points), set(plan.frozen)
    starts = []
    for name, parameter in network.named_parameters():
        words[f"parameter {name}"] = f"{tuple(parameter.shape)} {parameter.dtype}"
        if name in points:
            words[f"start of {name}"] = digest([state.get(name, parameter)])
        elif name in frozen:
            words[f"frozen {name}"] = digest([parameter])
        else:
            starts.append(parameter)

    for name, buffer in network.named_buffers():
        words[f"buffer {name}"] = digest([state.get(name, buffer)])

    words[START_OF_NETWORK] = digest(starts)
    return words
