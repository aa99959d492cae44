"""Several heads on one body, chosen by the task of each input."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zoo.runtime.recorded import Recorded


class MultiHead(nn.Module, Recorded):
    r"""Network of several tasks: a body that all share, and a head for each task.

    .. math:: f(x, t) = \text{head}_t(\text{body}(x))

    The task is an input, so that data of several tasks can be in one batch. For a new task
    make a network of the same parts and one more head: tensors keep their names, which
    `priors.previous` needs.

    References:
        Multitask Learning (Caruana, 1997)
        Variational Continual Learning (Nguyen, Li, Bui, Turner, 2018)

    Arguments:
        body: Maps inputs (N, ...) to features.
        heads: A module for each task, from features to outputs (N, O). All have the same
            number of outputs.
        task: The task of all inputs, if it is not an input.

    Raises:
        ValueError: No head, or a task without one.

    Example:
        >>> body = nn.Sequential(nn.Linear(6, 50), nn.ReLU())
        >>> network = MultiHead(body, [nn.Linear(50, 2), nn.Linear(50, 2)])
        >>> network(torch.zeros(3, 6), torch.tensor([0, 1, 1])).shape
        torch.Size([3, 2])
        >>> network.of(1)(torch.zeros(3, 6)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self, body: nn.Module, heads: Sequence[nn.Module], *, task: int | None = None
    ) -> None:
        super().__init__()
        if not heads:
            raise ValueError(
                "a MultiHead needs at least one head, a module for each task"
            )

        if task is not None and task not in range(len(heads)):
            raise ValueError(
                f"task must be a number from 0 to {len(heads) - 1}, one for each head, not {task}"
            )

        self.body = body
        self.heads = nn.ModuleList(heads)
        self.task = task

    def of(self, task: int) -> MultiHead:
        """Return the network of one task, of the same modules; it takes inputs alone."""
        return MultiHead(self.body, list(self.heads), task=task)

    def forward(self, x: Tensor, task: Tensor | None = None) -> Tensor:
        """Map inputs (N, ...) and their tasks (N,) to outputs (N, O)."""
        features = self.body(x)
        outputs = torch.stack([head(features) for head in self.heads], -2)  # (N, T, O)
        if self.task is not None:
            return outputs[..., self.task, :]

        if task is None:
            raise ValueError(
                "a MultiHead takes inputs and their tasks; write the pair (x, task), with task "
                "of shape (N,), or network.of(task)"
            )

        chosen = task.long()[..., None, None].expand(*task.shape, 1, outputs.shape[-1])

        return outputs.gather(-2, chosen).squeeze(-2)
