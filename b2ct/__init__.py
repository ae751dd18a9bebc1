"""B2CT: from one site.yaml to a working OpenNebula cloud that a DIRAC server fills with jobs."""

__version__ = "0.1.0"
