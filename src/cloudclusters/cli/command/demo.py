"""demo: a contract, a cluster of four local nodes, a computation over real files, and nothing left."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cloudclusters.cli.console import Command, say, show, span

if TYPE_CHECKING:
    from cloudclusters.api.cluster import Cluster
    from cloudclusters.cli.demo_work import Result
    from cloudclusters.contract.document import Plan

NODES = 4
SHOWN = 8
FOLDER = "demo-results"
_QUESTIONS = (("vcpu_hour_usd", "vCPU-hour"), ("gpu_hour_usd", "GPU-hour"))


@click.command(cls=Command)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    show_default=True,
    metavar="DIR",
    help="Where files and results are written.",
)
def demo(output: Path) -> None:
    """A cluster of four nodes on this machine, at work on real files, for free; it takes some seconds.

    Writes the catalog's own prices as one CSV file per region, and finds on the workers the cheapest price per
    vCPU-hour and per GPU-hour in each. Terminates the cluster at the end, and when interrupted.
    """
    begun = time.monotonic()
    plan = _decide()
    with _deployed(plan) as cluster:
        _title(f"Workers: cc.nodes(cluster) is {cluster.nodes()}")
        results = _compute(cluster, output)
        _present(results, output)
        handle = cluster.handle
    _farewell(handle, time.monotonic() - begun)


def _decide() -> Plan:
    """From the wish to the decision, each shown."""
    from cloudclusters.api import contracts
    from cloudclusters.contract.show import contract_text, plan_text

    _title(f'A contract: cc.cluster(node_count={NODES}, node_provider="local")')
    contract = contracts.cluster(node_count=NODES, node_provider="local")
    show(contract_text(contract))
    _title("What fits: cc.resolve(contract)")
    show(str(contracts.resolve(contract)))
    _title("What will be made: cc.plan(contract)")
    plan = contracts.plan(contract)
    show(plan_text(plan))
    return plan


@contextlib.contextmanager
def _deployed(plan: Plan) -> Iterator[Cluster]:
    """The cluster while the body runs; terminated afterwards, whatever happens."""
    from cloudclusters.api import contracts
    from cloudclusters.cli import progress

    _title("A cluster: cluster = cc.deploy(plan)")
    with progress.shown(f"deploying {NODES} nodes on this machine"):
        cluster = contracts.deploy(plan)
    try:
        show(f"{cluster!r}")
        yield cluster
    finally:
        with progress.shown("terminating"):
            cluster.close()  # first, so that its Dask client does not look for a scheduler that goes away
            cluster.terminate()


def _compute(cluster: Cluster, output: Path) -> list[Result]:
    """Write the files, map over them on the workers, write the results."""
    from cloudclusters.api.compute import pmap
    from cloudclusters.api.session import session
    from cloudclusters.cli.demo_data import write_prices, write_results
    from cloudclusters.cli.demo_work import cheapest

    files = write_prices(session().catalog, output / "prices")
    _title(f"A computation: cc.pmap(cheapest, files), over {len(files)} files in {output / 'prices'}")
    begun = time.monotonic()
    results = pmap(cheapest, [str(file.absolute()) for file in files], clusters=[cluster])
    offers = sum(int(result["offers"]) for result in results)
    show(f"{len(results)} regions, {offers} offers, in {time.monotonic() - begun:.1f} s on {NODES} workers")
    write_results(results, output / "cheapest.csv")
    return results


def _present(results: Sequence[Result], output: Path) -> None:
    from cloudclusters.cli.demo_data import chart, results_table

    for key, what in _QUESTIONS:
        _title(f"The cheapest {what} by region, in USD")
        show(results_table(results, key, SHOWN))
        show("")
        show(chart(results, key, SHOWN))
    show(f"\nall of them are in {output / 'cheapest.csv'}")


def _farewell(handle: str, seconds: float) -> None:
    """What is left, as the provider says, and what to try next."""
    from cloudclusters.api import verbs

    found = [finding for finding in verbs.sweep(providers=["local"]) if finding.holding.cluster == handle]
    machines = sum(finding.machines for finding in found)
    left = f"{machines} machines of {handle}: run `cloudclusters terminate {handle}`" if found else "nothing"
    say("")
    show(f"Done in {span(seconds)}. Left behind: {left}.")
    show(
        'Try next: cloudclusters select accelerator_architecture=Ada "node_memory_size>=256G"; '
        "cloudclusters deploy node_provider=local node_count=2; cloudclusters --help"
    )


def _title(text: str) -> None:
    show(f"\n== {text}")
