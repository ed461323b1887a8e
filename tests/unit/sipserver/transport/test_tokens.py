"""Tokens for branches and tags."""

from __future__ import annotations

from sipserver.transport.tokens import TOKENS_PER_DRAW, TokenSource


def test_tokens_differ_also_across_draws() -> None:
    source = TokenSource()
    tokens = [source() for _ in range(3 * TOKENS_PER_DRAW)]
    assert len(set(tokens)) == len(tokens)
    assert all(len(token) == 16 and int(token, 16) >= 0 for token in tokens)
