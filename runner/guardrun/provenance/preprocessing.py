"""A description of transforms and other preprocessing that is the same on every machine, and its hash.

Two runs whose preprocessing differs are no fair comparison, however alike their data. What is described:
torch modules, pipelines of scikit-learn and torchvision, functions by their source, and lists, dictionaries
and partial functions of these.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import re
import sys
import types
from typing import Any

DEPTH = 8
MOST_PARTS = 200
LONGEST = 20_000
"""Characters of the description that the record keeps; the hash is of all of it."""
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def describe(obj: Any) -> dict[str, str]:
    """``sha256`` and ``text`` of a preprocessing. Never raises: a part that can't be read is named so."""
    text = _text(obj, 0, set())
    sha256 = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
    shown = text if len(text) <= LONGEST else text[:LONGEST] + "\n… (shortened)"
    return {"sha256": sha256, "text": shown}


def _text(obj: Any, depth: int, seen: set[int]) -> str:
    if depth > DEPTH or id(obj) in seen:
        return "…"
    inner = seen | {id(obj)}
    try:
        return _of_kind(obj, depth, inner)
    except Exception as error:  # attributes of other people's objects may do anything
        return f"{_name(type(obj))} (not described: {type(error).__name__})"


def _of_kind(obj: Any, depth: int, seen: set[int]) -> str:
    if obj is None or isinstance(obj, bool | int | float | complex | str | bytes):
        return repr(obj)
    if isinstance(obj, dict):
        return _block("{", [f"{key!r}: {_text(value, depth + 1, seen)}" for key, value in _first(obj)], "}")
    if isinstance(obj, list | tuple | set | frozenset):
        items = sorted(obj, key=repr) if isinstance(obj, set | frozenset) else obj
        return _block("[", [_text(one, depth + 1, seen) for one in list(items)[:MOST_PARTS]], "]")
    if isinstance(obj, functools.partial):
        parts = [_text(obj.func, depth + 1, seen), _text(obj.args, depth + 1, seen)]
        return _block("partial(", [*parts, _text(obj.keywords, depth + 1, seen)], ")")
    if isinstance(obj, types.FunctionType | types.MethodType):
        return _function(obj, depth, seen)
    if isinstance(obj, type | types.BuiltinFunctionType | types.ModuleType):
        return _name(obj)
    array = _array(obj)
    return array if array is not None else _object(obj, depth, seen)


def _first(mapping: dict[Any, Any]) -> list[tuple[Any, Any]]:
    return list(mapping.items())[:MOST_PARTS]


def _block(begin: str, lines: list[str], end: str) -> str:
    if not lines:
        return begin + end
    inner = ",\n".join(lines).replace("\n", "\n  ")
    return f"{begin}\n  {inner}\n{end}"


def _name(obj: Any) -> str:
    name = getattr(obj, "__qualname__", getattr(obj, "__name__", ""))
    return f"{getattr(obj, '__module__', '') or ''}.{name}".strip(".")


def _function(function: Any, depth: int, seen: set[int]) -> str:
    """Source, defaults and the values it closes over: what it does, and with what."""
    bound = getattr(function, "__self__", None)
    plain = getattr(function, "__func__", function)
    try:
        body = inspect.cleandoc(inspect.getsource(plain))
    except (OSError, TypeError):
        code = plain.__code__
        constants = _ADDRESS.sub("", repr(code.co_consts)).encode("utf-8", "replace")
        body = f"bytecode {hashlib.sha256(code.co_code + constants).hexdigest()[:16]}"
    facts: list[str] = []
    used = inspect.getclosurevars(plain)
    values = {
        **{name: value for name, value in used.globals.items() if _tells(value, plain)},
        **used.nonlocals,
    }
    if plain.__defaults__:
        facts.append(f"defaults: {_text(plain.__defaults__, depth + 1, seen)}")
    facts += [f"{name} = {_text(value, depth + 1, seen)}" for name, value in sorted(values.items())]
    if bound is not None:
        facts.append(f"of: {_text(bound, depth + 1, seen)}")
    return _block(f"{_name(plain)}(", [body, *facts], ")")


def _tells(value: Any, function: Any) -> bool:
    """Whether a global that a function uses is part of what it does: a constant, or a neighbour function."""
    if isinstance(value, types.FunctionType):
        return bool(value.__module__ == function.__module__)
    return isinstance(value, bool | int | float | str | list | tuple | dict) or hasattr(value, "dtype")


def _array(obj: Any) -> str | None:
    """Arrays and tensors by type, shape and a hash of what they hold."""
    from guardrun.provenance.data.hashing import fingerprint
    from guardrun.provenance.data.values import as_array

    if as_array(obj) is None or not hasattr(obj, "shape"):
        return None
    facts = fingerprint(obj)
    return f"{type(obj).__name__}(shape={tuple(obj.shape)}, sha256={str(facts['sha256'])[:16]})"


def _object(obj: Any, depth: int, seen: set[int]) -> str:
    """A class with its settings; a class of the script's own by its source, too."""
    settings = _settings(obj)
    lines = [f"{key} = {_text(value, depth + 1, seen)}" for key, value in settings]
    own = _own_source(type(obj))
    if own:
        lines.append(f"source: {own}")
    if not lines:
        return _ADDRESS.sub("", repr(obj))
    return _block(f"{_name(type(obj))}(", lines, ")")


def _settings(obj: Any) -> list[tuple[str, Any]]:
    if hasattr(obj, "get_params") and callable(obj.get_params) and not isinstance(obj, type):
        return sorted(obj.get_params(deep=False).items()) + _fitted(obj)
    values = dict(getattr(obj, "__dict__", {}))
    if "_modules" in values and "_parameters" in values:  # a torch module
        state = dict(obj.state_dict())
        rest = {key: value for key, value in values.items() if not key.startswith("_")}
        children = dict(values["_modules"])
        return [*sorted(rest.items()), *children.items(), *(() if children else state.items())]
    return sorted((key, value) for key, value in values.items() if not key.startswith("__"))[:MOST_PARTS]


def _fitted(obj: Any) -> list[tuple[str, Any]]:
    """What scikit-learn's ``fit`` found: attributes that end with an underscore."""
    found = vars(obj)
    return sorted((k, v) for k, v in found.items() if k.endswith("_") and not k.startswith("_"))


def _own_source(kind: type) -> str:
    """A hash of the class's source when it is no installed library's."""
    try:
        if kind.__module__.partition(".")[0] in sys.stdlib_module_names:
            return ""
        file = inspect.getsourcefile(kind) or ""
        if "site-packages" in file or "dist-packages" in file or not file:
            return ""
        return hashlib.sha256(inspect.getsource(kind).encode("utf-8", "replace")).hexdigest()[:16]
    except (OSError, TypeError):
        return ""
