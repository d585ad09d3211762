"""select, resolve, plan, explain: what there is, and what would be made. Nothing here costs anything."""

from __future__ import annotations

from collections.abc import Sequence

import click

from cloudclusters.cli.console import Command, json_option, say, show, show_json, warn
from cloudclusters.cli.limiting import limit_options, named_limits
from cloudclusters.cli.wish import contract_of, words_argument


@click.command(cls=Command)
@click.argument("words", nargs=-1, metavar="CONSTRAINT...")
@json_option
def select(words: Sequence[str], as_json: bool) -> None:
    """Instance types that satisfy constraints, each with its best known offer; whatever the region or price.

    \b
    cloudclusters select accelerator_architecture=Ada "accelerator_count>=4" "node_memory_size>=256G"
    cloudclusters select node_machinetype=t3 node_vcpus_count=2..8 --json

    Quote < and >, which shells read otherwise. Parameters of the cluster, such as node_count, are ignored, with a
    warning.
    """
    from cloudclusters.api import contracts

    found = contracts.select_texts(words)
    for warning in found.warnings:
        warn(warning)
    if not found.choices:
        say(found.reason)
    if as_json:
        show_json(found.rows())
    elif found.choices:
        show(str(found))


@click.command(cls=Command)
@words_argument
@click.option("--strict", is_flag=True, help="Fail when several instance types satisfy the contract.")
@json_option
def resolve(words: Sequence[str], strict: bool, as_json: bool) -> None:
    """Offers that satisfy a contract, the cheapest for the whole cluster first. Nothing is made.

    The contract is a TOML file, the handle of an earlier one, or constraints:

    \b
    cloudclusters resolve cloudclusters.toml
    cloudclusters resolve node_count=8 "node_memory_size>=512G" accelerator_count=8 accelerator_architecture=Ada
    cloudclusters resolve cluster_type=ManagerWorkers manager.node_machinetype=t3.xlarge worker.accelerator_count=8
    """
    from cloudclusters.api import contracts

    resolution = contracts.resolve(contract_of(words), strict=strict or None)
    if as_json:
        show_json({"contract": resolution.contract, "choices": resolution.rows(), "notes": resolution.notes})
        return
    show(str(resolution))
    handle = resolution.contract
    if any(choice.deployable for choice in resolution.roles[0].choices):
        say(f"`cloudclusters deploy {handle}` deploys it; `cloudclusters explain {handle}` says why")
    else:
        say(f"no provider of it is installed here; `cloudclusters explain {handle}` says why it is so ranked")


@click.command(cls=Command)
@words_argument
@limit_options
@json_option
def plan(words: Sequence[str], as_json: bool, **options: object) -> None:
    """What deploy would make from here, and what it costs: as expected, at worst, and left alone. Nothing is made.

    With --max-cost a plan whose first hour costs more is refused, and one of an unknown price.
    """
    from cloudclusters.api import contracts
    from cloudclusters.cli.plans import plan_row
    from cloudclusters.contract.estimate import check_first_hour
    from cloudclusters.contract.plan import with_limits
    from cloudclusters.contract.show import plan_text

    decided = with_limits(contracts.plan(contract_of(words)), named_limits(options))
    check_first_hour(decided)
    if as_json:
        show_json(plan_row(decided))
    else:
        show(plan_text(decided))


@click.command(cls=Command)
@words_argument
@click.option(
    "--about",
    "--why-not",
    "about",
    multiple=True,
    metavar="TYPE|PLACE|TYPE@PLACE",
    help="How does this fare: an instance type, a place, or a type in a place? May be repeated.",
)
@click.option("--sentence", is_flag=True, help="Say it in sentences, without tables.")
@json_option
def explain(words: Sequence[str], about: Sequence[str], sentence: bool, as_json: bool) -> None:
    """Why this offer, and why not the others: what each constraint costs, and how types and places fare.

    \b
    cloudclusters explain training.toml --why-not g6.12xlarge --about eu-west-1 --about ec2/g6e.48xlarge@us-east-2
    """
    from cloudclusters.api import contracts

    found = contracts.explain(contract_of(words), *about)
    if as_json:
        show_json(found)
    elif sentence:
        show("\n".join(found.sentences))
    else:
        show(str(found))
