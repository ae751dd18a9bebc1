"""Looking after a cloud: its state, draining a host, starting VMs."""
