"""The seconds that JAX takes to compile, apart from those of a run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from benchmarks.speed.jax_problem import load

# Tracing is not among them, because JAX reports it within other traces.
COMPILING = ("jaxpr_to_mlir_module_duration", "backend_compile_duration")


def load_jax() -> ModuleType:
    """Import JAX, and let it finish each program before it compiles the next one.

    Else a chain of NumPyro runs while the program of the next chain is compiled, and its
    seconds are taken for those of the compiler.
    """
    jax = load(1)
    jax.config.update("jax_cpu_enable_async_dispatch", False)

    return jax


class Compiling:
    """Adds up the seconds that JAX reports for compiling."""

    def __init__(self, jax: ModuleType) -> None:
        self.seconds = 0.0
        self.listening = False
        jax.monitoring.register_event_duration_secs_listener(self._hear)

    def _hear(self, event: str, seconds: float, **_: object) -> None:
        if self.listening and event.endswith(COMPILING):
            self.seconds += seconds

    @contextmanager
    def clock(self) -> Iterator[dict[str, float]]:
        """Measure a block: seconds without compiling (`run`), and of compiling (`compile`)."""
        found: dict[str, float] = {}
        self.seconds = 0.0
        self.listening = True
        began = time.perf_counter()
        try:
            yield found
        finally:
            self.listening = False
            found["compile"] = self.seconds
            seconds = time.perf_counter() - began
            found["run"] = seconds - self.seconds
