"""Cells that follow from others: from the side table of accelerators, from bare metal, and from a known absence."""

from __future__ import annotations

import pytest

from cloudclusters.catalog import Accelerator, Catalog, Content, Demand, MachineType, Price, Region, stored
from cloudclusters.catalog.refreshing import Survey, merged
from cloudclusters.catalog.settling import by_model, over, settled
from cloudclusters.vocabulary import constrain, feature

H100 = Accelerator(
    "NVIDIA H100 80GB", chip="GH100", memory_type="HBM3", compute_capability="9.0", api=("CUDA", "OpenCL")
)
H200 = Accelerator("NVIDIA H200", chip="GH100", memory_type="HBM3e", compute_capability="9.0", api=("CUDA", "OpenCL"))
MI25 = Accelerator("AMD MI25", memory_type="HBM2", api=("ROCm",))
FPGA = Accelerator("AMD VU47P", chip="VU47P", memory_type="HBM2+DDR4")
MODELS = by_model((H100, H200, MI25, FPGA))


def _with(model: str | None, **cells: object) -> MachineType:
    return MachineType("ec2", "x.large", accelerator_count=1, accelerator_model=model, **cells)  # type: ignore[arg-type]


def _cells(machine: MachineType) -> tuple[str | None, str | None, str | None]:
    found = settled(machine, MODELS)
    return found.accelerator_processor, found.accelerator_memory_type, found.accelerator_api


@pytest.mark.parametrize(
    ("model", "cells"),
    [
        ("NVIDIA H100 80GB", ("GH100", "HBM3", "CUDA 9.0;OpenCL")),
        ("NVIDIA H100 80GB|NVIDIA H200", ("GH100", "HBM3|HBM3e", "CUDA 9.0;OpenCL")),
        ("AMD MI25", (None, "HBM2", "ROCm")),
        ("NVIDIA H200|AMD MI25", (None, "HBM3e|HBM2", "CUDA 9.0;OpenCL|ROCm")),
        ("AMD VU47P", ("VU47P", None, None)),
        ("NVIDIA H200|nobody's", (None, None, None)),
        (None, (None, None, None)),
    ],
)
def test_facts_of_a_model(model: str | None, cells: tuple[str | None, ...]) -> None:
    """Alternatives stay alternatives; what one of them does not tell is unknown, and so are two kinds at once."""
    assert _cells(_with(model)) == cells


def test_a_model_that_the_table_does_not_hold_keeps_what_its_row_says() -> None:
    """Of an accelerator of the user's own; the table's word counts for those that it knows."""
    assert _cells(_with("Acme X1", accelerator_processor="X1")) == ("X1", None, None)
    assert _cells(_with("NVIDIA H200", accelerator_processor="X1"))[0] == "GH100"


def test_without_accelerators_there_is_none_of_any_kind() -> None:
    """A known absence, in all columns."""
    assert _cells(MachineType("ec2", "t3.micro", accelerator_count=0)) == ("none", "none", "none")
    assert _cells(MachineType("ec2", "t3.micro")) == (None, None, None)


@pytest.mark.parametrize(("metal", "virtual"), [(True, "No"), (False, "Yes"), (None, None)])
def test_bare_metal_is_not_virtual(metal: bool | None, virtual: str | None) -> None:
    """And where nobody knows, nobody knows."""
    assert settled(MachineType("ec2", "x", bare_metal=metal), {}).virtual == virtual


def test_what_followed_from_a_changed_cell_goes() -> None:
    """Another model has other facts; a machine that gets accelerators no longer has none of any make."""
    h100 = settled(_with("NVIDIA H100 80GB", bare_metal=True), MODELS)
    bare = settled(MachineType("ec2", "t3.micro", accelerator_count=0), MODELS)

    assert over(h100, {"accelerator_model": "Acme X1"}).accelerator_processor is None
    assert over(h100, {"vcpus": 3}).accelerator_processor == "GH100"
    assert over(h100, {"bare_metal": None}).virtual is None
    assert over(bare, {"accelerator_count": 2}).accelerator_type is None
    assert settled(over(h100, {"accelerator_count": 0}), MODELS).accelerator_model == "none"


def test_every_way_into_a_catalog_settles(tmp_path: object, packaged: Catalog) -> None:
    """A survey's new type has the columns, and its file too."""
    old = Content(accelerators=(H100,))
    survey = Survey(
        provider="ec2",
        regions=("r1",),
        content=Content(
            types=(_with("NVIDIA H100 80GB", bare_metal=False),),
            prices=(Price("ec2", "x.large", "r1", 1.0),),
            regions=(Region("ec2", "r1"),),
        ),
    )
    stored.write(tmp_path, merged(old, survey), origin="asked")  # type: ignore[arg-type]
    found, _ = stored.open_best(tmp_path)  # type: ignore[arg-type]
    with found:
        machine = found.machine_type("ec2", "x.large")
        assert machine is not None
        assert (machine.accelerator_processor, machine.virtual) == ("GH100", "Yes")


@pytest.mark.parametrize(
    ("name", "value", "inside", "outside"),
    [
        ("accelerator_memory_type", "HBM", "p5.48xlarge", "g6.48xlarge"),
        ("accelerator_memory_type", "none", "t3.xlarge", "p5.48xlarge"),
        ("accelerator_processor", "GH100", "p5.48xlarge", "p4d.24xlarge"),
        ("accelerator_api", "CUDA 8.9", "g6.48xlarge", "p4d.24xlarge"),
        ("accelerator_api", "CUDA 10.0", "p6-b300.48xlarge", "p5.48xlarge"),
        ("accelerator_api", "Neuron", "trn1.32xlarge", "g6.48xlarge"),
        ("node_virtual", "No", "m7i.metal-24xl", "m7i.24xlarge"),
        ("node_virtual", "Yes", "m7i.24xlarge", "m7i.metal-24xl"),
    ],
)
def test_the_snapshot_answers(packaged: Catalog, name: str, value: str, inside: str, outside: str) -> None:
    """By types that people know."""
    asked: list[Demand] = [(feature(name), constrain(feature(name), value))]
    names = {each.offer.instance_type for each in packaged.offers(asked, best=True)}

    assert inside in names
    assert outside not in names
