"""A small XML-RPC filter in front of oned, for DIRAC servers that use DIRAC's own driver."""
