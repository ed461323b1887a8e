"""What a superior is told without asking each time, and the ledger of it."""
