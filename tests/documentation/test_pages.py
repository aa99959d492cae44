"""The pages: their programs run, their links lead somewhere, and the README is short."""

import re
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md")]
)
SHORTER = {  # the program in a page, with few steps
    "inference.SVI(model, guide)": "inference.SVI(model, guide, num_steps=3, progress=False)",
    "inference.SVI(model, guides.MeanField(model))": (
        "inference.SVI(model, guides.MeanField(model), num_steps=3, progress=False)"
    ),
    "num_chains=2)": (
        "num_chains=2, warmup_steps=4, num_samples=4, compile=False, progress=False)"
    ),
    '"posterior.safetensors"': 'path / "posterior.safetensors"',
}
FEWER = {  # of the pages about weights
    "num_epochs=60, cycles=3": "num_epochs=6, progress=False, cycles=3",
    "num_steps=400, beta2=1 - 12 / 400": "num_steps=4",
    "num_steps=50, progress": "num_steps=2, progress",
    "num_steps=300, progress": "num_steps=2, progress",
    "num_epochs=60": "num_epochs=2, progress=False",
    "landscape.connect(a, b, data)": (
        "landscape.connect(a, b, data, num_epochs=2, num_points=5, progress=False)"
    ),
    "landscape.curvature(a, data)": (
        "landscape.curvature(a, data, 2, num_probes=1, num_steps=3)"
    ),
    "make(4), data)": "make(4), data, num_epochs=1, num_evaluated=9, progress=False)",
    "test=data.test)": "test=data.test, num_epochs=1, loss=9.0, progress=False)",
    "pair.bad, train)": "pair.bad, train, ceiling=10.0, num_directions=2)",
    "torch.randn(20, 1)": "torch.randn(3, 1)",
    '"line.gif"': '"line.gif", dpi=30',
    "data=data)": "data=data, shape=(3, 3))",
}


def programs(page):
    """Return the Python blocks of a page."""
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def run(program, **names):
    for long, short in SHORTER.items():
        program = program.replace(long, short)
    with warnings.catch_warnings():
        # four draws of warm-up are too few
        warnings.filterwarnings("ignore", "NUTS.* draws diverged", UserWarning)
        exec(compile(program, "page", "exec"), names)
    return names


def test_the_readme_runs(tmp_path):
    (quickstart,) = programs("README.md")
    run(quickstart, path=tmp_path)
    assert (tmp_path / "posterior.safetensors").is_file()


@pytest.mark.filterwarnings("ignore:the bad weights have .* wrong")
@pytest.mark.parametrize(
    "page",
    ["docs/decisions.md", "docs/landscape.md", "docs/sgmcmc.md", "docs/streams.md"],
)
def test_a_page_about_weights_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("Agg")
    names = {}
    for program in programs(page):
        for long, short in FEWER.items():
            program = program.replace(long, short)
        exec(compile(program, page, "exec"), names)

    plt.close("all")
    assert names["data"].name == "digits"


@pytest.mark.filterwarnings("ignore:.*(ESS|R-hat|temperature)")
def test_the_page_about_generators_runs():
    (program,) = programs("docs/gan.md")
    short = '"num_epochs": 2, "compile": False, "progress": False'
    program = program.replace('"num_epochs": 60', short)
    program = program.replace("to_event(1),", "to_event(1), progress=False,")
    made = run(program)["posterior"].generator
    assert made.predict(torch.randn(8, 3)).outputs.shape == (5, 8, 20)


@pytest.mark.filterwarnings("ignore:.*(ESS|R-hat|round trips|acceptance)")
def test_the_page_about_modes_runs():
    (program,) = programs("docs/modes.md")
    few = "warmup_steps=3, num_samples=4, compile=False, progress=False"
    program = program.replace(
        "num_temperatures=20, num_steps=20", f"num_temperatures=3, num_steps=2, {few}"
    )
    found = run(program)
    assert found["relabelled"].draws["layer1.weight"].shape == (4, 4, 10, 1)


def test_the_page_about_pixels_runs():
    plt.switch_backend("Agg")
    (program,) = programs("docs/pixels.md")
    program = program.replace("num_epochs=40", "num_epochs=1, progress=False")
    found = run(program.replace("num_samples=30", "num_samples=2"))
    plt.close("all")
    assert found["kept"].shape == (3,)


def test_the_page_about_own_data_runs():
    arrays, tables = programs("docs/data.md")
    few = "guides.LastLayer(model), num_steps=3, progress=False)"
    found = run(arrays.replace("guides.LastLayer(model))", few))
    assert found["prediction"].mean.shape == (5, 1)

    pandas = pytest.importorskip("pandas")
    columns = ["length", "width", "age", "price"]
    frame = pandas.DataFrame(torch.rand(20, 4).numpy(), columns=columns)
    new_frame = frame[["age", "length", "width"]].head()
    found = run(tables, **found | {"frame": frame, "new_frame": new_frame})
    assert found["prediction"].mean.shape == (5, 1)


def test_the_description_of_the_package_runs():
    (program,) = programs("docs/package.md")
    run(program)


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text()) < 6_500


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)", page.read_text())
    for target in targets:
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_description_of_the_package_has_no_links():
    assert (
        "](" not in (ROOT / "docs" / "package.md").read_text()
    )  # they would lead nowhere
