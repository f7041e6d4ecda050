"""Options that several commands share, each declared once."""

import os
from typing import Annotated

import typer

from oss_cli.cli.completion import complete_conversation, complete_model, complete_server
from oss_cli.conversation.option_text import set_option, set_option_pair
from oss_cli.conversation.options import SamplingOptions
from oss_cli.settings import Settings, set_setting

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|PATH",
        help="A model's name or alias (oss list), or a GGUF file.",
        autocompletion=complete_model,
    ),
]
ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL|NAME",
        help="Let a server elsewhere answer: its address, or its name in config.toml; local: this computer.",
        autocompletion=complete_server,
    ),
]
SystemOption = Annotated[
    str | None, typer.Option("--system", "-s", metavar="TEXT", help="Instructions that stand before the conversation.")
]
EffortOption = Annotated[
    str | None,
    typer.Option("--effort", "-e", metavar="low|medium|high", help="How long a reasoning model may think."),
]
PairsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-o",
        metavar="NAME=VALUE",
        help="A sampling option, repeatable: temperature, top_p, top_k, min_p, repeat_penalty, seed, max_tokens, stop, "
        "logit_bias; and speculation=on|off.",
    ),
]
MaxTokensOption = Annotated[
    str | None, typer.Option("--max-tokens", metavar="N", help="Most tokens of a reply, reasoning included.")
]
ContextOption = Annotated[
    str | None,
    typer.Option("--ctx", metavar="N", help="Tokens the conversation can hold. Default: what it needs."),
]
GpuLayersOption = Annotated[
    str | None, typer.Option("--gpu-layers", metavar="N", help="Layers on the GPU; -1: all. Default: what fits.")
]
CpuMoeOption = Annotated[
    str | None,
    typer.Option("--cpu-moe", metavar="N", help="Keep the experts of the first N layers on the CPU. Default: few."),
]
KvTypeOption = Annotated[
    str | None, typer.Option("--kv-type", metavar="f16|q8_0", help="How the cache is kept; q8_0: in half the memory.")
]
ThreadsOption = Annotated[
    str | None, typer.Option("--threads", metavar="N", help="CPU threads. Default: one for each physical core.")
]
NoMmapOption = Annotated[
    bool, typer.Option("--no-mmap", help="Copy the model into memory instead of mapping its file.")
]
DraftOption = Annotated[
    str | None,
    typer.Option(
        "--draft",
        metavar="NAME|PATH",
        help="A smaller model of the same family that guesses the next tokens.",
        autocompletion=complete_model,
    ),
]
MlockOption = Annotated[bool, typer.Option("--mlock", help="Keep the model from being swapped out.")]
SeedOption = Annotated[
    str | None, typer.Option("--seed", metavar="N", help="Same seed, same prompt, same build: same reply.")
]
TemperatureOption = Annotated[
    str | None, typer.Option("--temperature", metavar="X", help="0: always the likeliest token.")
]
TopPOption = Annotated[str | None, typer.Option("--top-p", metavar="X", help="Keep the likeliest up to this sum.")]
TopKOption = Annotated[str | None, typer.Option("--top-k", metavar="N", help="Keep this many of the likeliest.")]
MinPOption = Annotated[
    str | None, typer.Option("--min-p", metavar="X", help="Drop what is less likely than this share of the likeliest.")
]
RepeatPenaltyOption = Annotated[
    str | None, typer.Option("--repeat-penalty", metavar="X", help="Hold back what the last 64 tokens hold; 1: do not.")
]
StopOption = Annotated[
    list[str] | None, typer.Option("--stop", metavar="TEXT", help="End the answer before this text; repeatable.")
]


def _forbid_network(is_asked: bool) -> bool:
    """For the rest of this process, and for the hub library, which reads its own variable."""
    if is_asked:
        os.environ |= {"OSS_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}
    return is_asked


OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Never use the network, as OSS_OFFLINE=1.", callback=_forbid_network)
]
"""Declared, it works: a command need not look at its value."""
ContinueOption = Annotated[bool, typer.Option("--continue", "-c", help="Go on with the last conversation.")]
ConversationOption = Annotated[
    str | None,
    typer.Option(
        "--conversation",
        metavar="ID",
        help="Go on with a conversation, by the beginning of its id (oss history).",
        autocompletion=complete_conversation,
    ),
]
PrivateOption = Annotated[bool, typer.Option("--private", help="Keep nothing of what is said: no trace on the disk.")]
ReasoningOption = Annotated[
    str | None, typer.Option("--reasoning", metavar="fold|show|hide", help="How a model's reasoning is shown.")
]
SchemaOption = Annotated[
    str | None,
    typer.Option(
        "--schema",
        metavar="FILE|JSON|FIELDS",
        help="The answer is JSON that fits this JSON Schema, or has these fields: 'name str, age int'.",
    ),
]
GrammarOption = Annotated[
    str | None, typer.Option("--grammar", metavar="FILE", help="The answer fits this grammar, in llama.cpp's GBNF.")
]
ReasoningBudgetOption = Annotated[
    str | None,
    typer.Option("--reasoning-budget", metavar="N", help="Most tokens of reasoning; then the answer must begin."),
]
OverflowOption = Annotated[
    str | None,
    typer.Option(
        "--overflow",
        metavar="stop|drop|compact",
        help="When the next turn does not fit: say so, leave out the oldest turns, or sum them up.",
    ),
]
NoMarkdownOption = Annotated[bool, typer.Option("--no-markdown", help="Show answers as the model wrote them.")]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show llama.cpp's own log, the seed and the speed.")
]


def settings_from(pairs: list[str] | None, stops: list[str] | None = None, **options: str | bool | None) -> Settings:
    """The settings that a command line decides; named options win over NAME=VALUE pairs.

    Raises:
        BadUsage: an option has a value that it cannot have.
    """
    sampling = SamplingOptions()
    for pair in pairs or ():
        name, separator, value = pair.partition("=")
        if separator and name.strip().lower() == "speculation":  # a setting of the load, but asked for like an option
            options = {"speculation": value, **options}
            continue
        sampling = set_option_pair(sampling, pair)
    for stop in stops or ():
        sampling = set_option(sampling, "stop", stop)
    settings = Settings(sampling=sampling)
    for name, text in options.items():
        if isinstance(text, bool):
            text = "true" if text else None  # a flag that is not given decides nothing
        if text is not None:
            settings = set_setting(settings, name, text)
    return settings
