"""A likelihood from any Pyro distribution: a callable makes it from the network's output."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from pyro.distributions import Categorical
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.labels import refuse_one_hot
from zoo.likelihoods.likelihood import Likelihood
from zoo.likelihoods.missing import check_missing
from zoo.likelihoods.observed import PREFIX, Observed
from zoo.runtime.distributions import describe, to


class From(Likelihood):
    r"""Any Pyro distribution of the output: for counts, durations, angles, joint targets.

    .. math:: y \sim D(f(x), \text{noise}, \text{given})

    A distribution with event dimensions is of joint targets, e.g. `MultivariateNormal`,
    `Dirichlet` or `Multinomial` with one event of O numbers for each datum. Under a
    `Categorical`, predictions have `probs` and `entropy` as under
    `likelihoods.Categorical`.

    References:
        Generalized Linear Models (McCullagh, Nelder, 1989)

    Arguments:
        make: Makes a distribution from outputs (*, N, O). Its batch shape followed by its
            event shape is the shape of y, (*, N, ...). The callable must work on the last
            dimensions, because draws may come first, (S, N, O).
        missing: "nan" if targets may be NaN, which are left out; a joint target is left
            out whole.
        given: Names of what is known of each datum, e.g. `("exposure",)`:
            `fit(data, exposure=...)` takes the values (N, ...), and `make` gets them as a
            keyword argument.
        noise: Priors of the distribution's own parameters by name, e.g.
            `scale=dist.HalfNormal(1.0)`; `make` gets their values as keyword arguments,
            and the site of each is `likelihood:NAME`.

    Raises:
        TypeError: A callable that does not take these arguments; noise that is no
            distribution.

    Example:
        >>> likelihood = From(lambda f: dist.Poisson(f.exp()))
        >>> likelihood.distribution(torch.zeros(8, 1), {}).rate.shape
        torch.Size([8, 1])
        >>> From(lambda f, scale: dist.StudentT(3.0, f, scale), scale=dist.HalfNormal(1.0))
        From(<lambda>, scale=HalfNormal(1))
    """

    target = "values in the support of the distribution"

    def __init__(
        self,
        make: Callable[..., TorchDistributionMixin],
        missing: Literal["nan"] | None = None,
        given: Sequence[str] = (),
        **noise: TorchDistributionMixin,
    ) -> None:
        check_missing(missing)
        names = (given,) if isinstance(given, str) else tuple(given)
        _check_noise(noise)
        _check_callable(make, (*noise, *names))

        self.make = make
        self.missing = missing
        self.given = names
        self.noise = noise

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> TorchDistributionMixin:
        """Return the distribution that the callable makes."""
        values = {}
        for name in self.given:
            values[name] = noise[f"{PREFIX}{name}"]

        for name in self.noise:
            value = noise[f"{PREFIX}{name}"]
            num_new = max(0, output.dim() - value.dim())
            values[name] = value.reshape(*[1] * num_new, *value.shape)

        return self.make(output, **values)

    def priors(self, like: Tensor) -> dict[str, TorchDistributionMixin]:
        """Return the priors of the distribution's own parameters."""
        priors = {}
        for name, prior in self.noise.items():
            moved = to(prior, like)
            priors[f"{PREFIX}{name}"] = moved.to_event(len(moved.batch_shape))

        return priors

    def check(self, output: Tensor, y: Tensor | Observed) -> None:
        """Refuse targets that do not fit the distribution, one-hot labels of classes too."""
        observed = Observed.of(y)
        distribution = self._example(output, self.known(observed.given, output))
        if isinstance(distribution, Categorical) and observed.y is not None:
            refuse_one_hot(observed.y, distribution.probs)
        super().check(output, y)

    def _describe_target(self, distribution: TorchDistributionMixin, y: Tensor) -> str:
        """Return what a target is, with the name of the distribution."""
        words = f"values in the support of {type(distribution).__name__}"
        if distribution.support.is_discrete and bool((y != y.round()).any()):
            words += ", which are whole numbers"

        return words

    def __repr__(self) -> str:
        words = [str(getattr(self.make, "__name__", self.make))]
        if self.missing:
            words.append(f"missing={self.missing!r}")
        if self.given:
            words.append(f"given={self.given}")
        for name, prior in self.noise.items():
            words.append(f"{name}={describe(prior)}")

        return f"From({', '.join(words)})"


def _check_noise(noise: Mapping[str, object]) -> None:
    """Refuse keyword arguments that are no distributions."""
    for name, prior in noise.items():
        if not isinstance(prior, TorchDistributionMixin):
            raise TypeError(
                f"{name}={prior!r} must be the prior of a parameter, e.g. dist.HalfNormal(1.0); "
                "write a fixed value into the callable"
            )


def _check_callable(make: Callable[..., object], names: Sequence[str]) -> None:
    """Refuse a callable that does not take the output and these keyword arguments."""
    if not callable(make) or isinstance(make, TorchDistributionMixin):
        raise TypeError(
            f"From needs a callable that makes a distribution, not {make!r}; write "
            "From(lambda f: dist.Poisson(f.exp()))"
        )

    try:
        signature = inspect.signature(make)
    except ValueError:  # a callable of C has none
        return

    try:
        signature.bind(None, **dict.fromkeys(names))
    except TypeError as error:
        listed = ", ".join(("f", *names))
        raise TypeError(
            f"the callable of From must take ({listed}), but {error}; write lambda {listed}: ..."
        ) from error
