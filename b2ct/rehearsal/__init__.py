"""A site to practise on: installer, packages, machines, and a double of oned."""
