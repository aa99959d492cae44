"""The kernel of parallel tempering: chains at powers of the likelihood that swap positions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.powers import equal_rejections, first_powers
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.density.powered_potential import PoweredPotential
from zoo.inference.mcmc.kernels.chains import Chains, KernelOptions, Tick
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.inference.mcmc.kernels.kernel import Kernel
from zoo.inference.mcmc.kernels.swaps import SwapRecord, propose_swaps
from zoo.posterior.storage import prefixed, unprefixed
from zoo.posterior.tempering_info import TemperingInfo
from zoo.tracing.traced import Traced

MakeInner = Callable[[Potential, Tensor, KernelOptions], Kernel]
_INNER = "inner/"  # prefix of the state of the inner kernel
_NUM_PRIOR_DRAWS = 50  # behind the first powers


class Replicas(Chains):
    """C chains of R positions each, one for every power of the likelihood from 0 to 1.

    An inner kernel moves all C R positions at once. At power 0 a draw of the prior replaces
    what it makes. Then neighbours swap their positions. A draw of a chain is its position
    at power 1. In warm-up, blocks have all C R positions, from which the inner kernel learns.

    Arguments:
        potential: The potential energy of the posterior.
        q: Initial positions of the chains, (C, P); the positions at all powers begin there.
        options: The settings.
        num_powers: Number of powers R.
        make_inner: Makes the inner kernel.
    """

    def __init__(
        self,
        potential: Potential,
        q: Tensor,
        options: KernelOptions,
        num_powers: int,
        make_inner: MakeInner,
    ) -> None:
        super().__init__(potential, q, options)
        self.num_powers = num_powers
        prior = potential.prior_draws(_NUM_PRIOR_DRAWS)
        self._of_rows = q.new_zeros(self.num_chains * num_powers)
        self.powered = PoweredPotential(potential, self._of_rows)
        self._set_powers(first_powers(self.powered.changes(prior), num_powers))

        rows = q.repeat_interleave(num_powers, 0)
        self.inner = make_inner(self.powered, rows, options)
        self._changes = self._traced(lambda q: (self.powered.changes(q),))
        self._evaluate = self._traced(self.inner.whitened_gradient)
        self.programs += self.inner.programs
        self.num_gradients = self.inner.num_gradients
        self._restart()

    def _traced(self, function: Callable[..., tuple[Tensor, ...]]) -> Traced:
        program = Traced(
            function, compile=self.options.compile, calls=self.options.calls
        )
        self.programs.append(program)

        return program

    @property
    def powers(self) -> Tensor:
        """The powers of the likelihood, (R,)."""
        return self._of_rows[: self.num_powers]

    def _set_powers(self, powers: Tensor) -> None:
        """Write other powers (R,) where the programs read them."""
        self._of_rows.copy_(powers.repeat(self.num_chains))
        self.state["powers"] = self.powers.clone()

    @property
    def q(self) -> Tensor:
        """Positions of the chains at power 1, (C, P)."""
        return self._last(self.inner.q)

    @property
    def step_size(self) -> Tensor:
        """Step sizes at power 1, (C,)."""
        return self._last(self.inner.step_size)

    @property
    def max_tree_depth(self) -> int | None:
        """Largest number of doublings of a trajectory of the inner kernel, if it has trees."""
        return self.inner.max_tree_depth

    @property
    def record(self) -> SwapRecord:
        """What the swaps since the last restart tell."""
        return SwapRecord(*[self.state[name] for name in SwapRecord._fields])

    def _last(self, rows: Tensor) -> Tensor:
        """Return what belongs to power 1 of values (C R, ...) of all positions, (C, ...)."""
        return rows[self.num_powers - 1 :: self.num_powers]

    def _by_power(self, rows: Tensor) -> Tensor:
        """Return values (C R, ...) of all positions as (C, R, ...)."""
        return rows.unflatten(0, (self.num_chains, self.num_powers))

    def _restart(self) -> None:
        """Forget what the swaps have told so far."""
        energy = self._by_power(self.inner.state["energy"])
        self.state |= SwapRecord.empty(energy)._asdict()
        self.state["energy"] = energy[:, -1]

    def draw(self, num_draws: int, tick: Tick, adapting: bool = False) -> DrawBlock:
        """Draw from every chain; Ctrl-C or an error ends it early and keeps the draws so far."""
        blocks: list[DrawBlock] = []
        ended_by: BaseException | None = None

        try:
            while len(blocks) < num_draws:
                blocks.append(self._draw_one(adapting))
                tick(len(blocks), self.progress_text(blocks[-1].info))

        except (KeyboardInterrupt, Exception) as error:
            ended_by = error

        if not blocks:
            return DrawBlock.empty(self.inner.q if adapting else self.q, ended_by)

        return replace(DrawBlock.joined(blocks), ended_by=ended_by)

    def _draw_one(self, adapting: bool) -> DrawBlock:
        """Move all positions and swap them; return those of all powers, or those of power 1."""
        before = self.inner.num_gradients
        block = self.inner.draw(1, lambda done, text: None, adapting)
        self.state["energy"] = self._last(self.inner.state["energy"])
        if block.ended_by is not None:
            raise block.ended_by

        self._swap()
        self.num_gradients += self.inner.num_gradients - before

        if adapting:
            return DrawBlock(self.inner.q[:, None], block.info)

        values = {name: self._last(each) for name, each in block.info.named().items()}
        values.pop("energy", None)  # a swap changes it, and not by momenta
        values["lp"] = -self.state["energy"][:, None]

        return DrawBlock(self.q[:, None], TransitionInfo(**values))

    def _swap(self) -> None:
        """Replace positions at power 0 by draws of the prior, and let neighbours swap."""
        prior = self.potential.prior_draws(self.num_chains)
        q = self._by_power(self.inner.q)
        q = torch.cat([prior[:, None], q[:, 1:]], 1)

        (changes,) = self._changes(q.flatten(0, 1))
        changes = self._by_power(changes)
        swaps = propose_swaps(changes, self.powers, self.state["parity"])
        record = self.record.updated(swaps, changes, self.powers)

        index = swaps.order[:, :, None].expand_as(q)
        own = torch.arange(self.num_powers, device=q.device)
        has_moved = swaps.order != own
        has_moved[:, 0] = True

        self._place(q.gather(1, index).flatten(0, 1), has_moved.flatten())
        self.state |= record._asdict()

    def _place(self, q: Tensor, has_moved: Tensor) -> None:
        """Move the inner chains of a mask (C R,) to positions q (C R, P)."""
        u = self.inner.mass_matrix.whiten(q)
        self._set_places(torch.where(has_moved[:, None], u, self.inner.state["u"]))

    def _set_places(self, u: Tensor) -> None:
        """Put the inner chains at whitened positions u (C R, P), with what belongs to them."""
        gradient, energy = self._evaluate(u, *self.inner.mass_matrix)
        self.num_gradients += len(energy)
        self.inner.state |= {"u": u, "gradient": gradient, "energy": energy}
        self.state["energy"] = self._last(energy)

    def end_window(self, block: DrawBlock) -> None:
        """Let the inner kernel learn, and space the powers by the rejected swaps."""
        before = self.inner.num_gradients
        self.inner.end_window(block)
        self.num_gradients += self.inner.num_gradients - before

        rejections = self.record.rejections().mean(0)
        spacing = equal_rejections(self.powers, rejections)
        self._set_powers(spacing.powers.to(self.powers))
        self._take_over(spacing.nearest)
        self._set_places(self.inner.state["u"])
        self._restart()

    def _take_over(self, nearest: Tensor) -> None:
        """Give each power the state of the inner kernel that another one, (R,), had."""
        num_rows = self.num_chains * self.num_powers
        for name, value in self.inner.state.items():
            if value.dim() > 0 and len(value) == num_rows:
                chosen = self._by_power(value)[:, nearest]
                self.inner.state[name] = chosen.flatten(0, 1)

    def end_warmup(self) -> None:
        """Fix everything that was adapted, and begin to count."""
        self.inner.end_warmup()
        self._restart()

    def saved(self) -> dict[str, Tensor]:
        """Return the state as the file of a run keeps it."""
        return self.state | prefixed(_INNER, self.inner.saved())

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state that `saved` returned."""
        own = {}
        for name, value in state.items():
            if not name.startswith(_INNER):
                own[name] = value

        self.state = own
        self._set_powers(own["powers"])
        self.inner.restore(unprefixed(_INNER, dict(state)))

    def progress_text(self, info: TransitionInfo) -> str:
        """Return what the progress bar says of a draw."""
        round_trips = int(self.state["round_trips"].sum())
        return f"{round_trips} round trips, {super().progress_text(info)}"

    def run_info(self, **fields: Any) -> TemperingInfo:
        """Return the statistics of a run of these chains."""
        record = self.record
        powers = self.powers.expand(self.num_chains, -1)

        return TemperingInfo(
            **fields,
            powers=powers.cpu().clone(),
            rejection_rates=record.rejections().cpu(),
            round_trips=record.round_trips.cpu(),
            log_evidences=record.log_evidences().cpu(),
        )
