"""A minimum of the training loss with a large test error, beside a good one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from zoo.data import Batches, Data, batches, full
from zoo.inference.schedules import cosine
from zoo.landscape.minima.level import loss_at, lowered
from zoo.landscape.minima.minima import Minima, minima_at
from zoo.landscape.minima.misfit import misfit_gradient
from zoo.landscape.points.location import Location
from zoo.landscape.points.target import Target, potential_of
from zoo.model import BayesianNetwork
from zoo.posterior.batch_norm import normalised_by_batch
from zoo.runtime.caller import stack_level
from zoo.runtime.counts import check_count
from zoo.runtime.progress import bar
from zoo.runtime.rows import Structure, flatten, num_rows
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small
from zoo.tracing.traced import Traced

_SLOWER = 10  # times, when the training loss is made equal


def bad_minimum(
    model: BayesianNetwork,
    data: Data,
    extra: Data,
    *,
    num_epochs: int = 30,
    batch_size: int = 256,
    lr: float = 3e-3,
    share: float = 0.5,
    loss: float = 1e-3,
    test: Data | None = None,
    progress: bool = True,
) -> Minima:
    r"""Find weights that fit the training data but not the test data, and good ones beside them.

    .. math:: z_\text{bad}: \; \min_z \; (1 - \beta) \, L(z; x, y)
        + \beta \, L(z; x', \text{wrong } y'), \qquad
        z_\text{good}: \; \min_z \; L(z; x, y)

    The bad ones also fit wrong labels of other data, the more of these the larger the test
    error. Both begin at the weights of the network, and both are minima of the same training
    loss, that of the right labels: then each goes on by gradients of this loss alone, of all
    training data, until it is exactly the same, the given one or that of the bad weights if it
    is lower. The prior has no part in the search, as in the published one; what it says of
    the two is in the result.

    Each step has a batch of the training data and one of the others. Adam's learning rate falls
    to 0 as half a cosine.

    References:
        Understanding Generalization through Visualizations (Huang, Emam, Goldblum, Fowl, Terry,
            Huang, Goldstein, 2019)

    Arguments:
        model: The model.
        data: The training data with their right labels; of a data set with a test part,
            the test error is evaluated too.
        extra: Other data of the same kind, with the wrong labels that are to be learned there,
            e.g. `(x, (y + 1) % 10)`.
        num_epochs: Passes through the other data.
        batch_size: Size of a batch of either data.
        lr: Learning rate of Adam.
        share: Share of the training data in the loss, 1 - β, between 0 and 1.
        loss: The training loss at which the two are compared, in nats per datum.
        test: Test data, for the test error.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: A share or a loss out of range, or a model with point estimates.

    Warns:
        UserWarning: The bad weights do not fit all training data.

    Example:
        >>> x, y = data.train
        >>> found = landscape.bad_minimum(posterior.model, (x[:9], y[:9]), (x[9:], -y[9:]),
        ...                               num_epochs=1, loss=1e3, progress=False)
        >>> found.bad.predict(data.test.x).mean.shape
        torch.Size([31, 1])
    """
    _check(num_epochs, batch_size, lr, share, loss)
    target = Target(model, data, test)
    start = target.potential.pack(target.potential.initial_values())
    fit = _Fit(target, full(model, extra), batch_size, share)

    bad = fit.run(start, num_epochs, lr, progress)
    level = min(loss, loss_at(target, bad))
    good, bad = (lowered(target, q, level, lr / _SLOWER) for q in (start, bad))
    _say_if_not_fitted(target, bad)

    return minima_at(target, good, bad)


class _Fit:
    """The search for weights that fit right labels and wrong ones of other data.

    Arguments:
        target: The negative log posterior of the right labels.
        wrong: Inputs and targets of the other data.
        batch_size: Size of a batch of either.
        share: Share of the right labels in the loss.
    """

    def __init__(
        self, target: Target, wrong: tuple[Any, Any], batch_size: int, share: float
    ) -> None:
        model = normalised_by_batch(target.model)
        self.potential = potential_of(model, target.x, target.y)
        self.network = model.network
        self.right = batches(model, (target.x, target.y), batch_size)
        self.wrong = batches(model, wrong, batch_size)
        self.share = share
        self.structure: Structure | None = None

    def run(self, q: Tensor, num_epochs: int, lr: float, progress: bool) -> Tensor:
        """Return the weights (P,) after some passes through the other data."""
        q = q.clone().requires_grad_()
        num_steps = num_epochs * self.wrong.per_pass
        optimizer = torch.optim.Adam([q], lr=lr)
        scheduler = cosine()(optimizer, num_steps)
        program = Traced(self._gradient, calls=num_steps, compile="traced")
        right = _repeated(self.right)

        with (
            one_if_small(self.network, self.right.x),
            flush_subnormals(),
            self.potential.program.running(),
            bar(num_steps, "fitting", progress) as shown,
        ):
            for _ in range(num_epochs):
                for wrong in self.wrong.epoch():
                    tensors, self.structure = flatten((*next(right), *wrong))
                    (q.grad,) = program(q.detach(), *tensors)
                    optimizer.step()
                    scheduler.step()
                    shown.update()

        return q.detach()

    def _gradient(self, q: Tensor, *tensors: Tensor) -> tuple[Tensor]:
        """Return the gradient (P,) of the weighted loss at q (P,)."""
        assert self.structure is not None
        x, y, other_x, other_y = self.structure.build(list(tensors))
        of_right, _ = misfit_gradient(self.potential.on(x, y), q[None])
        of_wrong, _ = misfit_gradient(self.potential.on(other_x, other_y), q[None])

        right = self.share / num_rows(x)
        wrong = (1 - self.share) / num_rows(other_x)

        return (right * of_right[0] + wrong * of_wrong[0],)


def _repeated(data: Batches) -> Iterator[Any]:
    """Give batches without end."""
    while True:
        yield from data.epoch()


def _say_if_not_fitted(target: Target, q: Tensor) -> None:
    """Warn if some training data have the wrong class."""
    if not target.model.likelihood.discrete:
        return

    fit = Target(target.model, (target.x, target.y), (target.x, target.y))
    error = float(fit.terms(Location(q[None], {})).test_error)
    if error > 0:
        warnings.warn(
            f"the bad weights have {error:.1%} of the training data wrong; write more epochs than "
            "num_epochs says, or a larger share",
            stacklevel=stack_level(),
        )


def _check(
    num_epochs: int, batch_size: int, lr: float, share: float, loss: float
) -> None:
    """Refuse arguments out of range."""
    check_count("num_epochs", num_epochs)
    check_count("batch_size", batch_size)
    if not 0 < share < 1:
        raise ValueError(
            f"share must be a number between 0 and 1, not {share}; write share=0.5"
        )

    for name, value, default in (("lr", lr, 3e-3), ("loss", loss, 1e-3)):
        if not value > 0:
            raise ValueError(
                f"{name} must be a number above 0, not {value}; write {name}={default}"
            )
