"""The pages: executions, one execution, the run form. Thin doors on the same read models and verbs."""
