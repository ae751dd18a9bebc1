"""The client of OpenNebula; it knows no site."""
