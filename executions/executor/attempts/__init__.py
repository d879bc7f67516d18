"""One attempt: how user code is called, what it tells, how it ends."""
