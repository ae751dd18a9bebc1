"""YAML that a person wrote, read into a typed frozen model; every problem at its line."""
