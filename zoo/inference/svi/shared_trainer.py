"""The loop of SVI whose batches are shared by several processes, or taken in several parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.data import Batches
from zoo.data.shares import Shares
from zoo.inference.early_end import is_failure
from zoo.inference.svi.checkpoint import TrainerCheckpoint
from zoo.inference.svi.held_out import HeldOut
from zoo.inference.svi.judging import GradientStep, Judge
from zoo.inference.svi.options import SVIOptions
from zoo.inference.svi.phases import Phase
from zoo.inference.svi.shared_loss import SharedLoss
from zoo.inference.svi.shared_step import SharedStep, parts
from zoo.inference.svi.trainer import Trainer
from zoo.inference.time_limit import TimeLimit
from zoo.model import BayesianNetwork
from zoo.posterior.info import SVIInfo
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.processes import ALONE, Processes
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import Rows, Structure


class SharedTrainer(Trainer):
    """One run of SVI over parts of batches; its arguments are those of `Trainer`.

    Each process has noise of its own and takes the same steps with the same sum of
    gradients. The first one writes the checkpoint.
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
        self.ranks = options.ranks() or ALONE
        self._shares = Shares(data, self.ranks)
        self._seed = 0  # of the random numbers after the run
        if held_out is not None:
            held_out = _SharedHeldOut(
                held_out.settings, held_out.x, held_out.y, self.ranks
            )

        is_shown = options.progress and self.ranks.is_first
        super().__init__(
            model,
            scoped,
            self._shares.data,
            replace(options, progress=is_shown),
            held_out,
            init,
            checkpoint,
            limit,
        )
        self._epoch = self._shares.epoch
        self._judge = _JudgeOfParts(model, self.data, options.tempering)
        self._judge.num_parts = options.accumulate
        self._num_parts = self.ranks.size * options.accumulate  # of a batch
        self._make_loss = partial(SharedLoss, num_parts=self._num_parts)

    def run(self) -> SVIInfo:
        """Take all gradient steps, unless there is a reason to stop.

        Raises:
            LostRank: Another process has ended, and this one is not the first.
            Exception: The user's program failed before the first step, or in another
                process than the first.
        """
        _refuse_whole(self.model)
        if self.ranks.size > 1:
            _refuse_batch_norm(self.model.network)

        info = super().run()
        if self.ranks.size > 1:
            torch.manual_seed(self._seed)

        return info

    def _open_checkpoint(self) -> None:
        if self.ranks.size == 1:
            super()._open_checkpoint()
            return

        self.ranks.copy_first([*self.state.tensors, *self.scoped.tensors().values()])
        super()._open_checkpoint()
        if not self.ranks.is_first:
            self._checkpoint = None  # the first process writes it

        self._begin_together()

    def _begin_together(self) -> None:
        """Check that all processes do the same, and give each random numbers of its own."""
        state, ranks = self.state, self.ranks
        sizes = [tuple(tensor.shape) for tensor in state.tensors]
        ranks.check_equal(
            {
                "the number of data": self.data.num_data,
                "the number of steps": self.options.total_steps,
                "the number of steps in the checkpoint": state.num_steps,
                "the list of shapes of parameters": sizes,
            }
        )
        state.save_good()

        seed = ranks.from_first(int(torch.randint(2**62, ())))
        self._seed = seed
        self._shares.order.seed(seed)
        torch.manual_seed(seed + 1 + ranks.rank)

    def _make_gradient_step(
        self, phase: Phase, x: Rows, structure: Structure, tensors: Sequence[Tensor]
    ) -> Any:
        """Return the function that gives the loss and the gradients of a batch."""
        accumulate = self.options.accumulate
        first = parts(tensors, self._shares, self._num_parts, accumulate)[0]
        function = super()._make_gradient_step(phase, x, structure, first)

        return SharedStep(
            function, self._shares, self.ranks, self._num_parts, accumulate
        )

    @property
    def _judged(self) -> tuple[ScopedGuide, GradientStep | None]:
        """The guide that the posterior will have; its gradients are those of a part."""
        return self.scoped, None

    def _find_out_kind(self) -> None:
        super()._find_out_kind()
        if self.ranks.size > 1:
            self.state.verdict = self.ranks.from_first(self.state.verdict)

    def _end_early(self, error: BaseException) -> None:
        """Keep what was reached in the first process; no other goes on alone."""
        if is_failure(error) and not self.ranks.is_first:
            raise error

        super()._end_early(error)


class _JudgeOfParts(Judge):
    """Judges a run by one part of each batch, so that it needs no more memory than a step."""

    num_parts = 1

    def add(self, tensors: Sequence[Tensor], structure: Structure) -> None:
        """Keep the first part of a batch."""
        size = -(-len(tensors[0]) // self.num_parts)
        super().add([tensor[:size].clone() for tensor in tensors], structure)


@dataclass(frozen=True)
class _SharedHeldOut(HeldOut):
    """Held-out data whose score is the mean of those that all processes estimate."""

    ranks: Processes

    def score(
        self, model: BayesianNetwork, guide: PyroProgram, state: Mapping[str, Tensor]
    ) -> float:
        """Return the same score in all processes, so that they stop together."""
        own = super().score(model, guide, state)

        return self.ranks.total(own) / self.ranks.size


def _refuse_whole(model: BayesianNetwork) -> None:
    """Refuse a network that must see all rows at once, as one of a single graph."""
    if model.whole:
        family = type(model.network).__name__
        raise ValueError(
            f"{family} must see all rows at once, so a batch has no parts; write "
            "distributed=False and accumulate=1"
        )


def _refuse_batch_norm(network: nn.Module) -> None:
    """Refuse layers that would see the rows of one process alone."""
    for name, layer in network.named_modules():
        is_shared = isinstance(layer, nn.SyncBatchNorm)
        if isinstance(layer, _BatchNorm) and layer.training and not is_shared:
            raise ValueError(
                f"batch normalisation ({name!r}) would see only the rows of one rank, so it "
                "depends on the number of ranks; freeze the network's statistics (priors.Frozen "
                "for its weights), use networks.FilterResponseNorm or nn.GroupNorm, on GPUs "
                "nn.SyncBatchNorm, or write distributed=False"
            )
