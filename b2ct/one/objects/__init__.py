"""What the server answers, as frozen objects. One parser for single objects and for pools.

Follows the schemas of share/doc/xsd in the public sources; an element that an older or newer
server does not send reads as zero or empty.
"""
