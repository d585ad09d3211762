"""Contracts for people: write them, see what they come to, and deploy them."""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

import msgspec

from cloudclusters.api.knowledge import catalog_difference, catalog_for, catalog_for_items, provider_facts
from cloudclusters.api.session import Session, session
from cloudclusters.base.handle import new_handle
from cloudclusters.contract.build import build, flat
from cloudclusters.contract.document import Contract, Plan
from cloudclusters.contract.text import from_toml, item
from cloudclusters.errors import InvalidContract, UnknownName, Unresolved, WrongHandle

if TYPE_CHECKING:
    from cloudclusters.api.cluster import Cluster
    from cloudclusters.api.deploying import Wait
    from cloudclusters.contract.explain import Explanation
    from cloudclusters.contract.resolution import Resolution
    from cloudclusters.contract.select import Selection

Wished = Contract | str
"""A contract, or the handle of one."""
Deployable = Contract | Plan | str


def cluster(**parameters: object) -> Contract:
    """Write a contract: what the cluster must be. Nothing is created, nothing costs money.

    Takes cluster parameters (`node_count`, `cluster_type` …), instance features as constraints or bare values,
    configuration parameters, and `manager=dict(…)`, `worker=dict(…)` for roles. The contract is kept in the store
    under its handle, from any process. Raises `InvalidContract` that says what to write instead.

    >>> import cloudclusters as cc
    >>> contract = cc.cluster(node_count=8, node_memory_size=cc.atleast("512G"),
    ...                       accelerator_count=cc.just(8), accelerator_architecture="Ada")
    >>> contract.node_count
    8
    """
    of = session()
    items = flat(parameters)
    contract = build(items, handle=new_handle(), created=time.time(), catalog=catalog_for_items(of, items))
    of.store.save_contract(contract)
    return contract


def contract_from_texts(texts: Sequence[str]) -> Contract:
    """As `cluster`, of text forms such as `node_memory_size>=512G`."""
    of = session()
    items = [item(text) for text in texts]
    contract = build(items, handle=new_handle(), created=time.time(), catalog=catalog_for_items(of, items))
    of.store.save_contract(contract)
    return contract


def contract_from_file(path: Path) -> Contract:
    """As `cluster`, of a TOML file; errors name file, line and key. Raises `UnknownName` when there is none."""
    of = session()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise UnknownName(f"{path} cannot be read: {exc}", hint="give a contract in TOML") from exc
    draft = from_toml(text, str(path), handle=new_handle(), created=time.time())
    catalog = catalog_for(of, draft)
    contract = from_toml(text, str(path), handle=draft.handle, created=draft.created, catalog=catalog)
    of.store.save_contract(contract)
    return contract


def contract_of(target: object, of: Session) -> Contract:
    """The contract that a target stands for; raises `UnknownHandle`, `WrongHandle`."""
    match target:
        case Contract():
            return target
        case str():
            return of.store.contract(target)
        case _ if hasattr(target, "handle"):
            raise WrongHandle(
                f"{target.handle} is a cluster, not a contract", hint="its contract is cluster.plan.contract"
            )
        case _:
            raise InvalidContract(
                f"a contract or its handle is wanted, not {type(target).__name__}",
                hint="make one with cc.cluster(node_count=…)",
            )


@overload
def resolve(contract: Wished, /, *, strict: bool | None = None) -> Resolution: ...
@overload
def resolve(contract: Wished, /, *more: Wished, strict: bool | None = None) -> list[Resolution]: ...
def resolve(*contracts: Wished, strict: bool | None = None) -> Resolution | list[Resolution]:
    """Find every offer that satisfies a contract, in order of price; the first is what `deploy` takes.

    The resolution is kept in the store under the contract's handle. Makes no call to any provider. `strict` raises
    `Ambiguous` when several instance types satisfy. Raises `NoMatch` with the constraints that clash.

    >>> import cloudclusters as cc
    >>> resolution = cc.resolve(cc.cluster(node_count=4, node_machinetype="t3.xlarge"))
    >>> resolution.best.offer.instance_type
    't3.xlarge'
    """
    if not contracts:
        raise InvalidContract("resolve needs at least one contract", hint="make one with cc.cluster(node_count=…)")
    of = session()
    found = [_resolve(of, contract_of(contract, of), strict) for contract in contracts]
    return found[0] if len(found) == 1 else found


def _resolve(of: Session, contract: Contract, strict: bool | None) -> Resolution:
    from cloudclusters.contract.resolve import resolve as make_resolution

    if strict is not None:
        contract = msgspec.structs.replace(contract, strict=strict)
    catalog = catalog_for(of, contract)
    resolution = make_resolution(contract, catalog, of.settings, providers=provider_facts(), at=time.time())
    of.store.save_contract(contract)
    of.store.save_resolution(
        contract.handle,
        msgspec.json.encode(resolution),
        catalog_digest=resolution.catalog_digest,
        settings_digest=resolution.settings_digest,
    )
    return resolution


def select(**constraints: object) -> Selection:
    """The instance types that satisfy constraints, whatever their region or price, each with its best known offer.

    Cluster parameters are ignored, and named in `warnings`. Finding nothing is no error: `reason` says why. Raises
    `InvalidContract`.

    >>> import cloudclusters as cc
    >>> cc.select(accelerator_count=cc.just(8), accelerator_architecture="Ada", node_memory_size=">=512G").names[0]
    'g6.48xlarge'
    """
    from cloudclusters.contract.select import select as make_selection

    of = session()
    catalog = catalog_for_items(of, flat(constraints))
    selection = make_selection(constraints, catalog, providers=provider_facts())
    for warning in selection.warnings:
        warnings.warn(warning, stacklevel=2)
    return selection


def select_texts(texts: Sequence[str]) -> Selection:
    """As `select`, of text forms; the warnings are in the answer alone."""
    from cloudclusters.contract.select import select as make_selection

    of = session()
    catalog = catalog_for_items(of, [item(text) for text in texts])
    return make_selection(texts, catalog, providers=provider_facts())


def explain(contract: Wished, *instance_types: str) -> Explanation:
    """Why the first option of a contract is the first, what each constraint rejects, and how these types fare.

    Works for a contract that nothing satisfies, too. Raises `InvalidContract` for an unknown instance type.

    >>> import cloudclusters as cc
    >>> contract = cc.cluster(accelerator_count=8, accelerator_architecture="Ada", node_memory_size=">=512G")
    >>> print(cc.explain(contract, "g6.12xlarge"))  # doctest: +SKIP
    """
    from cloudclusters.contract.explain import explain as make_explanation

    of = session()
    wished = contract_of(contract, of)
    return make_explanation(
        wished, catalog_for(of, wished), of.settings, providers=provider_facts(), about=instance_types
    )


def plan(contract: Wished) -> Plan:
    """The decision that `deploy` would carry out now: offers, fallbacks, price, warnings. Costs nothing.

    Resolves the contract if it was not. Raises as `resolve`, and `NotSupported` or `MissingExtra` when nothing that
    fits can be deployed from here.
    """
    of = session()
    wished = contract_of(contract, of)
    if of.store.resolution(wished.handle) is None:
        _resolve(of, wished, None)
    return resolved_plan(of, wished)


def resolved_plan(of: Session, contract: Contract) -> Plan:
    """The plan of the stored resolution; raises `Unresolved` when there is none, or when it is out of date."""
    from cloudclusters.contract.plan import plan as make_plan
    from cloudclusters.contract.resolution import Resolution
    from cloudclusters.settings.settings import difference

    stored = of.store.resolution(contract.handle)
    if stored is None:
        raise Unresolved(
            f"contract {contract.handle} was never resolved",
            hint=f"look at it first: cc.resolve(contract), or `cloudclusters resolve {contract.handle}`; "
            "deploy(contract, resolve=True) is both in one step",
        )
    resolution = msgspec.json.decode(stored.document, type=Resolution)
    settings = of.settings
    changes = []
    catalog = catalog_for(of, contract)
    if stored.catalog_digest != catalog.digest:
        changes.append(catalog_difference(resolution, catalog))
    if stored.settings_digest != settings.digest:
        changes += difference(resolution.settings, settings.flat())
    if changes:
        raise Unresolved(
            f"since contract {contract.handle} was resolved, {'; '.join(changes)}",
            hint=f"look at the new result: cc.resolve(contract), or `cloudclusters resolve {contract.handle}`",
        )
    return make_plan(resolution, contract, settings, provider_facts(), at=time.time(), isa=own_isa())


def own_isa() -> str:
    """This machine's instruction set, in the words of `processor_isa`."""
    machine = platform.machine()
    return {"amd64": "x86_64", "aarch64": "arm64"}.get(machine.lower(), machine)


def check_plan(plan: Plan) -> None:
    """Raise what is wrong with a plan as far as it shows without its provider, before anybody is asked for a yes.

    `NotSupported` for a cluster type that no release so far deploys, `InvalidSetting` for options that are none.
    """
    from cloudclusters.lifecycle.deploy import check_plan as check

    facts = provider_facts().get(plan.provider)
    check(plan, shared=facts is not None and facts.shared)


def deploying_plan(of: Session, target: Deployable, *, resolve: bool) -> Plan:
    """The plan that a deploy carries out."""
    if isinstance(target, Plan):
        return target
    contract = contract_of(target, of)
    if resolve:
        _resolve(of, contract, None)
    return resolved_plan(of, contract)


def deploy(
    target: Deployable,
    *,
    resolve: bool = False,
    name: str = "",
    wait: Wait = "all",
    timeout: float | None = None,
    keep: bool = False,
) -> Cluster:
    """Make the machines and start the workers of a contract or plan; returns the live cluster.

    Costs money from the launch on, as the plan says. A contract must have been resolved, and exactly that plan is
    used; `resolve=True` does both in one step. `wait` is "all" (workers ready), "min" (the first node ready) or
    False (at once; the rest goes on in the background, see `Cluster.wait`). After `timeout` seconds, on an error and on
    Ctrl-C everything that was made is deleted; `keep` leaves a failed cluster to look at. Raises `Unresolved`,
    `DeployFailed`, `NotSupported`, `WaitTimeout`, `NameTaken`.
    """
    from cloudclusters.api.deploying import deploy_plan

    of = session()
    return deploy_plan(
        of, deploying_plan(of, target, resolve=resolve), name=name, wait=wait, timeout=timeout, keep=keep
    )
