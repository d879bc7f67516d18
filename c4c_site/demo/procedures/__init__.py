"""The demo families; importing this package registers them."""

from c4c_site.demo.procedures import custom, data, math

__all__ = ["custom", "data", "math"]
