"""Site in, what a VM is told out: cloud-init user data, OpenNebula CONTEXT, and the CDs of both."""
