"""One run of a sampler: warm-up window by window, then blocks of draws."""

from __future__ import annotations

from dataclasses import replace

from zoo.inference.early_end import TimeIsUp, reason_to_end
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import Chains
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.inference.mcmc.running.blocks import block_ends, block_length
from zoo.inference.mcmc.running.checkpoint import Checkpoint
from zoo.inference.mcmc.running.divergences import Divergences
from zoo.inference.mcmc.running.energies import Energies
from zoo.inference.mcmc.running.initialisation import Initialiser
from zoo.inference.mcmc.running.last_position import position_as_draw
from zoo.inference.mcmc.running.log_densities import LogDensities
from zoo.inference.mcmc.running.run_options import RunOptions
from zoo.inference.mcmc.running.sharded_store import make_store
from zoo.inference.mcmc.running.shown import Shown
from zoo.inference.mcmc.running.snapshot import Counters, Snapshot
from zoo.inference.mcmc.running.store import Store
from zoo.posterior.info import MCMCInfo


class ChainRun:
    """The state of a sampler's run.

    Arguments:
        options: The settings.
        potential: What is sampled.
        checkpoint: The file of the run; None to write none.
        shown: A progress bar over all draws, and the time.
        target: What is sampled, as text by name.
    """

    def __init__(
        self,
        options: RunOptions,
        potential: Potential,
        checkpoint: Checkpoint | None,
        shown: Shown,
        target: dict[str, str],
    ) -> None:
        self.options = options
        self.potential = potential
        self.checkpoint = checkpoint
        self.shown = shown
        self.target = target

        self.store = make_store(options.store, potential)
        self.divergences = Divergences(potential)
        self.energies = Energies()
        self.log_densities = LogDensities()
        self.window: list[DrawBlock] = []  # draws of the present window, if it learns
        self.window_ends = options.window_ends()
        self.done = 0  # draws per chain so far, those of warm-up included
        self.seconds_before = 0.0  # of the run before the checkpoint
        self.seconds_warmup = 0.0
        self.seconds_tracing = 0.0
        self.stopped = ""
        self.error: BaseException | None = None  # that ended the run

        if checkpoint is not None and checkpoint.exists:
            self.kernel = self._resumed(checkpoint)
        else:
            self.kernel = self._begun()

    def _begun(self) -> Chains:
        """Make the kernel at initial positions."""
        options = self.options
        is_map = options.init == "map"
        verb = "optimising" if is_map else "choosing"
        self.shown.say(f"{verb} initial positions")
        initialiser = Initialiser(self.potential, options.init, options.kernel.compile)
        q = initialiser(options.num_chains)

        self.shown.say("tracing the sampler")
        kernel = options.make_kernel(self.potential, q, options.kernel)
        kernel.num_gradients += initialiser.num_gradients
        self.seconds_tracing = initialiser.program.seconds

        return kernel

    def _resumed(self, checkpoint: Checkpoint) -> Chains:
        """Make the kernel with the state in a checkpoint."""
        self.shown.say("resuming from the checkpoint")
        snapshot = checkpoint.read()
        plain = replace(self.options.kernel, compile="plain")  # until it is restored
        kernel = self.options.make_kernel(self.potential, snapshot.position, plain)
        checkpoint.check_energy(kernel.state["energy"], snapshot.kernel["energy"])

        self._restore(kernel, snapshot)
        checkpoint.set_random_state()
        self.shown.bar.update(min(self.done, self.options.num_draws))

        return kernel

    def _restore(self, kernel: Chains, snapshot: Snapshot) -> None:
        """Restore everything from a snapshot."""
        counters = snapshot.counters
        kernel.restore(snapshot.kernel)
        kernel.num_gradients = counters.num_gradients

        compile = self.options.kernel.compile
        for program, mode in zip(kernel.programs, counters.modes, strict=True):
            is_known = mode != "" and compile == "auto"
            present = mode if is_known else compile
            program.settle(present)

        self.store.restore(snapshot.store, counters.thinning, counters.seen)
        self.divergences.state = dict(snapshot.divergences)
        self.energies.state = dict(snapshot.energies)
        self.log_densities.state = dict(snapshot.log_densities)
        self.window = [] if snapshot.window is None else [snapshot.window]
        self.done = counters.done
        self.seconds_warmup = counters.seconds_warmup
        self.seconds_before = counters.seconds

    def _snapshot(self) -> Snapshot:
        """Return everything that is needed to resume the run."""
        counters = Counters(
            done=self.done,
            seconds_warmup=self.seconds_warmup,
            seconds=self.seconds,
            num_gradients=self.kernel.num_gradients,
            thinning=self.store.thinning,
            seen=self.store.seen,
            modes=[program.how for program in self.kernel.programs],
        )

        return Snapshot(
            counters=counters,
            position=self.kernel.q,
            kernel=self.kernel.saved(),
            store=self.store.saved(),
            divergences=self.divergences.state,
            energies=self.energies.state,
            log_densities=self.log_densities.state,
            window=DrawBlock.joined(self.window) if self.window else None,
        )

    def go(self) -> None:
        """Make the remaining draws; Ctrl-C or an error ends the run and keeps the draws so far.

        Raises:
            Exception: The program failed before there was a draw.
        """
        total = self.options.num_draws
        try:
            bounds = [0, *self.window_ends, total]
            for stop in block_ends(bounds, block_length(self.options, self.potential)):
                if stop > self.done:
                    self.advance(stop)
            if self.store.seen > self.options.num_samples:
                self._keep_first()
        except (KeyboardInterrupt, TimeIsUp) as error:
            self._end_early(error)
        except Exception as error:
            if self.store.count == 0:
                raise

            self._end_early(error)

    def _end_early(self, error: BaseException) -> None:
        """Keep what was reached when the run is interrupted, or when its program fails."""
        self.error = None if isinstance(error, TimeIsUp) else error
        self.stopped = reason_to_end(error, self.done, self.options.num_draws)
        if self.store.count == 0:
            self.store = Store(self.options.store, self.potential)  # in memory
            self.store.thinning = 1
            self.store.add(position_as_draw(self.kernel))

    def _keep_first(self) -> None:
        """Keep the draws that were asked for, of an earlier run that made more."""
        self.store.keep_first(self.options.num_samples)
        self.energies = Energies()
        self.divergences = Divergences(self.potential)
        self.log_densities = LogDensities()
        for draws, info in self.store.blocks():
            if self.store.thinning == 1:
                self.energies.add(info.energy)

            self.log_densities.add(info)
            if draws.keys() == self.potential.shapes.keys():  # not function values
                q = self.potential.pack(draws)
                self.divergences.add(DrawBlock(q, info))

    def advance(self, stop: int) -> None:
        """Draw until each chain has `stop` draws, adapt or store, and write the checkpoint."""
        is_warmup = self.done < self.options.warmup_steps
        num_draws = stop - self.done
        phase, total = "warm-up" if is_warmup else "sampling", self.options.num_draws
        whole = self.options.block is not None  # an epoch, which is not divided
        tick = self.shown.tick(phase, self.done, total, whole=whole)

        block = self.kernel.draw(num_draws, tick, adapting=is_warmup)
        if self.done in self.options.skipped:
            pass
        elif not is_warmup:
            self.divergences.add(block)
            self.energies.add(block.info.energy)
            self.log_densities.add(block.info)
            self.store.add(block)
        elif self._window_learns(stop):
            self.window.append(block)

        self.done += block.num_draws
        ended = block.ended_by
        is_clean = isinstance(ended, TimeIsUp) and self.kernel.divisible
        if ended is not None and not is_clean:
            raise ended

        if is_warmup:
            self._adapt(self.done)

        is_last = self.done == total
        is_up = not is_last and self._is_up()
        self._write_checkpoint(is_last or is_up)
        self.shown.facts = self.log_densities.facts()
        self.shown.write(phase, self.done, total, now=is_last or is_up)
        if is_up:
            raise self.shown.limit.end()

    def _is_up(self) -> bool:
        """Return whether time is up, where a block cannot end early before another one."""
        if self.kernel.divisible and self.options.block is None:
            return self.shown.limit.is_up()

        return self.shown.is_up_after_another_block()

    def _window_learns(self, stop: int) -> bool:
        """Return whether the kernel learns from the window that contains a draw."""
        end = min(end for end in self.window_ends if end >= stop)
        return self.window_ends[end]

    def _adapt(self, stop: int) -> None:
        """Let the kernel learn if a window of warm-up, or warm-up itself, has ended."""
        if stop in self.window_ends and self.window:
            self.kernel.end_window(DrawBlock.joined(self.window))
            self.window = []

        if stop == self.options.warmup_steps:
            self.kernel.end_warmup()
            self.seconds_warmup = self.seconds

    def _write_checkpoint(self, is_last: bool) -> None:
        if self.checkpoint is None:
            return

        if is_last or self.checkpoint.is_due():
            info = self.info(DrawBlock.empty(self.kernel.q).info)
            self.checkpoint.write(self._snapshot(), self.store.flush, info)

    def info(self, stored: TransitionInfo) -> MCMCInfo:
        """Return the statistics of the run, with those of its draws, (C, S) each."""
        kernel = self.kernel
        tracing = self.seconds_tracing
        tracing += sum(program.seconds for program in kernel.programs)

        return kernel.run_info(
            **stored.named(),
            max_tree_depth=kernel.max_tree_depth,
            bfmi=self.energies.bfmi(),
            target_accept_prob=kernel.target_accept_prob,
            step_size=kernel.step_size.cpu(),
            num_gradients=kernel.num_gradients,
            seconds_warmup=self.seconds_warmup,
            seconds=self.seconds,
            seconds_tracing=tracing,
            compiled=kernel.mode,
            temperature=self.options.tempering.whole,
            likelihood_temperature=self.options.tempering.likelihood,
            thinning=self.store.thinning,
            stopped=self.stopped,
            error=self.error,
            divergences=str(self.divergences),
            trajectory_length=kernel.trajectory_length,
            target=self.target,
        )

    @property
    def seconds(self) -> float:
        """Wall time so far, that before a checkpoint included."""
        return self.seconds_before + self.shown.limit.seconds
