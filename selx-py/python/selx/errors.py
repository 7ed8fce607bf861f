"""What selx raises. Only what the caller got wrong is raised; what a check finds is in its result."""


class SelxError(Exception):
    """The root of every exception of selx."""


class ConfigError(SelxError, ValueError):
    """A setting, a limit or a configuration file is wrong. The text names every error, with the nearest right word."""


class UsageError(SelxError, ValueError):
    """There is no kind, check or routine of this name."""


__all__ = ["ConfigError", "SelxError", "UsageError"]
