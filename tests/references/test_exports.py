"""References as files of other programs: each number is read back from where it belongs."""

import csv
import json
import zipfile

import numpy as np
import pytest
import torch

from zoo import references
from zoo.posterior.labelled import group_of


@pytest.fixture(scope="module")
def concrete():
    return references.load("concrete-50")


def _columns(path):
    """Return the columns of a table by name."""
    with path.open(newline="") as file:
        names, *rows = csv.reader(file)
    values = np.array(rows, dtype=float)
    assert len(set(names)) == len(names)
    return {name: values[:, number] for number, name in enumerate(names)}


def _zipped(path):
    """Return the JSON of a zipped file, which has the name of the archive."""
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [path.stem]
        return json.loads(archive.read(path.stem))


def test_tables_have_the_draws_of_each_chain_in_its_place(concrete, tmp_path):
    paths = references.export(concrete, tmp_path, "csv")
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}

    table = _columns(tmp_path / "concrete-50.functions.csv")
    values = concrete.posterior.functions.values  # (C, S, N, 1)
    rows = (table["chain"] == 3) & (table["draw"] == 11)
    assert rows.sum() == 1
    place = int(np.flatnonzero(rows)[0])
    for name in ("f[1,1]", "f[60,1]"):
        number = int(name[2:].partition(",")[0]) - 1
        assert np.float32(table[name][place]) == values[2, 10, number, 0].numpy()
    noise = concrete.posterior.draws["likelihood:scale"]
    assert np.float32(table["likelihood:scale"][place]) == noise[2, 10].numpy()

    weights = _columns(tmp_path / "concrete-50.weights.csv")
    expected = concrete.weights["layer1.weight"][:, 1, 2].numpy()
    assert np.array_equal(weights["layer1.weight[2,3]"].astype(np.float32), expected)

    train = _columns(tmp_path / "concrete-50.train.csv")
    x, y = concrete.data.train
    assert np.array_equal(train["x[8]"].astype(np.float32), x[:, 7].numpy())
    assert np.array_equal(train["y"].astype(np.float32), y[:, 0].numpy())
    inputs = _columns(tmp_path / "concrete-50.inputs.csv")
    assert np.array_equal(inputs["away"], concrete.away.numpy())


def test_the_layout_is_that_of_posteriordb(concrete, tmp_path):
    """Keys and their order are those that its packages for Python, Julia and R ask for."""
    references.export(concrete, tmp_path, "posteriordb")
    references.export("linear", tmp_path, "posteriordb")
    names = sorted(path.stem for path in (tmp_path / "posteriors").iterdir())
    assert names == ["concrete-50", "concrete-50-weights", "linear", "linear-weights"]

    entry = json.loads((tmp_path / "posteriors" / "concrete-50.json").read_text())
    assert entry["dimensions"] == {"f": 60, "likelihood:scale": 1}
    data_info = tmp_path / "data" / "info" / f"{entry['data_name']}.info.json"
    described = json.loads(data_info.read_text())
    place = described["data_file"]
    assert "CC BY 4.0" in described["description"]
    data = _zipped(tmp_path / f"{place}.zip")
    assert torch.equal(torch.tensor(data["x"]), concrete.data.train.x)
    assert torch.equal(torch.tensor(data["x_new"]), concrete.inputs)

    model_info = tmp_path / "models" / "info" / f"{entry['model_name']}.info.json"
    code = json.loads(model_info.read_text())["model_implementations"]["pyro"]
    assert "def concrete_50()" in (tmp_path / code["model_code"]).read_text()

    draws_folder = tmp_path / "reference_posteriors" / "draws"
    reference_name = entry["reference_posterior_name"]
    chains = _zipped(draws_folder / "draws" / f"{reference_name}.json.zip")
    values = concrete.posterior.functions.values
    assert len(chains) == len(values)
    found = np.array(chains[5]["f[2,1]"], dtype=np.float32)
    assert np.array_equal(found, values[5, :, 1, 0].numpy())

    text = (draws_folder / "info" / f"{reference_name}.info.json").read_text()
    info = json.loads(text)
    assert " ".join(info) == (
        "name inference diagnostics checks_made comments added_by added_date versions"
    )
    diagnostics = info["diagnostics"]
    assert diagnostics["nchains"] == len(chains)
    assert list(chains[0]) == diagnostics["diagnostic_information"]["names"]
    assert max(diagnostics["r_hat"]) < 1.05


def test_arviz_gets_the_functions_of_all_chains(concrete, tmp_path):
    arviz = pytest.importorskip("arviz")
    posterior = group_of(concrete.to_arviz(), "posterior")
    assert posterior["f"].shape == (8, 200, 60, 1)
    assert posterior["likelihood:scale"].shape == (8, 200)

    [path] = references.export(concrete, tmp_path, "netcdf")
    read = group_of(arviz.from_netcdf(path), "posterior")
    assert np.array_equal(read["f"].values, posterior["f"].values)


def test_a_format_that_is_none_gets_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="'csv', 'posteriordb', 'netcdf', not 'stan'"):
        references.export("linear", tmp_path, "stan")
