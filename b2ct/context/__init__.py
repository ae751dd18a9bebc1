"""Site in, what a VM is told out: cloud-init user data, OpenNebula CONTEXT, and the CDs of both."""

from b2ct.context.attributes import opennebula
from b2ct.context.squid import for_squid
from b2ct.context.userdata import user_data
from b2ct.context.worker import for_worker

__all__ = ["for_squid", "for_worker", "opennebula", "user_data"]
