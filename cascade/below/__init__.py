"""Platforms below us, as operators decide about them and see them."""
