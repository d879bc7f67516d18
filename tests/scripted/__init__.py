"""A family of procedures that do what their input says, for every test and every process of a test."""
