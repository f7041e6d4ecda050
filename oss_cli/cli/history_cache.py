"""What `oss history cache` shows: the states on disk, how large they are, and how large they may become."""

import json
from typing import TYPE_CHECKING

from oss_cli.errors import format_bytes

if TYPE_CHECKING:
    from oss_cli.states.folder import StateFolder
    from oss_cli.terminal.console import Console


def show_states(console: "Console", states: "StateFolder", *, most_bytes: int, as_json: bool) -> None:
    """Write a table, those that were used last first, and the sum; or all of it as JSON."""
    from oss_cli.states.file import read_facts
    from oss_cli.terminal.conversation import clock
    from oss_cli.terminal.tables import show_table

    entries = [(one, read_facts(one.path)) for one in states.entries()]
    total = sum(one.bytes for one, _ in entries)
    if as_json:
        listed = [
            {
                "bytes": one.bytes,
                "used": one.used,
                "tokens": len(facts.tokens) if facts is not None else None,
                "conversation": (facts.owner or None) if facts is not None else None,
            }
            for one, facts in entries
        ]
        value = {"folder": str(states.folder), "bytes": total, "most_bytes": most_bytes, "states": listed}
        console.out.write(json.dumps(value, ensure_ascii=False, sort_keys=True) + "\n")
        return
    rows = [
        (
            clock(one.used),
            format_bytes(one.bytes),
            f"{len(facts.tokens):,}" if facts is not None else "not usable",
            (facts.owner or "oss run --cache") if facts is not None else "",
        )
        for one, facts in entries
    ]
    if rows:
        show_table(console.out, ("USED", "SIZE", "TOKENS", "CONVERSATION"), rows)
    count = f"{len(entries)} state{'s' if len(entries) != 1 else ''}"
    console.err.write(f"{count}, {format_bytes(total)} of at most {format_bytes(most_bytes)}, in {states.folder}\n")
