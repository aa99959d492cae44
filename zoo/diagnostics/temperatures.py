"""What the temperatures of a run of stochastic-gradient MCMC say against its draws."""

from __future__ import annotations

from zoo.posterior.info import MCMCInfo
from zoo.posterior.stochastic_info import SGMCMCInfo, Temperature

_MIN_DRAWS = 20  # per chain, from which an interval has a meaning
_TOLERANCE = 0.1  # of a temperature, which is a share of the target's
_COOLER = (
    "write a smaller lr, larger batches or control=posterior, or use inference.SGNHT"
)
_LONGER = "write more epochs, a larger burn_in, or an init nearer to the posterior"


def temperature_faults(info: MCMCInfo) -> list[str]:
    """Return what temperatures say against a run as sentences with a remedy; [] if nothing.

    References:
        How Good is the Bayes Posterior in Deep Neural Networks Really? (Wenzel et al., 2020)

    Arguments:
        info: Statistics of the run.
    """
    if not isinstance(info, SGMCMCInfo) or info.lp.shape[1] < _MIN_DRAWS:
        return []

    found = []
    for name, temperature in info.temperatures().items():
        sentence = _sentence(name, temperature)
        if sentence:
            found.append(sentence)

    return found


def _sentence(name: str, temperature: Temperature) -> str:
    """Say what is wrong with a temperature; "" if nothing is."""
    said = f"the {name} temperature is {temperature} times that of the target"
    if temperature.low > 1 + _TOLERANCE:
        return f"{said}, so the draws are too wide; {_COOLER}"

    is_too_low = temperature.high < 1 - _TOLERANCE
    if is_too_low and name == "configurational":
        return f"{said}, so the chains have not reached the posterior yet; {_LONGER}"

    return f"{said}, so the draws are too narrow; {_LONGER}" if is_too_low else ""
