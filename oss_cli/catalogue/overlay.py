"""One models.toml laid over another, as the plain tables that TOML gives. Knows nothing of what the fields mean."""

from typing import Any

Values = dict[str, Any]

SOURCES = ("repository", "package", "path")
"""Where a model comes from: exactly one of them."""

# What is said of one file and means nothing for another.
_ABOUT_OUR_FILE = (*SOURCES, "revision", "files", "also", "shape", "checked")


def laid_over(ours: Values, theirs: Values) -> Values:
    """Our model tables with the user's laid over them; neither is changed."""
    claimed = {name.lower() for name in theirs}
    claimed.update(alias.lower() for table in theirs.values() for alias in _aliases(table))
    models = {name: {**t, "aliases": [a for a in t["aliases"] if a.lower() not in claimed]} for name, t in ours.items()}
    for name, table in theirs.items():
        key = key_of(name, ours)
        if key is None:
            models[name] = table
            continue
        base = dict(models[key])
        if any(source in table for source in SOURCES):
            base = {field: value for field, value in base.items() if field not in _ABOUT_OUR_FILE}
        changed = merged(base, table)
        if isinstance(table.get("aliases"), list):
            changed["aliases"] = [*models[key]["aliases"], *table["aliases"]]
        models[key] = changed
    return models


def key_of(name: str, tables: Values) -> str | None:
    """The table's own spelling of a model's name, or None."""
    return next((key for key in tables if key.lower() == name.lower()), None)


def merged(ours: Values, theirs: Values) -> Values:
    """Ours with theirs laid over it: tables field by field, everything else replaced."""
    result = dict(ours)
    for field, value in theirs.items():
        base = result.get(field)
        result[field] = merged(base, value) if isinstance(base, dict) and isinstance(value, dict) else value
    return result


def _aliases(table: Values) -> list[str]:
    listed = table.get("aliases")
    # What is no list of texts is refused later, with the field's name.
    return [alias for alias in listed if isinstance(alias, str)] if isinstance(listed, list) else []
