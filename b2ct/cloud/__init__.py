"""OpenNebula: one client for its XML-RPC interface, and what is built on it."""
