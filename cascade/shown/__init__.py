"""What a superior is shown: which channels, under which ids, in which tree."""
