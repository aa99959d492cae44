"""The loop of stochastic variational inference over gradient steps."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from zoo.data import Batches
from zoo.inference.early_end import (
    TimeIsUp,
    despite_interrupt,
    explained,
    is_failure,
    reason_to_end,
)
from zoo.inference.svi.checkpoint import TrainerCheckpoint
from zoo.inference.svi.epochs import batches_of_run
from zoo.inference.svi.fingerprint import describe_run
from zoo.inference.svi.gradient_step import gradient_step
from zoo.inference.svi.held_out import HeldOut
from zoo.inference.svi.judging import GradientStep, Judge
from zoo.inference.svi.objective import BatchLoss
from zoo.inference.svi.options import SVIOptions
from zoo.inference.svi.phased_steps import PhasedSteps
from zoo.inference.svi.phases import Phase
from zoo.inference.svi.state import TrainingState
from zoo.inference.time_limit import TimeLimit
from zoo.likelihoods.observed import Observed
from zoo.model import BayesianNetwork
from zoo.posterior.info import SVIInfo
from zoo.runtime.caller import stack_level
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.progress import bar
from zoo.runtime.rows import Rows, Structure


class Trainer:
    """One run of SVI.

    Arguments:
        model: The model.
        scoped: The guide.
        data: Batches of the data.
        options: The settings of the run.
        held_out: Held-out data for early stopping, None for none.
        init: Initial values of point estimates and buffers by name; what it does not
            name starts at the value of the network.
        checkpoint: The file that the run is written to, None for none.
        limit: The time of the run, None for no limit.

    Raises:
        ValueError: Neither the guide nor the model has a parameter.
    """

    def __init__(
        self,
        model: BayesianNetwork,
        scoped: ScopedGuide,
        data: Batches,
        options: SVIOptions,
        held_out: HeldOut | None,
        init: Mapping[str, Tensor],
        checkpoint: TrainerCheckpoint | None = None,
        limit: TimeLimit | None = None,
    ) -> None:
        self.model = model
        self.scoped = scoped
        self.guide = scoped.guide
        self.data = data
        self.options = options
        self.held_out = held_out
        self.state = TrainingState(model, scoped, options, init)
        self.stopping_reason = ""
        self._is_stopped_early = False
        self.error: BaseException | None = None  # that ended the run
        self._is_updating = False  # whether the optimiser is changing parameters
        self._phased_steps = PhasedSteps(options.phases, self._make_gradient_step)
        self._checkpoint = checkpoint
        self.limit = TimeLimit() if limit is None else limit
        self._judge = Judge(model, data, options.tempering)
        self._epoch = data.epoch
        self._make_loss: Callable[..., BatchLoss] = BatchLoss

    def run(self) -> SVIInfo:
        """Take all gradient steps, unless there is a reason to stop.

        A run with a checkpoint continues where the file ends. Ctrl-C, or after the first
        step an error of the user's program, ends it early.

        Raises:
            Exception: The user's program failed before the first step was taken.
        """
        self._open_checkpoint()
        try:
            self._take_steps()
            self._find_out_kind()
            self._write_last()
        except (KeyboardInterrupt, Exception) as error:
            self._end_early(explained(error))

        return despite_interrupt(self._finished)

    def _finished(self) -> SVIInfo:
        """Leave the parameters as the posterior has them, and return the statistics."""
        state = self.state
        if state.held_out_scores.values:
            state.restore_good()  # the best parameters
        else:
            state.averaging.finish()

        state.clear_gradients()
        return self._info()

    def _open_checkpoint(self) -> None:
        if self._checkpoint is None:
            return

        run = describe_run(self.model, self.scoped, self.options, self.state)
        self._checkpoint.check(run)
        self._checkpoint.restore(self.state)
        self.stopping_reason = self._checkpoint.stopped
        self._is_stopped_early = bool(self.stopping_reason)

    @property
    def _gradient_step(self) -> Any:
        """The function of the present step, None before the first one."""
        return self._phased_steps.present

    @property
    def _mode(self) -> str:
        """How the steps are computed; "" before the first one."""
        return "" if self._gradient_step is None else self._gradient_step.how

    def _take_steps(self) -> None:
        """Take gradient steps until there are enough, or until there is a reason to stop."""
        options, state = self.options, self.state
        if self._is_stopped_early:
            return

        state.optimizer.zero_grad()

        total = options.total_steps
        with bar(total, options.description, options.progress) as progress:
            progress.update(state.num_steps)
            for x, y in batches_of_run(
                self._epoch, state, total, self.limit, self._write_between_epochs
            ):
                loss = self._step(x, y)
                progress.set_postfix_str(f"loss {loss:.4g} nats per datum", False)
                progress.update()
                if self.stopping_reason or self._is_early_stop():
                    break

        if not self.stopping_reason and not state.is_finite:
            self._fail(f"the parameters were not finite after step {state.num_steps}")

    def _find_out_kind(self) -> None:
        """Find out what the run is, at the parameters that its posterior will have."""
        state, phase = self.state, self._phased_steps.phase
        if phase is not None and not phase.is_deterministic:  # a run that took steps
            with state.at_best():
                state.verdict = self._judge.verdict(state, *self._judged)

    @property
    def _judged(self) -> tuple[ScopedGuide, GradientStep | None]:
        """The guide that the posterior will have, and what gives its gradients."""
        return self.scoped, self._gradient_step

    def _write_last(self) -> None:
        """Write the checkpoint of a complete run."""
        is_complete = not self.stopping_reason or self._is_stopped_early
        if self._checkpoint is not None and is_complete:
            self._checkpoint.write_now(self.state, self._mode, self.stopping_reason)

    def _end_early(self, error: BaseException) -> None:
        """Keep what was reached when the run is interrupted, or when its program fails.

        Raises:
            Exception: The error, if it came before the first step.
        """
        state, total = self.state, self.options.total_steps
        if self._is_updating or not state.is_finite:
            state.restore_good()

        if state.num_steps == 0 and is_failure(error):
            raise error

        self.error = None if isinstance(error, TimeIsUp) else error
        self.stopping_reason = reason_to_end(error, state.num_steps, total)

    def _write_between_epochs(self, is_last: bool) -> None:
        """Write the checkpoint if there is one; the last time of a run even if it costs time."""
        if self._checkpoint is not None:
            write = self._checkpoint.write_now if is_last else self._checkpoint.write
            write(self.state, self._mode)

    def _step(self, x: Rows, y: Tensor | Observed) -> float:
        """Take one gradient step and return the loss, which stops the run if it is not finite."""
        state = self.state
        step = self._phased_steps.at(state.num_steps, x, y)
        self._judge.add(step.tensors, step.structure)
        noise = state.steps.noise()
        results = step()
        value = results[0].item()
        if not math.isfinite(value):
            state.loss_history.append(value)
            self._fail(f"the loss was {value} at step {state.num_steps}")
            return value

        if not state.held_out_scores.values:
            state.save_good()  # with early stopping the best parameters are saved instead

        self._is_updating = True
        state.steps.step(results, noise, step)
        self._is_updating = False
        state.loss_history.append(value)
        state.steps.schedule(state.loss_history)
        state.averaging.add(state.num_steps)
        return value

    def _make_gradient_step(
        self, phase: Phase, x: Rows, structure: Structure, tensors: Sequence[Tensor]
    ) -> Any:
        """Return the function that gives the loss and the gradients of a batch."""
        options = self.options
        of_file = "" if self._checkpoint is None else self._checkpoint.mode
        mode = self._mode or of_file  # for the same bits
        if options.compile == "auto" and mode:
            options = replace(options, compile=mode)

        return gradient_step(
            self.model,
            self.guide,
            self.state,
            self.data,
            options,
            x,
            structure,
            tensors,
            phase=phase,
            make_loss=self._make_loss,
        )

    def _is_early_stop(self) -> bool:
        """Evaluate the held-out data if it is time, and return whether to stop."""
        state, held_out = self.state, self.held_out
        if held_out is None or not held_out.is_due(state.num_steps):
            return False

        scores = state.held_out_scores
        with state.averaging.shown():
            score = held_out.score(self.model, self.guide, state.copied_values())
            scores.values.append(score)
            if scores.num_since_best == 0:
                state.save_good()

        if scores.num_since_best < held_out.settings.patience:
            return False

        self._is_stopped_early = True
        self.stopping_reason = held_out.reason(state.num_steps, scores)
        return True

    def _fail(self, reason: str) -> None:
        """Stop because a value is not finite, restore the last good parameters, and warn."""
        self.stopping_reason = reason
        self.state.restore_good()
        warnings.warn(
            f"{reason}; the parameters before that step are kept",
            stacklevel=stack_level(),
        )

    def _info(self) -> SVIInfo:
        state, tempering = self.state, self.options.tempering
        is_of_the_data = self.model.likelihood.bound and not self.data.is_weighted
        is_evidence_bounded = tempering.is_off and is_of_the_data
        guide_bound = getattr(self.guide, "bound", None)

        return SVIInfo(
            losses=torch.tensor(state.loss_history),
            bound=guide_bound if is_evidence_bounded else False,
            num_steps=state.num_steps,
            num_parameters=state.num_parameters,
            seconds=state.seconds,
            stopped=self.stopping_reason,
            error=self.error,
            held_out=state.held_out_scores.values,
            compiled=getattr(self._gradient_step, "how", ""),
            seconds_tracing=self._phased_steps.seconds,
            precision=state.precision or "float32",
            **state.verdict.of_info(),
            temperature=tempering.whole,
            likelihood_temperature=tempering.likelihood,
        )
