"""What drivers' tools say about accelerators, in the words of the taxonomies."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cloudclusters.base.size import GiB, MiB
from cloudclusters.detect import Accelerators, parse_nvidia_smi
from cloudclusters.detect.accelerators import UNKNOWN, accelerators
from cloudclusters.vocabulary import FEATURES, Verdict, constrain, judge


@pytest.mark.parametrize(
    ("line", "model", "architecture", "memory"),
    [
        ("NVIDIA A100-SXM4-80GB, 81920, 8.0", "NVIDIA A100 80GB", "Ampere", 80 * GiB),
        ("NVIDIA A100-PCIE-40GB, 40960, 8.0", "NVIDIA A100 40GB", "Ampere", 40 * GiB),
        ("Tesla V100-SXM2-16GB, 16160, 7.0", "NVIDIA V100 16GB", "Volta", 16 * GiB),
        ("Tesla T4, 15360, 7.5", "NVIDIA T4", "Turing", 16 * GiB),
        ("Tesla K80, 11441, 3.7", "NVIDIA K80", "Kepler", 12 * GiB),
        ("NVIDIA L4, 23034, 8.9", "NVIDIA L4", "Ada", 24 * GiB),
        ("NVIDIA L40S, 46068, 8.9", "NVIDIA L40S", "Ada", 48 * GiB),
        ("NVIDIA H100 PCIe, 81559, 9.0", "NVIDIA H100 80GB", "Hopper", 80 * GiB),
        ("NVIDIA H100 80GB HBM3, 81559, 9.0", "NVIDIA H100 80GB", "Hopper", 80 * GiB),
        ("NVIDIA H100 NVL, 95830, 9.0", "NVIDIA H100 NVL 94GB", "Hopper", 94 * GiB),
        ("NVIDIA H200, 143771, 9.0", "NVIDIA H200", "Hopper", 141 * GiB),
        ("NVIDIA GeForce RTX 4090, 24564, 8.9", "NVIDIA GeForce RTX 4090", "Ada", 24564 * MiB),
        ("NVIDIA L40, 46068, 8.9", "NVIDIA L40", "Ada", 46068 * MiB),
        ("NVIDIA A10-4Q, 4096, 8.6", "NVIDIA A10-4Q", "Ampere", 4096 * MiB),
        ("NVIDIA GH200 480GB, 97871, [N/A]", "NVIDIA GH200 480GB", None, 97871 * MiB),
        ("NVIDIA Thor, [N/A], 13.0", "NVIDIA Thor", None, None),
    ],
)
def test_a_gpu_is_named_by_the_taxonomy(line: str, model: str, architecture: str | None, memory: int | None) -> None:
    """Known models get their nominal memory; unknown ones and shares keep their driver's name."""
    expected = Accelerators(
        count=1, model=model, manufacturer="NVIDIA", architecture=architecture, type="GPU", memory_bytes=memory
    )
    assert parse_nvidia_smi(line + "\n") == expected


def test_equal_gpus_are_counted() -> None:
    """Eight of a kind are one model, eight times."""
    found = parse_nvidia_smi("NVIDIA L4, 23034, 8.9\n" * 8)
    assert (found.count, found.model) == (8, "NVIDIA L4")


def test_a_mixed_machine_satisfies_what_all_satisfy() -> None:
    """Different models are alternatives, and the smallest memory counts."""
    found = parse_nvidia_smi("Tesla T4, 15360, 7.5\nNVIDIA L4, 23034, 8.9\n")
    architecture = FEATURES["accelerator_architecture"]
    assert found.memory_bytes == 16 * GiB
    assert judge(architecture, constrain(architecture, "Ada"), found.architecture) is Verdict.MISSED
    assert judge(architecture, constrain(architecture, ">=Turing"), found.architecture) is Verdict.MET


def test_no_device_is_no_accelerator() -> None:
    """The tool is there, a GPU is not."""
    assert parse_nvidia_smi("No devices were found\n") == Accelerators()


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, for tools that we put there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "nvidia-smi"


def _install(tool: Path, script: str) -> None:
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)


def test_without_the_tool_there_is_none(tool: Path) -> None:
    """Most machines have no NVIDIA driver."""
    assert not tool.exists()
    assert accelerators() == Accelerators()


@pytest.mark.skipif(os.name != "posix", reason="the tool is a shell script")
def test_the_tool_is_asked(tool: Path) -> None:
    """What it prints is what the machine has."""
    _install(tool, "echo 'Tesla T4, 15360, 7.5'")
    assert accelerators().model == "NVIDIA T4"


@pytest.mark.skipif(os.name != "posix", reason="the tool is a shell script")
def test_a_tool_that_fails_leaves_it_unknown(tool: Path) -> None:
    """A broken driver is not the absence of a GPU."""
    _install(tool, "echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9")
    assert accelerators() == UNKNOWN
