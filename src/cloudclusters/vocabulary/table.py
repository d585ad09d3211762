"""The one table of features: parsing, help, documentation and near names all come from it.

It holds what CloudClusters documents, its locale and ECU included, and the features of PlatformAware: here those that
the columns of the catalog answer, in the order in which CloudClusters resolves, and then the others (`unlisted`).
"""

from __future__ import annotations

from functools import partial

from cloudclusters.base.near import near
from cloudclusters.errors import UnknownName
from cloudclusters.vocabulary.feature import Feature, Kind, Use
from cloudclusters.vocabulary.unit import Unit
from cloudclusters.vocabulary.unlisted import UNLISTED

_number = partial(Feature, kind=Kind.QUANTIFIER, default=">=0")
_name = partial(Feature, kind=Kind.QUALIFIER)

_CLUSTER = (
    _name(
        name="cluster_type",
        use=Use.CLUSTER,
        meaning="How the nodes of the cluster relate: equal peers, peers in one MPI world, or a manager and workers.",
        taxonomy="cluster_type",
        default="PeerWorkers",
        examples=("cluster_type=ManagerWorkers",),
    ),
    _number(
        name="node_count",
        use=Use.CLUSTER,
        meaning="Number of nodes, of compute nodes where there is a manager; of a range the fewest that will do.",
        unit=Unit.COUNT,
        default="1",
        examples=("node_count=8", "node_count=2..16"),
        whole=True,
        least=1,
    ),
    _number(
        name="node_process_count",
        use=Use.CLUSTER,
        meaning="Number of worker processes, or MPI ranks, on each node.",
        unit=Unit.COUNT,
        default="1",
        examples=("node_process_count=4",),
        whole=True,
        least=1,
    ),
    _number(
        name="total_vcpus",
        use=Use.CLUSTER,
        meaning="Virtual processors of all compute nodes together; each type gets the fewest nodes that reach it.",
        unit=Unit.COUNT,
        sums=("vcpus",),
        examples=("total_vcpus>=512",),
    ),
    _number(
        name="total_cores",
        use=Use.CLUSTER,
        meaning="Physical cores of all compute nodes together.",
        unit=Unit.COUNT,
        sums=("cores",),
        examples=("total_cores>=256",),
    ),
    _number(
        name="total_memory",
        use=Use.CLUSTER,
        meaning="Main memory of all compute nodes together.",
        unit=Unit.BYTES,
        sums=("memory_bytes",),
        examples=("total_memory>=2T",),
    ),
    _number(
        name="total_accelerators",
        use=Use.CLUSTER,
        meaning="Accelerators of all compute nodes together.",
        unit=Unit.COUNT,
        sums=("accelerator_count",),
        examples=("total_accelerators=16",),
    ),
    _number(
        name="total_accelerator_memory",
        use=Use.CLUSTER,
        meaning="Nominal memory of the accelerators of all compute nodes together.",
        unit=Unit.BYTES,
        sums=("accelerator_count", "accelerator_memory_bytes"),
        examples=("total_accelerator_memory>=640G",),
    ),
    _number(
        name="cluster_hourly_price",
        use=Use.CLUSTER,
        meaning="Price of all nodes of the cluster, in US dollars per hour; disks and addresses come beside it.",
        unit=Unit.USD_PER_HOUR,
        examples=("cluster_hourly_price<=20",),
    ),
)

_NODE = (
    _name(
        name="cluster_locale",
        meaning="Where the machines stand: a continent, country, place, region or zone.",
        taxonomy="locale",
        aliases=("node_locale", "locale"),
        examples=("cluster_locale=Europe", "cluster_locale=us-east-1"),
    ),
    _name(
        name="node_provider",
        meaning="Who provides the machines.",
        taxonomy="provider",
        default="CloudProvider",
        aliases=("provider",),
        column="provider",
        examples=("node_provider=ec2", "node_provider=local"),
    ),
    _name(
        name="node_machinetype",
        meaning="The instance type by the provider's name, or a family of them.",
        taxonomy="machine_type",
        aliases=("node_machine_type", "instance_type"),
        column="instance_type",
        examples=("node_machinetype=t3.xlarge", "node_machinetype=t3"),
    ),
    _name(
        name="node_machinefamily",
        meaning="What the machine is made for.",
        taxonomy="machine_family",
        aliases=("node_machine_family",),
        column="category",
        examples=("node_machinefamily=compute",),
    ),
    _name(
        name="node_virtual",
        meaning="Whether the node is a virtual machine.",
        taxonomy="truth",
        column="virtual",
        examples=("node_virtual=No",),
    ),
    _number(
        name="node_memory_size",
        meaning="Main memory of a node.",
        unit=Unit.BYTES,
        column="memory_bytes",
        examples=("node_memory_size>=512G",),
    ),
    _number(
        name="node_vcpus_count",
        meaning="Virtual processors of a node that can be used.",
        unit=Unit.COUNT,
        default=">=1",
        aliases=("node_vcpus_unit", "node_vcpu_count"),
        column="vcpus",
        examples=("node_vcpus_count=8..16",),
    ),
    _number(
        name="node_ecu_count",
        meaning="EC2 compute units of a node; known for some older types of EC2 only.",
        unit=Unit.ECU,
        column="ecu",
        examples=("node_ecu_count>=16",),
    ),
    _number(
        name="node_hourly_price",
        meaning="Price of one node, in US dollars per hour.",
        unit=Unit.USD_PER_HOUR,
        examples=("node_hourly_price<=2.5",),
    ),
)

_ACCELERATOR = (
    _number(
        name="accelerator_count",
        meaning="Accelerators of a node; a fraction is a share of one.",
        unit=Unit.COUNT,
        column="accelerator_count",
        examples=("accelerator_count=8", "accelerator_count>=1", "accelerator_count=0.5"),
    ),
    _name(
        name="accelerator_type",
        meaning="Kind of accelerator.",
        taxonomy="accelerator_type",
        column="accelerator_type",
        examples=("accelerator_type=GPU", "accelerator_type=none"),
    ),
    _name(
        name="accelerator_architecture",
        meaning="Architecture of the accelerators: itself and its variants, or with >= that generation or newer.",
        taxonomy="accelerator_architecture",
        aliases=("accelerator_arch",),
        column="accelerator_architecture",
        examples=("accelerator_architecture=Ada|Hopper", "accelerator_architecture>=Ada"),
    ),
    _name(
        name="accelerator_manufacturer",
        meaning="Who makes the accelerators.",
        taxonomy="manufacturer",
        column="accelerator_manufacturer",
        examples=("accelerator_manufacturer=NVIDIA",),
    ),
    _number(
        name="accelerator_memory_size",
        meaning="Nominal memory of one accelerator, or of the share of one.",
        unit=Unit.BYTES,
        aliases=("accelerator_memory",),
        column="accelerator_memory_bytes",
        examples=("accelerator_memory_size>=24G",),
    ),
    _name(
        name="accelerator",
        meaning="Model of the accelerators, or a family of models.",
        taxonomy="accelerator",
        aliases=("accelerator_model",),
        column="accelerator_model",
        examples=("accelerator=A100", "accelerator=NVIDIA L4"),
    ),
    _name(
        name="accelerator_processor",
        meaning="The chip of the accelerators.",
        taxonomy="accelerator_processor",
        column="accelerator_processor",
        examples=("accelerator_processor=GH100",),
    ),
    _name(
        name="accelerator_memory_type",
        meaning="Kind of memory of the accelerators.",
        taxonomy="memory_type",
        column="accelerator_memory_type",
        examples=(
            "accelerator_memory_type=HBM",
            "accelerator_memory_type=HBM3|HBM3e",
        ),
    ),
    _name(
        name="accelerator_api",
        meaning="What the accelerators can be programmed with; + asks for several, and a version is met by later "
        "ones. Versions of CUDA are compute capabilities; of the others the catalog tells no versions.",
        taxonomy="accelerator_api",
        column="accelerator_api",
        examples=("accelerator_api=CUDA 8.0", "accelerator_api=CUDA 8.0+OpenCL"),
    ),
)

_PROCESSOR = (
    _name(
        name="processor",
        meaning="Model of the processors, or a family of models.",
        taxonomy="processor",
        aliases=("processor_model",),
        column="processor_model",
        examples=("processor=AMD EPYC",),
    ),
    _name(
        name="processor_manufacturer",
        meaning="Who makes the processors.",
        taxonomy="manufacturer",
        column="processor_manufacturer",
        examples=("processor_manufacturer=AMD",),
    ),
    _name(
        name="processor_microarchitecture",
        meaning="Microarchitecture of the processors, or with >= that generation or newer.",
        taxonomy="microarchitecture",
        aliases=("processor_architecture",),
        column="processor_microarchitecture",
        examples=("processor_microarchitecture>=Zen3",),
    ),
    _name(
        name="processor_isa",
        meaning="Instruction set of the processors.",
        taxonomy="isa",
        column="isa",
        examples=("processor_isa=arm64",),
    ),
    _name(
        name="processor_simd",
        meaning="Vector extensions that the processors have; + asks for several at once.",
        taxonomy="simd",
        column="simd",
        examples=("processor_simd=avx2", "processor_simd=avx512f+avx512_bf16"),
    ),
    _number(
        name="processor_core_count",
        meaning="Physical cores of a node.",
        unit=Unit.COUNT,
        column="cores",
        examples=("processor_core_count>=32",),
    ),
    _number(
        name="processor_core_threads_count",
        meaning="Hardware threads of a core.",
        unit=Unit.COUNT,
        column="threads_per_core",
        examples=("processor_core_threads_count=1",),
    ),
    _number(
        name="processor_core_clock",
        meaning="Clock that all cores sustain.",
        unit=Unit.HERTZ,
        column="clock_hz",
        examples=("processor_core_clock>=3G",),
    ),
)

_REST = (
    _name(
        name="storage_type",
        meaning="Kind of disk that comes with a node.",
        taxonomy="storage_type",
        column="storage_type",
        examples=("storage_type=ssd",),
    ),
    _number(
        name="storage_size",
        meaning="Disks that come with a node, all together.",
        unit=Unit.BYTES,
        column="storage_bytes",
        examples=("storage_size>=900GB",),
    ),
    _number(
        name="network_performance",
        meaning="Network bandwidth of a node that can be sustained; what it reaches at times does not count.",
        unit=Unit.BITS_PER_SECOND,
        column="network_bps",
        examples=("network_performance>=100G",),
    ),
    _name(
        name="interconnection_RDMA",
        meaning="Whether nodes can read each other's memory over the network, and how.",
        taxonomy="rdma",
        aliases=("interconnection_rdma",),
        column="rdma",
        examples=("interconnection_RDMA=Yes", "interconnection_RDMA=efa"),
    ),
    _number(
        name="interconnection_bandwidth",
        meaning="Bandwidth of a node's RDMA network.",
        unit=Unit.BITS_PER_SECOND,
        column="rdma_bps",
        examples=("interconnection_bandwidth>=200G",),
    ),
)

FEATURES: dict[str, Feature] = {
    each.name: each for each in (*_CLUSTER, *_NODE, *_ACCELERATOR, *_PROCESSOR, *_REST, *UNLISTED)
}
"""Every feature by its name."""

_ALIASES = {alias: each for each in FEATURES.values() for alias in each.aliases}


def feature(name: str) -> Feature:
    """The feature of that name or alias.

    Raises `UnknownName` with near names.
    """
    found = FEATURES.get(name) or _ALIASES.get(name)
    if found is None:
        from cloudclusters.vocabulary.habit import foreign  # only when something was wrong already

        who, hint = foreign(name)
        raise UnknownName(
            f"unknown feature {name!r}{who or near(name, FEATURES)}",
            hint=hint or "`cloudclusters features` lists them all",
        )
    return found
