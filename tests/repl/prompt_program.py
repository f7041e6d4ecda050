"""A chat without a model, for tests at a real terminal: writes what it reads to messages.jsonl.

Its one argument is JSON: `history` (a path or null) and `mode`. A message that begins with `reply` gets a reply that
goes on until there is a file `go`.
"""

import json
import sys
import time
from pathlib import Path

from oss_cli.repl.editor_options import EditorOptions
from oss_cli.repl.prompt import LineEditor, typing_ahead
from oss_cli.repl.toolbar import ToolbarState


def main() -> None:
    given = json.loads(sys.argv[1])
    options = EditorOptions(
        words={
            "/file": "paths",
            "/model": lambda: ["gpt-oss-20b", "gpt-oss-120b", "smollm2-135m"],
            "/effort": lambda: ["low", "medium", "high"],
        },
        editing_mode=given.get("mode", "emacs"),
        on_reasoning=lambda: print("reasoning: shown"),
        toolbar=lambda: ToolbarState("gpt-oss-20b", "medium", 12_345, 131_072, ("private",), 21.5),
        count_tokens=lambda path: len(path.read_text("utf-8").split()),
    )
    history = given.get("history")
    commands = {
        "/file": "Attach files.",
        "/model": "Change the model.",
        "/effort": "Set the effort.",
        "/exit": "Leave.",
    }
    with typing_ahead():
        editor = LineEditor(Path(history) if history else None, commands, options)
        talk(editor)


def talk(editor: LineEditor) -> None:
    number = 0
    while True:
        try:
            line = editor.read()
        except EOFError:
            return
        except KeyboardInterrupt:
            print("interrupted")
            continue
        number += 1
        with Path("messages.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps([line, line.by_hand, line.is_quoted]) + "\n")
        print(f"got {number}")
        if line.startswith("reply"):
            reply(editor)
        if line.startswith("offer"):
            editor.offer(line)


def reply(editor: LineEditor) -> None:
    print("the reply begins")
    try:
        while not Path("go").exists():
            for key in editor.watch_keys():
                print(f"key {key}")
            time.sleep(0.01)
    except KeyboardInterrupt:
        print("stopped")
    Path("go").unlink(missing_ok=True)
    print("the reply ends")


if __name__ == "__main__":
    main()
