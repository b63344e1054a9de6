"""What must not be written down: passwords, tokens and keys in configurations, command lines and addresses.

The rule. A value is a secret when its name says so (``api_key``, ``--password``, ``HF_TOKEN`` …) and it is
text of some length; when it has the shape of a known kind of token (``hf_…``, ``ghp_…``, ``AKIA…``, a JSON
web token, a private key); or when it is the password, or such a parameter, of an address. Wherever a secret
stands, the record holds ``<secret 1>`` in its place; the training gets the value itself, by its environment.

Standard library only: the training's side uses it as well.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, AnyStr

VARIABLE = "GUARDRUN_SECRETS"
"""Holds ``{"<secret 1>": value}`` in the environment of supervisor and training, and nowhere else."""

PLACEHOLDER = re.compile(r"<secret \d+>")
_SHORTEST = 6
_SHORTEST_TOKEN = 12
_NAME = re.compile(
    r"(?:^|_)(?:secrets?|password|passwd|passphrase|pwd|credentials?|api_?key|access_?key|secret_?key|"
    r"private_?key|signing_?key|encryption_?key|auth_?key|account_?key|license_?key|client_?secret|dsn|"
    r"connection_?string|sas_?token|bearer)$"
)
_TOKEN_NAME = re.compile(r"(?:^|_)(?:token|auth|authorization|cookie)$")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SHAPES = re.compile(
    r"hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|"
    r"glpat-[A-Za-z0-9_-]{16,}|xox[abprs]-[A-Za-z0-9-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}|"
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}|"
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
)
_ASSIGNED = re.compile(
    rb"""(?P<name>[A-Za-z_][\w-]*)["']?\]?[ \t]*(?::[ \t]*\w+[ \t]*)?[:=][ \t]*[rbuf]?(?P<quote>["'])"""
    rb"""(?P<value>[^"'\r\n]+)(?P=quote)"""
)
"""``NAME = "value"``, ``name: str = "value"``, ``"name": "value"`` in a source."""
_USER_INFO = re.compile(r"(?<=://)[^/@\s]*:([^/@\s]+)@|(?<=://)([^/@\s:]{20,})@")
_PARAMETER = re.compile(
    r"[?&](?:token|sig|signature|key|api_?key|access_?token|password|secret|x-amz-(?:signature|credential|"
    r"security-token))=([^&#\s]+)",
    re.IGNORECASE,
)


def is_secret(name: str, value: Any) -> bool:
    """Whether a value of that name is not to be written down. Numbers and placeholders never are secrets."""
    if not isinstance(value, str) or PLACEHOLDER.fullmatch(value) or value.startswith("${"):
        return False
    word = _CAMEL.sub("_", name.rpartition(".")[2].lstrip("-")).replace("-", "_").lower()
    if _NAME.search(word):
        return len(value) >= _SHORTEST
    # pad_token: "<pad>" is a setting; a token that lets somebody in is long and has no such brackets.
    long_enough = len(value) >= _SHORTEST_TOKEN and not re.search(r"[\s<>\[]", value)
    return bool(_TOKEN_NAME.search(word)) and long_enough


def secrets_in(text: str) -> list[str]:
    """Parts of a text that are secrets by their shape."""
    found = _SHAPES.findall(text)
    for first, second in _USER_INFO.findall(text):
        found.append(first or second)
    found += _PARAMETER.findall(text)
    return [one for one in found if one and not PLACEHOLDER.fullmatch(one)]


def without_secrets(text: str, by: str = "<secret>") -> str:
    """The text with every part that is a secret by its shape replaced."""
    for one in secrets_in(text):
        text = text.replace(one, by)
    return text


def without_named(content: bytes, *, diff: bool = False) -> bytes:
    """Source text in which a quoted literal that is a secret by its name is replaced, at that place alone.

    ``diff``: only in added lines. The others are in the repository already, and must stay for it to apply.
    """

    def hidden(match: re.Match[bytes]) -> bytes:
        name, value = (match[part].decode("utf-8", "replace") for part in ("name", "value"))
        if not is_secret(name, value):
            return match[0]
        start, end = match.start("value") - match.start(), match.end("value") - match.start()
        return match[0][:start] + b"<secret>" + match[0][end:]

    if not diff:
        return _ASSIGNED.sub(hidden, content)
    lines = content.splitlines(keepends=True)
    return b"".join(_ASSIGNED.sub(hidden, line) if line.startswith(b"+") else line for line in lines)


def _replaced(text: AnyStr, secret: AnyStr, place: AnyStr) -> AnyStr:
    """Wherever it stands; a short one (of an address: ``//me:a@host``) only where it must be the secret."""
    if len(secret) >= _SHORTEST:
        return text.replace(secret, place)
    if isinstance(text, bytes) and isinstance(secret, bytes):
        return re.sub(rb"(?<=[:=])" + re.escape(secret) + rb"(?=[@&#\s]|$)", lambda _: place, text)
    return re.sub(rf"(?<=[:=]){re.escape(str(secret))}(?=[@&#\s]|$)", lambda _: place, str(text))


class Secrets:
    """The secrets of one launch: found first, then replaced wherever they stand."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        """``known``: placeholder -> value, of the environment."""
        self._places: dict[str, str] = {value: place for place, value in (known or {}).items()}

    def __bool__(self) -> bool:
        return bool(self._places)

    def look_into(self, value: Any, name: str = "") -> None:
        """Find the secrets of a configuration, of a command line (a list of words), of a text."""
        if isinstance(value, Mapping):
            for key, inner in value.items():
                self.look_into(inner, str(key))
        elif isinstance(value, list | tuple):
            self._look_into_words(value, name)
        elif isinstance(value, str):
            if is_secret(name, value):
                self._add(value)
            else:
                for one in secrets_in(value):
                    self._add(one)

    def _look_into_words(self, words: Iterable[Any], name: str) -> None:
        before = name
        for word in words:
            if not isinstance(word, str):
                self.look_into(word, name)
                continue
            key, equals, rest = word.partition("=")
            if equals and re.fullmatch(r"-{0,2}[\w.-]+", key):
                self.look_into(rest.strip("\"'"), key)
            else:
                self.look_into(word, before)
            before = word if word.startswith("-") and not equals else name

    def _add(self, value: str) -> None:
        self._places.setdefault(value, f"<secret {len(self._places) + 1}>")

    def hide(self, value: Any) -> Any:
        """A copy of a text, list or mapping with a placeholder for every secret."""
        if not self._places:
            return value
        if isinstance(value, Mapping):
            return {key: self.hide(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.hide(inner) for inner in value]
        if isinstance(value, str):
            for secret in sorted(self._places, key=len, reverse=True):
                value = _replaced(value, secret, self._places[secret])
        return value

    def hide_bytes(self, content: bytes) -> bytes:
        """As ``hide``, for a file's content."""
        for secret in sorted(self._places, key=len, reverse=True):
            content = _replaced(content, os.fsencode(secret), self._places[secret].encode())
        return content

    @property
    def known(self) -> dict[str, str]:
        """Placeholder -> value, for ``reveal``."""
        return {place: value for value, place in self._places.items()}

    def variables(self) -> dict[str, str]:
        """What the training's environment must hold so that ``reveal`` works there; {} without secrets."""
        return {VARIABLE: json.dumps(self.known)} if self._places else {}


def from_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Placeholder -> value, as the launcher handed them on. Never raises."""
    try:
        found = json.loads((os.environ if environ is None else environ).get(VARIABLE, "{}"))
    except ValueError:
        return {}
    return {str(place): str(value) for place, value in found.items()} if isinstance(found, dict) else {}


def reveal(value: Any, known: Mapping[str, str]) -> Any:
    """A copy with the values in their places; a placeholder that nobody knows stays."""
    if not known:
        return value
    if isinstance(value, Mapping):
        return {key: reveal(inner, known) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [reveal(inner, known) for inner in value]
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: known.get(match[0], match[0]), value)
    return value


def hidden_keys(value: Any, prefix: str = "") -> list[str]:
    """Dotted keys whose recorded value is a placeholder, or holds one."""
    if isinstance(value, Mapping):
        return [
            key for name, inner in value.items()
            for key in hidden_keys(inner, f"{prefix}.{name}" if prefix else str(name))
        ]  # fmt: skip
    if isinstance(value, list | tuple):
        return [key for at, inner in enumerate(value) for key in hidden_keys(inner, f"{prefix}[{at}]")]
    return [prefix] if isinstance(value, str) and PLACEHOLDER.search(value) else []
