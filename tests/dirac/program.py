"""Runs inside the environment that has DIRAC: a server's part, as DIRAC itself does it.

    program.py CONFIGURATION FD

Reads commands as lines of JSON from stdin, writes an answer as a line of JSON to the file
descriptor FD for each (DIRAC logs to stdout). Only DIRAC's own classes are used.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from DIRAC import gConfig
from DIRAC.ConfigurationSystem.Client.Helpers.Resources import getQueues
from DIRAC.WorkloadManagementSystem.Utilities.QueueUtilities import getQueuesResolved


def plain(result: dict[str, Any]) -> dict[str, Any]:
    """Of S_OK or S_ERROR, what JSON can say."""
    wanted = ("OK", "Value", "Message", "PilotStampDict", "RunningJobs", "CEInfoDict")
    return {key: result[key] for key in wanted if key in result}


def queues(path: str) -> dict[str, Any]:
    """As the SiteDirector finds its queues (SiteDirector.beginExecution)."""
    loaded = gConfig.loadFile(path)
    assert loaded["OK"], loaded
    found = getQueues(community="belle", ceTypeList=["Cloud"])
    assert found["OK"], found
    resolved = getQueuesResolved(
        found["Value"], {}, vo="belle", checkPlatform=True, instantiateCEs=True
    )
    assert resolved["OK"], resolved
    return dict(resolved["Value"])


def main(path: str, answers: int) -> None:
    """Serve until stdin ends."""
    found = queues(path)
    with os.fdopen(answers, "w") as out:
        for line in sys.stdin:
            command = json.loads(line)
            if command["do"] == "queues":
                result: Any = {
                    name: {key: str(value) for key, value in queue["ParametersDict"].items()}
                    for name, queue in found.items()
                }
            else:
                ce = found[command["queue"]]["CE"]
                result = plain(getattr(ce, command["do"])(*command.get("arguments", [])))
            print(json.dumps(result), file=out, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
