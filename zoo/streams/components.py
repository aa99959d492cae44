"""The Gaussians of a hybrid model: the class, the task and the mean of each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Components:
    """The Gaussians of a hybrid model in latent space, one for each class of each task.

    Arguments:
        classes: Class of each component, (K,).
        tasks: Task of each component, (K,), from 0 to T - 1.
        means: Mean of each component, (K, D).
    """

    classes: Tensor
    tasks: Tensor
    means: Tensor

    @classmethod
    def none(cls, num_latents: int) -> Components:
        """Return no components yet.

        Arguments:
            num_latents: Number D of latents.
        """
        nothing = torch.empty(0, dtype=torch.long)

        return cls(nothing, nothing, torch.empty(0, num_latents))

    @property
    def num_tasks(self) -> int:
        """The number of tasks T."""
        return int(self.tasks.max()) + 1 if len(self.tasks) else 0

    @property
    def num_classes(self) -> int:
        """The number of classes C: the largest class and one."""
        return int(self.classes.max()) + 1

    def with_task(self, labels: Tensor, spread: float) -> Components:
        """Return the components with those of a new task, whose means are drawn.

        Arguments:
            labels: Labels of the task's data, (N,).
            spread: Standard deviation of each coordinate of a mean.
        """
        new = labels.unique().cpu()
        tasks = torch.full_like(new, self.num_tasks)
        means = spread * torch.randn(len(new), self.means.shape[1])

        return Components(
            torch.cat([self.classes, new]),
            torch.cat([self.tasks, tasks]),
            torch.cat([self.means, means]),
        )

    def of_task(self, task: int) -> Tensor:
        """Return the indices of the components of a task, (k,)."""
        return (self.tasks == task).nonzero().squeeze(-1)

    def indices(self, labels: Tensor, task: int) -> Tensor:
        """Return the component of each label of a task, (N,).

        Arguments:
            labels: Classes (N,).
            task: The task.
        """
        rows = self.of_task(task)
        is_class = labels.cpu()[:, None] == self.classes[rows]  # (N, k)

        return rows[is_class.long().argmax(-1)].to(labels.device)

    def class_probs(self, probs: Tensor) -> Tensor:
        """Return the probability of each class, (N, C), from those of components (N, K)."""
        return _added(probs, self.classes, self.num_classes)

    def task_probs(self, probs: Tensor) -> Tensor:
        """Return the probability of each task, (N, T), from those of components (N, K)."""
        return _added(probs, self.tasks, self.num_tasks)


def _added(probs: Tensor, groups: Tensor, number: int) -> Tensor:
    """Add up probabilities (N, K) within groups of components."""
    sums = probs.new_zeros(len(probs), number)

    return sums.index_add(1, groups.to(probs.device), probs)
