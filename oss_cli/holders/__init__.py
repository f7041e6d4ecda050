"""Models that stay in memory between commands: where the processes that hold them are found, started, asked, stopped.

A holder is a background `oss serve` of this user, with one model, on a socket of its own. Knows nothing of engines and
terminals. What asks a holder (`folder`, `record`, `connection`, `client`) loads sockets and JSON and nothing else.
"""
