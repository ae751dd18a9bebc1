"""What the gateway refuses, in the forms in which oned itself would refuse it."""

from __future__ import annotations

# src/rm/RequestManager.h, Request::ErrorCode of the public sources.
AUTHENTICATION = 0x0100
AUTHORIZATION = 0x0200
ACTION = 0x0800
XML_RPC_API = 0x1000
INTERNAL = 0x2000

# xmlrpc-c's own faults (include/xmlrpc-c/base.h).
FAULT_TYPE = -501
FAULT_PARSE = -503


class Refusal(Exception):  # noqa: N818 - an answer, not a failure of ours
    """A call that is not carried out. `text` goes to the client, `why` (a word) to the audit log.

    Neither ever holds what the client sent, but for names that are known and numbers.
    """

    def __init__(self, code: int, text: str, why: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.why = why


class Malformed(Exception):  # noqa: N818 - an answer, not a failure of ours
    """A body that is no XML-RPC call: answered by a fault, and the connection is closed."""

    def __init__(self, why: str, code: int = FAULT_PARSE) -> None:
        super().__init__(why)
        self.why = why
        self.code = code
