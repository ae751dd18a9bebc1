"""A site proven: checks over ssh, their remedies, and a report."""
