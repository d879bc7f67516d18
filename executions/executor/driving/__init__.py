"""Driving one execution: steps, the attempts in flight, what is due."""
