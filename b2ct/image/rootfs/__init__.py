"""A definition becomes a tree of files: namespaces, layers and their cache, configuration."""
