"""`offhook bench …`: figures, printed by commands."""
