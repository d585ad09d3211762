"""deploy: shows the plan and its price, asks, makes the cluster, and says what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cloudclusters.base.table import counted
from cloudclusters.cli.console import Command, agreed, json_option, say, show, show_json, yes_option
from cloudclusters.cli.duration import seconds
from cloudclusters.cli.limiting import limit_options, named_limits
from cloudclusters.cli.wish import contract_of, words_argument

if TYPE_CHECKING:
    from cloudclusters.contract.document import Contract, Plan
    from cloudclusters.store.record import ClusterRecord

_MILESTONES = {"min": "first", "no": "recorded"}


@click.command(cls=Command)
@words_argument
@click.option("-n", "--name", default="", help="A name for the cluster, to be used in place of its handle.")
@click.option(
    "--wait",
    type=click.Choice(["all", "min", "no"]),
    default="all",
    help="Return when all nodes compute (default), when the first does, or at once.",
)
@click.option("--timeout", callback=seconds, metavar="TIME", help="Give up after 90s, 10m, 2h …, and undo all.")
@click.option("--keep", is_flag=True, help="When it fails, keep what was made, to look at it; it goes on costing.")
@limit_options
@click.option("--dry-run", is_flag=True, help="Show the plan only.")
@click.option("--tell", type=int, hidden=True)
@yes_option
@json_option
def deploy(words: Sequence[str], as_json: bool, **options: object) -> int:
    """Make a cluster of a contract: its file, the handle of an earlier one, or constraints.

    Shows the plan, its price and its limits, and asks. Costs money from then on, until `terminate` or until a limit
    strikes: by default an hour without use, where machines cost money. When it fails or is interrupted, everything
    that was made is deleted.

    \b
    cloudclusters deploy cloudclusters.toml --name training
    cloudclusters deploy node_provider=local node_count=4 -y
    """
    from cloudclusters.api import contracts
    from cloudclusters.cli.plans import in_short, plan_row, price_of
    from cloudclusters.contract.estimate import check_first_hour
    from cloudclusters.contract.plan import with_limits
    from cloudclusters.contract.show import plan_text

    contract = contract_of(words)
    plan = with_limits(contracts.plan(contract), named_limits(options))
    check_first_hour(plan)
    if options["dry_run"]:
        show_json(plan_row(plan)) if as_json else show(plan_text(plan))
        return 0
    contracts.check_plan(plan)
    if not as_json and options["tell"] is None:
        click.echo(plan_text(plan), err=True)
    if not agreed(f"Deploy {in_short(plan)} for {price_of(plan)}?", yes=bool(options["yes"])):
        say("nothing was made")
        return 0
    if options["wait"] in _MILESTONES:
        return _begin(contract, options, as_json=as_json)
    _report(_make(plan, options), as_json=as_json)
    return 0


def _make(plan: Plan, options: dict[str, object]) -> ClusterRecord:
    """Deploy here and now."""
    from cloudclusters.api import contracts
    from cloudclusters.api.session import session
    from cloudclusters.cli import progress
    from cloudclusters.cli.background import Teller
    from cloudclusters.cli.plans import in_short

    tell, timeout = options["tell"], options["timeout"]
    if isinstance(tell, int):
        session().listeners.append(Teller(tell))
    session().computes = False
    with progress.shown(f"deploying {in_short(plan)}"):
        cluster = contracts.deploy(
            plan,
            name=str(options["name"]),
            timeout=timeout if isinstance(timeout, float) else None,
            keep=bool(options["keep"]),
        )
    session().deployed.clear()  # what runs is said below, not once more at the end of the program
    return cluster.record


def _begin(contract: Contract, options: dict[str, object], *, as_json: bool) -> int:
    """Deploy in the background; returns the exit code."""
    from cloudclusters.api.session import session
    from cloudclusters.cli import background

    arguments = [contract.handle, "-y"]
    arguments += ["--name", str(options["name"])] if options["name"] else []
    arguments += ["--timeout", f"{options['timeout']}"] if options["timeout"] is not None else []
    arguments += ["--keep"] if options["keep"] else []
    arguments += [f"--{name.replace('_', '-')}={value}" for name, value in named_limits(options).items()]
    handle, log, code = background.start(arguments, _MILESTONES[str(options["wait"])])
    if code:
        click.echo(log.read_text(encoding="utf-8", errors="replace").rstrip(), err=True)
        return code
    _report(session().store.record(handle), as_json=as_json)
    if code is None:
        say(f"the deploy goes on in the background; `cloudclusters status {handle}` looks, and it says in {log}")
    return 0


def _report(record: ClusterRecord, *, as_json: bool) -> None:
    """Which cluster it is, what it costs, and what to type next."""
    from cloudclusters.cli.plans import price_of
    from cloudclusters.contract.limits import limits_text

    name = record.name or record.handle
    if as_json:
        show_json(
            {
                "handle": record.handle,
                "name": record.name,
                "state": record.state.value,
                "contract": record.plan.contract,
                "provider": record.holding.provider,
                "nodes": len(record.nodes),
                "hourly_usd": record.plan.hourly_usd,
            }
        )
        return
    title = f"{record.name} ({record.handle})" if record.name else record.handle
    show(f"{title} is {record.state}: {counted(len(record.nodes), 'node')}, {price_of(record.plan)}")
    if record.plan.engine == "dask":
        show(f'  compute    cc.reconnect("{name}") in Python')
    show(f"  look       cloudclusters status {name}")
    show(f"  run        cloudclusters exec {name} -- hostname")
    show(f"  let go     cloudclusters terminate {name}")
    say(f"it {limits_text(record.limits, record.plan.hourly_usd)}")
