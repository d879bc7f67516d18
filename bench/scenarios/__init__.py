"""One scenario a module: ``main`` measures, verifies by counting, and prints a Markdown table."""
