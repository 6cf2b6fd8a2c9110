"""What is shown on a terminal."""


def visible(text: str) -> str:
    """What somebody else wrote, without what a terminal would obey."""
    return "".join(one if one.isprintable() or one in "\n\t" else "\N{REPLACEMENT CHARACTER}" for one in text)
