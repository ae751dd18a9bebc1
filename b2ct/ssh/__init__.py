"""Nodes over ssh, by paramiko: the ways, the host keys, one connection and one shell each."""
