"""What a superior asks of us and of cameras, and what it does to them."""
