"""The harness: runs pytest inside the project's interpreter and streams events to the agent.

It imports nothing but the standard library, starts no thread where tests run, and touches neither
the environment nor the working directory, so that a suite behaves as it does under `pytest`.
Everything that runs inside of a pytest hook goes through `Process.guard`: a bug of the harness must
not fail a test.
"""
from ..shared.descriptors import leave_terminal, take_terminal
from ..shared.text import text_of
from .channel import Channel
from .interpreter import greet, pose_as_pytest


def main(program):
    channel = Channel.take()
    if not greet(channel):
        return 0
    command = None
    while command is None:
        commands = channel.receive(True)
        if commands is None:
            return 0
        command = next((c for c in commands if c.get("t") == "run"), None)
    has_terminal = bool(command.get("terminal")) and take_terminal()
    if not has_terminal:
        leave_terminal()
    session = program.load("_menace.harness.session").Session(program, command, channel)
    session.hear(commands)
    argv = [text_of(arg) for arg in command.get("argv") or ()]
    if has_terminal:  # The agent says the rest.
        argv = ["--no-header", "--no-summary"] + argv
    pose_as_pytest(argv)
    if session.cover is not None:
        session.guard(session.cover.start)
    status = run_pytest(session, argv)
    if session.cover is not None and session.session is not None:
        session.guard(session.cover.end)
    session.leave(status)
    return status


def run_pytest(session, argv):
    try:
        import pytest

        hooks = session.program.load("_menace.harness.hooks")
        watch = hooks.watch(session)
        status = int(pytest.main(hooks.wait_for_pytest(session) + argv, plugins=[watch]))
        if status == 4:
            session.because("usage", None)
        return status
    except SystemExit as error:
        session.because("exit", "SystemExit: %s" % error.code)
        return error.code if isinstance(error.code, int) else 1
    except BaseException as error:
        return fatal(session, error)


def fatal(session, error):
    """The reason and the status for what pytest itself let through."""
    if isinstance(error, ImportError) and "Error importing plugin" in text_of(error):
        session.because("usage", error)
        return 4
    if isinstance(error, KeyboardInterrupt):
        session.because("interrupted", "KeyboardInterrupt")
        return 2
    import traceback

    trace = traceback.format_exception(type(error), error, error.__traceback__)
    session.because("internal", "".join(trace))
    return 3
