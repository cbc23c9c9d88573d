"""The agent's end of the trial: JSON lines on private descriptors."""
import json
import os

from ..shared.descriptors import leave_terminal, take_channel
from ..shared.text import clean


class Channel:
    def __init__(self):
        leave_terminal()
        self.commands, self.events = take_channel()
        self.pending, self.gone = b"", False

    def send(self, kind, **fields):
        event = without_nuls(clean(dict(fields, v=1, t=kind)))
        data = json.dumps(event).encode("ascii") + b"\n"
        try:
            while data:
                data = data[os.write(self.events, data) :]
        except OSError:
            self.gone = True

    def receive(self):
        """The commands of what can be read now; reads once, and may wait for that."""
        data = os.read(self.commands, 1 << 16)
        if not data:
            self.gone = True
            return []
        lines = (self.pending + data).split(b"\n")
        self.pending = lines.pop()
        return [json.loads(line.decode("utf-8")) for line in lines if line.strip()]


def without_nuls(value):
    """`value` with NULs that can be seen: modules print whatever they hold."""
    if isinstance(value, str):
        return value.replace("\0", "\\0")
    if isinstance(value, dict):
        return {key: without_nuls(item) for key, item in value.items()}
    return [without_nuls(item) for item in value] if isinstance(value, list) else value
