"""`b2ct image test`: boot an image as OpenNebula would, log in, and look."""
