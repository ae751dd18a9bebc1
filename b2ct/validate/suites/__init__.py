"""The checks that ship with B2CT: one module a subject, every function in it a check."""
