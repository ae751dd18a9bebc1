"""A site to practise on: real nodes of this machine's own, in namespaces."""
