"""Rows for the catalog from EC2: every call's answer lands in its column, and missing rights cost theirs alone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import msgspec
import pytest
from bed_client import until
from botocore.config import Config
from moto.ec2.models.instance_types import INSTANCE_TYPES

from cloudclusters.catalog import Accelerator, Catalog, Content, MachineType, Price, Processor, stored
from cloudclusters.catalog.refreshing import Step, Survey, changes, merged
from cloudclusters.catalog.settling import by_model, settled
from cloudclusters.errors import CredentialsRefused, Throttled, UnknownName
from cloudclusters.provider.ec2.machine_type import Tables, derived, measured
from cloudclusters.provider.ec2.rows import survey
from cloudclusters.testing.bed import Bed

DAY = "2026-11-21"
HERE = "me-south-1"
ROUNDED = {"network_bps", "network_burst_bps", "memory_bytes"}
"""Columns where the snapshot's older sources were rounded, so that some cells differ by a little."""


@pytest.fixture(scope="session")
def packaged() -> Iterator[Catalog]:
    """The snapshot that comes with the package."""
    with Catalog.packaged() as catalog:
        yield catalog


@pytest.fixture(scope="session")
def known(packaged: Catalog) -> Content:
    """All rows of it."""
    return stored.content_of(packaged)


@pytest.fixture(scope="session")
def tables(known: Content) -> Tables:
    """What names stand for."""
    return Tables(processors=known.processors, accelerators=known.accelerators)


def _client(service: str, region: str):  # boto3 makes its classes as it goes
    return boto3.client(service, region_name=region, config=Config(retries={"total_max_attempts": 1}))


Ask = Callable[..., Survey]


@pytest.fixture
def ask(aws: Bed, known: Content) -> Ask:
    """Survey the smallest region of the bed, or others."""

    def asked(*regions: str, tell: Callable[[Step], None] = lambda _: None, of: Content = known) -> Survey:
        return survey(_client, regions or (HERE,), of, tell, day=DAY)

    return asked


def _priced(found: Survey, name: str, region: str = HERE) -> Price:
    return next(p for p in found.content.prices if (p.instance_type, p.region) == (name, region))


def test_what_ec2_measures_is_what_the_snapshot_holds(packaged: Catalog) -> None:
    """For every type that moto knows, in every column that the calls give: two readings of the same facts."""
    off: dict[str, int] = {}
    for name, facts in INSTANCE_TYPES.items():
        live, old = measured(facts), packaged.machine_type("ec2", name)
        assert old is not None, name
        for column, cell in msgspec.structs.asdict(live).items():
            before = getattr(old, column)
            if cell is None or column == "source" or cell == before:
                continue
            assert column in ROUNDED, (name, column, cell, before)
            assert before is not None, (name, column)
            off[name] = off.get(name, 0) + (abs(cell - before) > 0.001 * before)
    assert sum(1 for count in off.values() if count) <= 40


def test_a_type_that_nobody_knows_gets_what_the_words_say(packaged: Catalog, tables: Tables) -> None:
    """Accelerators by EC2's name and memory, against what the snapshot says of the same types."""
    models = by_model(tables.accelerators)
    for name, facts in INSTANCE_TYPES.items():
        live, old = settled(derived(facts, {}, tables), models), packaged.machine_type("ec2", name)
        assert old is not None
        for column in (
            "accelerator_count",
            "accelerator_model",
            "accelerator_architecture",
            "accelerator_type",
            "accelerator_processor",
            "accelerator_memory_type",
            "accelerator_api",
            "virtual",
            "family",
        ):
            assert getattr(live, column) == getattr(old, column), (name, column)


@pytest.mark.parametrize(
    ("said", "memory", "model", "architecture"),
    [
        ("A100", 40960, "NVIDIA A100 40GB", "Ampere"),
        ("A100", 81920, "NVIDIA A100 80GB", "Ampere"),
        ("L4", 22888, "NVIDIA L4", "Ada"),
        ("Z9000", 81920, None, None),
        ("", 81920, None, None),
    ],
)
def test_gpus_of_new_types(tables: Tables, said: str, memory: int, model: str | None, architecture: str | None) -> None:
    """A name that the catalog does not hold is not guessed at; its count and maker are known all the same."""
    gpu = {"Name": said, "Manufacturer": "NVIDIA", "Count": 4, "MemoryInfo": {"SizeInMiB": memory}}
    facts = {**INSTANCE_TYPES["g6.48xlarge"], "InstanceType": "g99.large", "GpuInfo": {"Gpus": [gpu]}}
    found = derived(facts, {}, tables)

    assert (found.accelerator_model, found.accelerator_architecture) == (model, architecture)
    assert (found.accelerator_count, found.accelerator_manufacturer, found.accelerator_type) == (4, "NVIDIA", "GPU")
    assert (found.family, found.generation) == ("g99", 99)


def test_processors_of_new_types_are_those_of_the_price_list(tables: Tables) -> None:
    """By model or alias; without its words only the maker is known."""
    facts = {**INSTANCE_TYPES["m7g.large"], "InstanceType": "m99g.large"}
    product = {"physicalProcessor": "AWS Graviton3 Processor", "instanceFamily": "General purpose", "ecu": "NA"}
    told, untold = derived(facts, product, tables), derived(facts, {}, tables)

    assert (told.processor_model, told.processor_microarchitecture, told.category, told.ecu) == (
        "AWS Graviton3",
        "NeoverseV1",
        "general",
        None,
    )
    assert (untold.processor_model, untold.processor_manufacturer, untold.category) == (None, "AWS", None)


def test_an_answer_with_little_in_it_leaves_cells_unknown(tables: Tables) -> None:
    """Nothing but a name: no error, and no zero where nothing is known but that there are no disks."""
    found = derived({"InstanceType": "odd"}, {}, tables)

    assert (found.vcpus, found.memory_bytes, found.network_bps, found.bare_metal, found.isa) == (None,) * 5
    assert isinstance(found, MachineType)


@pytest.mark.bed
def test_types_places_and_prices_of_a_region(aws: Bed, ask: Ask, known: Content) -> None:
    """Linux on shared hardware, not what else the price list has; spot at the dearest zone; progress to the end."""
    aws.front.pricing.set("t3.xlarge", HERE, 0.2688)
    aws.front.prices.set("t3.xlarge", f"{HERE}a", 0.05)
    aws.front.prices.set("t3.xlarge", f"{HERE}c", 0.07)
    steps: list[Step] = []
    found = ask(tell=steps.append)

    price = _priced(found, "t3.xlarge")
    assert (price.usd, price.date, price.spot_date) == (0.2688, DAY, DAY)
    zones = next(o.zones for o in found.content.offerings if o.instance_type == "t3.xlarge")
    assert set(zones) <= {f"{HERE}{letter}" for letter in "abc"}
    assert price.spot_usd == max(aws.front.prices.price("t3.xlarge", zone) for zone in zones)
    assert {t.instance_type for t in found.content.types} == {o.instance_type for o in found.content.offerings}
    assert (found.priced, found.spot, found.gaps) == ({HERE}, {HERE}, ())
    assert [step.what for step in steps if step.last] == ["types", "prices", "spot prices"]
    assert next(step for step in steps if step.last).done == len(found.content.types)
    new = merged(known, found)
    assert next(t for t in new.types if t.instance_type == "g4dn.xlarge").processor_microarchitecture is not None
    assert changes(known, new, found).prices == len(found.content.types)


@pytest.mark.bed
def test_types_are_looked_at_once(aws: Bed, ask: Ask) -> None:
    """However many regions sell them, in calls of a hundred; nothing but reading calls is made."""
    found = ask(HERE, "me-central-1")

    names = {o.instance_type for o in found.content.offerings}
    assert len(names) == len(found.content.types)
    assert aws.calls.count("DescribeInstanceTypes") <= len(names) / 100 + 2
    assert {done.call.action for done in aws.calls.done} == {
        "DescribeRegions",
        "DescribeInstanceTypes",
        "DescribeInstanceTypeOfferings",
        "GetProducts",
        "DescribeSpotPriceHistory",
    }


@pytest.mark.bed
@pytest.mark.parametrize(
    ("action", "code", "column", "other"),
    [
        ("GetProducts", "AccessDeniedException", "usd", "spot_usd"),
        ("DescribeSpotPriceHistory", "UnauthorizedOperation", "spot_usd", "usd"),
    ],
)
def test_a_missing_right_costs_its_column(
    aws: Bed, ask: Ask, known: Content, action: str, code: str, column: str, other: str
) -> None:
    """The old figures stay, and the call that was refused is told."""
    aws.faults.error(action, code, "not allowed", times=99)
    found = ask()

    (gap,) = found.gaps
    assert HERE in gap
    assert action in gap
    before, after = (
        next(p for p in each.prices if (p.provider, p.instance_type, p.region) == ("ec2", "t3.xlarge", HERE))
        for each in (known, merged(known, found))
    )
    assert getattr(after, column) == getattr(before, column)
    assert getattr(after, other) == getattr(_priced(found, "t3.xlarge"), other) is not None


@pytest.mark.bed
@pytest.mark.parametrize("action", ["DescribeRegions", "DescribeInstanceTypes", "DescribeInstanceTypeOfferings"])
def test_without_rights_to_types_there_is_no_survey(aws: Bed, ask: Ask, action: str) -> None:
    """They are what it is for; the error names the call."""
    aws.faults.error(action, "UnauthorizedOperation", "not allowed", times=99)

    with pytest.raises(CredentialsRefused, match=action):
        ask()


@pytest.mark.bed
@pytest.mark.parametrize("action", ["GetProducts", "DescribeSpotPriceHistory"])
def test_what_is_no_missing_right_is_an_error(aws: Bed, ask: Ask, action: str) -> None:
    """Half the prices must not pass for all of them."""
    aws.faults.throttle(action, 99)

    with pytest.raises(Throttled):
        ask(HERE, "me-central-1")


@pytest.mark.bed
def test_a_region_that_is_not_ours_is_told(ask: Ask) -> None:
    """With near names; before anything else is asked."""
    with pytest.raises(UnknownName, match="did you mean 'me-south-1'"):
        ask("me-suth-1")


@pytest.mark.bed
def test_an_interrupted_survey_ends(aws: Bed, ask: Ask) -> None:
    """Whatever the listener raises comes out, as Ctrl-C would, and no region goes on asking."""

    def tell(_: Step) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(HERE, "me-central-1", tell=tell)
    asked = len(aws.calls.done)
    assert asked < 25


@pytest.mark.bed
def test_a_new_type_gets_into_the_catalog(ask: Ask, known: Content) -> None:
    """A catalog that does not know it yet learns it, with its processor unknown where nobody says it."""
    without = msgspec.structs.replace(
        known,
        types=tuple(t for t in known.types if t.instance_type != "g4dn.xlarge"),
        prices=tuple(p for p in known.prices if p.instance_type != "g4dn.xlarge"),
        offerings=tuple(o for o in known.offerings if o.instance_type != "g4dn.xlarge"),
    )
    found = ask(of=without)
    new = merged(without, found)

    assert changes(without, new, found).new == ("g4dn.xlarge",)
    (machine,) = (t for t in new.types if t.instance_type == "g4dn.xlarge")
    assert (machine.accelerator_model, machine.accelerator_architecture, machine.processor_model) == (
        "NVIDIA T4",
        "Turing",
        None,
    )


def _program(*words: str, stop_after: Callable[[], bool] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line; send it Ctrl-C when it has come so far."""
    command = [sys.executable, "-m", "cloudclusters", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        if stop_after is not None:
            until(stop_after)
            child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    return subprocess.CompletedProcess(command, child.returncode, out, err)


@pytest.mark.bed
def test_the_command_brings_live_prices_into_resolutions(aws: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the price list of today to the offer that a contract gets, with nothing in between but our commands."""
    monkeypatch.setenv("CLOUDCLUSTERS_EC2_REGION", HERE)
    aws.front.pricing.set("t3.xlarge", HERE, 0.1234)
    done = _program("catalog", "refresh", "--provider", "ec2", "--region", HERE, "--json")
    resolved = _program("resolve", "node_provider=ec2", "node_machinetype=t3.xlarge", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["regions"] == [HERE]
    assert f"ec2/{HERE} prices" in done.stderr
    assert [choice["hourly_usd"] for choice in json.loads(resolved.stdout)["choices"]] == [0.1234]


@pytest.mark.bed
@pytest.mark.parametrize("action", ["DescribeInstanceTypes", "GetProducts"])
def test_ctrl_c_changes_nothing(aws: Bed, home: Path, action: str) -> None:
    """Whatever it waits for: the command ends as interrupted, and there is no refreshed catalog."""
    aws.faults.latency[action] = 0.5
    done = _program("catalog", "refresh", "--provider", "ec2", "--region", HERE, stop_after=lambda: _asked(aws, action))

    assert done.returncode == 130, done.stderr
    assert not stored.place(home).exists()


def _asked(bed: Bed, action: str) -> bool:
    return bed.calls.count(action) > 0


def test_the_tables_of_names_are_there(known: Content) -> None:
    """A survey of a catalog without them would know no accelerator."""
    assert any(isinstance(each, Accelerator) and each.model == "NVIDIA L4" for each in known.accelerators)
    assert any(isinstance(each, Processor) for each in known.processors)
