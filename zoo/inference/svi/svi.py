"""Stochastic variational inference with any guide and any optimiser of torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pyro
import torch
from torch.utils.data import DataLoader

from zoo.data import Batches, Columns, Data, batches
from zoo.inference.early_end import despite_interrupt
from zoo.inference.generators import Generators
from zoo.inference.run_writer import claimed
from zoo.inference.sites import sites_differ
from zoo.inference.svi.arguments import (
    check_early_stopping,
    check_length,
    check_optimizer,
    check_programs,
    check_scheduler,
    checked_rate,
)
from zoo.inference.svi.checkpoint import TrainerCheckpoint, generator_before_split
from zoo.inference.svi.early_stopping import EarlyStopping
from zoo.inference.svi.held_out import hold_out
from zoo.inference.svi.optimizers import MakeOptimizer, MakeScheduler
from zoo.inference.svi.options import TrainerOptions
from zoo.inference.svi.trainer import Trainer
from zoo.inference.tempering import Tempering
from zoo.model import BayesianNetwork
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.info import SVIInfo
from zoo.posterior.posterior import Posterior
from zoo.runtime.autograd import autograd_on
from zoo.runtime.counts import check_count
from zoo.runtime.files.output_path import check_is_path
from zoo.runtime.half_precision import check_precision
from zoo.runtime.modes import training_mode
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import Column, first
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small
from zoo.runtime.turn import turn
from zoo.tracing.mode import mode_name

_DEFAULT_NUM_STEPS = 2000


class SVI:
    r"""Variational inference: fit a guide by stochastic gradients of the ELBO.

    .. math:: \text{loss} = -\frac{1}{N} \Big( \frac{N}{B} \sum_{i \in \text{batch}}
        E_q[\log p(y_i | z)] - KL(q(z) \| p(z)) \Big)

    With temperatures, the target p_T(z | y) is proportional to [p(y | z)^(1/T_l)
    p(z)]^(1/T), and the loss is

    .. math:: -\frac1N \Big( \frac1T E_q \big[ \tfrac{1}{T_l} \log p(y | z)
        + \log p(z) \big] + H[q] \Big).

    A likelihood temperature is the β by which other authors multiply the divergence, up
    to the scale of the loss: E_q[log p(y | z)] / β - KL.

    A fit continues from the present parameters of the guide. Point estimates start at
    the values of the network, or at those of an earlier posterior. The network itself
    is not changed.

    References:
        Stochastic Variational Inference (Hoffman, Blei, Wang, Paisley, 2013)
        Pyro: Deep Universal Probabilistic Programming (Bingham et al., 2019)

    Arguments:
        model: The model.
        guide: Any Pyro guide over the latent sites of the model: one of `guides`, a Pyro
            autoguide, or a function.
        num_steps: Gradient steps; 2000 if neither steps nor epochs are given.
        num_epochs: Passes through the data, instead of steps.
        lr: Learning rate.
        optimizer: Makes the optimiser, called as `optimizer(parameters, lr=lr)`, such as
            `torch.optim.Adam`; `functools.partial` adds options. An optimiser that
            evaluates the loss several times a step, such as LBFGS, gets one noise each
            time. An optimiser of `pyro.optim` has its own rate.
        scheduler: Makes a learning-rate scheduler from the optimiser, which is stepped
            after every gradient step; one that needs the loss, such as
            `ReduceLROnPlateau`, after every epoch, with its mean loss.
        num_particles: Draws from the guide per step.
        temperature: Temperature T of the whole posterior; below 1 it is cold.
        likelihood_temperature: Temperature T_l of the likelihood alone.
        early_stopping: When to stop before all steps are taken; by default never.
        compile: How a step is run: "plain" runs the program itself; "traced" runs its
            graph, with equal bits; "compiled" (or True) runs the graph through torch's
            compiler; "captured" runs it as a CUDA graph. "auto" traces unless there are
            only a few steps, compiles if that saves time, and keeps the mode that was
            measured to be faster.
        precision: "bf16" computes the network's products and convolutions in bfloat16, and
            all else in float32; "auto" does so if that is measured to be faster.
        checkpoint: A file to which the run is written between epochs. A run that is
            started again continues from it.
        progress: Whether to show a progress bar.

    Raises:
        TypeError: A model or a guide of another kind; the message says what to write.
        ValueError: Another argument of another kind, or a number out of range.

    Example:
        >>> engine = inference.SVI(model, guides.MeanField(model), num_steps=5, progress=False)
        >>> engine.fit(data.train).info.num_steps
        5
    """

    def __init__(
        self,
        model: BayesianNetwork,
        guide: PyroProgram,
        *,
        num_steps: int | None = None,
        num_epochs: int | None = None,
        lr: float = 1e-2,
        optimizer: MakeOptimizer = torch.optim.Adam,
        scheduler: MakeScheduler | None = None,
        num_particles: int = 1,
        temperature: float = 1.0,
        likelihood_temperature: float = 1.0,
        early_stopping: EarlyStopping | None = None,
        compile: bool | str = "auto",
        precision: str = "float32",
        checkpoint: str | Path | None = None,
        progress: bool = True,
    ) -> None:
        model = check_programs(model, guide)
        check_length(num_steps, num_epochs)
        check_count("num_particles", num_particles)
        lr = checked_rate(lr)
        if checkpoint is not None:
            check_is_path(checkpoint, "checkpoint")

        check_optimizer(optimizer)
        check_scheduler(scheduler, optimizer)
        check_early_stopping(early_stopping)

        if num_steps is None and num_epochs is None:
            num_steps = _DEFAULT_NUM_STEPS

        self.model = model
        self.guide = guide
        self.num_steps = num_steps
        self.num_epochs = num_epochs
        self.lr = lr
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.num_particles = num_particles
        self.tempering = Tempering(temperature, likelihood_temperature)
        self.early_stopping = early_stopping
        self.compile = mode_name(compile)
        self.precision = check_precision(precision, model.first_parameter)
        self.checkpoint = checkpoint
        self.progress = progress

    @turn()
    @autograd_on()
    def fit(
        self,
        data: Data,
        batch_size: int | None = None,
        init: Posterior | None = None,
        *,
        target: str | None = None,
        weights: Column | None = None,
        num_data: int | None = None,
        **given: Column,
    ) -> GuidePosterior:
        """Fit to data and return a snapshot of the result.

        Arguments:
            data: A pair (x, y) of tensors, arrays or tables, where x may be a tuple or
                mapping; a data set; a `DataLoader`; see `zoo.data.Data`.
            batch_size: Size B of a batch of tensors; by default all data at once.
            init: An earlier posterior that gives the initial values of point estimates
                and buffers.
            target: Key of the target in data, or batches of a loader, that are mappings.
            weights: Weight of each datum, (N,), which multiplies its log density, or
                booleans that say which are observed; or a key, as for `target`.
            num_data: Number of data N of an `IterableDataset`, or if rows are copies.
            given: Known quantities (N, ...) that the likelihood asks for, such as `scale`
                for `Gaussian(scale="given")`; or keys.

        Raises:
            ValueError: The data do not fit the model, or the guide was built for another
                model.
            TypeError: A known quantity that the likelihood does not ask for.
        """
        columns = Columns.of(self.model, target, weights, given)
        loader = data if isinstance(data, DataLoader) else None
        device = self.model.first_parameter.device
        generators = Generators.of_loader(device, loader)
        with (
            claimed(self.checkpoint) as path,
            generators.restored(if_true=path is not None and path.is_file()),
        ):
            every = batches(self.model, data, batch_size, columns, num_data)
            checkpoint = None
            if path is not None:
                checkpoint = TrainerCheckpoint(path, every, self.early_stopping)

            return self._fit(every, checkpoint, init)

    def _fit(
        self,
        data: Batches,
        checkpoint: TrainerCheckpoint | None,
        init: Posterior | None,
    ) -> GuidePosterior:
        """Fit to batches, from the beginning or from where a checkpoint ends."""
        with generator_before_split(checkpoint):
            train, held_out = hold_out(self.model, data, self.early_stopping)

        scoped = ScopedGuide(self.guide)
        trainer = Trainer(
            self.model,
            scoped,
            train,
            self._options(train),
            held_out,
            init={} if init is None else init.state,
            checkpoint=checkpoint,
        )
        with scoped.scope(), self._settings_of_a_fit(train):
            self._check_sites()
            info = trainer.run()

        return despite_interrupt(partial(self._posterior, trainer, scoped, info))

    def _posterior(
        self, trainer: Trainer, scoped: ScopedGuide, info: SVIInfo
    ) -> GuidePosterior:
        """Return copies of everything that a run has fitted."""
        plan, network = self.model.plan, self.model.network
        trained = plan.with_padding(network, trainer.state.copied_values())
        state = trained | self.model.frozen()
        snapshot = scoped.snapshot(self.model)
        posterior = GuidePosterior(self.model, state=state, info=info, scoped=snapshot)
        posterior.batch_form = trainer.data.form

        return posterior

    def _total_steps(self, data: Batches) -> int:
        if self.num_epochs is None:
            return self.num_steps or _DEFAULT_NUM_STEPS
        return self.num_epochs * data.per_epoch

    def _options(self, data: Batches) -> TrainerOptions:
        return TrainerOptions(
            description=repr(self),
            num_steps=self._total_steps(data),
            lr=self.lr,
            optimizer=self.optimizer,
            scheduler=self.scheduler,
            num_particles=self.num_particles,
            tempering=self.tempering,
            compile=self.compile,
            progress=self.progress,
            per_epoch=data.per_pass,
            precision=self.precision,
        )

    @contextmanager
    def _settings_of_a_fit(self, data: Batches) -> Iterator[None]:
        """Set the training mode, the threads and the floating-point mode during a fit."""
        network = self.model.network
        first_inputs = None if data.x is None else first(data.x, data.size)
        with (
            pyro.validation_enabled(False),
            training_mode(network, self.model.plan.frozen),
            flush_subnormals(),
            one_if_small(network, first_inputs),
        ):
            yield

    def _check_sites(self) -> None:
        model = self.model
        like, inits = model.first_parameter, model.plan.inits(model.network)
        differences = sites_differ(model.latents, self.guide, like, inits)
        if differences:
            raise ValueError(
                f"the guide is of another model: they differ at {differences}; build the guide "
                "with this model"
            )

    def __repr__(self) -> str:
        if self.num_steps is not None:
            length = f"num_steps={self.num_steps}"
        else:
            length = f"num_epochs={self.num_epochs}"
        return f"SVI({type(self.guide).__name__}, {length})"
