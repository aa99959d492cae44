"""Draws as xarray's data set, and ArviZ's groups in NetCDF and zarr files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.posterior.labelled import group_of, tree_of
from zoo.runtime.files.atomic import atomically
from zoo.runtime.files.output_path import check_output_path

if TYPE_CHECKING:
    from xarray import Dataset

    from zoo.posterior.labelled import Labelled

_NETCDF = ("h5netcdf", "netCDF4")  # either of them writes NetCDF
_ZARR = ("zarr",)


class Exports:
    """The part of a posterior that other programs read: everything that `to_arviz` gives."""

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
