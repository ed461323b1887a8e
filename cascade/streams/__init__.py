"""Pictures and sound between a superior and our cameras: live, recorded, spoken."""
