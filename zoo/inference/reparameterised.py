"""A network's model that was reparameterised by Pyro's handler, as a model with such a prior."""

from __future__ import annotations

import copy

from pyro.poutine.reparam_messenger import ReparamHandler

from zoo.model import BayesianNetwork
from zoo.priors.reparameterised import Reparameterised
from zoo.runtime.programs import PyroProgram


def as_network(model: BayesianNetwork | PyroProgram) -> BayesianNetwork | PyroProgram:
    """Return `pyro.poutine.reparam(network, config)` as a `BayesianNetwork`, others as they are.

    Its prior is `priors.Reparameterised`, so its posterior predicts, and has draws of the
    tensors that are reparameterised. A `config` that is a function stays Pyro's.
    """
    if not isinstance(model, ReparamHandler):
        return model

    network, config = model.fn, model.msngr.config
    if not isinstance(network, BayesianNetwork) or not isinstance(config, dict):
        return model

    reparameterised = copy.copy(network)
    reparameterised.prior = Reparameterised(network.prior, config)
    reparameterised.plan = reparameterised.prior.bind(network.network)

    return reparameterised
