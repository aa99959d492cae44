"""The sweep: every combination is fitted, in processes, scored, kept in a folder, and tabled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from zoo.datasets import Dataset
from zoo.inference import SVI
from zoo.posterior.posterior import Posterior
from zoo.references import Reference
from zoo.references import load as load_reference
from zoo.reports.table import Table
from zoo.runtime.counts import check_count
from zoo.runtime.files.output_path import check_output_folder
from zoo.runtime.progress import bar
from zoo.sweeps.cell import SweepCell
from zoo.sweeps.cells import Axes, cells_of
from zoo.sweeps.fitting import SweepFit
from zoo.sweeps.record import Record
from zoo.sweeps.running import run_all
from zoo.sweeps.scoring import Scoring
from zoo.sweeps.sweep_table import sweep_table


def sweep(
    axes: Axes,
    data: Dataset | None = None,
    *,
    network: nn.Module | Callable[[], nn.Module] | None = None,
    prior: Any = None,
    likelihood: Any = None,
    guide: Callable[..., Any] | None = None,
    engine: Any = SVI,
    reference: Posterior | Reference | str | None = None,
    seeds: int | Sequence[int] = 1,
    workers: int = 1,
    out: str | Path | None = None,
    num_samples: int = 100,
    cell: int | None = None,
    progress: bool = True,
    **options: Any,
) -> Table:
    """Fit every combination of networks, priors, guides, engines and options; return one table.

    A row has the scores on test data as `zoo.compare` has them, the scores of
    `zoo.fidelity` where there is a reference, the seconds of a fit, and the largest memory
    of its process. With several seeds these are means, and each score has its standard
    error. A fit that fails has its sentence in the last column, and the others go on. So
    has one that warns.

    Arguments:
        axes: Lists of values by name, or mappings of labels to values. The names are
            "network", "prior", "likelihood", "guide" and "engine", and those of arguments
            of guides, engines and `fit`, such as "lr".
        data: The data set; omit it for one of `zoo.references`.
        network: The network, or a function without arguments that makes one for each fit.
        prior: The prior of all cells, if it is no axis.
        likelihood: The likelihood of all cells, if it is no axis.
        guide: The guide of all cells: a class, or a function of the model.
        engine: The engine of all cells: a class, `functools.partial` of one, a function of
            the model, or an engine of which copies get the models.
        reference: A sampler's posterior, or one of `zoo.references` or its name, which
            also gives data, network, prior and likelihood where they are omitted.
        seeds: Number of fits of each cell, or their seeds.
        workers: Number of processes; with one, the fits run in this process.
        out: Folder with a file for each fit. A fit that is there is not made again, also
            one that failed; delete its file to try it again.
        num_samples: Draws for each prediction.
        cell: The number of one cell, which alone is fitted, for a cluster.
        progress: Whether to show a progress bar over the fits.
        options: Arguments of guides, engines and `fit`, for all that take them.

    Raises:
        ValueError: A part is missing, an option that nothing takes, or a folder that
            cannot be written.

    Example:
        >>> table = zoo.sweep(
        ...     {"guide": [guides.Delta, guides.MeanField], "lr": [0.01, 0.02]},
        ...     data,
        ...     network=networks.MLP(6, 1, hidden=[5]),
        ...     prior=priors.WeightPrior(dist.Normal(0.0, 1.0)),
        ...     likelihood=likelihoods.Gaussian(0.1),
        ...     num_steps=5,
        ...     progress=False,
        ... )
        >>> len(table), table.columns[:3]
        (4, ('guide', 'lr', 'rmse'))
    """
    if isinstance(reference, str):
        reference = load_reference(reference)

    check_count("num_samples", num_samples)
    check_count("workers", workers)
    given = {"network": network, "prior": prior, "likelihood": likelihood}
    if isinstance(reference, Reference):
        given = _of_reference(reference, given)

    scoring = Scoring(_data_of(reference, data), reference, num_samples)
    cells = cells_of(axes, {**given, "guide": guide, "engine": engine}, options)
    chosen = _chosen(cells, cell)
    folder = None if out is None else check_output_folder(out, "out")
    tasks = _tasks(chosen, _seeds(seeds), scoring, folder)
    records = _records(tasks, workers, progress)

    return sweep_table(cells, records)


def _of_reference(reference: Reference, given: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a model, those of the reference where none are given."""
    found = {}
    for name, value in given.items():
        found[name] = getattr(reference.model, name) if value is None else value

    return found


def _data_of(reference: Posterior | Reference | None, data: Dataset | None) -> Dataset:
    """Return the data set, or that of a reference."""
    if isinstance(reference, Reference):
        if data is not None:
            raise ValueError("this reference has data of its own; omit data")

        return reference.data

    if data is None:
        raise ValueError("the sweep has no data; write data=..., a data set")

    return data


def _chosen(cells: Sequence[SweepCell], number: int | None) -> dict[int, SweepCell]:
    """Return the cells to fit by their numbers."""
    numbered = dict(enumerate(cells))
    if number is None:
        return numbered

    if number not in numbered:
        raise ValueError(
            f"the sweep has cells 0 to {len(cells) - 1}, but no cell {number}"
        )

    return {number: numbered[number]}


def _seeds(seeds: int | Sequence[int]) -> list[int]:
    """Return the seeds of the fits of each cell."""
    if not isinstance(seeds, int):
        return list(dict.fromkeys(seeds))

    check_count("seeds", seeds)
    return list(range(seeds))


def _tasks(
    cells: dict[int, SweepCell],
    seeds: Sequence[int],
    scoring: Scoring,
    folder: Path | None,
) -> dict[int, list[SweepFit]]:
    """Return the fits of each cell."""
    of_data = scoring.words()
    tasks = defaultdict(list)
    for number, cell in cells.items():
        for seed in seeds:
            key = cell.key(of_data, seed)
            tasks[number].append(SweepFit(cell, seed, key, scoring, folder))

    return tasks


def _records(
    tasks: dict[int, list[SweepFit]], workers: int, progress: bool
) -> dict[int, list[Record]]:
    """Return the records of each cell, those that exist first read from their files."""
    known: dict[str, Record] = {}
    missing: list[SweepFit] = []
    for task in [each for several in tasks.values() for each in several]:
        record = None if task.folder is None else Record.read(task.folder, task.key)
        if record is None:
            missing.append(task)
        else:
            known[task.key] = record

    with bar(len(known) + len(missing), "sweep", progress) as shown:
        shown.update(len(known))
        for record in run_all(missing, workers):
            known[record.key] = record
            shown.update()

    found = {}
    for number, several in tasks.items():
        found[number] = [known[task.key] for task in several]

    return found
