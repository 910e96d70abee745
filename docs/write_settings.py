"""Writes docs/settings.md, every setting of every job: make docs-settings."""

from pathlib import Path

from strokejax.config import reference

PAGE = Path(__file__).with_name("settings.md")
TOP = """\
# Settings

Every setting of a job, written by `make docs-settings` from the table that checks them.
A file in `configs/` gives a job its values; the command line changes any of them, and
`--help` lists them all:

```
python -m strokejax.launch --config=configs/finetune.py --config.loop.epochs=5
python -m strokejax.launch --help
```

Texts are in quotes here; the command line takes them without. A meaning that begins
with the name of a job or a data set (`lines:`, `synthetic:`) is for that one alone.
"""
HEAD = """
## {title}

| setting | default | legal values | unit | meaning |
|---|---|---|---|---|
"""
COLUMNS = "{name}\t{default}\t{legal}\t{unit}\t{about}"


def page() -> str:
    """The page: a table for each section of the config."""
    parts, section = [TOP], None
    for line in reference(COLUMNS):
        name, default, legal, unit, about = line.replace("|", "\\|").split("\t")
        if (part := name.rpartition(".")[0]) != section:
            section = part
            parts.append(HEAD.format(title=f"config.{part}" if part else "config"))
        about = about.removesuffix(f" ({unit})")
        parts.append(
            f"| `--config.{name}` | `{default}` | {legal} | {unit} | {about} |\n"
        )
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
