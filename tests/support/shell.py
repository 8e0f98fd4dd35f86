"""Shell text taken apart into simple commands, as far as pages need it."""

from __future__ import annotations

import re
import shlex

__all__ = ["simple_commands"]

_HEREDOC = re.compile(r"<<-?\s*'?\"?(\w+)'?\"?(.*?)\n.*?^\1$", re.DOTALL | re.MULTILINE)
_NUMBER_OF_STREAM = re.compile(r"(?<!\S)\d(?=[<>])")
_ASSIGNMENT = re.compile(r"\w+=")
# What stands in front of a command and is none.
_BEFORE = {"do", "then", "else", "until", "while", "if", "!", "{", "exec", "time"}
# What begins a line that has no command of its own.
_NONE = {"for", "done", "fi", "}", "case", "esac"}


def simple_commands(script: str) -> list[list[str]]:
    """Return each command's words: no redirections, assignments, keywords or here documents."""
    text = _HEREDOC.sub(r"\2", script).replace("\\\n", " ")
    return [words for line in text.splitlines() for words in _commands_of(line)]


def _commands_of(line: str) -> list[list[str]]:
    # What is substituted within double quotes is a command too.
    inner = [
        found for quoted in re.findall(r'"[^"]*"', line) for found in re.findall(r"\$\(([^)]*)\)", quoted)
    ]
    lexer = shlex.shlex(_NUMBER_OF_STREAM.sub("", line), posix=True, punctuation_chars="|&;()<>")
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for token in (tokens := iter(lexer)):
        if set(token) & {"<", ">"} and not set(token) - set("<>&|"):
            # Where to, or from.
            next(tokens, "")
        elif not set(token) - set("|&;()"):
            found.append([])
        else:
            found[-1].append(token)
    made = [_without_prefix(words) for words in found]
    return [words for words in made if words] + [each for text in inner for each in simple_commands(text)]


def _without_prefix(words: list[str]) -> list[str]:
    while words and (words[0] in _BEFORE or _ASSIGNMENT.match(words[0])):
        words = words[1:]
    return [] if words and words[0] in _NONE else words
