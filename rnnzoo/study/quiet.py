"""Optuna without its log lines."""

import warnings

import optuna


class quiet_optuna:  # noqa: N801 - used as a function would be
    """Silence Optuna's log lines and its notes on options that we chose knowing them to be experimental."""

    def __enter__(self) -> None:
        self.verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.caught = warnings.catch_warnings()
        self.caught.__enter__()
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)

    def __exit__(self, *error: object) -> None:
        self.caught.__exit__(*error)  # type: ignore[arg-type]
        optuna.logging.set_verbosity(self.verbosity)
