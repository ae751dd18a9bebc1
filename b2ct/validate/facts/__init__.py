"""Facts: each is one command and a parser of what it says. Checks compare them with the site.

All that concerns a node at rest is asked by few large commands, so that a check costs nothing when
another has asked the same before.
"""
