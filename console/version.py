"""The version of the installed product."""

from importlib.metadata import PackageNotFoundError, version


def product_version() -> str:
    try:
        return version("tongshi")
    except PackageNotFoundError:
        return "0+source"
