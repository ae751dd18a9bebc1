"""The verbs: one thin click module per group; each parses, calls one function and prints."""
