"""The features of PlatformAware that no catalog tells: known, written and read as all others, but they choose nothing.

Only a machine that runs can say them. A contract that states one is told so, with the plan.
"""

from __future__ import annotations

from functools import partial

from cloudclusters.vocabulary.feature import Feature, Kind
from cloudclusters.vocabulary.unit import Unit

_number = partial(Feature, kind=Kind.QUANTIFIER, default=">=0", measured=True)
_name = partial(Feature, kind=Kind.QUALIFIER, measured=True)

_NODE = (
    _number(
        name="node_threads_count",
        meaning="Threads that the worker processes of a node compute with, all together.",
        unit=Unit.COUNT,
        default=">=1",
        examples=("node_threads_count>=16",),
    ),
    _name(
        name="node_dedicated",
        meaning="Whether nobody else has a share of the node's hardware.",
        taxonomy="truth",
        examples=("node_dedicated=Yes",),
    ),
    _number(
        name="node_memory_latency",
        meaning="Time until the main memory answers.",
        unit=Unit.NANOSECONDS,
        examples=("node_memory_latency<=100ns",),
    ),
    _number(
        name="node_memory_bandwidth",
        meaning="Bandwidth of a node's main memory.",
        unit=Unit.BYTES_PER_SECOND,
        examples=("node_memory_bandwidth>=200GB/s",),
    ),
    _name(
        name="node_memory_type",
        meaning="Kind of main memory.",
        taxonomy="memory_type",
        examples=("node_memory_type=DDR5", "node_memory_type=DDR4|DDR5"),
    ),
    _number(
        name="node_memory_frequency",
        meaning="Clock of the main memory.",
        unit=Unit.HERTZ,
        default=">=1",
        examples=("node_memory_frequency>=3.2G",),
    ),
    _name(
        name="node_coworker_count",
        meaning="What each worker process of a node has to itself.",
        taxonomy="worker_count",
        examples=("node_coworker_count=PerCore",),
    ),
)

_PROCESSOR = (
    _number(
        name="processor_count",
        meaning="Processors (sockets) of a node.",
        unit=Unit.COUNT,
        default=">=1",
        examples=("processor_count=2",),
    ),
    _number(
        name="processor_tdp",
        meaning="Thermal design power of a processor.",
        unit=Unit.WATTS,
        examples=("processor_tdp<=250",),
    ),
    _number(
        name="processor_core_L1_size",
        meaning="First-level cache of a core.",
        unit=Unit.BYTES,
        examples=("processor_core_L1_size>=32K",),
    ),
    _number(
        name="processor_core_L2_size",
        meaning="Second-level cache of a core.",
        unit=Unit.BYTES,
        examples=("processor_core_L2_size>=1M",),
    ),
    _number(
        name="processor_L3_size",
        meaning="Third-level cache of a processor.",
        unit=Unit.BYTES,
        examples=("processor_L3_size>=256M",),
    ),
)

_ACCELERATOR = (
    _name(
        name="accelerator_interconnect",
        meaning="How the accelerators of a node reach each other.",
        taxonomy="accelerator_interconnect",
        examples=("accelerator_interconnect=NVLink",),
    ),
    _number(
        name="accelerator_tdp",
        meaning="Thermal design power of one accelerator.",
        unit=Unit.WATTS,
        examples=("accelerator_tdp<=400",),
    ),
    _number(
        name="accelerator_processor_count",
        meaning="Chips of one accelerator.",
        unit=Unit.COUNT,
        default=">=1",
        examples=("accelerator_processor_count=2",),
    ),
)

_REST = (
    _number(
        name="interconnection_startuptime",
        meaning="Time until a message between two nodes is on its way.",
        unit=Unit.NANOSECONDS,
        examples=("interconnection_startuptime<=2us",),
    ),
    _number(
        name="interconnection_latency",
        meaning="Time that the smallest message between two nodes takes.",
        unit=Unit.NANOSECONDS,
        examples=("interconnection_latency<=20us",),
    ),
    _name(
        name="interconnection_topology",
        meaning="How the nodes are wired.",
        taxonomy="interconnection_topology",
        examples=("interconnection_topology=FatTree",),
    ),
    _name(
        name="interconnection",
        meaning="Kind of network between the nodes.",
        taxonomy="interconnection",
        examples=("interconnection=InfiniBand",),
    ),
    _number(
        name="storage_latency",
        meaning="Time until the disks that come with a node answer.",
        unit=Unit.NANOSECONDS,
        examples=("storage_latency<=200us",),
    ),
    _number(
        name="storage_bandwidth",
        meaning="Bandwidth of the disks that come with a node, all together.",
        unit=Unit.BYTES_PER_SECOND,
        examples=("storage_bandwidth>=2GB/s",),
    ),
    _number(
        name="storage_networkbandwidth",
        meaning="Bandwidth between a node and disks on the network.",
        unit=Unit.BITS_PER_SECOND,
        examples=("storage_networkbandwidth>=10G",),
    ),
    _name(
        name="storage_interface",
        meaning="How the disks that come with a node are attached.",
        taxonomy="storage_interface",
        examples=("storage_interface=NVMe",),
    ),
)

UNLISTED = (*_NODE, *_PROCESSOR, *_ACCELERATOR, *_REST)
"""All of them, in PlatformAware's order."""
