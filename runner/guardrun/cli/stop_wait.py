"""Wait for a stop: each stage as it happens, the next rung offered to the person who waits."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from guardrun.cli.terminal import interactive
from guardrun.errors import UserError
from guardrun.events.commands import STOP, Command, send_command
from guardrun.events.schema import RUN_START
from guardrun.following.run_follower import RunFollower
from guardrun.provenance.host import lease_liveness, read_lease
from guardrun.state.model import RunState, Status, StopStage
from guardrun.supervising.ladder import RUNGS, Stage
from guardrun.supervising.launching import grace_of
from guardrun.supervising.proving import Proof, Prover
from guardrun.supervising.unsupervised import UnsupervisedStop, supervisor_lives

_TURN_S: Final = 0.1
_PROOF_S: Final = 900.0
_STYLES: Final[dict[str, str]] = {"offer": "yellow", "damaged": "red", **dict.fromkeys(RUNGS, "red")}

OVER, PENDING, FORCED = 0, 1, 5

Tell = Callable[..., None]


class StopWait:
    """Follows one stop from the request to the end, whoever supervises the run (or nobody)."""

    def __init__(self, follower: RunFollower, *, tell: Tell) -> None:
        state = follower.state()
        self.stages: list[StopStage] = []
        """Stages of this stop so far, in order."""
        self._follower = follower
        self._tell = tell
        self._attempt = state.attempt
        self._begun = time.time()
        self._seen = len(state.stop)
        self._offer = ""
        self._moved = time.monotonic()
        self._supervised = supervisor_lives(follower.paths, state.attempt)
        lease = read_lease(follower.paths.lease("trainer"))
        # Without a supervisor the rungs are climbed from here, where the training's processes can be seen.
        here = not self._supervised and lease_liveness(lease) == "alive"
        self._own = self._climber() if here else None
        self._proofs: dict[str, Proof] = {}

    def send(self, *, now: bool = False, grace: float | None = None, hurry: bool = False) -> Command:
        """Leave a stop command. Raises UserError when ``control/`` can't be written."""
        try:
            sent = send_command(
                self._follower.paths,
                STOP,
                attempt=self._attempt,
                via="cli",
                now=now,
                grace=grace,
                hurry=hurry,
            )
        except OSError as error:
            raise UserError(
                f"cannot leave a command in {self._follower.paths.control}: {error.strerror or error}"
            ) from error
        if self._own is not None:
            self._own.ask(sent)
        return sent

    def join(self) -> None:
        """Follow a stop that somebody else asked for, from its first stage on."""
        self._seen = 0
        if self._own is not None:
            self._own.ask(Command("joined", STOP, self._attempt, self._begun, self._begun, "cli"))

    def until_over(self) -> int:
        """Wait to the end; the exit code of ``guard stop``. Ctrl-C leaves the request where it is."""
        try:
            while True:
                over = self._turn()
                if over:
                    return self._ended()
                if self._offer and not self._climbed():
                    return PENDING
        except KeyboardInterrupt:
            self._tell(
                "left; the request stays, and the training still stops at its next step boundary", "yellow"
            )
            return PENDING

    def state(self) -> RunState:
        """The run's state, with what was proved here where no supervisor proves."""
        state = self._follower.state()
        for role, proof in self._proofs.items():
            ref = getattr(state, role)
            if ref is not None and ref.verified is None:
                known = replace(ref, verified=proof.verified, problem=proof.problem)
                state = replace(state, **{role: known})
        return state

    def _turn(self) -> bool:
        """One moment of waiting; True when the run is over."""
        if self._follower.poll():
            self._moved = time.monotonic()
        state = self._follower.state()
        if self._own is not None:
            over = self._own.turn()
        else:
            for stage in state.stop[self._seen :]:
                self._show(stage)
            self._seen = len(state.stop)
            alive = supervisor_lives(self._follower.paths, self._attempt)
            over = not state.status.live and not alive
            if self._supervised and not alive and state.status.live:
                self._supervised = False
                self._tell("the supervisor has vanished; the training has the request nevertheless", "red")
            if not self._supervised:
                self._offer_by_silence()
        if not over:
            self._pause()
        return over

    def _offer_by_silence(self) -> None:
        """Nobody judges the progress of a training on another host: a long silence ends the waiting."""
        quiet = time.monotonic() - self._moved
        if not self._offer and not interactive() and quiet > grace_of(self._follower.launch):
            self._offer = "nothing"

    def _show(self, stage: StopStage) -> None:
        self.stages.append(stage)
        rank = "" if stage.rank in (None, 0) else f" rank {stage.rank}"
        text = f"  {stage.text}" if stage.text else ""
        after = f"{stage.t - self._begun:+7.1f} s"
        self._tell(f"{after}  {stage.stage}{rank}{text}", *filter(None, [_STYLES.get(stage.stage)]))
        self._offer = ""
        if stage.stage == "offer":
            self._offer = next((rung for rung in RUNGS if rung in stage.text), "the next rung")
            if interactive():
                self._tell(f"press Enter for {self._offer}, Ctrl-C to leave the request pending", "yellow")

    def _climbed(self) -> bool:
        """Whether waiting goes on after an offer: on a terminal it does, and Enter takes the rung."""
        if interactive():
            return True
        again = "" if self._offer == "nothing" else f" (say `guard stop` again for {self._offer})"
        self._tell(f"the request is pending, and nothing moves{again}", "yellow")
        return False

    def _pause(self) -> None:
        """A turn's rest, ended early by a key while a rung is offered."""
        if not (self._offer and interactive()):
            time.sleep(_TURN_S)
            return
        ready, _, _ = select.select([sys.stdin], [], [], _TURN_S)
        if ready:
            if not sys.stdin.readline():
                time.sleep(_TURN_S)
                return
            self._offer = ""
            self.send(hurry=True)

    def _climber(self) -> UnsupervisedStop:
        def show(stage: Stage) -> None:
            self._show(StopStage(stage.stage, time.time(), stage.rank, stage.text))

        started = self._follower.told(RUN_START)
        notebook = bool(started) and started[-1].get("notebook") is True
        return UnsupervisedStop(
            self._follower.paths, self._attempt, self._follower.launch, record=show, notebook=notebook
        )

    def _ended(self) -> int:
        self._follower.catch_up(5.0)
        if self._own is not None:
            self._prove()
            # The table of processes is looked at once a second: let the state see that they are gone.
            deadline = time.monotonic() + 3.0
            while self._follower.state().status.live and time.monotonic() < deadline:
                self._follower.poll()
                time.sleep(_TURN_S)
        return FORCED if self._follower.state().status is Status.KILLED else OVER

    def _prove(self) -> None:
        """Without a supervisor the checkpoints are proved from here."""
        self._show(StopStage("verifying", time.time()))
        launch: dict[str, Any] = dict(self._follower.launch)
        prover = Prover(self._follower.paths, str(launch.get("python") or sys.executable), timeout=_PROOF_S)
        for proof in prover.prove_all():
            self._proofs[proof.role] = proof
            word = {True: "verified", False: "damaged", None: "verifying"}[proof.verified]
            text = proof.path if proof.verified else proof.problem
            self._show(StopStage(word, time.time(), None, f"{proof.role}: {text}"))
