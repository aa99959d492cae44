"""Chains that take a step for every batch, and give draws in every epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zoo.inference.early_end import Diverged
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import Chains, KernelOptions
from zoo.inference.mcmc.kernels.draws import TransitionInfo
from zoo.inference.sgmcmc.batch_gradient import BatchGradient, ControlledGradient
from zoo.inference.sgmcmc.epoch_options import EpochOptions
from zoo.inference.sgmcmc.moments import learn, observe, share_of_new
from zoo.inference.sgmcmc.parts import EpochParts
from zoo.inference.sgmcmc.stability import RateLimit
from zoo.posterior.info import MCMCInfo
from zoo.posterior.stochastic_info import SGMCMCInfo
from zoo.runtime.rows import Structure, flatten
from zoo.tracing.traced import Traced

_FIRST_ITERATIONS, _ITERATIONS = 20, 5  # for the curvature, at first and in burn-in
_NUM_LIMITS = 20  # times in burn-in at which it is looked at


class EpochKernel(Chains):
    r"""The base of stochastic-gradient MCMC: a step for every batch, draws in every epoch.

    A member moves the chains in `move` with the gradient of the potential of a batch, which
    contains N/B and the temperature. So the step size in its units is

    .. math:: \epsilon = \eta \, T / N

    for the learning rate η, and noise of variance 2ε samples the target. No temperature and
    no number of data is anywhere else.

    An epoch has parts, each of which gives a draw. A run is saved only between epochs.
    `state` holds the position, sums over the present part, and what a member adds.

    Arguments:
        potential: The potential energy of the first batch.
        q: Initial positions of the chains, (C, P).
        options: The settings of kernels.
        settings: The settings of these.
    """

    def __init__(
        self,
        potential: Potential,
        q: Tensor,
        options: KernelOptions,
        settings: EpochOptions,
    ) -> None:
        super().__init__(potential, q, options)
        self.settings = settings
        self.noise = torch.zeros_like(q)
        self.limit = RateLimit(settings.largest, settings.steps.lr * self._unit)
        self._last_arguments = settings.data.arguments
        self.parts = EpochParts(settings.data, settings.parts)
        self.gradient = self._make_gradient()
        zeros = q.new_zeros(self.num_chains)
        self.state = {
            "position": q.clone(),
            "epoch": q.new_zeros(()),
            "energy": self._reference_energy(q),
            "step_size": zeros.clone(),
            "sum_energy": zeros.clone(),
            "sum_virial": zeros.clone(),
        }
        self.state |= settings.learned.state(q) | self.gradient.state()
        self.state |= self.further_state(q)
        self.state |= self.limit.state(q)
        _, self._structure = flatten(settings.data.arguments[:2])
        self.programs = [self._program()]
        self._limit_rate(_FIRST_ITERATIONS)

    def further_state(self, q: Tensor) -> dict[str, Tensor]:
        """Return what a member adds to the state, at initial positions (C, P)."""
        return {}

    def move(self, gradient: Tensor, step_size: Tensor, noise_scale: Tensor) -> None:
        """Move the position of every chain in place; to be traced.

        Arguments:
            gradient: Gradient of the potential of a batch, (C, P).
            step_size: The step size ε, ().
            noise_scale: 1, or 0 for a step without noise, ().
        """
        raise NotImplementedError

    def _make_gradient(self) -> BatchGradient:
        """Return the estimate of the gradient, with control variates if there is a centre."""
        control = self.settings.control
        if control is None:
            return BatchGradient(self.potential)

        return ControlledGradient(self.potential, self.settings.data, control)

    def scale(self, step_size: Tensor) -> Tensor:
        """Return the root of the step size ε times the preconditioner, () or (C, P)."""
        root = step_size.sqrt()
        return root * self.state["metric"].sqrt() if "metric" in self.state else root

    def noise_of(self, variance: float, scale: Tensor) -> Tensor:
        """Return noise so that it and that of the batches have a variance together, (C, P).

        Arguments:
            variance: The variance.
            scale: The factor of the gradient, from `scale`.
        """
        if "noise_variance" not in self.state:
            return math.sqrt(variance) * self.noise

        of_batches = scale.square() * self.state["noise_variance"]

        return (variance - of_batches).clamp_min(0.0).sqrt() * self.noise

    def _limit_rate(self, num_iterations: int) -> None:
        """Lower the learning rates to what the present curvature allows, if that is asked for."""
        potential = self.potential.on(*self._last_arguments)
        number = self.limit.update(potential.gradient, self.state, num_iterations)
        self.num_gradients += self.num_chains * number

    def adapt(self, info: TransitionInfo) -> None:
        """Set what is learned, after each epoch of burn-in."""
        if not self.parts.is_between:
            return

        learn(self.state)
        every = max(1, self.settings.steps.kept[0] // _NUM_LIMITS)
        if int(self.state["epoch"]) % every == 0:
            self._limit_rate(_ITERATIONS)

    @property
    def q(self) -> Tensor:
        """Positions of the chains in unconstrained space, (C, P)."""
        return self.state["position"].clone()

    @property
    def target_accept_prob(self) -> float | None:
        """None, because nothing is rejected."""
        return None

    def transition(self) -> TransitionInfo:
        """Take a step for every batch of a part of an epoch.

        Raises:
            Diverged: A position is not finite; the message says what to write.
        """
        number, num_steps = int(self.state["epoch"]), 0
        for share, tensors, structure in self.parts.take():
            self._step(number + share, tensors, structure)
            num_steps += 1

        self._last_arguments = self.settings.data.arguments_of(tensors, structure)
        self.state["epoch"] += self.parts.is_between
        self.num_gradients += self.gradient.num_gradients(self.num_chains) * num_steps
        self._check_finite()

        return self._finished(num_steps)

    def _step(self, time: float, tensors: list[Tensor], structure: Structure) -> None:
        """Take one step at a time in epochs."""
        if structure != self._structure:
            self._structure = structure
            self.programs[0] = self._program()

        rate = self.settings.steps.rate(time) * self.limit.share
        self.state["step_size"].fill_(rate)
        is_noisy = self.settings.steps.has_noise(time)
        self.noise.normal_()

        like = self.noise
        step_size = like.new_tensor(rate * self._unit)
        noise_scale = like.new_tensor(float(is_noisy))
        share = like.new_tensor(self._share(time))
        self.programs[0](step_size, noise_scale, share, *tensors)

    def _program(self) -> Traced:
        """Return the program of a step for batches of the present structure."""
        potential = self.potential
        model = potential.program.model
        owners = [
            model,
            getattr(model, "prior", None),
            getattr(model, "likelihood", None),
        ]

        return Traced(
            self._move_by_batch,
            compile=self.options.compile,
            calls=self.options.calls,
            writes=list(self.state.values()),
            overwrite=True,
            owners=[owner for owner in owners if owner is not None],
        )

    def _move_by_batch(
        self, step_size: Tensor, noise_scale: Tensor, share: Tensor, *tensors: Tensor
    ) -> tuple[Tensor]:
        """Move the chains by the gradient of a batch, and add to the sums of the epoch."""
        state = self.state
        arguments = self.settings.data.arguments_of(tensors, self._structure)
        gradient, energy = self.gradient(state, arguments)
        virial = (state["position"] * gradient).mean(-1)
        observe(state, gradient, share)

        self.move(gradient, step_size, noise_scale)
        state["sum_energy"].add_(energy)
        state["sum_virial"].add_(virial)

        return (energy,)

    def _finished(self, num_steps: int) -> TransitionInfo:
        """Return the statistics of a part of an epoch, and begin the sums of the next."""
        ones = torch.ones_like(self.state["energy"])
        means = {}
        for name, total in self.state.items():
            if name.startswith("sum_"):
                means[name.removeprefix("sum_")] = total / num_steps
                total.zero_()

        self.state["energy"].copy_(means["energy"])

        return TransitionInfo(
            acceptance_rate=ones,
            diverging=torch.zeros_like(ones, dtype=torch.bool),
            n_steps=torch.full_like(ones, num_steps, dtype=torch.long),
            lp=-means["energy"],
            configurational_temperature=means["virial"],
            kinetic_temperature=means.get("kinetic"),
        )

    def _check_finite(self) -> None:
        """Refuse to go on from a position that is not finite."""
        if bool(torch.isfinite(self.state["position"]).all()):
            return

        number = int(self.state["epoch"])
        rate = float(self.state["step_size"][0])
        raise Diverged(
            f"the positions of the chains were not finite in epoch {number} with learning "
            f"rate {rate:.3g}; write a smaller lr"
        )

    def _share(self, time: float) -> float:
        """Return the share of the next gradient in running means, 0 after burn-in."""
        if self.settings.learned.is_nothing or time >= self.settings.steps.kept[0]:
            return 0.0

        number = 1 + round(time * self._per_epoch)
        return share_of_new(number)

    @property
    def _unit(self) -> float:
        """The step size ε of the learning rate 1."""
        return self.settings.temperature / self.settings.data.num_data

    @property
    def _per_epoch(self) -> int:
        return self.settings.data.per_epoch

    def _reference_energy(self, q: Tensor) -> Tensor:
        """Return the potential (C,) of the first batch, by which a resumed run is checked."""
        if not self.settings.data.is_repeatable:
            return q.new_zeros(self.num_chains)

        _, energy = self.potential.gradient(q)  # it batches where values alone may not

        return energy.clone()

    def saved(self) -> dict[str, Tensor]:
        """Return the state as the file of a run keeps it."""
        energy = self._reference_energy(self.state["position"])
        return self.state | {"energy": energy}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state that `saved` returned."""
        for name, value in self.state.items():
            value.copy_(state[name])

        self.limit.restore(state)

    def progress_text(self, info: TransitionInfo) -> str:
        """Return what the progress bar says of a draw."""
        per_datum = -float(info.lp.mean()) / self.settings.data.num_data
        return f"potential {per_datum:.4g} nats per datum"

    def run_info(self, **fields: Any) -> MCMCInfo:
        """Return the statistics of a run of these chains."""
        batches = self.settings.data.batches
        size = None if batches is None else batches.size

        return SGMCMCInfo(**fields, batch_size=size, caveat=self.settings.caveat)
