"""The sweep: its table against fits made one by one, failures, resuming, lost processes."""

import json
import math
import statistics
from concurrent.futures.process import BrokenProcessPool

import pyro
import pyro.distributions as dist
import pytest

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors
from zoo.reports.scores import accuracy_scores
from zoo.sweeps import running
from zoo.sweeps.cell import takes
from zoo.sweeps.cells import cells_of
from zoo.sweeps.fitting import SweepFit

PRIOR = priors.WeightPrior(dist.Normal(0.0, 1.0))
LIKELIHOOD = likelihoods.Gaussian(0.1)


def network():
    return networks.MLP(6, 1, hidden=[3])


@pytest.fixture(scope="module")
def data():
    return datasets.uci("yacht")


@pytest.fixture
def few(data):
    """What the sweeps of these tests share."""
    return {
        "data": data,
        "network": network,
        "prior": PRIOR,
        "likelihood": LIKELIHOOD,
        "num_steps": 3,
        "compile": "plain",
        "num_samples": 5,
        "progress": False,
    }


def broken(model):
    raise RuntimeError("the guide is out of order\nsecond line")


def fitted_by_hand(data, seed):
    pyro.set_rng_seed(seed)
    model = zoo.BayesianNetwork(network(), PRIOR, LIKELIHOOD)
    guide = guides.MeanField(model)
    engine = inference.SVI(model, guide, num_steps=3, compile="plain", progress=False)
    posterior = engine.fit(data.train)
    prediction = posterior.predict(data.test.x, 5)
    return accuracy_scores(prediction, data.test.y, data)


def test_a_row_has_the_mean_and_the_standard_error_of_fits_by_hand(few, data):
    table = zoo.sweep({"guide": [guides.MeanField]}, **few, seeds=[3, 4])
    values = [fitted_by_hand(data, seed)["rmse"] for seed in (3, 4)]

    assert table.column("rmse") == pytest.approx([statistics.fmean(values)])
    error = statistics.stdev(values) / math.sqrt(2)
    assert table.column("rmse error") == pytest.approx([error])
    of_population = statistics.pstdev(values) / math.sqrt(2)
    assert table.column("rmse error") != pytest.approx([of_population])


def test_a_failed_cell_is_a_row_and_is_not_run_again(few, tmp_path, monkeypatch):
    axes = {"guide": [guides.Delta, broken], "lr": [0.01]}
    before = pyro.get_param_store().keys()
    table = zoo.sweep(axes, **few, out=tmp_path)

    assert len(table) == 2
    assert table.column("guide") == ["Delta", "broken"]
    assert table.column("remark")[1] == "RuntimeError: the guide is out of order"
    assert table.column("rmse")[1] is None
    assert table.column("seconds")[0] > 0
    assert pyro.get_param_store().keys() == before

    monkeypatch.setattr(SweepFit, "run", lambda self: pytest.fail("it was run again"))
    again = zoo.sweep(axes, **few, out=tmp_path)
    assert again.rows == table.rows
    with pytest.raises(BaseException, match="it was run again"):
        zoo.sweep(axes, **few, out=tmp_path, seeds=[7])


def test_cells_of_a_cluster_are_collected(few, tmp_path):
    axes = {"guide": [guides.Delta], "lr": [0.01, 0.02]}
    single = zoo.sweep(axes, **few, out=tmp_path, cell=1)
    assert single.column("lr") == ["0.02"]
    files = list(tmp_path.glob("*.json"))
    assert len(files) == 1
    assert json.loads(files[0].read_text())["labels"]["lr"] == "0.02"

    both = zoo.sweep(axes, **few, out=tmp_path)
    assert both.rows[1] == single.rows[0]
    with pytest.raises(ValueError, match="cells 0 to 1, but no cell 2"):
        zoo.sweep(axes, **few, out=tmp_path, cell=2)


def test_a_torn_file_is_put_aside(few, tmp_path):
    axes = {"guide": [guides.Delta]}
    zoo.sweep(axes, **few, out=tmp_path)
    (file,) = tmp_path.glob("*.json")
    file.write_text(file.read_text()[:50])
    with pytest.warns(UserWarning, match="is damaged"):
        table = zoo.sweep(axes, **few, out=tmp_path)
    assert table.column("rmse")[0] > 0


def test_fidelity_is_a_column_where_a_reference_is_named():
    table = zoo.sweep(
        {"guide": [guides.Delta]},
        reference="sinusoid",
        num_steps=2,
        compile="plain",
        num_samples=5,
        progress=False,
    )
    assert table.column("wasserstein")[0] > 0
    assert table.column("seconds")[0] > 0


def test_a_process_that_is_lost_costs_one_cell(few, monkeypatch, tmp_path):
    """Processes are played here; `test_processes` has real ones."""

    def play(tasks, workers):
        for task in tasks:
            if task.cell.labels["lr"] == "0.02":
                raise BrokenProcessPool
            yield task.run()

    monkeypatch.setattr(running, "_in_processes", play)
    axes = {"guide": [guides.Delta], "lr": [0.01, 0.02, 0.03]}
    table = zoo.sweep(axes, **few, workers=2, out=tmp_path)
    is_scored = [value is not None for value in table.column("rmse")]
    assert is_scored == [True, False, True]
    assert "no memory left" in table.column("remark")[1]
    assert len(list(tmp_path.glob("*.json"))) == 3


@pytest.mark.slow
def test_processes(few):
    import os

    axes = {"guide": {"whole": guides.Delta, "lost": lambda model: os._exit(9)}}
    table = zoo.sweep(axes, **few, workers=2)
    assert table.column("guide") == ["whole", "lost"]
    assert table.column("rmse")[0] > 0
    assert "ended from outside" in table.column("remark")[1]


def test_steps_of_a_sweep_are_gradient_steps_and_no_leapfrog_steps():
    assert takes(inference.SVI, "num_steps")
    assert takes(inference.Laplace, "num_steps")
    assert not takes(inference.HMC, "num_steps")


def test_a_sampler_stands_once_for_all_guides(few):
    sampler = inference.HMC(zoo.BayesianNetwork(network(), PRIOR, LIKELIHOOD))
    fixed = {name: few[name] for name in ("network", "prior", "likelihood")}
    axes = {
        "guide": [guides.Delta, guides.MeanField],
        "engine": [inference.SVI, sampler],
        "lr": [0.01, 0.02],
    }
    cells = cells_of(axes, fixed, {"batch_size": 10})
    labels = [tuple(cell.labels.values()) for cell in cells]
    assert labels == [
        ("Delta", "SVI", "0.01"),
        ("Delta", "SVI", "0.02"),
        ("-", "HMC(4 chains, 500 + 500 draws)", "-"),
        ("MeanField", "SVI", "0.01"),
        ("MeanField", "SVI", "0.02"),
    ]
    assert cells[0].fit_options() == {"batch_size": 10}
    assert cells[2].fit_options() == {}
    assert cells[2].build().model is not sampler.model


@pytest.mark.parametrize(
    ("axes", "more", "sentence"),
    [
        ({"guide": []}, {}, "has no values"),
        ({"guide": "Delta"}, {}, "must be a list"),
        ({"guide": [None]}, {}, "SVI needs a guide"),
        ({"lrr": [0.1]}, {"guide": guides.Delta}, "the nearest is 'lr'"),
        ({"guide": [guides.Delta]}, {"prior": None}, "the sweep has no prior"),
        ({"guide": [guides.Delta]}, {"workers": 0}, "workers must be at least 1"),
        ({"guide": [guides.Delta]}, {"data": None}, "the sweep has no data"),
    ],
)
def test_a_mistake_is_named_before_any_fit(few, axes, more, sentence):
    with pytest.raises(ValueError, match=sentence):
        zoo.sweep(axes, **{**few, **more})


def test_a_guide_of_one_model_is_refused(few):
    model = zoo.BayesianNetwork(network(), PRIOR, LIKELIHOOD)
    with pytest.raises(ValueError, match=r"write guides\.Delta"):
        zoo.sweep({"guide": [guides.Delta(model)]}, **few)
