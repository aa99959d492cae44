"""Draws in xarray, NetCDF and zarr: read back as they were."""

from importlib.util import find_spec

import numpy as np
import pyro.distributions as dist
import pytest
import torch

import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.posterior import exports
from zoo.posterior.labelled import load_arviz

X, Y = torch.randn(8, 2), torch.randn(8, 1)
NETCDF = pytest.mark.skipif(
    find_spec("h5netcdf") is None and find_spec("netCDF4") is None,
    reason="test of NetCDF needs h5netcdf or netCDF4",
)
ZARR = pytest.mark.skipif(find_spec("zarr") is None, reason="test of zarr needs zarr")


@pytest.fixture(scope="module")
def posterior():
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[3]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(dist.HalfNormal(1.0)),
    )
    options = {"num_chains": 2, "warmup_steps": 3, "num_samples": 4, "init": "prior"}
    return inference.NUTS(model, **options, progress=False, compile=False).fit((X, Y))


def assert_same(group, posterior):
    for name, draws in posterior.draws.items():
        np.testing.assert_array_equal(group[name].values, draws.numpy())


def test_a_data_set_has_chains_draws_and_named_dimensions(posterior):
    data = posterior.to_xarray()
    weight = data["layer1.weight"]
    names = ("chain", "draw", "layer1.weight_dim_0", "layer1.weight_dim_1")
    assert weight.dims == names
    assert dict(data.sizes)["draw"] == 4
    assert_same(data, posterior)
    assert "layer1.weight" not in posterior.to_xarray(weights=False)


@NETCDF
def test_a_netcdf_file_is_read_back(posterior, tmp_path):
    path = tmp_path / "draws.nc"
    posterior.to_netcdf(path, data=(X, Y))
    again = load_arviz().from_netcdf(str(path))
    assert_same(again["posterior"], posterior)
    depth = posterior.info.tree_depth.numpy()
    np.testing.assert_array_equal(again["sample_stats"]["tree_depth"].values, depth)
    flags = again["sample_stats"]["reached_max_tree_depth"].values.astype(bool)
    assert flags.shape == (2, 4)
    assert again["log_likelihood"]["y"].shape == (2, 4, 8)


@NETCDF
def test_a_netcdf_file_that_cannot_be_written_is_refused_before_the_work(
    posterior, tmp_path, monkeypatch
):
    monkeypatch.setattr(type(posterior), "to_arviz", None)
    with pytest.raises(FileNotFoundError, match=r"no folder .* for the NetCDF file"):
        posterior.to_netcdf(tmp_path / "nowhere" / "draws.nc")
    with pytest.raises(ValueError, match=r"the NetCDF file .* is a folder; give"):
        posterior.to_netcdf(tmp_path)


@ZARR
def test_a_zarr_store_is_read_back(posterior, tmp_path):
    import xarray

    path = tmp_path / "draws.zarr"
    posterior.to_zarr(path)
    again = xarray.open_zarr(str(path), group="posterior", consolidated=False)
    assert_same(again, posterior)
    with pytest.raises(FileExistsError, match=r"draws\.zarr exists already"):
        posterior.to_zarr(path)


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        ("to_netcdf", "to_netcdf needs h5netcdf or netCDF4, .* pip install h5netcdf"),
        ("to_zarr", "to_zarr needs zarr, which is not installed; write pip install"),
    ],
)
def test_a_library_that_is_missing_is_named(
    posterior, tmp_path, monkeypatch, method, sentence
):
    monkeypatch.setattr(exports, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=sentence):
        getattr(posterior, method)(tmp_path / "draws")
    assert not (tmp_path / "draws").exists()
