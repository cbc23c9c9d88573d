"""Texts as they go to the agent: valid, and not too long."""


def clean(value, cap=None):
    """`value` as JSON can hold it: no lone surrogates, no NaN, no foreign objects."""
    if isinstance(value, str):
        if cap is None and value.isascii():
            return value
        return shorten(value.encode("utf-8", "backslashreplace").decode("utf-8"), cap)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if value - value == 0 else None
    if isinstance(value, dict):
        return {clean(str(key)): clean(item, cap) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item, cap) for item in value]
    return clean(text_of(value), cap)


def text_of(value):
    try:
        return value if isinstance(value, str) else str(value)
    except Exception as error:
        return "<%s whose text raises %s>" % (type(value).__name__, type(error).__name__)


def shorten(text, cap):
    """`text` without its middle when it is longer than `cap` bytes."""
    if cap is None or len(text) * 4 <= cap:
        return text
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= cap:
        return text
    half = cap // 2
    head, tail = data[:half].decode("utf-8", "ignore"), data[-half:].decode("utf-8", "ignore")
    return "%s\n[... %d bytes left out ...]\n%s" % (head, len(data) - 2 * half, tail)


def one_line(text, limit=500):
    """The first line that is not blank; None if there is none."""
    line = next((part.strip() for part in text_of(text).splitlines() if part.strip()), "")
    return (line if len(line) <= limit else line[: limit - 1] + "\u2026") or None
