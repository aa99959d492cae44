"""The loop of SVI with natural gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from zoo.inference.ivon.draw_loss import DrawLoss
from zoo.inference.ivon.optimizer import NaturalAdam
from zoo.inference.ivon.step import NaturalStep
from zoo.inference.svi.gradient_step import gradient_step
from zoo.inference.svi.judging import GradientStep
from zoo.inference.svi.phases import Phase
from zoo.inference.svi.trainer import Trainer
from zoo.inference.tempering import Tempering
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.rows import Rows, Structure


class NaturalTrainer(Trainer):
    """One run of `IVON`; its arguments are those of `Trainer`."""

    @property
    def _mode(self) -> str:
        """How the loss, the draw and the update are computed; "" before the first step."""
        step, optimizer = self._gradient_step, self.state.optimizer
        if step is None or not isinstance(optimizer, NaturalAdam):
            return ""

        return "+".join([step.how, step.draw.how, optimizer.how])

    @property
    def _judged(self) -> tuple[ScopedGuide, GradientStep | None]:
        """The guide that the posterior will have, of which SVI gives the gradients."""
        return ScopedGuide(self.guide.give()), None

    def _make_gradient_step(
        self, phase: Phase, x: Rows, structure: Structure, tensors: Sequence[Tensor]
    ) -> Any:
        """Return the function that draws and gives the loss and the gradients of a batch."""
        options, flat = self.options, self.guide
        modes = [options.compile] * 3
        if self._checkpoint is not None and self._checkpoint.mode:
            modes = self._checkpoint.mode.split("+")  # for the same bits

        of_loss, of_draw, of_update = modes
        self.state.optimizer.compile = of_update
        tempering = Tempering(1.0, options.tempering.likelihood)
        loss = gradient_step(
            self.model,
            flat,
            self.state,
            self.data,
            replace(options, compile=of_loss, tempering=tempering, num_particles=1),
            x,
            structure,
            tensors,
            make_loss=DrawLoss,
            variables=[flat.draw, *self.state.points.values()],
        )

        return NaturalStep(
            flat,
            loss,
            num_draws=options.num_particles,
            num_data=self.data.num_data,
            temperature=options.tempering.whole,
            compile=of_draw,
            num_steps=options.total_steps,
        )
