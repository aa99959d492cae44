"""What other programs take: a plain network, xarray's data set, NetCDF and zarr files."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from zoo.model import BayesianNetwork
from zoo.posterior.labelled import group_of, tree_of
from zoo.posterior.mean_network import mean_network, random_tensors
from zoo.runtime.files.atomic import atomically
from zoo.runtime.files.output_path import check_output_path

if TYPE_CHECKING:
    from xarray import Dataset

    from zoo.posterior.labelled import Labelled

_NETCDF = ("h5netcdf", "netCDF4")  # either of them writes NetCDF
_ZARR = ("zarr",)


class Exports:
    """The part of a posterior that other programs read: a plain network, and what ArviZ takes."""

    state: dict[str, Tensor]
    masks: dict[str, Tensor]

    def network(self) -> nn.Module:
        """Return a plain copy of the network, with the mean of each random tensor.

        Point estimates and buffers are those of the fit, pruned weights are zero, and the
        parameters can be trained. It gives one output without uncertainty, and it can be
        the network of another model. The mean of a guide's site is that of 200 draws if it
        has no closed form.

        Raises:
            ValueError: A posterior without the weights of a network.

        Example:
            >>> engine = inference.SVI(model, guides.MeanField(model), num_steps=5, progress=False)
            >>> plain = engine.fit(data.train).network()
            >>> plain(data.test.x).shape
            torch.Size([31, 1])
        """
        model = self.require_weights("network() needs the weights of a network")
        means = self._means(random_tensors(model))
        for name in self.masks.keys() & means.keys():
            mask = self.masks[name]
            means[name] = means[name].masked_fill(~mask, 0.0)

        return mean_network(model, {**self.state, **means})

    def means(self) -> dict[str, Tensor]:
        """Return the mean of every latent site by name, (*shape).

        That of a guide's site is the mean of 200 draws if it has no closed form. Pruned
        weights are zero.

        Raises:
            ValueError: A posterior without the weights of a network.

        Example:
            >>> engine = inference.SVI(model, guides.Delta(model), num_steps=5, progress=False)
            >>> engine.fit(data.train).means()["layer1.weight"].shape
            torch.Size([10, 6])
        """
        model = self.require_weights("means() needs the weights of a network")
        means = {}
        for name, value in self._means(list(model.latents)).items():
            mask = self.masks.get(name)
            mean = value.detach().clone()
            means[name] = mean if mask is None else mean.masked_fill(~mask, 0.0)

        return means

    def require_weights(self, purpose: str) -> BayesianNetwork:
        """Return the model, or refuse a posterior without draws of a network's weights."""
        raise NotImplementedError

    def _means(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the means of random tensors and nodes, reparameterised ones included."""
        raise NotImplementedError

    def to_arviz(self, *args: Any, **options: Any) -> Labelled:
        """Convert to ArviZ's container."""
        raise NotImplementedError

    def to_xarray(self, **options: Any) -> Dataset:
        """Return the draws as xarray's data set, with dimensions `chain` and `draw`.

        The dimensions of a site have its name: `layer1.weight_dim_0` and so on.

        Arguments:
            options: Arguments of `to_arviz`, e.g. `num_samples` for a guide.
        """
        return group_of(self.to_arviz(**options), "posterior")

    def to_netcdf(self, path: str | Path, **options: Any) -> None:
        """Write all groups of `to_arviz` to a NetCDF file, which `arviz.from_netcdf` reads.

        Arguments:
            path: The file, replaced if it exists.
            options: Arguments of `to_arviz`, e.g. `data` for the log likelihood.

        Raises:
            ImportError: Neither h5netcdf nor netCDF4 is installed.
            FileNotFoundError: The folder of the file does not exist.
            ValueError: It is a folder, or may not be written.
        """
        _require("to_netcdf", _NETCDF)
        path = check_output_path(path, "NetCDF file")
        groups = self.to_arviz(**options)
        with atomically(path) as new:
            groups.to_netcdf(str(new))

    def to_zarr(self, path: str | Path, **options: Any) -> None:
        """Write all groups of `to_arviz` to a zarr store, a folder.

        Arguments:
            path: The folder, which must not exist yet.
            options: Arguments of `to_arviz`, e.g. `data` for the log likelihood.

        Raises:
            ImportError: zarr is not installed.
            FileExistsError: The folder exists.
        """
        _require("to_zarr", _ZARR)
        if Path(path).exists():
            raise FileExistsError(
                f"{path} exists already; give a folder that does not, or remove it"
            )

        tree_of(self.to_arviz(**options)).to_zarr(str(path), consolidated=False)


def _require(method: str, packages: tuple[str, ...]) -> None:
    """Refuse to go on if none of the packages that a method needs is installed."""
    if any(find_spec(name) is not None for name in packages):
        return

    names = " or ".join(packages)
    raise ImportError(
        f"{method} needs {names}, which is not installed; write pip install {packages[0]}, or "
        "keep the draws by posterior.save(path)"
    )
