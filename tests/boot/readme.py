"""What README tells people to type, taken from it: so it cannot say what does not work."""

import re
from pathlib import Path

# The beginnings of those that no boot test types.
NOT_TYPED = (
    "make test",  # which types the others
    "pip install '.[",  # the wheel with an extra is, and all extras by `make run`
    "ssh -N",
    "curl",  # tests/webui/test_api.py
)
TYPED = (
    *("apt-get install --no-install-recommends", "git clone", "cd ", "make run", "make deb"),
    *("pip wheel", 'pip install "$('),
    *("dist/health-collectord_", "dist/health-webui_", "apt-get remove", "apt-get purge"),
    *("collectord status", "collectord watch system", "systemctl status", "systemctl restart"),
    *(
        "collectord history export",
        "collectord invite",
        "health-webui add",
        "collectord replay",
        "collectord watch --events",
    ),
)
_TEXT = (Path(__file__).parents[2] / "README.md").read_text()


def blocks(heading: str, language: str = "sh") -> list[str]:
    """The code blocks of a section in their order.

    Raises:
        AssertionError: there are none.
    """
    section = _TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found, f"README has no {language} below {heading}"
    return found


def typed_in(text: str) -> list[str]:
    """What is typed in blocks for a shell, line by line, without the comments."""
    joined = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
    typed = [re.sub(r"\s+", " ", line.partition(" # ")[0]).strip() for line in joined.splitlines()]
    return [line for line in typed if line]


def lines(heading: str) -> list[str]:
    """What is typed in a section."""
    return typed_in("".join(f"```sh\n{block}```\n" for block in blocks(heading)))


def line(heading: str, containing: str) -> str:
    """The one line that contains this."""
    [found] = [line for line in lines(heading) if containing in line]
    return found
