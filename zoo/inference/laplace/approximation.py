"""The normal approximation at the mode, with the curvature of laplace-torch."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from types import ModuleType

import torch
from torch import Tensor, nn

from zoo.data import Batches
from zoo.inference.laplace.library import (
    FittedLaplace,
    Loader,
    gauss_newton_backend,
)
from zoo.inference.laplace.prior_vectors import prior_vectors
from zoo.inference.laplace.refinement import flat, refined_mode
from zoo.inference.laplace.tangent import Tangent
from zoo.inference.tempering import Tempering
from zoo.likelihoods import Gaussian
from zoo.model import BayesianNetwork
from zoo.predictive.network_call import in_rows
from zoo.runtime.derivatives import takes_derivatives
from zoo.runtime.fixed_rows import num_random
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.network_call import copied
from zoo.runtime.rows import describe


class Approximation:
    """A normal distribution over the random weights, centred at the mode.

    Arguments:
        library: The module laplace-torch.
        model: The model.
        values: The value of every tensor of the network at the mode.
        names: The names of the random weights; all other tensors are fixed.
        structure: "diag", "kron" or "full".
        tempering: Temperatures of the posterior.
        is_refined: Whether it is that of the network linearised at the mode, around the
            mode of this linear model.
    """

    def __init__(
        self,
        library: ModuleType,
        model: BayesianNetwork,
        values: Mapping[str, Tensor],
        names: list[str],
        structure: str,
        tempering: Tempering,
        is_refined: bool = False,
    ) -> None:
        mean, precision = prior_vectors(model, names, structure)
        likelihood = model.likelihood
        noise = {}
        if isinstance(likelihood, Gaussian):
            noise["sigma_noise"] = float(likelihood.scale)

        self.model = model
        self.names = names
        self.structure = structure
        self.tempering = tempering
        self.tangent = Tangent(model, values, names)
        self.is_refined = is_refined
        self.centre = self.tangent.centre
        self.network = _network_at(model, values, names)
        self.network.register_forward_hook(self._output)
        self.fitted: FittedLaplace = library.Laplace(
            self.network,
            "classification" if likelihood.discrete else "regression",
            subset_of_weights="all",  # all that need a gradient
            hessian_structure=structure,
            prior_precision=precision,
            prior_mean=mean,
            temperature=tempering.likelihood,
            backend=gauss_newton_backend(library),
            **noise,
        )

    @property
    def num_fixed(self) -> int:
        """Number of elements of the random weights that are rows of padding."""
        priors = [self.model.latents[name] for name in self.names]
        return sum(prior.shape().numel() - num_random(prior) for prior in priors)

    def fit(self, data: Batches) -> None:
        """Compute the curvature; for a refined approximation find its mode first.

        Raises:
            ValueError: Outputs that are not (N, O), or a layer without a curvature of
                this structure.
        """
        self._check_outputs(data)
        loader = Loader(data)
        try:
            if self.is_refined:
                temperature = self.tempering.likelihood
                self.centre = refined_mode(self.tangent, loader, temperature)

            self.fitted.fit(loader)
        except NotImplementedError as error:
            name = type(self.network).__name__
            raise ValueError(
                f"a layer of {name} has no {self.structure!r} curvature ({error}); "
                "Kronecker factors are for linear and convolution layers only, so use "
                "structure='diag' or 'full', or layers='last'"
            ) from error
        except RuntimeError as error:
            if not takes_derivatives(error):
                raise

            name = type(self.network).__name__
            raise ValueError(
                f"{name} takes derivatives by torch.autograd inside forward, around which the "
                "curvature cannot be computed; write torch.func.grad inside forward, or fit by "
                "inference.SVI or inference.HMC"
            ) from error

        self.fitted.mean = flat(self.centre)

    def tune_prior_precision(self, prior_structure: str) -> None:
        """Maximise the marginal likelihood over the logarithm of the prior precision.

        Arguments:
            prior_structure: "scalar" for one precision, "layerwise" for one per tensor,
                "diag" for one per parameter.
        """
        log_precision = self.fitted.prior_precision_diag.log()  # (P,)
        if prior_structure == "scalar":
            init = log_precision.mean().reshape(1)
        elif prior_structure == "layerwise":
            sizes = [parameter.numel() for parameter in self.fitted.params]
            parts = log_precision.split(sizes)
            init = torch.stack([part.mean() for part in parts])
        else:
            init = log_precision

        with warnings.catch_warnings():
            # laplace-torch warns about an argument that this method does not use.
            warnings.simplefilter("ignore")
            self.fitted.optimize_prior_precision(
                init_prior_prec=init.exp(), prior_structure=prior_structure
            )

    def log_marginal_likelihood(self, num_data: int) -> float:
        """Return the log of the integral of the tempered joint density, in nats.

        laplace-torch does not temper the normalising constant of the Gaussian
        likelihood, which is corrected here.

        Arguments:
            num_data: Number of data N.
        """
        value = float(self.fitted.log_marginal_likelihood())
        likelihood = self.model.likelihood
        if not isinstance(likelihood, Gaussian):
            return value

        num_targets = num_data * self.fitted.n_outputs
        scale = float(likelihood.scale)
        log_constant = num_targets * math.log(scale * math.sqrt(2 * math.pi))
        return value + log_constant * (1 - 1 / self.tempering.likelihood)

    def sample(self, num_samples: int, mode: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Draw every site, (1, S, *shape); sites that are fixed stay at the mode.

        Arguments:
            num_samples: Number of draws S.
            mode: The value of every site at the mode.

        Raises:
            ValueError: The precision is not positive definite.
        """
        draws = {}
        for name, value in mode.items():
            draws[name] = value.expand(1, num_samples, *value.shape)

        sizes = [mode[name].numel() for name in self.names]
        parts = self._flat_draws(num_samples).split(sizes, dim=-1)
        for name, part in zip(self.names, parts, strict=True):
            draws[name] = part.reshape(1, -1, *mode[name].shape)

        return self.model.plan.with_padding(self.model.network, draws)

    @torch.no_grad()
    def scales(self) -> dict[str, Tensor]:
        """Return the standard deviations of each site; {} if elements are correlated or fixed."""
        is_everywhere = len(self.names) == len(self.model.latents)
        if self.structure != "diag" or not is_everywhere:
            return {}

        precision = self.fitted.posterior_precision  # (P,)
        scale = (self.tempering.whole / precision).sqrt()
        sizes = [self.centre[name].numel() for name in self.names]
        found = {}
        for name, part in zip(self.names, scale.split(sizes), strict=True):
            found[name] = part.reshape(self.centre[name].shape)

        return found

    @torch.no_grad()
    def _flat_draws(self, num_samples: int) -> Tensor:
        """Draw all random weights as one vector, (S, P)."""
        mean = self.fitted.mean
        try:
            draws = self.fitted.sample(num_samples)
        except torch.linalg.LinAlgError as error:
            raise ValueError(
                f"the precision is not positive definite in {mean.dtype} ({error}); write "
                "model.double(), or use structure='kron' or 'diag'"
            ) from error
        return mean + self.tempering.whole**0.5 * (draws - mean)

    def _output(self, _network: nn.Module, inputs: tuple, returned: object) -> Tensor:
        """Return the output that the model takes of what the network returned.

        A refined approximation has the derivatives of the network at the mode, and the
        outputs of the linear model at its own. This hook adds the difference, which does
        not depend on the parameters of the library's network.
        """
        output = in_rows(self.model.output_choice(returned), inputs[0])
        if self.centre is self.tangent.centre:
            return output

        with evaluation_mode(self.model.network):
            return output + self.tangent.change(self.centre, inputs[0]).detach()

    def _check_outputs(self, data: Batches) -> None:
        x, _ = next(iter(data.epoch()))
        if not isinstance(x, Tensor):
            raise ValueError(
                "inference.Laplace takes inputs that are one tensor, because laplace-torch does, "
                f"not {describe(x)}; use SVI with guides.MeanField, or NUTS"
            )

        if self.model.whole:
            raise ValueError(
                "inference.Laplace evaluates the network at one row, which a network that must "
                "see all rows at once does not take; use SVI with guides.MeanField, or NUTS"
            )

        with torch.no_grad():
            shape = tuple(self.network(x[:1]).shape)

        if len(shape) != 2:
            raise ValueError(
                f"inference.Laplace needs outputs of shape (N, O), but one input gives {shape}"
            )


def _network_at(
    model: BayesianNetwork, values: Mapping[str, Tensor], names: list[str]
) -> nn.Module:
    """Return a copy of the network with given values; only the random weights need a gradient."""
    network = copied(model.network)
    tensors = [*network.named_parameters(), *network.named_buffers()]
    with torch.no_grad():
        for name, tensor in tensors:
            tensor.copy_(values[name])

    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in names)
    return network.eval()
