"""Sorted numbers, of lines or of tests, as texts of ranges."""


def ranges(lines):
    """`1-3,7` for 1, 2, 3, 7."""
    parts, first, last = [], None, None
    for line in sorted(lines):
        if first is not None and line == last + 1:
            last = line
            continue
        if first is not None:
            parts.append("%d-%d" % (first, last) if last > first else str(first))
        first = last = line
    if first is not None:
        parts.append("%d-%d" % (first, last) if last > first else str(first))
    return ",".join(parts)


def lines_of(text):
    bounds = [part.partition("-") for part in text.split(",")]
    return [n for first, _, last in bounds for n in range(int(first), int(last or first) + 1)]
