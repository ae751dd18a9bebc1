"""Faults on practice nodes, and the checks that must find them."""
