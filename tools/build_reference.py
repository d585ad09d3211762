"""Write the reference pages, `docs/reference/**/*.md`, from the code: run it as `make docs`.

Every table there comes from the table or the docstring that the package itself uses. With `--check` nothing is
written; the pages that are out of date are named, and the exit code is 1.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import build_parameters
from cloudclusters import errors
from cloudclusters.lifecycle.state import ALLOWED, VERBS
from cloudclusters.provider.registry import BUILT_IN, built_in
from cloudclusters.settings.home import FILE, VARIABLE
from cloudclusters.settings.keys import KEYS, Kind
from cloudclusters.settings.layer import PREFIX
from cloudclusters.settings.settings import OLD_FILE, OLD_VARIABLE
from cloudclusters.store.record import ClusterState
from cloudclusters.vocabulary import FEATURES, TAXONOMIES, Taxonomy, taxonomy
from reference_commands import command_line
from reference_features import feature_page, features
from reference_markdown import code, codes, first_line, member_docs, table
from reference_python import classes, functions
from reference_wrong import wrong_constraints

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
NOTICE = "<!-- made by tools/build_reference.py: change the code, then run `make docs` -->"
_OPEN_ONES = ("machine_type",)
"""Taxonomies whose names only a catalog knows."""


# Names


def names() -> str:
    """The taxonomies."""
    parts = [
        "The names that qualifiers take. A name means itself and its members. Upper and lower case do not matter, and "
        "the spellings of CloudClusters and PlatformAware are understood.",
        "Names in italics group others. `>=` works where a column *newer than* is filled.",
    ]
    for name in TAXONOMIES:
        names = taxonomy(name)
        parts += [f"## {name}", _names_text(name, names)]
    return "\n\n".join(parts)


def _names_text(name: str, names: Taxonomy) -> str:
    if name in _OPEN_ONES:
        return "The instance types of the catalog and their families: `cloudclusters catalog show`."
    values = set(names.values())
    rows = [
        (
            each if each in values else f"*{each}*",
            ", ".join(names.parents(each)),
            ", ".join(names.earlier(each)),
        )
        for each in names.terms()
    ]
    header = ["name", "is a", "newer than"]
    if not any(row[2] for row in rows):
        header, rows = header[:2], [row[:2] for row in rows]  # type: ignore[misc]  # one column less
    more = " Names that a provider alone knows are accepted, too." if names.is_open else ""
    return f"Any {names.title}: `any`.{more}\n\n{table(header, rows)}"


# Settings


def settings() -> str:
    """The configuration keys."""
    rows = []
    for key in KEYS.values():
        values = codes(key.choices) if key.choices else "`true`, `false`" if key.kind is Kind.FLAG else "text"
        default = (
            "" if key.default is None else code(str(key.default).lower() if key.kind is Kind.FLAG else key.default)
        )
        meaning = key.meaning + (f" ({key.idle}.)" if key.idle else "")
        rows.append((codes((key.name, *key.aliases)), codes(key.sections), values, default, meaning))
    theirs = [
        (code(name), code(plugin.name), "text", "", f"{meaning[:1].upper()}{meaning[1:]}.")
        for plugin in built_in()
        for name, meaning in plugin.settings.items()
    ]
    return "\n\n".join(
        [
            f"They stand in `{FILE}`, in variables such as `{PREFIX}ENGINE` and `{PREFIX}EC2_REGION`, and as "
            "parameters of a contract. How the layers go over each other stands in "
            "[configuration](../guides/configuration.md).",
            table(["key", "sections", "values", "default", "meaning"], [*rows, *theirs]),
            "## Variables that are no setting",
            table(
                ["variable", "meaning"],
                [
                    (code(VARIABLE), "the directory of all that we keep: store, keys, logs, local nodes"),
                    (code(f"{PREFIX}DEBUG"), "when set, errors of the command line show where they happened"),
                    (code(OLD_VARIABLE), f"the directory that holds `{OLD_FILE}`, as in CloudClusters.jl"),
                ],
            ),
        ]
    )


# Life cycle, errors, providers


def states() -> str:
    """The states of a cluster, and the verbs that each allows."""
    docs = member_docs(ClusterState)
    verbs = [verb for verb in ALLOWED if verb in VERBS or verb == "exec"]
    rows = [
        (code(state.value), docs[state.name], *("yes" if state in ALLOWED[verb] else "" for verb in verbs))
        for state in ClusterState
    ]
    return "\n\n".join(
        [
            "Where a cluster is in its life, and which verb may start from there. What each does stands in "
            "[life cycle](../guides/life-cycle-and-letting-go.md).",
            table(["state", "what", *verbs], rows),
            "States that end in *-ing* only last while a verb runs. When the program that ran it has died, the next "
            "command finishes or undoes the verb first.",
            f"Computing needs the state {codes(sorted(ALLOWED['compute']))}.",
        ]
    )


def errors_page() -> str:
    """The errors, with who can do something about them."""
    found = {name: each for name, each in vars(errors).items() if inspect.isclass(each)}
    tree = [each for each in found.values() if issubclass(each, errors.CloudClustersError)]
    remedies = member_docs(errors.Remedy)
    rows = [
        (
            code(each.__name__),
            code(each.__bases__[0].__name__),
            each.remedy.name.lower(),
            str(each.remedy.value),
            first_line(each),
        )
        for each in tree
    ]
    return "\n\n".join(
        [
            "They are in `cc.errors`. Each says in `message` what happened and in `hint` what to type next.",
            "## Who can do something",
            table(
                ["remedy", "exit code", "what"],
                [(each.name.lower(), str(each.value), remedies[each.name]) for each in errors.Remedy],
            ),
            "Other exit codes are 0 for done, 128 and the number of the signal for interrupted (130 is Ctrl-C), and "
            "for `exec` what the remote command gave.",
            "## Errors",
            table(["error", "is a", "remedy", "exit code", "what"], rows),
            f"`InternalError` is not among them: {first_line(errors.InternalError)}",
        ]
    )


def providers() -> str:
    """The providers of this release."""
    rows = []
    for plugin in built_in():
        traits = plugin.traits
        rows.append(
            (
                code(plugin.name),
                plugin.title,
                "yes" if traits.cloud else "only by name",
                "yes" if traits.free else "no",
                code(f"pip install 'cloudclusters[{plugin.extra}]'") if plugin.extra else "nothing",
                codes(plugin.settings),
            )
        )
    known = [name for name in taxonomy("provider").values() if name not in BUILT_IN]
    return "\n\n".join(
        [
            "Where machines come from. `cloudclusters providers` says which are ready on your machine.",
            table(["name", "what", "chosen by default", "free", "needs", "own settings"], rows),
            f"Contracts can name these, too, but this release cannot deploy there: {codes(known)}. "
            "The machine types of `ec2`, `gcp` and `azure` are in the catalog.",
        ]
    )


PAGES: dict[str, tuple[str, Callable[[], str]]] = {
    "features": ("Features", features),
    "wrong-constraints": ("Wrong constraints", wrong_constraints),
    "names": ("Names", names),
    "settings": ("Settings", settings),
    "functions": ("Functions", functions),
    "classes": ("Objects", classes),
    "states": ("States and verbs", states),
    "errors": ("Errors", errors_page),
    "providers": ("Providers", providers),
    "command-line": ("Commands", command_line),
}


def pages() -> dict[str, str]:
    """The text of every page by file name."""
    made = {f"{name}.md": (title, make()) for name, (title, make) in PAGES.items()}
    rows = [(f"[{title}]({name}.md)", first_line(make)) for name, (title, make) in PAGES.items()]
    made["index.md"] = ("Reference", f"Made from the code by `make docs`.\n\n{table(['page', 'what'], rows)}")
    made |= {f"features/{name}.md": (name, feature_page(each)) for name, each in FEATURES.items()}
    return {name: f"{NOTICE}\n\n# {title}\n\n{text}\n" for name, (title, text) in made.items()}


def outdated() -> list[str]:
    """The pages that are not what the code says, by file name."""
    made = pages()
    there = {path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.md")}
    return sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with `--check` name those that are out of date."""
    names = outdated()
    if "--check" in arguments:
        late = [*(f"docs/reference/{name}" for name in names), *build_parameters.outdated()]
        for name in late:
            print(f"{name} is out of date: run `make docs`")
        return bool(late)
    for name in build_parameters.write():
        print(name)
    made = pages()
    for name in names:
        if name in made:
            (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
            (FOLDER / name).write_text(made[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
        print(f"docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
