"""The few exceptions a user can meet. Each message says what is wrong, why, and the fix.

The command line prints the message on one line and exits with code 2; anything that is not an
`HfLoreError` is a bug and keeps its traceback.
"""

__all__ = ["ConfigError", "HfLoreError", "MissingExtraError", "RunMismatchError", "ServerError"]


class HfLoreError(Exception):
    """Base of every error that the user, not the code, can mend."""


class ConfigError(HfLoreError, ValueError):
    """An argument, a column, a file or a dataset that cannot be used as given."""


class RunMismatchError(HfLoreError):
    """A run directory made by other settings than the ones now asked for."""


class ServerError(HfLoreError):
    """A server that cannot be reached, or that answers in a way no retry can mend."""


class MissingExtraError(HfLoreError, ImportError):
    """An optional dependency that is not installed.

    Args:
        package (`str`): what was to be imported.
        extra (`str`): the extra of hf-lore that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed, and this needs it. Fix: pip install 'hf-lore[{extra}]'"
        )
