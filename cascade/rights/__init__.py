"""What a superior may do now, and what it did."""
