"""What a DIRAC server needs to fill this cloud: the driver, and the configuration to paste."""
