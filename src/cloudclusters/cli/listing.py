"""Every command in one table: its name, its line of help, where it is.

The help of the whole command line is made of this alone: it imports no command, and not even click.
"""

from __future__ import annotations

from typing import NamedTuple


class Listed(NamedTuple):
    """A command before it is imported; `where` is a module of `cli.command` and a name in it."""

    name: str
    line: str
    where: str
    aliases: tuple[str, ...] = ()


SECTIONS: tuple[tuple[str, tuple[Listed, ...]], ...] = (
    (
        "Contracts",
        (
            Listed("select", "Instance types that satisfy constraints.", "contracts:select"),
            Listed("resolve", "Offers that satisfy a contract, in order.", "contracts:resolve"),
            Listed("plan", "What deploy would make here, and its price.", "contracts:plan"),
            Listed("explain", "Why this offer, and why not the others.", "contracts:explain"),
            Listed("contract", "Contracts as files: show, compare, and what editors need.", "documents:contract"),
            Listed("deploy", "Make a cluster: shows the plan and asks first.", "deploy:deploy"),
        ),
    ),
    (
        "Clusters",
        (
            Listed("clusters", "Your clusters, their state and price.", "looking:clusters"),
            Listed("status", "What is known of your clusters, or of one.", "looking:status"),
            Listed("cost", "What clusters cost, and cost now.", "cost:cost"),
            Listed("interrupt", "Stop the machines, keep their disks.", "verbs:interrupt", ("stop",)),
            Listed("resume", "Start interrupted machines again.", "verbs:resume", ("start",)),
            Listed("restart", "Fresh processes on the same machines.", "verbs:restart"),
            Listed("scale", "More nodes, or fewer.", "verbs:scale"),
            Listed("replace", "Another machine in a node's place.", "dying:replace"),
            Listed("limits", "When it lets go by itself, or other limits.", "limits:limits"),
            Listed("reconnect", "Look at a cluster and take it up again.", "verbs:reconnect"),
            Listed("terminate", "Delete machines, disks and all.", "verbs:terminate", ("down",)),
            Listed("simulate-interruption", "Lose a node as the cloud takes it.", "dying:simulate_interruption"),
            Listed("sweep", "Find what nobody claims, and delete it.", "sweep:sweep"),
        ),
    ),
    (
        "Nodes",
        (
            Listed("nodes", "The nodes and workers of a cluster.", "looking:nodes"),
            Listed("exec", "Run a command on the nodes.", "nodes:execute"),
            Listed("put", "Send a file or folder to the nodes.", "files:put"),
            Listed("get", "Fetch a file or folder from the nodes.", "files:get"),
            Listed("sync", "Send what differs in a folder.", "files:sync"),
            Listed("ssh", "A shell on a node.", "ssh:ssh"),
            Listed("ssh-config", "Names for plain ssh and scp.", "ssh:ssh_config"),
            Listed("logs", "What the processes wrote.", "nodes:logs"),
        ),
    ),
    (
        "Knowledge",
        (
            Listed("providers", "Where machines can come from.", "knowing:providers"),
            Listed("features", "The words that a contract may hold.", "knowing:features"),
            Listed("config", "Configuration, and where each value is from.", "knowing:config"),
            Listed("catalog", "The catalog of machine types; refresh it from a provider.", "catalog:catalog"),
            Listed("iam", "The least rights that a provider's user needs.", "iam:iam"),
            Listed("doctor", "Whether this machine is ready.", "doctor:doctor"),
            Listed("completion", "Completion of commands for your shell.", "completion:completion"),
            Listed("demo", "A cluster of four local nodes at work.", "demo:demo"),
        ),
    ),
)

OPTIONS = (
    ("-v, --verbose", "Say more; log every step."),
    ("-q, --quiet", "Say nothing but errors."),
    ("--version", "Print the version and exit."),
    ("-h, --help", "Show this message, or that of a command, and exit."),
)

COMMANDS = {listed.name: listed for _, section in SECTIONS for listed in section}
ALIASES = {alias: listed.name for listed in COMMANDS.values() for alias in listed.aliases}


def help_text(program: str) -> str:
    """The help of the whole command line."""
    lines = [
        f"Usage: {program} [OPTIONS] COMMAND [ARGS]...",
        "",
        "  Turn a contract over platform features into a running cluster, compute on it, and let go of it.",
    ]
    for title, section in SECTIONS:
        lines += ["", f"{title}:", *(f"  {listed.name + ' ':<13}{_line(listed)}" for listed in section)]
    lines += ["", "Options:", *(f"  {names:<15}{line}" for names, line in OPTIONS)]
    lines += ["", "New here? Try `cloudclusters demo`, or `cloudclusters select accelerator_architecture=Ada`."]
    return "\n".join(lines)


def _line(listed: Listed) -> str:
    return f"{listed.line} Also: {', '.join(listed.aliases)}." if listed.aliases else listed.line
