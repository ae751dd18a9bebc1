"""The practice site."""
