"""The trial: imports modules that no test reaches, each in a process of its own, under guard.

It has the channels of the harness. This process imports nothing of the project. It forks a child for
each module, so that whatever a module needs is imported once for each that needs it, and no module
can spoil the next one's.
"""
import os
import sys

from .channel import Channel


def main(program):
    channel = Channel()
    version = ".".join(str(part) for part in sys.version_info[:3])
    channel.send("hello", pid=os.getpid(), python=version)
    command = None
    while command is None and not channel.gone:
        commands = channel.receive()
        if any(c.get("t") == "stop" for c in commands):
            return 0
        command = next((c for c in commands if c.get("t") == "try"), None)
    if command is not None:
        program.load("_menace.trial.trials").Trials(channel, command).run()
        channel.send("bye")
    return 0
