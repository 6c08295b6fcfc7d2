"""Completion in a shell: verbs and options of ``python -m search``.

Typer completes programs by their name, and this one is called ``python``. The script below
completes only what follows ``python -m search``. It calls the program with ``UMSS_COMPLETE`` in
the environment; the program then prints a candidate per line.

Names of studies are not completed: that would start a database server, or ask for a password.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from search.errors import SearchError

__all__ = ["COMPLETE_VARIABLE", "SCRIPT", "candidates", "completed", "install"]

#: In the environment of a call that completes: index of the word at the cursor.
COMPLETE_VARIABLE = "UMSS_COMPLETE"
#: The words of the command line, one per line.
WORDS_VARIABLE = "UMSS_COMPLETE_WORDS"
#: How many words come before the verb.
PROGRAM = ("python", "-m", "search")
SCRIPT = f"""\
_umss_complete() {{
    [[ "${{COMP_WORDS[1]}}" == -m && "${{COMP_WORDS[2]}}" == search ]] || return 0
    ((COMP_CWORD > 2)) || return 0
    local IFS=$'\\n'
    COMPREPLY=($({COMPLETE_VARIABLE}=$COMP_CWORD {WORDS_VARIABLE}="${{COMP_WORDS[*]}}" \\
        "${{COMP_WORDS[0]}}" -m search 2>/dev/null))
}}
complete -o bashdefault -o default -F _umss_complete python python3
"""
#: Where the script is stored, and the file that loads it, in the home folder.
STORED, LOADED_BY = Path(".config/unim2-search/completion.bash"), Path(".bashrc")


def completed(environment: Mapping[str, str], verbs: Mapping[str, Any]) -> list[str]:
    """The candidates that a call of the script asks for; none if its variables are damaged.

    Args:
        environment: Usually ``os.environ``.
        verbs: The commands by name.
    """
    words = environment.get(WORDS_VARIABLE, "").split("\n")
    index = environment[COMPLETE_VARIABLE]
    if not index.isdecimal() or not len(PROGRAM) <= int(index) < len(words):
        return []
    return list(candidates(words[len(PROGRAM) : int(index)], words[int(index)], verbs))


def candidates(before: Sequence[str], beginning: str, verbs: Mapping[str, Any]) -> Iterator[str]:
    """What may stand at the cursor; nothing where a value belongs, which a shell completes.

    Args:
        before: The words before the cursor, from the verb.
        beginning: The word at the cursor, up to it.
        verbs: The commands by name.
    """
    if not before:
        found: Sequence[str] = list(verbs)
    elif before[0] in verbs and beginning.startswith("-") and "--" not in before:
        found = list(_options(verbs[before[0]]))
    else:
        found = ()
    return (word for word in found if word.startswith(beginning) and word not in before)


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        if parameter.param_type_name == "option":
            yield from (*parameter.opts, *parameter.secondary_opts)
    yield "--help"


def install(home: Path, say: Callable[[str], None]) -> None:
    """Store the script, and load it in new shells; safe to repeat.

    Raises:
        SearchError: If a file cannot be written.
    """
    stored, loaded_by = home / STORED, home / LOADED_BY
    line = f"source ~/{STORED}"
    try:
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_text(SCRIPT, encoding="utf-8")
        text = loaded_by.read_text(encoding="utf-8") if loaded_by.exists() else ""
        if line not in text.splitlines():
            gap = "" if not text or text.endswith("\n") else "\n"
            with loaded_by.open("a", encoding="utf-8") as file:
                file.write(f"{gap}{line}\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SearchError(
            f"cannot install the completion in {home} ({error}): save what --show-completion"
            " prints to another file, and load it with `source`"
        ) from error
    say(f"completion for bash is in {stored}; {loaded_by} loads it in new shells")
