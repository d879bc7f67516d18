"""For tests of workflows: executions in memory, in virtual time, by the real rules. See docs/testing.md.

Nothing is imported here: pytest loads ``executions.testing.plugin`` in every project that has this package
installed, before Django is set up, and whether it is used or not.
"""
