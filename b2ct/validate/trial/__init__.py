"""Test VMs: one of each worker's template, started, logged in to, given a job, and removed."""
