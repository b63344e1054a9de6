"""Effective configurations side by side, and one with the origin of every value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from guardrun.cli.output import cells, padded, screen_width, shortened
from guardrun.cli.terminal import styled
from guardrun.judging.config_difference import KeyDifference
from guardrun.judging.facts import RunFacts
from guardrun.reading.plain_text import plain

_WIDEST: Final = 140
_GAP: Final = "  "
_NARROWEST: Final = 10
_LONGEST_KEY: Final = 36


def difference_page(
    runs: Sequence[RunFacts], found: Sequence[KeyDifference], *, width: int | None = None
) -> list[str]:
    """A table for few runs, a list for many; a star marks a value that is the default."""
    width = screen_width(_WIDEST) if width is None else width
    if not found:
        return [f"the effective configurations of these {len(runs)} runs are the same, defaults included"]
    key_width = min(_LONGEST_KEY, max(cells(plain(each.key)) for each in found))
    room = (width - key_width) // len(runs) - len(_GAP)
    lines = _columns(runs, found, key_width, room) if room >= _NARROWEST else _lists(runs, found, width)
    made = [*lines]
    if any("default" in each.origins for each in found):
        made += ["", styled("* the default", "dim")]
    return made


def origin_lines(facts: RunFacts) -> list[str]:
    """The merged result as YAML that can be read again; a remark says where a value came from."""
    import yaml

    from guardrun.provenance.config.dump import commented

    lines = [f"# from {facts.config_source}"] if facts.config_source else []
    if facts.overrides:
        lines.append(f"# overridden: {' '.join(facts.overrides)}")
    lines.append("# values without a remark are defaults")
    written = {k: v for k, v in facts.config.items() if not (k in ("entry", "command") and v is None)}
    text = yaml.safe_dump(_plain_data(written), sort_keys=False, allow_unicode=True, width=1_000_000)
    return [*(line.replace("\n", " ") for line in lines), *commented(text, facts.config_origins)]


def _plain_data(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain_data(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_data(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _columns(
    runs: Sequence[RunFacts], found: Sequence[KeyDifference], key_width: int, room: int
) -> Iterator[str]:
    heads = [plain(run.name if _unique_names(runs) else run.run_id[-room:]) for run in runs]
    columns = [[_value(each, index) for each in found] for index in range(len(runs))]
    widths = [
        min(room, max(cells(text) for text in (head, *column)))
        for head, column in zip(heads, columns, strict=True)
    ]
    yield styled(_line("", heads, key_width, widths), "dim")
    for number, each in enumerate(found):
        yield _line(plain(each.key), [column[number] for column in columns], key_width, widths)


def _unique_names(runs: Sequence[RunFacts]) -> bool:
    return len({run.name for run in runs}) == len(runs)


def _line(key: str, values: Sequence[str], key_width: int, widths: Sequence[int]) -> str:
    parts = [padded(key, key_width), *(padded(v, w) for v, w in zip(values, widths, strict=True))]
    return _GAP.join(parts).rstrip()


def _lists(runs: Sequence[RunFacts], found: Sequence[KeyDifference], width: int) -> Iterator[str]:
    for each in found:
        yield styled(plain(each.key), "bold")
        by_value: dict[str, list[int]] = {}
        for index in range(len(runs)):
            by_value.setdefault(_value(each, index), []).append(index)
        for value, members in by_value.items():
            names = ", ".join(plain(runs[index].run_id) for index in members[:3])
            more = f" and {len(members) - 3} more" if len(members) > 3 else ""
            yield shortened(f"  {value}: {names}{more}", width)


def _value(each: KeyDifference, index: int) -> str:
    star = "*" if each.origins[index] == "default" else ""
    return plain(_short(each.values[index])) + star


def _short(value: Any) -> str:
    return "null" if value is None else str(value)
