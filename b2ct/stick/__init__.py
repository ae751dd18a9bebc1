"""Sticks: what is there, what may be written, and a writer that proves what it wrote."""
