"""The user's own rows: only the cells that they give change, and whatever cannot be is told with file, line and key."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from cloudclusters.catalog import Catalog, Demand
from cloudclusters.catalog.locating import enclosing
from cloudclusters.catalog.overlay import OVERLAY, over
from cloudclusters.errors import InvalidOverlay
from cloudclusters.vocabulary import constrain, feature

GIB = 2**30
NEW = """
[[type]]
provider = "AWS"
instance_type = "g99.2xlarge"
node_vcpus_count = 8
node_memory_size = "64G"
clock_hz = "3.5G"
network_bps = "25G"
accelerator_model = "H200"
accelerator_count = 1
bare_metal = true
"""
PRICE = """
[[price]]
provider = "ec2"
instance_type = "g99.2xlarge"
region = "us-east-1"
hourly_usd = "$2.5"
date = 2026-11-01
"""


def _written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_new_type_is_one_of_the_catalog(packaged: Catalog, tmp_path: Path) -> None:
    """With the words of the vocabulary or of the catalog, units, other spellings, and what follows from its cells."""
    catalog = over(packaged, _written(tmp_path, NEW + PRICE))
    machine = catalog.machine_type("ec2", "g99.2xlarge")
    asked: list[Demand] = [(feature("accelerator_memory_type"), constrain(feature("accelerator_memory_type"), "HBM3e"))]

    assert machine is not None
    assert (machine.vcpus, machine.memory_bytes, machine.clock_hz) == (8, 64 * GIB, 3_500_000_000)
    assert (machine.network_bps, machine.family, machine.source) == (25 * 10**9, "g99", OVERLAY)
    assert (machine.accelerator_model, machine.accelerator_processor, machine.virtual) == ("NVIDIA H200", "GH100", "No")
    first = catalog.offers(asked, ["us-east-1"])[0].offer
    assert (first.instance_type, first.hourly_usd, first.price_date) == ("g99.2xlarge", 2.5, "2026-11-01")


def test_a_known_type_changes_only_in_the_cells_that_are_given(packaged: Catalog, tmp_path: Path) -> None:
    """Its other facts, its prices and its places stay, and so does every other type."""
    text = '[[type]]\nprovider = "ec2"\ninstance_type = "t3.xlarge"\nmemory_bytes = 17179869185\n'
    catalog = over(packaged, _written(tmp_path, text))
    before, after = (each.machine_type("ec2", "t3.xlarge") for each in (packaged, catalog))

    assert before is not None
    assert after is not None
    different = {c for c in before.__struct_fields__ if getattr(before, c) != getattr(after, c)}
    assert different == {"memory_bytes", "source"}
    assert catalog.prices_of("ec2", "t3.xlarge") == packaged.prices_of("ec2", "t3.xlarge")
    assert catalog.offerings_of("ec2", "t3.xlarge") == packaged.offerings_of("ec2", "t3.xlarge")
    rest = [m for m in catalog.machine_types() if m.instance_type != "t3.xlarge"]
    assert sorted(rest, key=str) == sorted((m for m in packaged.machine_types() if m != before), key=str)


def test_a_price_is_of_one_region(packaged: Catalog, tmp_path: Path) -> None:
    """Other regions keep theirs; a new figure without a day has none, and the spot figures stay."""
    text = '[[price]]\nprovider = "gcp"\ninstance_type = "c4-standard-8"\nregion = "africa-south1"\nusd = 0.4\n'
    catalog = over(packaged, _written(tmp_path, text))
    before, after = ({p.region: p for p in c.prices_of("gcp", "c4-standard-8")} for c in (packaged, catalog))

    changed = after.pop("africa-south1")
    old = before.pop("africa-south1")
    assert before == after
    assert (changed.usd, changed.date, changed.source) == (0.4, None, OVERLAY)
    assert (changed.spot_usd, changed.spot_date) == (old.spot_usd, old.spot_date)


def test_accelerators_of_another_model_lose_the_facts_of_the_old_one(packaged: Catalog, tmp_path: Path) -> None:
    """The chip of a model that nobody knows is unknown, unless its row says it."""
    head = '[[type]]\nprovider = "ec2"\ninstance_type = "g6.xlarge"\n'
    unknown = over(packaged, _written(tmp_path, head + 'accelerator_model = "NVIDIA H200"\n', "a.toml"))
    bare = over(packaged, _written(tmp_path, head + "accelerator_count = 0\n", "b.toml"))

    machine, without = (c.machine_type("ec2", "g6.xlarge") for c in (unknown, bare))
    assert machine is not None
    assert without is not None
    assert (machine.accelerator_processor, machine.accelerator_memory_type) == ("GH100", "HBM3e")
    assert (machine.accelerator_architecture, machine.accelerator_manufacturer) == ("Hopper", "NVIDIA")
    assert (without.accelerator_model, without.accelerator_api) == ("none", "none")


def test_csv_files_hold_what_their_header_says(packaged: Catalog, tmp_path: Path) -> None:
    """A folder of them is one overlay; empty cells say nothing."""
    _written(tmp_path, "provider,instance_type,vcpus,memory_bytes,clock_hz\nec2,g99.large,2,16G,\n", "types.csv")
    _written(tmp_path, "provider,instance_type,region,usd,spot_usd\nec2,g99.large,eu-moon-1,0.5,\n", "prices.csv")
    _written(tmp_path, "provider,region,continent\nec2,eu-moon-1,Europe\n", "regions.csv")
    _written(tmp_path, "provider,instance_type,region,zones\nec2,g99.large,us-east-1,us-east-1a;us-east-1b\n", "o.csv")
    _written(tmp_path, "no row of ours", "notes.txt")
    catalog = over(packaged, tmp_path)

    (machine,) = [m for m in catalog.machine_types() if m.instance_type == "g99.large"]
    assert (machine.memory_bytes, machine.clock_hz) == (16 * GIB, None)
    assert [(p.region, p.usd, p.spot_usd) for p in catalog.prices_of("ec2", "g99.large")] == [("eu-moon-1", 0.5, None)]
    assert [o.zones for o in catalog.offerings_of("ec2", "g99.large")] == [("us-east-1a", "us-east-1b")]
    (region,) = [r for r in catalog.regions("ec2") if r.region == "eu-moon-1"]
    assert enclosing(region) == "Europe"
    assert len(catalog.regions("ec2")) == len(packaged.regions("ec2")) + 1


def test_plain_numbers_are_base_units(packaged: Catalog, tmp_path: Path) -> None:
    """As the guide says; nothing free, and today's price, are no mistakes either."""
    today = datetime.date.today().isoformat()
    text = NEW.replace('"64G"', "68719476736") + PRICE.replace('"$2.5"', "0").replace("2026-11-01", today)
    catalog = over(packaged, _written(tmp_path, text))

    machine = catalog.machine_type("ec2", "g99.2xlarge")
    assert machine is not None
    assert (machine.memory_bytes, machine.accelerator_architecture) == (64 * GIB, "Hopper")
    assert [(p.usd, p.date) for p in catalog.prices_of("ec2", "g99.2xlarge")] == [(0, today)]


def test_figures_of_a_provider_that_the_overlay_does_not_name(packaged: Catalog, tmp_path: Path) -> None:
    """They are the packaged ones; those of the type that it names are its own."""
    catalog = over(packaged, _written(tmp_path, NEW + PRICE))
    assert catalog.figures("azure") == packaged.figures("azure")
    assert catalog.frontier("azure") == packaged.frontier("azure")
    assert catalog.frontier("ec2")["ec2", "g99.2xlarge"] == [(2.5, None)]


def test_the_digest_tells(packaged: Catalog, tmp_path: Path) -> None:
    """Another overlay, another digest; the same one, the same; and the catalog says what lies over it."""
    one, two = _written(tmp_path, NEW + PRICE, "one.toml"), _written(tmp_path, NEW, "two.toml")
    digests = {packaged.digest, over(packaged, one).digest, over(packaged, two).digest}

    assert len(digests) == 3
    assert over(packaged, one).digest in digests
    assert over(packaged, one).notes[OVERLAY] == f"{one} (1 type)"


T3 = 'provider = "ec2"\ninstance_type = "t3.xlarge"\n'
TYPE, COST = f"[[type]]\n{T3}", f'[[price]]\n{T3}region = "us-east-1"\n'
SOLD = f'[[offering]]\n{T3}region = "us-east-1"\n'
WRONG = [
    ("[[tpye]]\n", r"mine.toml:1: unknown table 'tpye'; did you mean 'type'\?"),
    ("[type]\nvcpus = 1\n", r"mine.toml:1: 'type' must be a list of tables: write \[\[type\]\]"),
    ("vcpus = \n", "mine.toml:1, key 'vcpus': malformed TOML"),
    ("[[type]]\nvcpus = 1\n", "mine.toml:1: a type needs provider and instance_type"),
    (f"{TYPE}memroy_bytes = 1\n", r"mine.toml:4: a type has no column 'memroy_bytes'; did you mean 'memory_bytes'"),
    (f"{TYPE}node_virtual = 'No'\n", "mine.toml:4: 'node_virtual' follows from bare_metal"),
    (f"{TYPE}virtual = 'No'\n", "mine.toml:4: 'virtual' follows from bare_metal"),
    (f"{TYPE}memory_bytes = '1G'\nnode_memory_size = '2G'\n", "mine.toml:5: node_memory_size says memory_bytes again"),
    (f"{TYPE}memory_bytes = '64 GX'\n", "mine.toml:4: memory_bytes: '64 GX' is not a number with a unit such as"),
    (f"{TYPE}memory_bytes = -1\n", "mine.toml:4: memory_bytes: -1 is no number 0 or more"),
    (f"{TYPE}memory_bytes = '-1G'\n", "mine.toml:4: memory_bytes: '-1G' is below 0"),
    (f"{TYPE}memory_bytes = nan\n", "mine.toml:4: memory_bytes: nan is no number"),
    (f"{TYPE}memory_bytes = [1]\n", r"mine.toml:4: memory_bytes: \[1\] is no number"),
    (f"{TYPE}vcpus = 1.5\n", "mine.toml:4: vcpus: 1.5 is no whole number"),
    (f"{TYPE}vcpus = true\n", "mine.toml:4: vcpus: True is no number"),
    (f"{TYPE}bare_metal = 'maybe'\n", "mine.toml:4: bare_metal: 'maybe' is neither true nor false"),
    (f"{TYPE}family = 3\n", "mine.toml:4: family: 3 is no text"),
    (f"{TYPE}accelerator_architecture = 'Adda'\n", r"mine.toml:4: accelerator_architecture: unknown .*'Ada'"),
    (f"{TYPE}accelerator_architecture = 'any'\n", "mine.toml:4: accelerator_architecture: 'any' is a group"),
    (f"{TYPE}storage_type = 'floppy'\n", "mine.toml:4: storage_type: unknown storage type 'floppy'"),
    (f"{TYPE}simd = 'avx2;avx99'\n", "mine.toml:4: simd: unknown"),
    (f"{TYPE}{TYPE}", "mine.toml:4: the type ec2 t3.xlarge is at .*mine.toml:1 already"),
    ('[[type]]\nprovider = "ec2"\ninstance_type = "t3"\n', "mine.toml:3: instance_type: 't3' is a group"),
    ('[[type]]\nprovider = "ec2"\ninstance_type = "t3.xlargee"\n', r"no type 't3.xlargee' .* 't3.xlarge'"),
    ('[[type]]\nprovider = "cirrus"\ninstance_type = "a.b"\n', "mine.toml:2: provider: unknown provider 'cirrus'"),
    ('[[type]]\nprovider = "local"\ninstance_type = "a.b"\n', "mine.toml:1: local is no cloud"),
    ('[[type]]\nprovider = "fake"\ninstance_type = "a.b"\n', "mine.toml:1: fake is no cloud"),
    ('[[type]]\nprovider = "ec2|gcp"\ninstance_type = "a.b"\n', r"mine.toml:2: provider: unknown provider 'ec2\|gcp'"),
    ('[[type]]\nprovider = "ec2"\ninstance_type = "a.b|c.d"\n', "mine.toml:3: instance_type: unknown machine type"),
    ('[[region]]\nprovider = "ec2"\nregion = "a|b"\ncontinent = "Europe"\n', r"3: region: 'a\|b' means something else"),
    ('[[region]]\nprovider = "ec2"\nregion = "any"\ncontinent = "Europe"\n', "3: region: 'any' means something else"),
    (f"[[price]]\n{T3}usd = 1\n", "mine.toml:1: a price needs region"),
    (f"{COST}usd = -0.1\n", "mine.toml:5: usd: -0.1 is no number 0 or more"),
    (f"{COST}usd = 'cheap'\n", "mine.toml:5: usd: 'cheap' is not a number"),
    (f"{COST}usd = inf\n", "mine.toml:5: usd: inf is too large"),
    (f"{COST}usd = 1e300\n", r"mine.toml:5: usd: 1e\+300 is too large"),
    (f"{COST}usd = 0.0000001\n", "mine.toml:5: usd: 1e-07 is less than a millionth of a dollar"),
    (f"{COST}usd = 1\ndate = '2999-01-01'\n", "mine.toml:6: date: 2999-01-01 is still to come"),
    (f"{COST}spot_usd = 1\nspot_date = '2999-01-01'\n", "mine.toml:6: spot_date: 2999-01-01 is still to come"),
    (f"{TYPE}vcpus = 99999999999999999999999999\n", "mine.toml:4: vcpus: 9+ is too large"),
    (f"{TYPE}ecu = 1e300\n", r"mine.toml:4: ecu: 1e\+300 is too large"),
    (f"{TYPE}memory_bytes = '99999999999999999999T'\n", "mine.toml:4: memory_bytes: '9+T' is too large"),
    (f"{TYPE}memory_bytes = '{'9' * 5000}G'\n", "mine.toml:4: memory_bytes: 9+… .5001 characters. has more than 100"),
    (f"{TYPE}memory_bytes = 64\n", r'64 bytes are too few to be meant\n.*write memory_bytes = "64G"'),
    (f"{TYPE}node_memory_size = '64'\n", r'64 bytes are too few to be meant\n.*write memory_bytes = "64G"'),
    (f"{TYPE}memory_bytes = 1.5\n", r'1.5 bytes are too few to be meant\n.*write memory_bytes = "1.5G"'),
    (f"{TYPE}network_bps = 25\n", r'25 bit/s are too few to be meant\n.*write network_bps = "25G"'),
    (f"{TYPE}cores = 400\n", "mine.toml:1: t3.xlarge has 400 cores and 4 vcpus"),
    (
        f"{TYPE}accelerator_count = 1\naccelerator_model = 'NVIDIA H200'\naccelerator_architecture = 'Ada'\n",
        "mine.toml:1: accelerator_architecture is Ada, and that of NVIDIA H200 is Hopper",
    ),
    (f"{COST}date = '2026-02-30'\n", "mine.toml:5: date: 2026-02-30 is no day: write it as 2026-11-28"),
    (f"{COST}date = 2026-11-01T10:00:00\n", "mine.toml:5: date: .* is no day"),
    (f"{COST}spot_savings_percent = 101\n", "mine.toml:5: spot_savings_percent: 101 is no number from 0 to 100"),
    (f"{COST}{COST}", "mine.toml:5: the price ec2 t3.xlarge us-east-1 is at .*mine.toml:1 already"),
    (f'[[price]]\n{T3}region = "us-east-9"\nusd = 1\n', r"mine.toml:1: ec2 has no region 'us-east-9' .*'us-east-1'"),
    ('[[price]]\nprovider = "ec2"\ninstance_type = "x.y"\nregion = "us-east-1"\nusd = 1\n', "a type that nobody knows"),
    (f'{NEW}[[price]]\nprovider = "ec2"\ninstance_type = "g99.2xlarge"\nregion = "us-east-1"\n', "no price is given"),
    ('[[region]]\nprovider = "ec2"\nregion = "eu-moon-1"\n', "mine.toml:1: where eu-moon-1 lies is not known"),
    ('[[region]]\nprovider = "ec2"\nregion = "m"\ncontinent = "Europa"\n', r"4: continent: 'Europa' is .* 'Europe'\?"),
    (
        '[[region]]\nprovider = "ec2"\nregion = "Europe"\ncontinent = "Asia"\n',
        "4: continent: 'Asia' is no continent\n.*Asia Pacific",
    ),
    (
        '[[region]]\nprovider = "ec2"\nregion = "Europe"\ncontinent = "Europe"\n',
        "mine.toml:1: Europe is a place, and no",
    ),
    (
        '[[region]]\nprovider = "ec2"\nregion = "us-east-1"\ncontinent = "Europe"\n',
        "mine.toml:1: us-east-1 lies in North America, and not in Europe",
    ),
    (
        '[[region]]\nprovider = "ec2"\nregion = "m"\nplace = "Ireland"\ncontinent = "Africa"\n',
        "mine.toml:1: m lies in Europe, and not in Africa",
    ),
    ('[[region]]\nprovider = "ec2"\nregion = "eu-west-1"\nlatitude = 999\n', "mine.toml:4: latitude: 999 is no number"),
    (f"{SOLD}zones = ['us-east-1a', 'eu-west-1a']\n", "mine.toml:5: zones: 'eu-west-1a' is no zone of us-east-1"),
    (f"{SOLD}zones = ['a']\n", "mine.toml:5: zones: 'a' is no zone of us-east-1.*\n.*full names"),
    (f"{SOLD}zones = ['US-EAST-1A']\n", "5: zones: 'US-EAST-1A' is no .* did you mean 'us-east-1a'"),
    (
        '[[region]]\nprovider = "ec2"\nregion = "eu-moon-1"\ncontinent = "Europe"\nzones = ["eu-west-1a"]\n',
        "mine.toml:5: zones: 'eu-west-1a' is no zone of eu-moon-1",
    ),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_cannot_be_is_told(packaged: Catalog, tmp_path: Path, text: str, said: str) -> None:
    """By file, line and key, with near names."""
    with pytest.raises(InvalidOverlay, match=said):
        over(packaged, _written(tmp_path, text))


@pytest.mark.parametrize(
    ("provider", "region", "zones"),
    [
        ("ec2", "us-east-1", ["us-east-1a", "us-east-1g", "us-east-1-bos-1a"]),
        ("ec2", "eu-moon-1", ["eu-moon-1a", "moonbase"]),
        ("gcp", "europe-west10", ["europe-west10-a"]),
        ("azure", "eastus", ["1", "3"]),
        ("azure", "westus", ["1"]),
    ],
)
def test_zones_of_the_region_are_taken(
    packaged: Catalog, tmp_path: Path, provider: str, region: str, zones: list[str]
) -> None:
    """Newer and local ones, too, by their names; where nobody knows its zones, whatever is of no other region."""
    place = f'provider = "{provider}"\nregion = "{region}"\n'
    new = f'[[region]]\n{place}continent = "Europe"\n' if region == "eu-moon-1" else ""
    machine = 'instance_type = "z.big"\n'
    text = f'{new}[[type]]\nprovider = "{provider}"\n{machine}vcpus = 2\nmemory_bytes = "8G"\n'
    catalog = over(packaged, _written(tmp_path, f"{text}[[offering]]\n{place}{machine}zones = {zones}\n"))

    assert [o.zones for o in catalog.offerings_of(provider, "z.big")] == [tuple(zones)]


HEAD = "provider,instance_type,region,usd"
WRONG_CSV = [
    ("a,b\n1,2\n", "mine.csv:1: the header 'a,b' is that of no table"),
    ("", "mine.csv:1: the header '' is that of no table"),
    (f"{HEAD},usd\n", "mine.csv:1: the column 'usd' is there twice"),
    (f"{HEAD},colour\nec2,t3.xlarge,us-east-1,1,red\n", "mine.csv:2: a price has no column 'colour'"),
    (f"{HEAD}\n\nec2,t3.xlarge,us-east-1,-1\n", "mine.csv:3: usd: '-1' is below 0"),
    (f"{HEAD}\nec2,t3.xlarge,us-east-1\n", "mine.csv:2: 3 cells below a header of 4"),
    (f"{HEAD}\nec2,t3.xlarge,,1\n", "mine.csv:2: a price needs region"),
    (f'{HEAD}\nec2,"t3.xlarge,us-east-1,1\n', "mine.csv:2: the row that begins here is no CSV: unexpected end"),
]


@pytest.mark.parametrize(("text", "said"), WRONG_CSV, ids=[said for _, said in WRONG_CSV])
def test_what_cannot_be_in_csv_is_told(packaged: Catalog, tmp_path: Path, text: str, said: str) -> None:
    """By file, line and column."""
    with pytest.raises(InvalidOverlay, match=said):
        over(packaged, _written(tmp_path, text, "mine.csv"))


def test_files_that_are_none_are_told(packaged: Catalog, tmp_path: Path) -> None:
    """One that is not there, one of another kind, bytes that are no text, and a folder without any."""
    (tmp_path / "bytes.csv").write_bytes(b"provider,\xff\n")
    for name, said in (("gone.toml", "cannot read"), ("gone.csv", "cannot read"), ("x.json", "no file of rows")):
        with pytest.raises(InvalidOverlay, match=said):
            over(packaged, tmp_path / name)
    with pytest.raises(InvalidOverlay, match="cannot read"):
        over(packaged, tmp_path / "bytes.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidOverlay, match="holds no file of rows"):
        over(packaged, tmp_path / "empty")
