"""The web pages. They know the API's client and nothing else of the platform."""

from console.pages.mount import mount

__all__ = ["mount"]
