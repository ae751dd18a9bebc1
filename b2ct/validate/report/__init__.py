"""A validation as a page for people, with what changed since the runs before."""
