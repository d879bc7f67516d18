"""Secrets: which values are secret, how they lie in the database, and how they are kept out of sight."""
