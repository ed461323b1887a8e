"""``python -m console`` is the ``tongshi`` command."""

from console.cli import main

main()
