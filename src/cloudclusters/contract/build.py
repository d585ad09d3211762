"""From parameters to a contract: every name is known, every value has the right kind, nothing contradicts itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from cloudclusters.base.near import near, near_names
from cloudclusters.catalog import Catalog
from cloudclusters.contract.document import NODES, ClusterType, Contract, Setting
from cloudclusters.contract.names import check_names
from cloudclusters.errors import CloudClustersError, InvalidContract, InvalidSetting
from cloudclusters.settings.home import FILE
from cloudclusters.settings.keys import KEYS, SECTIONS, Key, Kind, is_key, true_name
from cloudclusters.settings.layer import checked
from cloudclusters.vocabulary import (
    FEATURES,
    Constraint,
    Feature,
    Range,
    Terms,
    Use,
    constrain,
    feature,
    format_constraint,
    intersect,
    is_anything,
    is_empty,
    taxonomy_of,
)
from cloudclusters.vocabulary.meaning import check_length
from cloudclusters.vocabulary.text import write

Item = tuple[str, str, object]
"""A role (empty: all roles), a parameter's name (empty: the role's table is there, and empty), and its value."""
Where = Callable[[str, str], str]
"""The beginning of a message about a role's parameter: file and line, or nothing."""

_PROCESSES = "node_process_count"
ROLES = ("manager", "worker")
FLAGS = ("possible", "strict")
ROLE_SETTINGS = ("imageid", "user", "exename", "exeflags")
_USUAL = {Kind.DURATION: "2h", Kind.MONEY: "5", Kind.NUMBER: "600", Kind.COUNT: "1", Kind.PERCENT: "50"}
CLUSTER_PARAMETERS = tuple(f.name for f in FEATURES.values() if f.use is Use.CLUSTER)


def make_contract(
    parameters: Mapping[str, object], *, handle: str, created: float = 0.0, catalog: Catalog | None = None
) -> Contract:
    """Make a contract of keyword parameters; nothing is created by it.

    Features take a constraint, a bare value or a text such as `">=512G"`; `manager` and `worker` take a dict of
    their own, or a prefix as in `manager.node_machinetype`. Configuration parameters are allowed. With a catalog,
    unknown machine types and providers are told at once. Raises `InvalidContract` that says what to write instead.
    """
    return build(flat(parameters), handle=handle, created=created, catalog=catalog)


def build(
    items: Iterable[Item],
    *,
    handle: str,
    created: float = 0.0,
    catalog: Catalog | None = None,
    where: Where | None = None,
) -> Contract:
    """Make a contract of single parameters; a feature that comes twice must satisfy both."""
    draft = Draft(catalog, where or _nowhere)
    for role, name, value in items:
        draft.put(role, name, value)
    return draft.contract(handle, created)


def flat(parameters: Mapping[str, object]) -> list[Item]:
    """Parameters one by one, with their roles; raises `InvalidContract` for a role that there is not."""
    items: list[Item] = []
    for name, value in parameters.items():
        role, dot, rest = name.partition(".")
        if dot:
            items.append((known_role(role), rest, value))
        elif isinstance(value, Mapping):
            items += of_role(known_role(name), value)
        elif name in ROLES:
            check_length(name, value, hint=f"write for instance {name}=dict(node_memory_size='>=64G')")
            raise InvalidContract(
                f"{name} must be a dict of parameters, not {value!r}",
                hint=f"write for instance {name}=dict(node_memory_size='>=64G')",
            )
        else:
            items.append(("", name, value))
    return items


def of_role(role: str, table: Mapping[object, object]) -> list[Item]:
    """The parameters of a role's table one by one; an empty one names the role all the same."""
    return [(role, str(key), each) for key, each in table.items()] or [(role, "", None)]


def known_role(name: str) -> str:
    """The role of this name; raises `InvalidContract` with near names."""
    if name in ROLES:
        return name
    from cloudclusters.vocabulary.habit import foreign  # only when something was wrong already

    who, hint = foreign(name)
    word = find(name)
    if word is not None:
        raise InvalidContract(f"{name} is a feature, and no table of parameters", hint=_example(word))
    if name in FLAGS:
        raise InvalidContract(f"{name} is no table of parameters", hint=f"write {name}=true or {name}=false")
    if is_key(name):
        key = KEYS[true_name(name)]
        raise InvalidContract(f"{name} is a setting, and no table of parameters", hint=_setting_example(key, ""))
    if name in SECTIONS:
        raise InvalidContract(
            f"{name} is a section of configuration, and no role",
            hint=f"put [{name}] into a configuration file, which is called {FILE}; a contract that stands in the same "
            "file is its table [contract]",
        )
    raise InvalidContract(
        f"unknown role {name!r}{who or near(name, ROLES)}", hint=hint or f"the roles are {' and '.join(ROLES)}"
    )


def find(name: str) -> Feature | None:
    """The feature of this name or alias, if there is one."""
    if name in FEATURES:
        return FEATURES[name]
    return feature(name) if any(name in each.aliases for each in FEATURES.values()) else None


def parameter_names() -> tuple[str, ...]:
    """Every name that a contract may hold."""
    aliases = (alias for each in FEATURES.values() for alias in each.aliases)
    return (*FEATURES, *aliases, *FLAGS, *ROLES, *filter(is_key, KEYS))


class Draft:
    """A contract while it is put together."""

    def __init__(self, catalog: Catalog | None, where: Where) -> None:
        self._catalog = catalog
        self._where = where
        self._type: ClusterType | None = None
        self._processes: int | None = None
        self._sizing: dict[str, Constraint] = {}
        self._flags: dict[str, bool] = {}
        self._features: dict[str, dict[str, Constraint]] = {}
        self._settings: dict[str, dict[str, Setting]] = {}

    def put(self, role: str, name: str, value: object) -> None:
        """Take one parameter, of the whole cluster or of a role."""
        try:
            self._put(role, name, value)
        except CloudClustersError as exc:
            place = self._where(role, name)
            dot = "." if exc.message.startswith(name) else ": "
            raise InvalidContract(f"{place}{role and role + dot}{exc.message}", hint=exc.hint) from exc

    def _put(self, role: str, name: str, value: object) -> None:
        word = find(name)
        check_length(name, value, hint=_example(word) if word else f"write a smaller {name}")
        if not name:
            self._settings.setdefault(role, {})
        elif word is not None and word.use is Use.INSTANCE:
            self._put_feature(role, word, value)
        elif word is not None:
            _whole_cluster(role, word.name)
            self._put_cluster(word, value)
        elif name in FLAGS:
            _whole_cluster(role, name)
            _once(name, name in self._flags)
            self._flags[name] = _flag(name, value)
        elif is_key(name):
            self._put_setting(role, name, value)
        else:
            raise _unknown(name)

    def _put_cluster(self, word: Feature, value: object) -> None:
        if isinstance(value, list | tuple | set | frozenset):
            raise InvalidContract(f"{word.name} must be one value, not a list", hint=_example(word))
        constraint = constrain(word, _plain(value))
        if isinstance(constraint, Terms):
            if len(constraint.any_of) != 1 or constraint != Terms(constraint.any_of):
                raise InvalidContract(f"{word.name} must be one name, not {value!r}", hint=_example(word))
            _once(word.name, self._type is not None)
            self._type = ClusterType(constraint.any_of[0])
        elif word.name != _PROCESSES:
            self._sizing[word.name] = _both(word, self._sizing.get(word.name), constraint)
        elif constraint.low is None or constraint.low != constraint.high:
            raise InvalidContract(f"{word.name} must be one number, not {write(word, constraint)}", hint=_example(word))
        else:
            _once(word.name, self._processes is not None)
            self._processes = int(constraint.low)

    def _put_feature(self, role: str, word: Feature, value: object) -> None:
        constraint = constrain(word, _plain(value))
        rows = self._features.setdefault(role, {})
        constraint = _both(word, rows.get(word.name), constraint)
        if self._catalog is not None:
            check_names(self._catalog, word, constraint)
        rows[word.name] = constraint

    def _put_setting(self, role: str, name: str, value: object) -> None:
        key = KEYS[true_name(name)]
        if role and key.name not in ROLE_SETTINGS:
            _whole_cluster(role, key.name)
        rows = self._settings.setdefault(role, {})
        _once(name, key.name in rows)
        try:
            rows[key.name] = checked(key, value, "contract")
        except InvalidSetting as exc:
            raise InvalidContract(exc.message, hint=exc.hint or _setting_example(key, value)) from exc

    def contract(self, handle: str, created: float) -> Contract:
        """The contract, once everything was put."""
        cluster_type = self._type or ClusterType.PEER_WORKERS
        for role in sorted((set(self._features) | set(self._settings)) - {"", *cluster_type.roles}):
            name = next(iter(self._features.get(role, {}) | self._settings.get(role, {})), "")
            other = "give the parameter without the role" if name else "leave it out"
            raise InvalidContract(
                f"{self._where(role, name)}{role}{name and '.'}{name}: a {cluster_type} cluster has no {role}",
                hint=f"write cluster_type=ManagerWorkers, or {other}",
            )
        count, sizing = _sized(self._sizing)
        return Contract(
            handle=handle,
            created=created,
            cluster_type=cluster_type,
            node_count=count,
            node_process_count=self._processes or 1,
            sizing=sizing,
            assumptions=self._features.get("", {}),
            roles={role: rows for role, rows in self._features.items() if role},
            settings=self._settings.get("", {}),
            role_settings={role: rows for role, rows in self._settings.items() if role and rows},
            possible=self._flags.get("possible", False),
            strict=self._flags.get("strict", False),
        )


def _both(word: Feature, before: Constraint | None, now: Constraint) -> Constraint:
    """What satisfies both; raises `InvalidContract` where nothing does."""
    if before is None:
        return now
    both = intersect(before, now, taxonomy_of(word))
    if is_empty(both, taxonomy_of(word)):
        texts = " and ".join(format_constraint(word, each) for each in (before, now))
        raise InvalidContract(f"nothing can satisfy both {texts}", hint=f"say {word.name} once")
    return both


def _sized(asked: Mapping[str, Constraint]) -> tuple[int, dict[str, Constraint]]:
    """The least number of nodes, and the constraints on the whole cluster; totals leave the number open."""
    sizing = {name: each for name, each in asked.items() if not is_anything(each)}
    totals = any(FEATURES[name].sums for name in sizing)
    nodes = asked.get(NODES, Range(1, None) if totals else Range(1, 1))
    assert isinstance(nodes, Range)
    least = int(nodes.low or 1)
    sizing.pop(NODES, None)
    return least, sizing if nodes.high == least else {NODES: Range(least, nodes.high), **sizing}


def _unknown(name: str) -> InvalidContract:
    """That nobody knows a parameter of this name."""
    if name in ROLES:
        return InvalidContract(f"{name} must be a table of parameters", hint=f"write [{name}], or {name}=dict(…)")
    from cloudclusters.vocabulary.habit import foreign  # only when something was wrong already

    who, hint = foreign(name)
    return InvalidContract(
        f"unknown parameter {name!r}{who or near(name, [n for n in parameter_names() if n != name])}",
        hint=hint
        or "`cloudclusters features` and `cloudclusters config show` list them all; what "
        "only one provider knows stands in its section of cloudclusters.toml",
    )


def _nowhere(role: str, name: str) -> str:  # noqa: ARG001  # the shape of `Where`
    return ""


def _once(name: str, before: bool) -> None:
    if before:
        raise InvalidContract(f"{name} is given twice", hint=f"say {name} once")


def _whole_cluster(role: str, name: str) -> None:
    if role:
        raise InvalidContract(f"{name} is about the whole cluster, not about one role", hint=f"write {name} alone")


def _plain(value: object) -> object:
    """The value behind an enum member such as `ManagerWorkers`."""
    return str(value) if isinstance(value, ClusterType) else value


def _flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if isinstance(value, str) and word in ("true", "false"):
        return word == "true"
    raise InvalidContract(f"{name} must be true or false, not {value!r}", hint=f"write {name}=true or {name}=false")


def _setting_example(key: Key, value: object) -> str:
    """What to write instead of a wrong value of a setting."""
    if key.kind is Kind.FLAG:
        return f"write {key.name}=true or {key.name}=false"
    likely = near_names(str(value), key.choices)
    usual = str(key.default or next(iter(key.choices), "")) or _USUAL.get(key.kind, "")
    return f"write for instance {key.name}={likely[0] if likely else usual or 'TEXT'}"


def _example(word: Feature) -> str:
    return f"write for instance {' or '.join(word.examples)}"
