"""`oss pull`: getting a model from the Hugging Face Hub."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from oss_cli.cli.completion import complete_pullable
from oss_cli.cli.options import OfflineOption
from oss_cli.errors import BadUsage, DoesNotFit, OssError, format_bytes, quoted

if TYPE_CHECKING:
    from oss_cli.store.pull import PulledModel, PullPlan
    from oss_cli.store.puller import Puller, RatedOffer
    from oss_cli.store.selection import Offer
    from oss_cli.terminal.console import Console


def pull(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|ORG/REPO[:QUANT|:FILE]",
            help="A model's name (oss list), or a Hub repository.",
            autocompletion=complete_pullable,
        ),
    ],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing: take the best, even if it will not fit.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be fetched, and whether it fits.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What was fetched, or would be, as JSON.")] = False,
    update: Annotated[bool, typer.Option("--update", help="Take what the repository holds now.")] = False,
    offline: OfflineOption = False,
) -> None:
    """Get a model, once, and verify it.

    Standard output gets the path of the model. An interrupted download goes on where it stopped.

    Examples: oss pull gpt-oss-20b   oss pull bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M
    """
    from oss_cli import wiring
    from oss_cli.cli.pull_report import describe_here, describe_plan, write_json
    from oss_cli.terminal.console import open_console

    console = open_console()
    here = None if update else wiring.find_here(name)
    if here is not None:
        if as_json:
            write_json(console, describe_here(here))
            return
        console.err.write(f"{name} is on this computer already\n")
        console.out.write(f"{here.path}\n")
        return
    puller = wiring.open_puller(name, update=update, say=lambda text: console.err.write(f"({text})\n"))
    offer = _choose(console, name, puller.offers(), can_ask=not (yes or dry_run))
    plan = puller.plan(offer)
    fits, fit = puller.rate(plan)
    is_refused = fits is False and bool(plan.missing) and (dry_run or not (yes or _can_ask(console)))
    _show_plan(console, plan, "" if is_refused else fit)  # else the error says it
    try:
        if is_refused:  # more room on the disk would be of no help
            raise _unfitting(name, plan, fit) if dry_run else _unasked(plan, fit)
        puller.check_disk(plan)
    except OssError:
        if as_json:
            write_json(console, describe_plan(plan, fits, fit))
        raise
    if dry_run:
        if as_json:
            write_json(console, describe_plan(plan, fits, fit))
        return
    if fits is False and plan.missing and not yes:
        _ask_to_go_on(console)
    pulled = _run(console, puller, plan)
    if as_json:
        write_json(console, describe_plan(plan, fits, fit, pulled))
    else:
        _show_pulled(console, pulled)


def _choose(console: "Console", name: str, rated: "tuple[RatedOffer, ...]", *, can_ask: bool) -> "Offer | None":
    """One of a repository's offers; None when the request already says which."""
    if not rated:
        return None
    from oss_cli.store.puller import choose_offer
    from oss_cli.terminal.tables import Row, show_table

    best = choose_offer(rated)
    if len(rated) == 1:
        return best
    words = {True: "yes", False: "no", None: "unknown"}
    rows: list[Row] = [(one.offer.label, format_bytes(one.offer.bytes), words[one.fits]) for one in rated]
    show_table(console.err, (f"{name} OFFERS", "SIZE", "FITS"), rows)
    if not (can_ask and _can_ask(console)):
        fits = next(one.fits for one in rated if one.offer is best)
        reasons = {
            True: "the best that fits",
            False: "none fits; the smallest",
            None: "a careful choice, as fits nobody knows",
        }
        console.err.write(f"{reasons[fits]}: {best.label}\n")
        return best
    offers = {one.offer.label.lower(): one.offer for one in rated}
    while True:
        console.err.write(f"Which one? [{best.label}] ")
        answer = _read_answer(console)
        if not answer:
            return best
        if answer in offers:
            return offers[answer]


def _show_plan(console: "Console", plan: "PullPlan", fit: str) -> None:
    parts = f" in {len(plan.files)} files" if len(plan.files) > 1 else ""
    console.err.write(f"{plan.name}: {format_bytes(plan.total_bytes)}{parts} from {plan.repository}\n")
    if not plan.missing:
        console.err.write("  all of it is here already\n")
        return
    if plan.here_bytes:
        console.err.write(f"  here already: {format_bytes(plan.here_bytes)}\n")
    for file, place in plan.elsewhere:
        console.err.write(f"  on this disk already: {format_bytes(file.bytes)} as {place}\n")
    free = f"{format_bytes(plan.free_bytes)} are free in {plan.folder}"
    console.err.write(f"  to fetch: {format_bytes(plan.missing_bytes)}; {free}\n")
    if fit:
        console.err.write(f"  {fit}\n")


def _ask_to_go_on(console: "Console") -> None:
    """Ask whether to fetch what will not fit.

    Raises:
        typer.Abort: the answer is no.
    """
    console.err.write("It will not fit. Fetch it all the same? [y/N] ")
    if _read_answer(console) not in ("y", "yes"):
        raise typer.Abort


def _unasked(plan: "PullPlan", fit: str) -> BadUsage:
    return BadUsage(f"{plan.name} does not fit, and nobody can be asked", cause=fit, hint=f"{plan.again} --yes")


def _unfitting(name: str, plan: "PullPlan", fit: str) -> DoesNotFit:
    from oss_cli import wiring

    entry = wiring.open_catalogue().find(name)
    instead = wiring.next_best_model(entry.shape) if entry is not None else None
    hint = f"oss pull {instead.name}" if instead else f"to fetch it all the same: {plan.again} --yes"
    return DoesNotFit(f"{plan.name} does not fit on this computer", cause=fit, hint=hint)


def _run(console: "Console", puller: "Puller", plan: "PullPlan") -> "PulledModel":
    from oss_cli import wiring
    from oss_cli.terminal.progress import DownloadBar

    try:
        with DownloadBar(console.err, plan.name, done_bytes=plan.here_bytes, total_bytes=plan.total_bytes) as bar:
            return puller.run(plan, bar, wiring.transfer_options())
    except KeyboardInterrupt:
        kept = format_bytes(puller.kept_bytes(plan))
        console.err.write(f"stopped: {kept} of {format_bytes(plan.total_bytes)} are kept; to go on: {plan.again}\n")
        raise


def _show_pulled(console: "Console", pulled: "PulledModel") -> None:
    name, older = pulled.plan.name, pulled.older
    console.err.write(f"{name} is here and verified; oss chat {quoted(name)}\n")
    if older is not None:
        console.err.write(f"what {name} was before is kept as {older.name}; {_removal_hint(pulled)}\n")
    console.out.write(f"{pulled.paths[0]}\n")


def _removal_hint(pulled: "PulledModel") -> str:
    """How to remove what the new model took the name of, and what that frees."""
    assert pulled.older is not None
    new = {file.sha256 for file in pulled.plan.files}
    freed = sum(file.bytes for file in pulled.older.files if file.sha256 not in new)
    return f"to free its {format_bytes(freed)}: oss rm {pulled.older.name}"


def _can_ask(console: "Console") -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and console.err.is_watched


def _read_answer(console: "Console") -> str:
    line = sys.stdin.readline()
    if not line:  # Ctrl-D
        console.err.write("\n")
        raise typer.Abort
    return line.strip().lower()
