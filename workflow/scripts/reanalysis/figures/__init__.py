"""Drawings. Each module draws one kind of figure from numbers; none computes any."""
