"""The commands, one module a noun. Bodies import what they need, so that `--help` loads no engine."""
