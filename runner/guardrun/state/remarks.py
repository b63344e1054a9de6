"""Notes and tags of a run, from the answers that record them and the commands that nobody could answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from guardrun.events.remarks import note_problem, tags_problem
from guardrun.state.model import Remark
from guardrun.state.values import real, words

_MOST_TAGS: Final = 100
_MOST_REMARKS: Final = 500


def said_by_people(said: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, ...], tuple[Remark, ...]]:
    """(tags, notes) of a run; each command counts once, whoever recorded it, in the order of sending."""
    once = {words(each.get("id")): each for each in said}
    tags: dict[str, None] = {}
    remarks: list[Remark] = []
    for each in sorted(once.values(), key=lambda one: (real(one.get("sent")) or 0.0, words(one.get("id")))):
        text = words(each.get("text"))
        if text and not note_problem(text):
            remarks.append(Remark(text, words(each.get("by")), real(each.get("sent")) or 0.0))
        for tag in _tags(each.get("remove")):
            tags.pop(tag, None)
        if len(tags) < _MOST_TAGS:
            tags.update(dict.fromkeys(_tags(each.get("add"))))
    return tuple(tags), tuple(remarks[-_MOST_REMARKS:])


def _tags(value: Any) -> list[str]:
    """What is a tag among these."""
    if not isinstance(value, list | tuple):
        return []
    return [tag for tag in value if isinstance(tag, str) and not tags_problem([tag])]
