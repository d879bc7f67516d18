"""The HTTP API: thin views (read, verb, render) over operations and read models."""
