"""A mixture over the nodes of a trained network, fitted as in the paper."""

from __future__ import annotations

from functools import partial

import pyro.distributions as dist
import torch
from torch import nn

import guides
from zoo import priors
from zoo.experiments.parts.two_rates import two_rates
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Run
from zoo.inference import SVI
from zoo.inference.svi.optimizers import MakeScheduler
from zoo.model import BayesianNetwork
from zoo.runtime.programs import PyroProgram

_RATE_OF_NODES = 0.2  # that of the weights is the default of two_rates


class NodeFit:
    """How a mixture over the nodes of a trained network is built and fitted.

    Arguments:
        run: The run.
        network: The trained network.
        num_components: Number of components K.
        weights: What the weights are, frozen or fine-tuned.
    """

    def __init__(
        self,
        run: Run,
        network: nn.Module,
        num_components: int,
        weights: priors.Frozen | priors.Point,
    ) -> None:
        self.run = run
        self.network = network
        self.prior = priors.NodePrior(dist.Normal(1.0, 0.1), weights=weights)
        self.make_guide = partial(
            guides.NodeMixture,
            num_components=num_components,
            init_scale=0.05,
            init_spread=0.1,
        )
        self._guide: nn.Module  # the one that was built last

    def build(self) -> tuple[BayesianNetwork, PyroProgram]:
        """Build a model and a guide."""
        model, guide = self.run.build(self.network, self.prior, self.make_guide)
        self._guide = guide

        return model, guide

    def method(self, epochs: int, scheduler: MakeScheduler, batch_size: int) -> Method:
        """Return the method, SGD with a learning rate for the nodes and one for the weights.

        Arguments:
            epochs: Published number of epochs.
            scheduler: Makes the schedule of the learning rates.
            batch_size: Number of images in a batch.
        """
        return Method(
            epochs,
            partial(SVI, optimizer=self._optimizer, scheduler=scheduler),
            rates=(_RATE_OF_NODES,),
            batch_size=batch_size,
            min_epochs=0.1,
        )

    def _optimizer(
        self, parameters: list[nn.Parameter], lr: float
    ) -> torch.optim.Optimizer:
        return two_rates(self._guide, parameters, lr)
