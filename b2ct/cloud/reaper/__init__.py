"""The reaper: unused VMs of one user, by the names that DIRAC gives them, are terminated."""
