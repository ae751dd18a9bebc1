"""Site and node in, kickstart text out."""
