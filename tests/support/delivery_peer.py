"""The delivery service's rules for tests in JavaScript: one call per line in, what to tell whom per line out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from meetings.e2ee.delivery import Delivery, NotNow


def main() -> None:
    delivery = Delivery()
    for line in sys.stdin:
        call: dict[str, Any] = json.loads(line)
        answer: dict[str, Any] = {"error": None, "result": None, "outbox": []}
        try:
            told = getattr(delivery, call["do"])(**call["with"], now=call["now"])
            answer["result"], answer["outbox"] = told if isinstance(told, tuple) else (None, told)
        except NotNow as error:
            answer["error"] = str(error)
        answer |= {
            "next_at": delivery.next_at(),
            "epoch": delivery.epoch,
            "group": delivery.group,
            "held": sorted(delivery.held),
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
