"""The error answers of oned: a code, a text and the id of the object concerned."""

from __future__ import annotations

AUTHENTICATION = 0x0100
AUTHORIZATION = 0x0200
NO_EXISTS = 0x0400
ACTION = 0x0800
XML_RPC_API = 0x1000
INTERNAL = 0x2000
ALLOCATE = 0x4000
LOCKED = 0x8000

# How messages name an object kind; Request::object_name of the public source says the same.
NAMES = {
    "VM": "virtual machine",
    "HOST": "host",
    "NET": "virtual network",
    "IMAGE": "image",
    "USER": "user",
    "TEMPLATE": "virtual machine template",
    "GROUP": "group",
    "ACL": "ACL",
    "DATASTORE": "datastore",
    "CLUSTER": "cluster",
    "ZONE": "zone",
    "SECGROUP": "security group",
    "VDC": "VDC",
}


class OneError(Exception):
    """A refusal: `code`, `text` without the `[method] ` in front, and the object id (-1: none)."""

    def __init__(self, code: int, text: str, object_id: int = -1) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.object_id = object_id


class Fault(Exception):  # noqa: N818 - XML-RPC calls it so
    """An XML-RPC fault (not an oned answer): wrong arity, wrong type, unknown method."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def unauthenticated() -> OneError:
    return OneError(AUTHENTICATION, "User couldn't be authenticated, aborting call.")


def no_exists(kind: str, object_id: int) -> OneError:
    return OneError(NO_EXISTS, f"Error getting {NAMES[kind]} [{object_id}].", object_id)


def unauthorized(uid: int, text: str) -> OneError:
    """`text` ends without its full stop: oned adds it."""
    return OneError(AUTHORIZATION, f"User [{uid}] : {text}.")


def action(text: str) -> OneError:
    return OneError(ACTION, text)


def internal(text: str, object_id: int = -1) -> OneError:
    return OneError(INTERNAL, text, object_id)


def not_allocated(kind: str, text: str) -> OneError:
    return OneError(ALLOCATE, f"Error allocating a new {NAMES[kind]}. {text}")


def taken(kind: str, object_id: int) -> OneError:
    """A duplicate that the request itself finds; images are found later, by their pool."""
    return internal(f"NAME is already taken by {kind} {object_id}.")
