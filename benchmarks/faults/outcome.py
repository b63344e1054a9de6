"""What a campaign found, and the table of all of them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Outcome:
    """One campaign: how often it was tried, what was lost, and what did not hold."""

    name: str
    must_hold: str
    trials: int = 0
    losses: int = 0
    """Of what had been promised to last: events, steps, checkpoints."""
    violations: list[str] = field(default_factory=list)
    """One line each, with what is needed to see it again."""
    seconds: float = 0.0
    remarks: list[str] = field(default_factory=list)
    """What a reader of the numbers must know: kinds of trials, what this machine could not do."""

    @property
    def held(self) -> bool:
        return self.trials > 0 and self.losses == 0 and not self.violations


def table(outcomes: list[Outcome]) -> str:
    """Outcomes as lines, with the violations and remarks below."""
    wide = max(len(one.name) for one in outcomes)
    lines = [
        f"{'campaign':{wide}}  {'trials':>6}  {'losses':>6}  {'violations':>10}  {'seconds':>7}  must hold"
    ]
    for one in outcomes:
        counts = f"{one.trials:>6}  {one.losses:>6}  {len(one.violations):>10}  {one.seconds:>7.1f}"
        lines.append(f"{one.name:{wide}}  {counts}  {one.must_hold}")
    for one in outcomes:
        lines += [f"{one.name}: {text}" for text in one.remarks]
        lines += [f"{one.name}: VIOLATION {text}" for text in one.violations[:20]]
        if len(one.violations) > 20:
            lines.append(f"{one.name}: ... and {len(one.violations) - 20} more")
    return "\n".join(lines)
