"""A plane of weights on which the loss shows a given picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.data import Batches, Data, batches
from zoo.inference.schedules import cosine
from zoo.landscape.minima.misfit import misfit_gradient
from zoo.landscape.patterns.frame import Frame, steps_of
from zoo.landscape.patterns.mask import as_mask
from zoo.landscape.patterns.pattern_grid import Pattern, grid_of
from zoo.landscape.points.target import Target, potential_of
from zoo.landscape.surfaces.random_plane import filter_normalised
from zoo.model import BayesianNetwork
from zoo.posterior.batch_norm import normalised_by_batch
from zoo.runtime.counts import check_count
from zoo.runtime.progress import bar
from zoo.runtime.rows import Structure, first, flatten, num_rows
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small
from zoo.tracing.traced import Traced

if TYPE_CHECKING:
    import numpy as np

_EXTENT = 5.0  # of the picture at first, in lengths of the directions
_LARGEST_GRADIENT = 100.0  # its norm, as published


def pattern(
    mask: Tensor | np.ndarray | str | Path,
    model: BayesianNetwork,
    data: Data,
    *,
    num_epochs: int = 4,
    batch_size: int | None = 32,
    cells: int = 32,
    lr: float = 3e-3,
    ceiling: float = 2.5,
    test: Data | None = None,
    num_evaluated: int | None = 2000,
    progress: bool = True,
) -> Pattern:
    r"""Find a plane of weights on which the training loss shows a given picture.

    .. math:: \min_{z_0, u, r, s} \; \frac1C \sum_{ij} \Big[
        [g_{ij} > 0] \max(L_{ij} - t_{ij}, 0) + \max(t_{ij} - L_{ij}, 0)
        - \tfrac1N \log p(z_{ij}) \Big], \quad t_{ij} = (1 - g_{ij}) \, c

    Here L is the training loss of the weights of a cell, g the value of the mask and c the
    ceiling. Of a mask of booleans that is the loss of cells that are True, minus the loss of
    the others up to the ceiling: beyond, they are left alone. Without the ceiling nothing ends
    the growth of their loss. The prior is that of the model, at all cells.

    Each step has a batch of data and some cells, half of them of low loss. Adam's learning
    rate falls to 0 as half a cosine. The plane starts at the weights of the network. While it
    is fitted, batch normalisation uses the statistics of the batch.

    References:
        Loss Landscape Sightseeing with Multi-Point Optimization (Skorokhodov, Burtsev, 2019)

    Arguments:
        mask: Booleans or grey values from 0 to 1, (H, W), 1 where the loss is to be low; or
            the path of a small picture, whose dark pixels are these.
        model: The model.
        data: The data, in any form; of a data set with a test part, that is evaluated too.
        num_epochs: Passes through the data.
        batch_size: Size of a batch; None takes all data at once.
        cells: Number of cells C of a step.
        lr: Learning rate of Adam.
        ceiling: The loss of cells that are 0, in nats per datum. Guesses have the log of the
            number of classes.
        test: Test data.
        num_evaluated: Number of training data, and of test data, at which the finished
            grid is evaluated, the first ones; None takes all.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: A mask of another shape or range, or a model with point estimates.

    Example:
        >>> found = landscape.pattern(torch.eye(3), posterior.model, data, num_epochs=1,
        ...                           progress=False)
        >>> found.loss.shape, -1 <= found.rank_correlation <= 1
        (torch.Size([3, 3]), True)
    """
    grey = as_mask(mask)
    _check(num_epochs, cells, lr, ceiling)
    target = Target(model, data, test)
    frame = _start(target, _EXTENT / max(grey.shape))
    fit = _Fit(target, frame, grey, cells, ceiling)

    losses = fit.run(batches(model, data, batch_size), num_epochs, lr, progress)

    return grid_of(target, frame.fixed(), grey, num_evaluated, losses)


def _start(target: Target, scale: float) -> Frame:
    """Return a frame around the weights of the network, in two random directions."""
    potential = target.potential
    origin = potential.pack(potential.initial_values())
    values, _ = potential.unpack(origin)

    parts = [origin]
    for _ in range(2):
        moved = {}
        for name, value in values.items():
            moved[name] = value + filter_normalised(torch.randn_like(value), value)

        parts.append(potential.pack(moved) - origin)

    parts.append(origin.new_tensor(scale))

    return Frame(*(part.detach().clone().requires_grad_() for part in parts))


class _Fit:
    """The search for a frame, by gradients at a few cells and data at a time.

    Arguments:
        target: The negative log posterior.
        frame: The frame, which is changed.
        grey: The mask, (H, W).
        cells: Number of cells of a step.
        ceiling: The loss of cells that are 0.
    """

    def __init__(
        self,
        target: Target,
        frame: Frame,
        grey: Tensor,
        cells: int,
        ceiling: float,
    ) -> None:
        model = normalised_by_batch(target.model)
        self.potential = potential_of(model, target.x, target.y)
        self.num_data = target.num_data
        self.network = target.model.network
        self.x = target.x
        self.frame = frame
        self.grey = grey.flatten().to(frame.origin)
        self.steps = steps_of(tuple(grey.shape)).to(frame.origin)
        self.cells = cells
        self.ceiling = ceiling
        self.structure: Structure | None = None

    def run(self, data: Batches, num_epochs: int, lr: float, progress: bool) -> Tensor:
        """Change the frame, and return the objective of each step, (K,)."""
        num_steps = num_epochs * data.per_pass
        optimizer = torch.optim.Adam(self.frame.tensors, lr=lr)
        scheduler = cosine()(optimizer, num_steps)
        program = Traced(self._gradient, calls=num_steps, compile="traced")

        losses = []
        with (
            one_if_small(self.network, first(self.x, data.size)),
            flush_subnormals(),
            bar(num_steps, "drawing", progress) as shown,
        ):
            for _ in range(num_epochs):
                for x, y in data.epoch():
                    tensors, self.structure = flatten((x, y))
                    losses.append(self._step(program, optimizer, tensors))
                    scheduler.step()
                    shown.update()

        return torch.stack(losses).cpu()

    def _step(
        self, program: Traced, optimizer: torch.optim.Optimizer, tensors: list[Tensor]
    ) -> Tensor:
        """Change the frame by the gradient at a few cells, and return the objective ()."""
        chosen = self._chosen()
        q = self.frame.at(self.steps[chosen])
        with self.potential.program.running():
            loss, gradient = program(q.detach(), self.grey[chosen], *tensors)

        optimizer.zero_grad()
        q.backward(gradient)
        torch.nn.utils.clip_grad_norm_(self.frame.tensors, _LARGEST_GRADIENT)
        optimizer.step()

        return loss.clone()

    def _chosen(self) -> Tensor:
        """Return the numbers of random cells, half of them of low loss, (C,)."""
        is_low = self.grey >= 0.5
        parts = []
        for side, number in (
            (is_low, self.cells - self.cells // 2),
            (~is_low, self.cells // 2),
        ):
            every = side.nonzero().flatten()
            order = torch.randperm(len(every), device=every.device)
            turns = torch.arange(number, device=every.device) % len(every)
            parts.append(every[order[turns]])

        return torch.cat(parts)

    def _gradient(
        self, q: Tensor, grey: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the objective () and its gradient (C, P) at weights (C, P)."""
        assert self.structure is not None
        x, y = self.structure.build(list(tensors))
        of_loss, loss = misfit_gradient(self.potential.on(x, y), q)
        of_prior, prior = self.potential.on().gradient(q)

        size = num_rows(x)
        loss = loss / size
        height = (1 - grey) * self.ceiling

        is_high, is_low = loss > height, loss < height
        sign = (is_high & (grey > 0)).to(loss) - is_low.to(loss)
        misfit = sign * (loss - height)
        objective = misfit + prior / self.num_data

        gradient = sign[:, None] * of_loss / size + of_prior / self.num_data

        return objective.mean(), gradient / len(q)


def _check(num_epochs: int, cells: int, lr: float, ceiling: float) -> None:
    """Refuse arguments out of range."""
    check_count("num_epochs", num_epochs)
    check_count("cells", cells, minimum=2)
    for name, value, default in (("lr", lr, 3e-3), ("ceiling", ceiling, 2.5)):
        if not value > 0:
            raise ValueError(
                f"{name} must be a number above 0, not {value}; write {name}={default}"
            )
