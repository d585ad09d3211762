"""Contracts for people: write them, see what they come to, and deploy them."""

from __future__ import annotations

import os
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
from cloudclusters.contract.build import Item, build, flat
from cloudclusters.contract.document import Contract, Plan
from cloudclusters.contract.text import from_toml, item
from cloudclusters.errors import InvalidContract, UnknownName, Unresolved, WrongHandle

if TYPE_CHECKING:
    from typing import Unpack

    from cloudclusters.api.cluster import Cluster
    from cloudclusters.api.deploying import Wait
    from cloudclusters.base.cloud import Offer
    from cloudclusters.contract.difference import Difference
    from cloudclusters.contract.explanation import Explanation
    from cloudclusters.contract.limits import LimitOptions
    from cloudclusters.contract.parameters import Parameters
    from cloudclusters.contract.policy import Policy
    from cloudclusters.contract.resolution import Choice, Resolution
    from cloudclusters.contract.select import Selection

Wished = Contract | str
"""A contract, or the handle of one."""
Deployable = Contract | Plan | str


def cluster(**parameters: Unpack[Parameters]) -> Contract:
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
    items = _items(of, texts)
    contract = build(items, handle=new_handle(), created=time.time(), catalog=catalog_for_items(of, items))
    of.store.save_contract(contract)
    return contract


def _items(of: Session, texts: Sequence[str]) -> list[Item]:
    """Text forms as parameters; the catalog is opened first, as regions of an overlay are names from then on."""
    catalog_for_items(of, ())
    return [item(text) for text in texts]


def load_contract(path: str | Path) -> Contract:
    """Read a contract from a TOML file, as `Contract.to_toml` writes it; kept in the store as by `cluster`.

    Parameters stand at the top of the file, or in its table `[contract]`. Raises `InvalidContract` that names file,
    line and key, `UnknownName` for a file that is not there or cannot be read.

    >>> import cloudclusters as cc
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> contract = cc.cluster(node_count=8, node_memory_size=cc.atleast("512G"))
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "training.toml")
    ...     _ = path.write_text(contract.to_toml(), "utf-8")
    ...     cc.load_contract(path) == contract
    True
    """
    of = session()
    text = _text_of(path)
    catalog_for_items(of, ())  # opened first, as regions of an overlay are names from then on
    draft = from_toml(text, str(path), handle=new_handle(), created=time.time())
    catalog = catalog_for(of, draft)
    contract = from_toml(text, str(path), handle=draft.handle, created=draft.created, catalog=catalog)
    of.store.save_contract(contract)
    return contract


def _text_of(path: object) -> str:
    """The text of a contract's file."""
    hint = 'give a contract in TOML, such as cc.load_contract("training.toml")'
    if not isinstance(path, str | os.PathLike):
        raise InvalidContract(f"a contract's file is wanted, not {path!r}", hint=hint)
    file = Path(path)
    try:
        return file.read_text("utf-8-sig")
    except (OSError, ValueError) as exc:  # a name that holds a zero byte is a `ValueError`, as text of another encoding
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        if file.is_dir():
            said = f"the file {file} is a folder, not a file"
        elif not file.exists():
            said = f"the file {file} is not there"
        else:
            said = f"the file {file} cannot be read: {reason}"
        raise UnknownName(said, hint=hint) from exc


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


def difference(before: Deployable, after: Deployable) -> Difference:
    """What differs from one contract to another, or from one plan to another; prints as a table.

    A contract may be given by its handle. Of contracts, what they ask for is compared: a way of writing it, handle and
    date do not count. Of plans, what is made and at which price. Costs nothing. Raises `InvalidContract` for a
    contract with a plan, `UnknownHandle`, `WrongHandle`.

    >>> import cloudclusters as cc
    >>> small = cc.cluster(node_count=4, node_memory_size=">=64G")
    >>> large = cc.cluster(node_count=8, node_memory_size=">=64G")
    >>> [(each.what, each.before, each.after) for each in cc.difference(small, large).entries]
    [('node_count', '4', '8')]
    """
    from cloudclusters.contract.difference import difference as compare

    of = session()
    sides = (side if isinstance(side, Plan) else contract_of(side, of) for side in (before, after))
    return compare(*sides)


@overload
def resolve(contract: Wished, /, *, strict: bool | None = None, policy: Policy | None = None) -> Resolution: ...
@overload
def resolve(
    contract: Wished, /, *more: Wished, strict: bool | None = None, policy: Policy | None = None
) -> list[Resolution]: ...
def resolve(
    *contracts: Wished, strict: bool | None = None, policy: Policy | None = None
) -> Resolution | list[Resolution]:
    """Find every offer that satisfies a contract, the best first; the first is what `deploy` takes.

    Best is what the setting `policy` says, by default what costs least for the whole cluster; or a function of your own
    that takes a `Choice` and gives what is compared, the smallest first. The resolution is kept in the store under the
    contract's handle. Makes no call to any provider. `strict` raises `Ambiguous` when several instance types satisfy.
    Raises `NoMatch` with the constraints that clash.

    >>> import cloudclusters as cc
    >>> resolution = cc.resolve(cc.cluster(node_count=4, node_machinetype="t3.xlarge"))
    >>> resolution.best.offer.instance_type
    't3.xlarge'
    """
    if not contracts:
        raise InvalidContract("resolve needs at least one contract", hint="make one with cc.cluster(node_count=…)")
    of = session()
    if policy is not None and not callable(policy):
        raise InvalidContract(
            f"policy is a function here, not {policy!r}",
            hint=f"write cc.cluster(…, policy={policy!r}) for a policy by name"
            if isinstance(policy, str)
            else "give a function that takes a Choice and returns what is compared",
        )
    found = [_resolve(of, contract_of(contract, of), strict, policy) for contract in contracts]
    return found[0] if len(found) == 1 else found


def _resolve(of: Session, contract: Contract, strict: bool | None, policy: Policy | None = None) -> Resolution:
    from cloudclusters.contract.resolve import resolve as make_resolution

    # What the call says holds for the call: the contract is kept as it was written.
    asked = contract if strict is None else msgspec.structs.replace(contract, strict=strict)
    catalog = catalog_for(of, contract)
    now, facts = time.time(), provider_facts()
    resolution = make_resolution(asked, catalog, of.settings, providers=facts, at=now, policy=policy)
    of.store.save_contract(contract)
    of.store.save_resolution(
        contract.handle,
        msgspec.json.encode(resolution),
        catalog_digest=resolution.catalog_digest,
        settings_digest=resolution.settings_digest,
    )
    return resolution


def select(**constraints: Unpack[Parameters]) -> Selection:
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
    selection = make_selection(constraints, catalog, providers=provider_facts(), now=time.time())
    for warning in selection.warnings:
        warnings.warn(warning, stacklevel=2)
    return selection


def select_texts(texts: Sequence[str]) -> Selection:
    """As `select`, of text forms; the warnings are in the answer alone."""
    from cloudclusters.contract.select import select as make_selection

    of = session()
    catalog = catalog_for_items(of, _items(of, texts))
    return make_selection(texts, catalog, providers=provider_facts(), now=time.time())


def explain(contract: Wished, *about: str | Choice | Offer) -> Explanation:
    """Why the first option of a contract is the first, what each constraint rejects, and how others fare.

    Ask about instance types (`"g6.12xlarge"`, `"ec2/g6.12xlarge"`), places (`"eu-west-1"`, `"Germany"`) and offers
    (`"g6.12xlarge@eu-west-1"`, or a choice of a resolution): which constraints each meets with which margin, which it
    misses, what is not known, and why another ranks higher. Works for a contract that nothing satisfies, too. Raises
    `InvalidContract`, with near names, for what is neither a type nor a place.

    >>> import cloudclusters as cc
    >>> contract = cc.cluster(accelerator_count=8, accelerator_architecture="Ada", node_memory_size=">=512G")
    >>> cc.explain(contract, "g6.12xlarge").subjects[0].verdict
    'does not fit'
    """
    from cloudclusters.contract.explain import explain as make_explanation

    of = session()
    wished = contract_of(contract, of)
    catalog, names = catalog_for(of, wished), [_asked(each) for each in about]
    found = make_explanation(wished, catalog, of.settings, providers=provider_facts(), about=names, at=time.time())
    own = _ranked_by(of, wished)
    if not own:
        return found
    note = f"`resolve` ranked by {own}, which deploy goes by; this is ranked by the contract's own policy"
    return msgspec.structs.replace(found, outcome=(*found.outcome, note))


def _ranked_by(of: Session, contract: Contract) -> str:
    """The user's own function by which the stored resolution of a contract was ranked; empty where there is none."""
    stored = of.store.resolution(contract.handle)
    if stored is None:
        return ""
    policy = msgspec.json.decode(stored.document, type=_Ranked).policy
    return policy if policy.endswith("()") else ""


class _Ranked(msgspec.Struct, frozen=True):
    """What is looked at of a stored resolution."""

    policy: str = ""


def _asked(about: str | Choice | Offer) -> str:
    """An offer as the text that means it."""
    if isinstance(about, str):
        return about
    from cloudclusters.base.cloud import Offer
    from cloudclusters.contract.resolution import Choice

    offer = about.offer if isinstance(about, Choice) else about
    if not isinstance(offer, Offer):
        raise InvalidContract(
            f"explain cannot be asked about {type(about).__name__}",
            hint="ask about a type, a place, TYPE@PLACE, or a choice of a resolution",
        )
    place = str(offer.place)
    return f"{offer.provider}/{offer.instance_type}" + (f"@{place}" if place else "")


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


def deploying_plan(of: Session, target: Deployable, *, resolve: bool, limits: LimitOptions) -> Plan:
    """The plan that a deploy carries out."""
    from cloudclusters.contract.plan import with_limits

    if isinstance(target, Plan):
        return with_limits(target, limits)
    contract = contract_of(target, of)
    if resolve:
        _resolve(of, contract, None)
    return with_limits(resolved_plan(of, contract), limits)


def deploy(
    target: Deployable,
    *,
    resolve: bool = False,
    name: str = "",
    wait: Wait = "all",
    timeout: float | None = None,
    keep: bool = False,
    **limits: Unpack[LimitOptions],
) -> Cluster:
    """Make the machines and start the workers of a contract or plan; returns the live cluster.

    Costs money from the launch on, as the plan says. A contract must have been resolved, and exactly that plan is
    used; `resolve=True` does both in one step. `wait` is "all" (workers ready), "min" (the first node ready) or
    False (at once; the rest goes on in the background, see `Cluster.wait`). After `timeout` seconds, on an error and on
    Ctrl-C everything that was made is deleted; `keep` leaves a failed cluster to look at. `idle_timeout="30m"`,
    `max_lifetime="8h"`, `max_cost=20` and `at_limit="stop"` say when the machines let go of themselves, instead of what
    contract and configuration say; `"off"` is no limit. Raises `Unresolved`, `DeployFailed`, `NotSupported`,
    `InvalidSetting`, `WaitTimeout`, `NameTaken`.
    """
    from cloudclusters.api.deploying import deploy_plan

    of = session()
    plan = deploying_plan(of, target, resolve=resolve, limits=limits)
    return deploy_plan(of, plan, name=name, wait=wait, timeout=timeout, keep=keep)
