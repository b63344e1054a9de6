"""Errors that a user can mend: what is wrong, where, and what to do."""

from __future__ import annotations


class UserError(Exception):
    """A mistake of the user's, or of their machine's, with a way out; never shown as a traceback.

    ``exit_code`` is what the command line ends with (2: usage, configuration, no such run or format).
    """

    def __init__(self, message: str, *, hint: str = "", exit_code: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message
