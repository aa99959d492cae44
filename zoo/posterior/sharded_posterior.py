"""The posterior of a long run: its draws stay in the shards of a folder until they are used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.likelihoods.likelihood import is_noise_site
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.info import RunInfo
from zoo.posterior.input_batches import InputBatch, on_device_of
from zoo.posterior.shards import Shards
from zoo.posterior.thinning import evenly
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.prediction import Prediction
from zoo.runtime.rows import concatenate


class ShardedPosterior(DrawsPosterior):
    """Draws in a folder, of a run that may still go on; memory holds one shard at a time.

    `sample` and `predict` read the draws that they are asked for, shard by shard, and
    `means` all of them in turn. `draws[site]` and `save` need memory for all draws. A
    prediction is (S, N, ...), so name `num_samples` where there are many draws.

    Arguments:
        shards: The draws.
        state: Frozen weights and buffers by name.
        info: Statistics of the run; those of each draw are in memory.
        masks: Which weights of a site are left after pruning, by the site's name.

    Example:
        >>> engine = inference.HMC(
        ...     model,
        ...     num_chains=2,
        ...     warmup_steps=5,
        ...     num_samples=9,
        ...     checkpoint=folder / "run",
        ...     compile=False,
        ...     progress=False,
        ... )
        >>> _ = engine.fit(data.train)
        >>> posterior = zoo.load(folder / "run", model)
        >>> posterior.predict(data.test.x, num_samples=4).outputs.shape
        torch.Size([4, 31, 1])
    """

    def __init__(
        self,
        shards: Shards,
        *,
        state: Mapping[str, Tensor],
        info: RunInfo | None,
        masks: Mapping[str, Tensor] | None = None,
    ) -> None:
        sites = _Sites(shards, list(shards.model.latents))
        super().__init__(shards.model, draws=sites, state=state, info=info, masks=masks)
        self.shards = shards

    @property
    def draws(self) -> Mapping[str, Tensor]:
        """The draws of every latent site, (C, S, *shape) by name, read when one asks for them."""
        if self.model.plan.reparameterised():
            return self._complete(dict(self._draws))

        return self._draws

    @property
    def num_samples(self) -> int:
        """Number of draws of all chains that were there when the folder was loaded."""
        return self.num_chains * self.shards.length

    @property
    def num_chains(self) -> int:
        """Number of chains of the draws."""
        return self.shards.num_chains

    @property
    def source(self) -> str:
        """The number of chains and of draws, and their folder."""
        chains = f"{self.num_chains} chains of {self.shards.length} draws"
        return f"{chains} in {self.shards.folder}"

    def sample(self, num_samples: int | None = None) -> dict[str, Tensor]:
        """Return draws of every latent site, evenly thinned: site -> (S, *shape).

        Arguments:
            num_samples: Number of draws S, all by default, chains one after the other.

        Raises:
            ValueError: More draws than there are, or fewer than one.
        """
        positions = self._positions(num_samples)
        found: dict[str, Tensor] = {}
        for rows, draws in self._chunks(positions):
            _fill(found, len(positions), rows, draws)

        return found

    def with_stored(
        self, stored: Mapping[str, Tensor], info: RunInfo | None
    ) -> DrawsPosterior:
        """Return a posterior of the same model with other draws, which are in memory."""
        return DrawsPosterior(
            self.model, draws=stored, state=self.state, info=info, masks=self.masks
        )

    def _predict_at(
        self,
        batches: Iterable[InputBatch],
        num_samples: int | None,
        mode: Mapping[str, Tensor] | None,
        progress: bool,
    ) -> Prediction:
        """Predict at inputs, with the draws of one shard at a time."""
        positions = self._positions(num_samples)
        outputs, known = [], []
        noise: dict[str, Tensor] = {}
        for x, given in batches:
            found: dict[str, Tensor] = {}
            for rows, draws in self._chunks(positions):
                draws = on_device_of(draws, x)
                values = evaluate_draws(
                    self.model, draws, self.state, x, None, progress
                )
                _fill(found, len(positions), rows, {"outputs": values})
                of_noise = {key: draws[key] for key in draws if is_noise_site(key)}
                _fill(noise, len(positions), rows, of_noise)

            outputs.append(found["outputs"])
            known.append(given)

        if not outputs:
            raise ValueError("the DataLoader is empty: it gives no batch")

        return Prediction(
            self.model.likelihood,
            torch.cat(outputs, 1),
            noise,
            given=concatenate(known),
        )

    def _means(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the means of the draws, one shard after the other."""
        sums: dict[str, Tensor] = {}
        for _, draws in self._chunks(torch.arange(self.num_samples)):
            for name in names:
                total = draws[name].double().sum(0)
                sums[name] = sums.get(name, 0.0) + total

        means = {}
        for name, total in sums.items():
            mean = total / self.num_samples
            means[name] = mean.to(self.model.first_parameter.dtype)

        return means

    def _positions(self, num_samples: int | None) -> Tensor:
        """Return which of the draws are asked for, (S,)."""
        total = self.num_samples
        self._thinned(torch.empty(1, total), num_samples)  # checks the number
        return evenly(total, total if num_samples is None else num_samples)

    def _chunks(self, positions: Tensor) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        """Yield draws, reparameterised and masked tensors included, and where they belong."""
        for rows, draws in self.shards.chunks(positions):
            yield rows, self._complete(draws)


class _Sites(Mapping[str, Tensor]):
    """The draws of every site, (C, S, *shape) by name; each is read when one asks for it."""

    def __init__(self, shards: Shards, names: list[str]) -> None:
        self._shards = shards
        self._names = names

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._names:
            raise KeyError(name)

        return self._shards.site(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _fill(
    found: dict[str, Tensor], total: int, rows: Tensor, values: Mapping[str, Any]
) -> None:
    """Put values (K, ...) into rows of tensors (total, ...), which begin empty."""
    for name, value in values.items():
        if name not in found:
            found[name] = value.new_empty((total, *value.shape[1:]))

        found[name][rows.to(value.device)] = value
