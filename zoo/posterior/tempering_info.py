"""The statistics of parallel tempering: those of samplers, swaps, round trips and evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from zoo.posterior.info import MCMCInfo


@dataclass(repr=False, kw_only=True)
class TemperingInfo(MCMCInfo):
    r"""Statistics of a run of parallel tempering; those of each draw are of the posterior.

    References:
        Non-reversible parallel tempering: a scalable highly parallel MCMC scheme (Syed,
        Bouchard-Côté, Deligiannidis, Doucet, 2022)

    Arguments:
        powers: Powers of the likelihood from 0 to 1, (C, R).
        rejection_rates: Mean probability that a swap of two neighbours is rejected,
            (C, R - 1).
        round_trips: How often a position went from the prior to the posterior and back, (C,).
        log_evidences: Log evidence by the draws of each chain, in nats over all data, (C,).
    """

    powers: Tensor
    rejection_rates: Tensor
    round_trips: Tensor
    log_evidences: Tensor

    @property
    def barrier(self) -> float:
        """The communication barrier Λ, the sum of all rejection rates, mean over chains.

        A chain whose draws at each power are independent makes a round trip in
        2 + 2Λ draws at best, and 2Λ powers are enough to come near to that.
        """
        return float(self.rejection_rates.sum(1).mean())

    @property
    def log_evidence(self) -> float:
        """Log evidence in nats over all data, the mean over chains."""
        return float(self.log_evidences.mean())

    @property
    def log_evidence_error(self) -> float:
        """Standard error of the log evidence, from the chains; infinite if there is one."""
        number = len(self.log_evidences)
        if number < 2:
            return math.inf

        return float(self.log_evidences.std() / math.sqrt(number))

    def summary(self) -> dict[str, str]:
        """Return the most important fields as text by name."""
        num_powers = self.powers.shape[1]
        trips = int(self.round_trips.sum())
        highest = float(self.rejection_rates.max())
        evidence = f"{self.log_evidence:.5g} ± {self.log_evidence_error:.2g} nats"
        found = {
            "powers": f"{num_powers}, barrier {self.barrier:.3g}",
            "rejection_rates": f"at most {highest:.2g}",
            "round_trips": f"{trips}",
            "log_evidence": evidence,
        }
        for name, text in super().summary().items():
            if name not in ("diverging", "n_steps"):
                found[name] = text

        return found
