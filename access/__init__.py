"""Who may do what, and who did: users, roles, tokens, sealed secrets and the audit chain."""
