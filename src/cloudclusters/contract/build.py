"""From parameters to a contract: every name is known, every value has the right kind, nothing contradicts itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from cloudclusters.base.near import near
from cloudclusters.catalog import Catalog
from cloudclusters.contract.document import ClusterType, Contract, Setting
from cloudclusters.contract.names import check_names
from cloudclusters.errors import CloudClustersError, InvalidContract, InvalidSetting
from cloudclusters.settings.keys import KEYS, is_key, true_name
from cloudclusters.settings.layer import checked
from cloudclusters.vocabulary import (
    FEATURES,
    Constraint,
    Feature,
    Terms,
    Use,
    constrain,
    feature,
    format_constraint,
    intersect,
    is_empty,
    taxonomy_of,
)

Item = tuple[str, str, object]
"""A role (empty: all roles), a parameter's name, and its value."""
Where = Callable[[str, str], str]
"""The beginning of a message about a role's parameter: file and line, or nothing."""

ROLES = ("manager", "worker")
FLAGS = ("possible", "strict")
ROLE_SETTINGS = ("imageid", "user", "exename", "exeflags")
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
            items += [(known_role(name), str(key), each) for key, each in value.items()]
        elif name in ROLES:
            raise InvalidContract(f"{name} must be a dict of parameters, not {value!r}")
        else:
            items.append(("", name, value))
    return items


def known_role(name: str) -> str:
    """The role of this name; raises `InvalidContract` with near names."""
    if name in ROLES:
        return name
    raise InvalidContract(f"unknown role {name!r}{near(name, ROLES)}", hint=f"the roles are {' and '.join(ROLES)}")


def find(name: str) -> Feature | None:
    """The feature of this name or alias, if there is one."""
    if name in FEATURES:
        return FEATURES[name]
    return feature(name) if any(name in each.aliases for each in FEATURES.values()) else None


def parameter_names() -> tuple[str, ...]:
    """Every name that a contract may hold."""
    aliases = (alias for each in FEATURES.values() for alias in each.aliases)
    return (*FEATURES, *aliases, *FLAGS, *ROLES, *KEYS)


class Draft:
    """A contract while it is put together."""

    def __init__(self, catalog: Catalog | None, where: Where) -> None:
        self._catalog = catalog
        self._where = where
        self._type = ClusterType.PEER_WORKERS
        self._counts: dict[str, int] = {}
        self._flags: dict[str, bool] = {}
        self._features: dict[str, dict[str, Constraint]] = {}
        self._settings: dict[str, dict[str, Setting]] = {}

    def put(self, role: str, name: str, value: object) -> None:
        """Take one parameter, of the whole cluster or of a role."""
        try:
            self._put(role, name, value)
        except CloudClustersError as exc:
            place = self._where(role, name)
            raise InvalidContract(f"{place}{role and role + '.'}{exc.message}", hint=exc.hint) from exc

    def _put(self, role: str, name: str, value: object) -> None:
        word = find(name)
        if word is not None and word.use is Use.INSTANCE:
            self._put_feature(role, word, value)
        elif word is not None:
            _whole_cluster(role, word.name)
            self._put_cluster(word, value)
        elif name in FLAGS:
            _whole_cluster(role, name)
            self._flags[name] = _flag(name, value)
        elif is_key(name):
            self._put_setting(role, name, value)
        else:
            raise InvalidContract(
                f"unknown parameter {name!r}{near(name, parameter_names())}",
                hint="`cloudclusters features` and `cloudclusters config show` list them all; what "
                "only one provider knows stands in its section of cloudclusters.toml",
            )

    def _put_cluster(self, word: Feature, value: object) -> None:
        constraint = constrain(word, _plain(value))
        if isinstance(constraint, Terms):
            if len(constraint.any_of) != 1 or constraint != Terms(constraint.any_of):
                raise InvalidContract(f"{word.name} must be one name, not {value!r}", hint=_example(word))
            self._type = ClusterType(constraint.any_of[0])
        elif constraint.low is None or constraint.low != constraint.high:
            raise InvalidContract(f"{word.name} must be one number, not {value!r}", hint=_example(word))
        else:
            self._counts[word.name] = int(constraint.low)

    def _put_feature(self, role: str, word: Feature, value: object) -> None:
        constraint = constrain(word, _plain(value))
        rows = self._features.setdefault(role, {})
        if word.name in rows:
            both = intersect(rows[word.name], constraint, taxonomy_of(word))
            if is_empty(both, taxonomy_of(word)):
                texts = " and ".join(format_constraint(word, each) for each in (rows[word.name], constraint))
                raise InvalidContract(f"nothing can satisfy both {texts}", hint=f"say {word.name} once")
            constraint = both
        if self._catalog is not None:
            check_names(self._catalog, word, constraint)
        rows[word.name] = constraint

    def _put_setting(self, role: str, name: str, value: object) -> None:
        key = KEYS[true_name(name)]
        if role and key.name not in ROLE_SETTINGS:
            _whole_cluster(role, key.name)
        rows = self._settings.setdefault(role, {})
        if key.name in rows:
            raise InvalidContract(f"{name!r} is given twice")
        try:
            rows[key.name] = checked(key, value, "contract")
        except InvalidSetting as exc:
            raise InvalidContract(exc.message, hint=exc.hint) from exc

    def contract(self, handle: str, created: float) -> Contract:
        """The contract, once everything was put."""
        for role in sorted((set(self._features) | set(self._settings)) - {"", *self._type.roles}):
            name = next(iter(self._features.get(role, {}) | self._settings.get(role, {})))
            raise InvalidContract(
                f"{self._where(role, name)}{role}.{name}: a {self._type} cluster has no {role}",
                hint="write cluster_type=ManagerWorkers, or give the parameter without the role",
            )
        return Contract(
            handle=handle,
            created=created,
            cluster_type=self._type,
            node_count=self._counts.get("node_count", 1),
            node_process_count=self._counts.get("node_process_count", 1),
            assumptions=self._features.get("", {}),
            roles={role: rows for role, rows in self._features.items() if role},
            settings=self._settings.get("", {}),
            role_settings={role: rows for role, rows in self._settings.items() if role},
            possible=self._flags.get("possible", False),
            strict=self._flags.get("strict", False),
        )


def _nowhere(role: str, name: str) -> str:  # noqa: ARG001  # the shape of `Where`
    return ""


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
    raise InvalidContract(f"{name} must be true or false, not {value!r}")


def _example(word: Feature) -> str:
    return f"write for instance {' or '.join(word.examples)}"
